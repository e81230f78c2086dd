"""The file of SQLite in which an index of containers is kept: layouts once each, and a row for every file.

It can be deleted at any time. A file of another version is made anew.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from workbench.core.errors import ReaderError

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS layouts (signature TEXT PRIMARY KEY, layout TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
  path TEXT, asked TEXT, size INTEGER, mtime INTEGER, inode INTEGER, ctime INTEGER, rows INTEGER, first INTEGER,
  last INTEGER, times BLOB, signature TEXT, PRIMARY KEY (path, asked)) WITHOUT ROWID;
"""
_COLUMNS = "path, size, mtime, inode, ctime, rows, first, last, times, signature"

#: A row of `_COLUMNS`.
Cells = tuple[Any, ...]


class IndexFile:
    """What is known of files, on disk.

    Parameters
    ----------
    path : str
        Its folder is made when something is remembered first.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def recall(self, paths: Sequence[str], asked: str) -> tuple[list[tuple[str, str]], list[Cells]]:
        """The rows of these paths that were asked the same; before them their layouts (signature and text).

        Raises
        ------
        ReaderError
            When the file cannot be used.
        """
        if not paths or not os.path.exists(self.path):
            return [], []
        try:
            with closing(self._open()) as db:
                rows = list(_rows(db, paths, asked))
                return list(_layouts(db, sorted({row[-1] for row in rows}))), rows
        except sqlite3.Error as error:
            raise self.unusable(error) from error

    def remember(self, layouts: Mapping[str, str], rows: Sequence[Cells]) -> None:
        """Keep layouts by signature and rows (what was asked first, then `_COLUMNS`), all or nothing.

        Raises
        ------
        ReaderError
            When the file cannot be used.
        """
        columns = f"asked, {_COLUMNS}"
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            with closing(self._open()) as db, db:
                db.executemany("INSERT OR REPLACE INTO layouts VALUES (?, ?)", sorted(layouts.items()))
                db.executemany(f"INSERT OR REPLACE INTO files ({columns}) VALUES ({', '.join('?' * 11)})", rows)
        except (sqlite3.Error, OSError) as error:
            raise self.unusable(error) from error

    def unusable(self, error: Exception) -> ReaderError:
        """The error to raise for one that came of what stands in the file."""
        return ReaderError(self.path, f"the index cannot be used ({error})", hint="It can be deleted: it is made again")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=20)
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                db.executescript("DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS layouts;")
            if version != VERSION:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA)
                db.execute(f"PRAGMA user_version = {VERSION}")
                db.commit()
        except sqlite3.Error:
            db.close()
            raise
        return db


def _layouts(db: sqlite3.Connection, wanted: Sequence[str]) -> Iterable[tuple[str, str]]:
    for i in range(0, len(wanted), 500):
        some = wanted[i : i + 500]
        marks = ", ".join("?" * len(some))
        yield from db.execute(f"SELECT signature, layout FROM layouts WHERE signature IN ({marks})", some)


def _rows(db: sqlite3.Connection, wanted: Sequence[str], asked: str) -> Iterable[Cells]:
    for i in range(0, len(wanted), 500):
        some = wanted[i : i + 500]
        marks = ", ".join("?" * len(some))
        yield from db.execute(f"SELECT {_COLUMNS} FROM files WHERE asked = ? AND path IN ({marks})", (asked, *some))
