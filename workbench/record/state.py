"""What happened on the cruise: ``state.db`` in the cruise folder (SQLite, WAL, ``synchronous=FULL``).

Any number of processes write to it; each call opens the file for itself, so nothing is held between calls. When
`State.note` has returned, the event survives a kill and a power cut.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from sqlite3 import Connection

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, Window
from workbench.record.state_file import FILE, VERSION, StateFile

__all__ = ["FILE", "LONGEST", "VERSION", "Event", "State"]

#: Characters of one event's text.
LONGEST = 10_000


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes
    ----------
    id : int
        Counts up in the order of writing.
    time : numpy.datetime64[ns]
        When it happened (UTC).
    kind : str
        ``"note"`` for what a person wrote.
    source : str
        The Source it is about; empty for the whole cruise.
    text : str
    who : str
        Who wrote it.
    """

    id: int
    time: np.datetime64
    kind: str
    source: str
    text: str
    who: str


class State:
    """The events of one cruise.

    Parameters
    ----------
    folder : path-like
        The cruise folder; made with the first event.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._file = StateFile(folder)
        self.path = self._file.path

    def note(
        self, text: str, *, who: str, time: np.datetime64 | None = None, kind: str = "note", source: str = ""
    ) -> int:
        """Write one event and return its id; it is on disk then.

        Raises
        ------
        WorkbenchError
            When the text is empty or too long, or the file cannot be written.
        """
        text = text.strip()
        if not text:
            raise WorkbenchError("a note needs text")
        if len(text) > LONGEST:
            raise WorkbenchError(f"a note has at most {LONGEST} characters, not {len(text)}")
        moment = (clock.now() if time is None else time).astype("datetime64[ns]")
        if np.isnat(moment):
            raise WorkbenchError("a note needs a time; NaT is not one")
        row = (int(moment.astype(np.int64)), kind, source, text, who)
        with self._writing() as connection:
            cursor = connection.execute("insert into events (time, kind, source, text, who) values (?,?,?,?,?)", row)
            return int(cursor.lastrowid or 0)

    def events(self, window: Window = ALWAYS, *, newest: int | None = None) -> list[Event]:
        """The events of `window` in order of time; with `newest`, only that many of the latest.

        Raises
        ------
        WorkbenchError
            When the file was written by a newer version or cannot be read.
        """
        span = int(window.start.astype(np.int64)), int(window.stop.astype(np.int64))
        query = (
            "select id, time, kind, source, text, who from events where time >= ? and time < ? "
            "order by time desc, id desc limit ?"
        )
        rows = self._file.rows(query, (*span, -1 if newest is None else newest))
        return [Event(i, np.datetime64(t, "ns"), *rest) for i, t, *rest in reversed(rows)]

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._file.writing()
