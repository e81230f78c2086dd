"""The three layouts of EVT files: which one a file has, how many rows, and the rows as arrays.

==========  =====================================================================  =====================
layout      bytes (little endian)                                                  size
==========  =====================================================================  =====================
``v1``      ``u32 N``, then N rows of ``u32 10`` and 10 ``u16``                    4 + 24 N
``v2``      ``u32 14``, ``u32 N``, then N rows of 7 ``u16``                        8 + 14 N
``parquet`` columns D1, D2, fsc_small, pe, chl_small; float32 log values           what its footer says
==========  =====================================================================  =====================

The two numbers at the start alone do not tell v1 from v2 (a v2 file of ten rows begins ``14, 10``, as does a v1 file
of fourteen): the size decides.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError, suggest
from workbench.readers import packed, seaflow_parquet

#: Channels of each layout, in the order of the bytes.
V1 = ("pulse_time", "pulse_width", "D1", "D2", "fsc_small", "fsc_perp", "fsc_big", "pe", "chl_small", "chl_big")
V2 = ("pulse_width", "chl_small", "D1", "D2", "fsc_small", "pe", "evt_rate")
PARQUET = seaflow_parquet.CHANNELS
CHANNELS = {"v1": V1, "v2": V2, "parquet": PARQUET}

#: Suffixes of files whose header takes more than a look.
PACKED = (".gz", ".zst", ".parquet")
_TWO = struct.Struct("<II").unpack


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself, checked against its length.

    Attributes
    ----------
    layout : str
        ``v1``, ``v2`` or ``parquet``.
    rows : int
        Particles, at least 1.
    """

    layout: str
    rows: int

    @property
    def size(self) -> int:
        """Uncompressed bytes of a v1 or v2 file."""
        return 4 + 24 * self.rows if self.layout == "v1" else 8 + 14 * self.rows

    @property
    def start(self) -> bytes:
        """The first 8 bytes of a v1 or v2 file."""
        numbers = (self.rows, 10) if self.layout == "v1" else (14, self.rows)
        return b"".join(number.to_bytes(4, "little") for number in numbers)


def probe(path: str) -> Header:
    """Layout and rows of one file. No payload is read, except of a ``.zst`` (its first block).

    Raises
    ------
    ReaderError
        When the header is cut, names no particles, or does not fit the length. The whole file is refused, as the
        instrument's own tools do.
    """
    if not path.endswith(PACKED):
        return _probe(path)
    try:
        stat = os.stat(path)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    return _probed(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1 << 16)
def _probed(path: str, size: int, mtime: int) -> Header:
    """Headers that cost something to find, kept while their files do not change."""
    return _probe(path)


def _probe(path: str) -> Header:
    if path.endswith(".parquet"):
        return Header("parquet", seaflow_parquet.count(path))
    peek = packed.peek(path)
    if not peek.modulo and len(peek.first) == 8:  # most files: no more than this
        one, two = _TWO(peek.first)
        if one == 14 and two and peek.stated == 8 + 14 * two:
            return Header("v2", two)
        if two == 10 and one and peek.stated == 4 + 24 * one:
            return Header("v1", one)
    options = _read_header(path, peek.first)
    for header in options:
        if peek.agrees(header.size):
            return header
    within = [header.size for header in options if header.size <= peek.most]
    exact = peek.stated is not None and not peek.modulo
    if exact:
        raise _misfit(path, options, peek.stated or 0)
    if not within:
        raise _misfit(path, options, peek.most, "at most ")
    # a container that does not state its length, or that of its last member only
    found = packed.count(path, max(within))
    for header in options:
        if header.size == found:
            return header
    raise _misfit(path, options, found, "at least " if found > max(within) else "")


def _read_header(path: str, first: bytes) -> list[Header]:
    """The headers that the first 8 bytes may be; ReaderError when there is none."""
    if len(first) < 8:
        raise ReaderError(
            path, "no room for a header", offset=len(first), expected="at least 8 bytes", found=len(first)
        )
    one, two = _TWO(first)
    options = []
    if one == 14:
        options.append(Header("v2", two))
    if two == 10:
        options.append(Header("v1", one))
    if not options:
        raise ReaderError(
            path, "not an EVT header", offset=0, expected="14 and the rows (v2), or the rows and 10 (v1)",
            found=f"{one} and {two}",
        )  # fmt: skip
    if not any(header.rows for header in options):
        raise ReaderError(path, "the header says 0 particles", offset=0, expected="at least 1", found=0)
    return [header for header in options if header.rows]


