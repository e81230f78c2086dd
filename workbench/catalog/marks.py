"""What was seen of each file of a Source: the marks a cursor is made of, and what they tell."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError

#: Where one stands in a Source's files: opaque, JSON-able.
Cursor = dict[str, Any]
#: A file taken: [size, mtime, bytes taken, inode, crc32 of the bytes taken, crc32 of their ends]; of a whole file only
#: the first three. A file not taken: [size, mtime, state, since when it waits, whether earlier rows of it were given].
Mark = list[int]

SIZE, MTIME, TAKEN, INODE, CRC, ENDS = range(6)
SINCE, GIVEN = 3, 4
WAITING, REFUSED, SHADOW = -1, -2, -3

VERSION = 1
#: Looks until every one of many files has been looked at.
ROUND = 64
#: Up to so many files are all looked at each time; of more, the newest ones and every `ROUND`-th.
FEW, NEWEST = 512, 256
#: A half-written file that did not change for so many seconds is told as refused.
PATIENCE = 60.0

_PACKED = (".zst", ".gz", ".parquet")
_END = 64


class Look:
    """Which files are worth a `stat` this time."""

    def __init__(self, known: Mapping[str, Mapping[str, Mark]], turn: int) -> None:
        times = [mark[MTIME] for marks in known.values() for mark in marks.values()]
        self.few = len(times) <= FEW
        self.recent = 0 if self.few else int(np.partition(np.array(times, dtype=np.int64), -NEWEST)[-NEWEST])
        self.turn = turn

    def due(self, names: tuple[str, ...], known: Mapping[str, Mark]) -> Iterator[str]:
        """Names of one folder that are."""
        for i, name in enumerate(names):
            mark = known.get(name)
            its_turn = self.few or (i + self.turn) % ROUND == 0
            if its_turn or mark is None or mark[MTIME] >= self.recent or mark[TAKEN] in (WAITING, SHADOW):
                yield name


class Kin:
    """Files that are one file under several names: plain and compressed."""

    def __init__(self, names: tuple[str, ...], known: Mapping[str, Mark]) -> None:
        self.names = names
        self._known = known
        self._families: dict[str, list[str]] | None = None

    def given(self, name: str, marks: Mapping[str, Mark]) -> list[str]:
        """Other names of the same file under which rows were given."""
        if self._families is None:
            self._families = {}
            for other in {*self.names, *self._known}:
                self._families.setdefault(rank(other)[0], []).append(other)
        family = self._families.get(rank(name)[0], [])
        return [other for other in family if other != name and was_given(marks.get(other))]


def rank(name: str) -> tuple[str, int]:
    """A name without what compression adds to it, and which of several is read."""
    for i, suffix in enumerate(_PACKED):
        if name.endswith(suffix):
            return name[: -len(suffix)], i + 1
    return name, 0


def folders_of(cursor: Cursor | None) -> dict[str, dict[str, Mark]]:
    """Marks by folder and name."""
    if cursor is None:
        return {}
    if cursor.get("version") != VERSION:
        raise WorkbenchError("this cursor is of another version; begin again without one")
    return dict(cursor["folders"])


def was_given(mark: Mark | None) -> bool:
    """True when rows of the file were given before."""
    return mark is not None and (mark[TAKEN] > 0 or (mark[TAKEN] == WAITING and bool(mark[GIVEN])))


def waiting_mark(stamp: Mark, mark: Mark | None) -> Mark:
    """The mark of a file that is waited for from now on."""
    return [*stamp, WAITING, int(clock.wall()), int(was_given(mark))]


def goes_on(path: str, stat: os.stat_result, mark: Mark | None) -> bool:
    """True when the bytes that were taken still stand at the beginning of the file.

    Their ends are compared; all of them when the file was replaced, or touched without growing.
    """
    if mark is None or mark[TAKEN] < 0 or stat.st_size < mark[TAKEN]:
        return False
    if stat.st_ino != mark[INODE] or stat.st_size == mark[SIZE]:
        return checksum(path, 0, mark[TAKEN], 0) == mark[CRC]
    return checksum_of_ends(path, mark[TAKEN]) == mark[ENDS]


def checksum(path: str, begin: int, end: int, crc: int) -> int:
    """CRC-32 of ``path[begin:end]``, going on from `crc`."""
    with open(path, "rb", buffering=0) as file:
        file.seek(begin)
        while begin < end and (piece := file.read(min(1 << 20, end - begin))):
            crc = zlib.crc32(piece, crc)
            begin += len(piece)
    return crc


def checksum_of_ends(path: str, taken: int) -> int:
    """CRC-32 of the first and last `_END` of the first `taken` bytes."""
    return checksum(path, max(0, taken - _END), taken, checksum(path, 0, min(_END, taken), 0))
