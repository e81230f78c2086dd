"""What was seen of each file of a Source: the marks a cursor is made of, and what they tell."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from stat import S_ISDIR
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.catalog.folder_marks import NOTHING, FolderMarks, Mark, Packed
from workbench.catalog.tree import Folder
from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.readers import zarr_folder

#: Where one stands in a Source's files: opaque, JSON-able.
Cursor = dict[str, Any]
#: The marks of each folder. A file taken: [size, mtime, bytes taken, inode, crc32 of the bytes taken, crc32 of their ends];
#: of a whole file only the first three; of one that grows by rows [size, mtime, rows taken, inode, crc32 of the first row,
#: of the last]. A file not taken: [size, mtime, state, since when it waits or cannot be read, whether earlier rows of it
#: were given].
Marks = Mapping[str, Packed]

SIZE, MTIME, TAKEN, INODE, CRC, ENDS = range(6)
SINCE, GIVEN = 3, 4
WAITING, REFUSED, SHADOW = -1, -2, -3

VERSION = 3
#: Looks until every one of many files has been looked at. A prime: so it is for all who look in turns.
ROUND = 61
#: Up to so many files are all looked at each time; of more, the newest ones and every `ROUND`-th.
FEW, NEWEST = 512, 256
#: A half-written file that did not change for so many seconds is told as refused.
PATIENCE = 60.0

_PACKED = (".zst", ".gz", ".parquet")
_END = 64


def stat_of(path: str) -> os.stat_result:
    """The `os.stat` of a file; of a folder that is one dataset (Zarr), with the size and time of its metadata."""
    stat = os.stat(path)
    if not S_ISDIR(stat.st_mode):
        return stat
    size, newest = zarr_folder.stamp(path)
    fields = [*stat[:10], stat.st_atime, newest / 1e9, stat.st_ctime, stat.st_atime_ns, newest, stat.st_ctime_ns]
    fields[6] = size
    return os.stat_result(fields)


@dataclass(frozen=True, eq=False, slots=True)
class _Newest:
    """The newest times of a folder's marks, where they stand, and names that are no file taken or refused."""

    marks: Packed
    times: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    odd: list[str]


class Look:
    """Which files are worth a `stat` this time: new, young or restless ones, and every `ROUND`-th of the others.

    As long as folders and marks stay the same objects, nothing is gone through again; when some change, only those.
    """

    def __init__(self) -> None:
        self._turn = 0
        self._marks: Marks | None = None
        self._stamps: dict[str, int] = {}
        self._known: dict[str, _Newest] = {}
        self._odd: dict[str, tuple[int, Packed, list[str]]] = {}  # stamp of the folder, marks, names of no file taken
        self._restless: dict[str, Sequence[str]] = {}
        self._shared: Marks = {}
        self._lock = threading.Lock()

    def shared(self, marks: Marks) -> Marks:
        """The same marks, of the objects that another cursor holds: feeds and products follow the same files."""
        with self._lock:
            newest = self._shared
            if marks.keys() == newest.keys() and all(newest[path] == known for path, known in marks.items()):
                return newest
            both = {path: newest[path] if newest.get(path) == known else known for path, known in marks.items()}
            self._shared = both
            return both

    def due(self, folders: Mapping[str, Folder], marks: Marks) -> list[tuple[str, str]]:
        """(folder, name) of these files; of one file under several names, the one that is read comes first."""
        stamps = {path: folder.stamp for path, folder in folders.items()}
        with self._lock:
            self._turn += 1
            if marks is not self._marks or stamps != self._stamps:
                self._learn(folders, marks)
                self._marks, self._stamps = marks, stamps
            files = [(path, name) for path, names in self._restless.items() for name in names]
            for path, folder in folders.items():
                restless = {*self._restless[path]}
                turn = folder.names[self._turn % ROUND :: ROUND]
                files += [(path, name) for name in turn if name not in restless]
        return sorted(files, key=lambda file: (file[0], rank(file[1])))

    def _learn(self, folders: Mapping[str, Folder], marks: Marks) -> None:
        self._known = {path: self._newest_of(path, marks.get(path, NOTHING)) for path in folders}
        self._odd = {path: odd for path, odd in self._odd.items() if path in folders}
        times = np.concatenate([np.empty(0, np.int64), *(known.times for known in self._known.values())])
        many = sum(len(FolderMarks(known)) for known in marks.values()) > max(FEW, NEWEST) and times.size >= NEWEST
        young = int(np.partition(times, -NEWEST)[-NEWEST]) if many else None
        self._restless = {path: self._watched(path, folder, young) for path, folder in folders.items()}

    def _newest_of(self, path: str, marks: Packed) -> _Newest:
        known = self._known.get(path)
        if known is not None and known.marks is marks:
            return known
        marked = FolderMarks(marks)
        times, states = marked.columns(MTIME, TAKEN)
        clipped = np.array([in_64_bits(time) for time in times], np.int64)
        newest, places = np.argsort(clipped)[-NEWEST:], np.array(marked.places(), np.int64)
        odd = [marked.name(place) for place, state in zip(places, states, strict=True) if state in (WAITING, SHADOW)]
        return _Newest(marks, clipped[newest], places[newest], odd)

    def _watched(self, path: str, folder: Folder, young: int | None) -> Sequence[str]:
        """Names of the files that are looked at each time: all, or those that are not taken, and as young as this."""
        if young is None:
            return folder.names
        known, odd = self._known[path], self._odd.get(path)
        marked = FolderMarks(known.marks)
        if odd is None or odd[0] != folder.stamp or odd[1] is not known.marks:
            taken = {*marked} - {*known.odd}
            odd = self._odd[path] = folder.stamp, known.marks, [name for name in folder.names if name not in taken]
        newest = {marked.name(place) for place in known.places[known.times >= young].tolist()}
        return [*odd[2], *(newest.intersection(folder.names) - {*odd[2]})] if newest else odd[2]


def in_64_bits(number: int) -> int:
    """The nearest number of 64 bits: there are disks that keep times of any year."""
    return min(max(number, -(1 << 63)), (1 << 63) - 1)


def kin(name: str) -> list[str]:
    """Other names of the same file: plain and compressed."""
    base = rank(name)[0]
    names = (base + suffix for suffix in ("", *_PACKED))
    return [other for other in names if other != name and rank(other)[0] == base]


def rank(name: str) -> tuple[str, int]:
    """A name without what compression adds to it, and which of several is read."""
    for i, suffix in enumerate(_PACKED):
        if name.endswith(suffix):
            return name[: -len(suffix)], i + 1
    return name, 0


def marks_of(cursor: Cursor | None) -> Marks:
    """The marks of a cursor, by folder and name."""
    if cursor is None:
        return {}
    if cursor.get("version") != VERSION:
        raise WorkbenchError("this cursor is of another version; begin again without one")
    marks: Marks = cursor["folders"]
    return marks


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
