"""The files of a folder that were taken: tens of thousands after some weeks, and none of them in memory."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass

_KIB = 256  #: of memory that the database may take; the rest lies in a temporary file, which ends with the process


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole file, or the whole rows of one that grows.

    Attributes
    ----------
    path : str
        Below the folder.
    size : int
        Bytes that are whole.
    mtime_ns : int
    sha256 : str
        Of these bytes.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str

    @property
    def text(self) -> str:
        """The path for tables and people: bytes of another encoding, which are no text, are replaced."""
        return self.path.encode("utf-8", "replace").decode()


class Taken:
    """Arrivals by their path. Where no temporary file can be written they stay in memory."""

    def __init__(self) -> None:
        self._memory: dict[str, Arrival] = {}
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # one at a time asks
        self._file.execute(f"pragma cache_size = -{_KIB}")
        self._file.execute("pragma temp_store = file")
        self._file.execute("create table taken (path blob primary key, size, mtime_ns, sha256) without rowid")

    def __setitem__(self, path: str, arrival: Arrival) -> None:
        row = (os.fsencode(path), arrival.size, arrival.mtime_ns, arrival.sha256)
        try:
            self._file.execute("insert or replace into taken values (?, ?, ?, ?)", row)
        except (sqlite3.Error, OverflowError):  # a full disk, say
            self._memory[path] = arrival
        else:
            self._memory.pop(path, None)

    def get(self, path: str) -> Arrival | None:
        """What was taken of a file; None when nothing was."""
        known = self._memory.get(path)
        if known is not None:
            return known
        query = "select size, mtime_ns, sha256 from taken where path = ?"
        try:
            found = self._file.execute(query, (os.fsencode(path),)).fetchone()
        except sqlite3.Error:
            return None  # it comes again, which does no harm
        return None if found is None else Arrival(path, *found)
