"""The files of one Source's journal: numbered, named after the hour they were begun in, zstd once closed."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import zstandard

#: A clock that jitters around the full hour, or is set back by less than this, begins no new segment.
JITTER = np.timedelta64(60, "s")
HOUR = np.timedelta64(1, "h")
_NAME = re.compile(r"(\d{8,})_(\d{4}-\d\d-\d\dT\d\d)\.journal(?:\.zst)?", re.ASCII)
#: Bytes compressed at a time.
BLOCK = 1 << 22
_LEVEL = 3
#: Compressed bytes read at a time: of a piece that went bad, nothing is known.
_PIECE = 1 << 12


@dataclass(frozen=True)
class Segment:
    """One file of a journal.

    Attributes
    ----------
    number : int
        Counts up in the order of writing.
    hour : numpy.datetime64[h]
        Its entries lie in this hour (up to `JITTER` before it).
    path : Path
        The plain file; the compressed one has ``.zst`` behind it.
    """

    number: int
    hour: np.datetime64
    path: Path

    @property
    def packed(self) -> Path:
        return self.path.with_name(f"{self.path.name}.zst")

    def may_hold(self, start: np.datetime64, stop: np.datetime64) -> bool:
        """May there be entries with ``start <= time < stop``?"""
        begin = self.hour.astype("datetime64[ns]")
        return bool(begin - JITTER < stop and start < begin + HOUR)

    @contextmanager
    def opened(self) -> Iterator[FileIO | Unpacked]:
        """Its uncompressed bytes, plain or packed; FileNotFoundError when it is neither."""
        try:
            file = FileIO(self.path)
        except FileNotFoundError:
            with FileIO(self.packed) as raw:
                yield Unpacked(raw)
            return
        with file:
            yield file


class Unpacked:
    """The bytes of a compressed file, read forward, up to where it went bad.

    Attributes
    ----------
    bad : bool
        It ended before its time: what is behind a byte that went bad cannot be told, nor the end of one that was cut.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = bytearray()
        self.bad = False

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        while len(self._ready) < size and not self.bad and (packed := self._file.read(_PIECE)):
            try:
                self._unpack(packed)
            except zstandard.ZstdError:
                self.bad = True
        if len(self._ready) < size and not self._frame.eof:
            self.bad = True
        given = bytes(self._ready[:size])
        del self._ready[:size]
        return given

    def _unpack(self, packed: bytes) -> None:
        while packed:
            if self._frame.eof:  # a file may have several frames, one behind the other
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready += self._frame.decompress(packed)
            packed = self._frame.unused_data if self._frame.eof else b""


def named(folder: Path, number: int, time: np.datetime64) -> Segment:
    """The segment `number`, begun at `time`."""
    hour = time.astype("datetime64[h]")
    return Segment(number, hour, folder / f"{number:08d}_{hour}.journal")


def find(folder: Path, first: int = 0) -> list[Segment]:
    """The segments in a folder from number `first` on, in the order of writing; none when there is no folder."""
    found: dict[int, Segment] = {}
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        if not _may_be_from(name, first):  # after weeks there are hundreds, and a reader wants the newest
            continue
        match = _NAME.fullmatch(name)
        if match:
            number, hour = int(match[1]), np.datetime64(match[2], "h")
            found[number] = Segment(number, hour, folder / name.removesuffix(".zst"))
    return [found[number] for number in sorted(found)]


def _may_be_from(name: str, first: int) -> bool:
    number = name.partition("_")[0]
    return not number.isdecimal() or int(number) >= first


def pack(segment: Segment, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Compress a closed segment; False when somebody still writes it. The plain file goes last.

    `go_on` is asked between two blocks; when it says no, everything stays as it was (False).
    """
    try:
        file = segment.path.open("rb")
    except FileNotFoundError:
        return True
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        if not segment.packed.exists() and not _compress(file, segment.packed, go_on):
            return False
        sync_folder(segment.path.parent)
        segment.path.unlink(missing_ok=True)
    return True


def _compress(file: BinaryIO, path: Path, go_on: Callable[[], bool]) -> bool:
    temp = path.with_name(f".{path.name}")  # who holds the lock has it alone; a killed one's is written over
    try:
        with temp.open("wb") as out:
            with zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).stream_writer(
                out, closefd=False
            ) as packed:
                while block := file.read(BLOCK):
                    packed.write(block)
                    if not go_on():
                        temp.unlink()
                        return False
            out.flush()
            os.fsync(out.fileno())
        os.replace(temp, path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    return True


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
