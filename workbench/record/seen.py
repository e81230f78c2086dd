"""Files a folder listener has taken: the table ``files`` of ``state.db`` (the files themselves stay where they are)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from workbench.core import clock
from workbench.record.state_file import StateFile


@dataclass(frozen=True)
class SeenFile:
    """One file as it was taken.

    Attributes
    ----------
    path : str
    size : int
        Bytes.
    mtime_ns : int
    sha256 : str
        Of its bytes (hexadecimal).
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str


class Files:
    """The files of each source that have been taken.

    Parameters
    ----------
    folder : path-like
        The cruise folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._file = StateFile(folder)

    def add(self, source: str, files: Iterable[SeenFile]) -> None:
        """Keep files; one that was taken before is as it is now."""
        moment = int(clock.now().astype("datetime64[ns]").astype(np.int64))
        rows = [(source, each.path, each.size, each.mtime_ns, each.sha256, moment) for each in files]
        with self._file.writing() as connection:
            connection.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?)", rows)

    def of(self, source: str) -> dict[str, SeenFile]:
        """The files of a source by path, sorted."""
        query = "select path, size, mtime_ns, sha256 from files where source = ? order by path"
        return {row[0]: SeenFile(*row) for row in self._file.rows(query, (source,))}
