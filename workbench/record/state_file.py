"""``state.db`` in the cruise folder: small things that people and programs did (SQLite, WAL, ``synchronous=FULL``).

Any number of processes write to it; each call opens the file for itself, so nothing is held between calls. What was
written survives a kill and a power cut. Files of earlier versions are brought up to date with the first writing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from workbench.record.database import connect, explained, migrate, transaction

FILE = "state.db"
#: Step n turns version n into n + 1.
STEPS = (
    """
create table if not exists events (id integer primary key autoincrement, time integer not null, kind text not null,
    source text not null, text text not null, who text not null);
create index if not exists events_time on events (time, id)
""",
    """
create table runs (id integer primary key autoincrement, task text not null, inputs text not null, state text not null,
    attempt integer not null default 0, queued integer not null, started integer, ended integer, heartbeat real,
    rows integer, error text not null default '', traceback text not null default '', host text not null default '',
    pid integer, unique (task, inputs));
create index runs_state on runs (state, id);
create table changes (id integer primary key autoincrement, time integer not null, who text not null,
    what text not null, payload text not null);
create index changes_what on changes (what, id);
create table files (source text not null, path text not null, size integer not null, mtime_ns integer not null,
    sha256 text not null, seen integer not null, primary key (source, path)) without rowid;
create table cursors (mirror text not null primary key, cursor text not null, time integer not null) without rowid
""",
)
VERSION = len(STEPS)


class StateFile:
    """The file.

    Parameters
    ----------
    folder : path-like
        The cruise folder; made with the first writing.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / FILE

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query finds; nothing when there is no file yet, or an earlier version had no such table.

        Raises
        ------
        WorkbenchError
            When the file was written by a newer version or cannot be read.
        """
        if not self.path.exists():
            return []
        with explained(self.path), closing(connect(self.path)) as connection:
            if migrate(connection, self.path, STEPS, write=False) == 0:
                return []  # another process is making it
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed (and on disk) at the end, or not at all."""
        with explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(connect(self.path)) as connection:
                migrate(connection, self.path, STEPS)
                with transaction(connection):
                    yield connection
