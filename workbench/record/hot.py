"""The hot part of the series: ``series/hot.db``, SQLite in WAL mode, one table a source, one column a variable.

Rows are keyed by (time, _seq, labels of further dims); ``_rev`` counts the transactions of a table. ``synchronous`` is
NORMAL: a commit survives a kill, and a power cut may take the last ones, together with the mark of how far the journal
had been read, so that reading on from the mark brings them back once (the journal is what was acknowledged).
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.core.errors import WorkbenchError
from workbench.record.columns import OURS, REV, SEQ, Column
from workbench.record.database import connect, explained, migrate, transaction
from workbench.record.meta import Meta

FILE = "hot.db"
#: Rows that are Python objects at a time when a day is read.
ROWS = 2000
_NAME = re.compile(r"[A-Za-z0-9][\w .+-]{0,119}")
_STEPS = (
    """
create table _tables (name text primary key collate nocase, keys text not null, rev integer not null default 0,
    epoch integer not null default 0, shape integer not null default 0, last integer, attrs text not null,
    time_attrs text not null);
create table _columns ("table" text not null, position integer not null, role text not null, name text not null,
    sql text not null, dtype text not null, dims text not null, attrs text not null, coord integer not null,
    labels text not null, primary key ("table", name));
create table _origins ("table" text not null, journal text not null, first integer not null, last integer not null,
    upto integer not null, primary key ("table", journal, first));
create table _gone (id integer primary key, "table" text not null, start integer not null, stop integer not null,
    first integer not null, last integer not null);
""",
)
VERSION = len(_STEPS)


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def checked(table: str) -> str:
    """`table`, when it can be the name of one.

    Raises
    ------
    WorkbenchError
        When it cannot: it is the name of a folder, too.
    """
    if not _NAME.fullmatch(table) or table.endswith((" ", ".")) or table.lower().startswith("sqlite_"):
        raise WorkbenchError(
            f"'{table}' cannot be a table of the record: letters, digits, '_', '-', '+', '.' and blanks, "
            "beginning with a letter or digit, at most 120"
        )
    return table


class Hot:
    """The file, for one process: one connection to write, one for each reading.

    Parameters
    ----------
    folder : path-like
        ``series/`` of the cruise folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / FILE
        self._lock = threading.RLock()
        self._writer: sqlite3.Connection | None = None

    def __getstate__(self) -> str:
        return str(self.path.parent)

    def __setstate__(self, folder: str) -> None:
        self.__init__(folder)  # type: ignore[misc]

    def close(self) -> None:
        """Close the connection to write."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """One consistent look at the file; None when there is none yet."""
        if not self.path.exists():
            yield None
            return
        with explained(self.path), closing(connect(self.path)) as connection:
            version = migrate(connection, self.path, _STEPS, write=False)
            if version == 0:
                yield None  # another process is making it
                return
            connection.execute("begin")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, or not at all."""
        with self._lock, explained(self.path):
            if self._writer is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = connect(self.path, synchronous="normal")
                migrate(self._writer, self.path, _STEPS)
            with transaction(self._writer) as connection:
                yield connection

    def settle(self) -> None:
        """Bring everything committed so far onto the disk, whatever happens to the power."""
        with explained(self.path), closing(connect(self.path, synchronous="full")) as connection:
            connection.execute(f"pragma user_version={VERSION}")  # a commit in this mode syncs the WAL as a whole


def select(
    connection: sqlite3.Connection, meta: Meta, columns: Sequence[Column], start: int, stop: int, rev: int,
    since: int = -1,
) -> pa.Table:  # fmt: skip
    """Rows with ``start <= time < stop`` and ``since < _rev <= rev``, in order.

    Returns
    -------
    pyarrow.Table
        ``time``, ``_seq``, ``_rev`` (int64), the keys, `columns`.
    """
    names = [*OURS, *(key.sql for key in meta.keys), *(column.sql for column in columns)]
    order = ", ".join(quoted(name) for name in ("time", SEQ, *(key.sql for key in meta.keys)))
    # "+" keeps SQLite from the index on _rev where the one on time is better
    mark = "" if since >= 0 else "+"
    query = (
        f"select {', '.join(quoted(name) for name in names)} from {quoted(meta.name)} "
        f"where time >= ? and time < ? and {mark}{REV} > ? and {mark}{REV} <= ? order by {order}"
    )
    cursor = connection.execute(query, (start, stop, since, rev))
    parts = [_table(cursor.fetchmany(ROWS), meta, columns)]
    while parts[-1].num_rows == ROWS:
        parts.append(_table(cursor.fetchmany(ROWS), meta, columns))
    return pa.concat_tables(parts)


def _table(rows: list[tuple[Any, ...]], meta: Meta, columns: Sequence[Column]) -> pa.Table:
    """Rows as SQLite gives them, as a table."""
    by_column: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * (len(OURS) + len(meta.keys) + len(columns))
    arrays = {name: pa.array(by_column[i], pa.int64()) for i, name in enumerate(OURS)}
    at = len(OURS)
    for key in meta.keys:
        arrays[key.name] = key.from_sql([None if value == "" else value for value in by_column[at]])
        at += 1
    for column in columns:
        arrays[column.name] = column.from_sql(by_column[at])
        at += 1
    return pa.table(arrays)


def insert(connection: sqlite3.Connection, meta: Meta, columns: Sequence[Column], rows: pa.Table, rev: int) -> None:
    """Put rows in; of a row that is there, what `rows` has a value for.

    Parameters
    ----------
    rows : pyarrow.Table
        ``time``, ``_seq``, the keys, `columns`.
    """
    fixed = ["time", SEQ, *(key.sql for key in meta.keys)]
    values: list[list[Any]] = [rows["time"].to_numpy().tolist(), rows[SEQ].to_numpy().tolist()]
    values += [["" if label is None else label for label in key.to_sql(rows[key.name])] for key in meta.keys]
    values.append([rev] * rows.num_rows)
    values += [column.to_sql(rows[column.name]) for column in columns]
    names = [quoted(name) for name in (*fixed, REV, *(column.sql for column in columns))]
    target = ", ".join(quoted(name) for name in fixed)
    update = ", ".join(f"{quoted(c.sql)} = coalesce(excluded.{quoted(c.sql)}, {quoted(c.sql)})" for c in columns)
    action = f"do update set {update}" if update else "do nothing"
    connection.executemany(
        f"insert into {quoted(meta.name)} ({', '.join(names)}) values ({', '.join('?' * len(names))}) "
        f"on conflict ({target}) {action}",
        zip(*values, strict=True),
    )


def days(connection: sqlite3.Connection, table: str, start: int, stop: int, day: int) -> list[int]:
    """The days (numbers since 1970) of the hot rows with ``start <= time < stop``."""
    found, at = [], start
    query = f"select time from {quoted(table)} where time >= ? and time < ? order by time limit 1"
    while (row := connection.execute(query, (at, stop)).fetchone()) is not None:
        found.append(row[0] // day)
        at = (found[-1] + 1) * day
        if at >= stop:
            break
    return found
