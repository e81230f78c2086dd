"""What people changed while the cruise went on: the table ``changes`` of ``state.db``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.record.state_file import StateFile


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

    def add(self, what: str, payload: Any, *, who: str) -> int:
        """Keep a change; its id. It is on disk then.

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
            cursor = connection.execute(
                "insert into changes (time, who, what, payload) values (?, ?, ?, ?)", (moment, who, what, text)
            )
            return int(cursor.lastrowid or 0)

    def since(self, id: int = 0, what: str | None = None) -> list[Change]:
        """Changes after the one with that id, in order."""
        query = "select id, time, who, what, payload from changes where id > ? and what = coalesce(?, what) order by id"
        return [
            Change(i, np.datetime64(t, "ns"), who, name, json.loads(payload))
            for i, t, who, name, payload in self._file.rows(query, (id, what))
        ]
