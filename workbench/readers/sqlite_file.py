"""A SQLite file of somebody else, read: checked to be whole, never written to, rows as dictionaries.

Attributes of a row say where it stood, so that an error can name it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from workbench.core.errors import ReaderError

_MAGIC = b"SQLite format 3\0"
#: Rows of the largest table: a broken tree may lead round in circles.
_MOST = 50_000_000


class TableRow(dict[str, Any]):
    """A row by column names, and where it stands (``table filter, row 3``)."""

    where: str = ""


def check(path: str | PathLike[str]) -> int:
    """The size of the file when it is a whole SQLite database.

    Raises
    ------
    ReaderError
        When it cannot be read, is something else, or is shorter than its header says.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(100)
            size = file.seek(0, 2)
    except OSError as error:
        raise ReaderError(path, f"cannot be read ({error.strerror or error})") from error
    if head[:16] != _MAGIC:
        raise ReaderError(
            path, "not a SQLite database", offset=0, expected=repr(_MAGIC[:15].decode()), found=repr(head[:15])
        )
    if len(head) < 100:
        raise ReaderError(path, "ends within its header", offset=size, expected="100 bytes", found=size)
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    claimed = (65536 if page == 1 else page) * pages
    if head[24:28] == head[92:96] and size < claimed:
        raise ReaderError(path, "cut off", offset=size, expected=f"{claimed} bytes", found=f"{size} bytes")
    return size


@contextmanager
def connect(path: str | PathLike[str]) -> Iterator[sqlite3.Connection]:
    """The database, opened for reading only, for as long as the block lasts; its errors become ReaderError."""
    check(path)
    uri = Path(path).absolute().as_uri()
    # A database in WAL mode cannot be opened in a folder that may not be written to, unless nobody writes to it.
    lonely = not Path(f"{fspath(path)}-wal").exists()
    for mode in ("mode=ro", "mode=ro&immutable=1") if lonely else ("mode=ro",):
        try:
            connection = sqlite3.connect(f"{uri}?{mode}", uri=True, timeout=30)
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            break
        except sqlite3.Error as error:
            failed = error
    else:
        raise ReaderError(path, f"not a readable database ({failed})") from failed
    try:
        yield connection
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise ReaderError(path, f"not a readable database ({error})") from error
    finally:
        connection.close()


def read_tables(path: str | PathLike[str], names: Sequence[str]) -> dict[str, list[TableRow]]:
    """All rows of some tables, by table; no rows of one that is not there.

    Raises
    ------
    ReaderError
        When the file is no whole database, or a table is broken.
    """
    with connect(path) as connection:
        return {name: read_table(connection, name) for name in names}


def read_table(connection: sqlite3.Connection, name: str) -> list[TableRow]:
    """All rows of one table or view, in its own order; none of one that is not there."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
        return []
    cursor = connection.execute(f'SELECT * FROM "{name}"')
    columns = [column[0] for column in cursor.description]
    out = []
    for number, cells in enumerate(cursor, start=1):
        if number > _MOST:
            raise sqlite3.DatabaseError(f"table {name} has more than {_MOST} rows")
        row = TableRow(zip(columns, cells, strict=True))
        row.where = f"table {name}, row {number}"
        out.append(row)
    return out
