"""What happened on the cruise: ``state.db`` in the cruise folder (SQLite, WAL, ``synchronous=FULL``).

Any number of processes write to it; each call opens the file for itself, so nothing is held between calls. When
`State.note` has returned, the event survives a kill and a power cut.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, Window

FILE = "state.db"
VERSION = 1
#: Characters of one event's text.
LONGEST = 10_000
_PATIENCE = 30.0  # seconds to wait for another writer
_SCHEMA = """
create table if not exists events (
    id integer primary key autoincrement,
    time integer not null,
    kind text not null,
    source text not null,
    text text not null,
    who text not null
);
create index if not exists events_time on events (time, id);
"""


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
        self.path = Path(folder) / FILE

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
        if not self.path.exists():
            return []
        span = int(window.start.astype(np.int64)), int(window.stop.astype(np.int64))
        query = "select * from events where time >= ? and time < ? order by time desc, id desc limit ?"
        with self._explained(), closing(self._connect()) as connection:
            if self._version(connection) == 0:
                return []  # another process is making it
            rows = connection.execute(query, (*span, -1 if newest is None else newest)).fetchall()
        return [Event(i, np.datetime64(t, "ns"), *rest) for i, t, *rest in reversed(rows)]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        connection.execute("pragma synchronous=full")
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        found = int(connection.execute("pragma user_version").fetchone()[0])
        if found > VERSION:
            raise WorkbenchError(
                f"{self.path}: written by a newer version (schema {found}, known here: {VERSION}). Update the workbench."
            )
        return found

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed (and on disk) at the end, or not at all."""
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as connection:
                if self._version(connection) < VERSION:
                    _turn_to_wal(connection)
                    connection.executescript(f"begin immediate;{_SCHEMA}pragma user_version={VERSION};commit;")
                connection.execute("begin immediate")
                try:
                    yield connection
                except BaseException:
                    connection.execute("rollback")
                    raise
                connection.execute("commit")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise WorkbenchError(f"{self.path}: {error}. Is the disk full, or the folder writable?") from error


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait by itself when several processes try this at once."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