def _misfit(path: str, options: Sequence[Header], found: int, about: str = "") -> ReaderError:
    claims = " or ".join(f"{h.size} bytes for {h.rows} rows of {h.layout}" for h in options)
    most = max(h.size for h in options)
    if found < most:
        reason, offset = "ends before the last row that its header claims", found
    else:
        reason, offset = "goes on after the last row that its header claims", most
    return ReaderError(path, reason, offset=offset, expected=claims, found=f"{about}{found} bytes")


def rows(path: str, header: Header) -> npt.NDArray[np.uint16]:
    """Every row of a v1 or v2 file, shape (rows, channels).

    Read, not mapped into memory: a file that shrinks under a map kills the process.

    Raises
    ------
    ReaderError
        When the bytes are not what `header` says, for instance because the file has changed since.
    """
    if path.endswith((".gz", ".zst")):
        raw = packed.unpack(path, header.size)
    else:
        raw = _plain(path, header.size)
    if raw[:8].tobytes() != header.start:
        raise ReaderError(
            path, "changed while it was read", offset=0, expected=header.start.hex(), found=raw[:8].tobytes().hex()
        )
    return rows_of(path, header, raw[4 if header.layout == "v1" else 8 :], 0)


def some_rows(path: str, header: Header, begin: int, stop: int) -> npt.NDArray[np.uint16]:
    """Rows from `begin` to `stop` of a v1 or v2 file that is not compressed, shape (rows, channels).

    Raises
    ------
    ReaderError
        When the bytes are not what `header` says.
    """
    first, width = (4, 24) if header.layout == "v1" else (8, 14)
    try:
        with open(path, "rb") as file:
            found, start = os.fstat(file.fileno()).st_size, file.read(8)
            file.seek(first + begin * width)
            part = np.frombuffer(file.read((stop - begin) * width), np.uint8)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    if found != header.size or start != header.start or part.size != (stop - begin) * width:
        raise ReaderError(
            path, "changed while it was read", offset=0, expected=f"{header.size} bytes", found=f"{found} bytes"
        )
    return rows_of(path, header, part, begin)


def _plain(path: str, size: int) -> npt.NDArray[np.uint8]:
    out = np.empty(size, dtype=np.uint8)
    try:
        with open(path, "rb", buffering=0) as file:
            found = os.fstat(file.fileno()).st_size
            if found == size:
                view, at = out.data, 0
                while at < size and (got := file.readinto(view[at:])):
                    at += got
                found = at
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    if found != size:
        raise ReaderError(path, "changed while it was read", offset=0, expected=f"{size} bytes", found=f"{found} bytes")
    return out


def columns(path: str, header: Header, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Channels of one file as contiguous arrays: uint16 log codes (v1, v2) or float32 log values (Parquet).

    Raises
    ------
    ReaderError
        When the file is broken or has no such channel.
    """
    refuse_unknown(path, header, names)
    if header.layout == "parquet":
        return seaflow_parquet.columns(path, header.rows, names)
    table = rows(path, header)
    known = CHANNELS[header.layout]
    return {name: np.ascontiguousarray(table[:, known.index(name)]) for name in names}


def rows_of(path: str, header: Header, part: npt.NDArray[np.uint8], at: int) -> npt.NDArray[np.uint16]:
    """Whole rows out of their bytes; `at` is the first of them."""
    if header.layout == "v2":
        return part.view("<u2").reshape(-1, 7)
    counts = part.view("<u4").reshape(-1, 6)[:, 0]
    if (counts != 10).any():
        row = int(np.argmax(counts != 10))
        raise ReaderError(
            path, f"row {at + row} does not begin with its number of columns", offset=4 + 24 * (at + row), expected=10,
            found=int(counts[row]),
        )  # fmt: skip
    return part.view("<u2").reshape(-1, 12)[:, 2:]


def refuse_unknown(path: str, header: Header, names: Sequence[str]) -> None:
    known = CHANNELS[header.layout]
    for name in names:
        if name not in known:
            raise ReaderError(path, f"a {header.layout} file has no channel '{name}'", hint=suggest(name, known))
