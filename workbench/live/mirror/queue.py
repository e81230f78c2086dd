"""Lines that wait to be sent, on disk: an outage of the server loses none, a kill neither loses nor doubles any.

One SQLite file (WAL, ``synchronous=FULL``) holds the batches, the cursor of the source, and what was refused. Batches
and the cursor after them are written in one transaction; a batch is taken out when the server has said that it stored
it. Killed between the two, the batch is sent again: the same points, which are the same points to InfluxDB.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from workbench.core.errors import WorkbenchError

__all__ = ["Queue"]

VERSION = 1
_SCHEMA = """
create table if not exists batches (id integer primary key autoincrement, rows integer not null, body blob not null);
create table if not exists refused (id integer primary key, rows integer not null, body blob not null,
                                    reason text not null);
create table if not exists state (key text primary key, value text not null);
"""


class Queue:
    """Use it in a ``with`` statement; one process at a time.

    Parameters
    ----------
    path : Path
        The SQLite file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None
        self._open: sqlite3.Connection | None = None

    def __enter__(self) -> Queue:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self.path.with_suffix(".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__(None, None, None)
            raise WorkbenchError(f"{self.path}: another process is writing this source to this server") from None
        except OSError as error:
            raise WorkbenchError(f"{self.path}: {error.strerror or error}. Is the folder writable?") from error
        try:
            self._open = sqlite3.connect(self.path, isolation_level=None)
            self._open.execute("pragma journal_mode=wal")
            self._open.execute("pragma synchronous=full")
            if (found := int(self._open.execute("pragma user_version").fetchone()[0])) > VERSION:
                raise WorkbenchError(f"{self.path}: written by a newer version ({found}). Update the workbench.")
            self._open.executescript(f"begin;{_SCHEMA}pragma user_version={VERSION};commit;")
        except sqlite3.Error as error:
            self.__exit__(None, None, None)
            raise self._explained(error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._open is not None:
            self._open.close()
        if self._lock is not None:
            self._lock.close()
        self._open = self._lock = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            raise WorkbenchError(f"{self.path}: not open")
        return self._open

    def _explained(self, error: sqlite3.Error) -> WorkbenchError:
        return WorkbenchError(f"{self.path}: {error}. Is the disk full, or the folder writable?")

    def get(self, key: str) -> Any:
        """What was put beside the batches under this name; None at first."""
        found = self._connection.execute("select value from state where key = ?", (key,)).fetchone()
        return None if found is None else json.loads(found[0])

    def put(self, batches: Sequence[Sequence[str]], **state: Any) -> None:
        """Batches of lines, and values under names (a cursor), at once or not at all."""
        bodies = [(len(batch), zlib.compress("\n".join(batch).encode(), 1)) for batch in batches]
        values = [(key, json.dumps(value)) for key, value in state.items()]
        try:
            with self._connection as connection:
                connection.execute("begin immediate")
                connection.executemany("insert into batches (rows, body) values (?, ?)", bodies)
                connection.executemany("insert or replace into state values (?, ?)", values)
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def oldest(self) -> tuple[int, int, bytes] | None:
        """Number, rows and lines of the batch that waits longest; None when none does."""
        found = self._connection.execute("select id, rows, body from batches order by id limit 1").fetchone()
        return None if found is None else (int(found[0]), int(found[1]), zlib.decompress(found[2]))

    def done(self, number: int) -> None:
        """Take out a batch that was stored."""
        try:
            self._connection.execute("delete from batches where id = ?", (number,))
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def refuse(self, number: int, reason: str) -> None:
        """Put aside a batch that the server will never take as it is; it stays in the file."""
        try:
            with self._connection as connection:
                connection.execute("begin immediate")
                connection.execute(
                    "insert into refused select id, rows, body, ? from batches where id = ?", (reason, number)
                )
                connection.execute("delete from batches where id = ?", (number,))
        except sqlite3.Error as error:
            raise self._explained(error) from error

    @property
    def waiting(self) -> tuple[int, int]:
        """Batches and rows that wait."""
        n, rows = self._connection.execute("select count(*), coalesce(sum(rows), 0) from batches").fetchone()
        return int(n), int(rows)

    @property
    def refused(self) -> list[str]:
        """Why batches were put aside."""
        return [str(row[0]) for row in self._connection.execute("select distinct reason from refused")]


def file_of(folder: str | os.PathLike[str], source: str, target: str) -> Path:
    """Where the queue of one source to one target is, in a cruise folder."""
    return Path(folder) / "mirrors" / f"{source}-{zlib.crc32(target.encode()):08x}.db"
