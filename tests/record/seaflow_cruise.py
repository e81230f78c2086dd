"""The test cruise, run into a folder; what a run wrote, compared."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def tables(out: Path) -> dict[str, list]:
    """Rows of every table and view of ``cruise.db``, sorted."""
    connection = sqlite3.connect(out / "cruise.db")
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
    found = {name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names}
    connection.close()
    return found


def files(out: Path) -> dict[str, bytes]:
    """Bytes of every Parquet file."""
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.parquet"))}


def same(a: Path, b: Path) -> None:
    """Parquet byte for byte, ``cruise.db`` table by table."""
    assert files(a) == files(b)
    assert tables(a) == tables(b)
