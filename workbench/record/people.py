"""What people changed while the cruise went on: the table ``changes`` of ``state.db``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.record.state_file import StateFile

_FIELDS = "id, time, who, what, payload"


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes
    ----------
    id : int
        Counts up in the order of writing.
    time : numpy.datetime64[ns]
        When (UTC).
    who : str
    what : str
        What was changed, such as ``gate`` or ``board``.
    payload : object
        What it is now, as JSON keeps it.
    """

    id: int
    time: np.datetime64
    who: str
    what: str
    payload: Any


class Changes:
    """The changes that people accepted, in the order they did.

    Parameters
    ----------
    folder : path-like
        The cruise folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._file = StateFile(folder)

    def add(
        self, what: str, payload: Any, *, who: str, told: str = "", source: str = "",
        check: Callable[[list[Change]], object] | None = None,
    ) -> int:  # fmt: skip
        """Keep a change; its id. It is on disk then.

        Parameters
        ----------
        what : str
        payload : object
        who : str
        told : str, optional
            Kept as an event of the kind `what`, in the same transaction: what people read.
        source : str, optional
            The Source that the event is about.
        check : callable, optional
            Given all changes so far, while nobody else can write; what it raises is raised, and nothing is kept.

        Raises
        ------
        WorkbenchError
            When nobody is named, or `payload` cannot be written as JSON.
        """
        if not who.strip():
            raise WorkbenchError(f"a change of '{what}' needs the name of who made it")
        try:
            text = json.dumps(payload, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise WorkbenchError(f"the change of '{what}' cannot be kept as JSON ({error})") from None
        moment = int(clock.now().astype("datetime64[ns]").astype(np.int64))
        with self._file.writing() as connection:
            if check is not None:
                check([_change(row) for row in connection.execute(f"select {_FIELDS} from changes order by id")])
            cursor = connection.execute(
                "insert into changes (time, who, what, payload) values (?, ?, ?, ?)", (moment, who, what, text)
            )
            if told:
                connection.execute(
                    "insert into events (time, kind, source, text, who) values (?, ?, ?, ?, ?)",
                    (moment, what, source, told, who),
                )
            return int(cursor.lastrowid or 0)

    def newest(self) -> int:
        """The id of the newest change; 0 without any."""
        found = self._file.rows("select coalesce(max(id), 0) from changes")
        return int(found[0][0]) if found else 0

    def since(self, id: int = 0, what: str | None = None) -> list[Change]:
        """Changes after the one with that id, in order."""
        query = f"select {_FIELDS} from changes where id > ? and what = coalesce(?, what) order by id"
        return [_change(row) for row in self._file.rows(query, (id, what))]


def _change(row: tuple[Any, ...]) -> Change:
    number, time, who, what, payload = row
    return Change(number, np.datetime64(time, "ns"), who, what, json.loads(payload))
