"""A SQLite file of somebody else, read: checked to be whole, never written to, rows as dictionaries.

Attributes of a row say where it stood, so that an error can name it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError

_MAGIC = b"SQLite format 3\0"
#: Rows of the largest table: a broken tree may lead round in circles.
_MOST = 50_000_000
_BATCH = 20_000


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
        raise ReaderError.unreadable(path, error) from error
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


def has(connection: sqlite3.Connection, name: str) -> bool:
    """True when there is such a table or view."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def read_table(connection: sqlite3.Connection, name: str) -> list[TableRow]:
    """All rows of one table or view, in its own order; none of one that is not there."""
    if not has(connection, name):
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


def read_columns(
    path: str | PathLike[str], connection: sqlite3.Connection, name: str, texts: Collection[str]
) -> dict[str, npt.NDArray[Any]]:
    """All rows of one table or view as columns: text (NULL is "") for those in `texts`, else float64 (NULL is NaN).

    Raises
    ------
    ReaderError
        When a cell that should hold a number does not.
    """
    if not has(connection, name):
        return {}
    cursor = connection.execute(f'SELECT * FROM "{name}"')
    names = [column[0] for column in cursor.description]
    parts: dict[str, list[npt.NDArray[Any]]] = {column: [] for column in names}
    rows = 0
    while batch := cursor.fetchmany(_BATCH):
        for column, cells in zip(names, zip(*batch, strict=True), strict=True):
            if column in texts:
                parts[column].append(np.array(["" if cell is None else str(cell) for cell in cells], dtype=np.str_))
            else:
                parts[column].append(_numbers(path, f"table {name}, column {column}", cells, rows))
        rows += len(batch)
        if rows > _MOST:
            raise ReaderError(path, f"table {name} has more than {_MOST} rows")
    kinds = {column: np.dtype(np.str_ if column in texts else np.float64) for column in names}
    return {column: np.concatenate(found) if found else np.empty(0, kinds[column]) for column, found in parts.items()}


def _numbers(path: str | PathLike[str], what: str, cells: Sequence[Any], before: int) -> npt.NDArray[np.float64]:
    try:
        return np.array(cells, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError, OverflowError):
        pass
    out = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        if cell is None or cell in ("", "NA", b""):
            continue
        try:
            out[i] = float(cell)
        except (TypeError, ValueError, OverflowError):
            raise ReaderError(
                path, f"{what}, row {before + i + 1}", expected="a number", found=repr(cell)[:40]
            ) from None
    return out
