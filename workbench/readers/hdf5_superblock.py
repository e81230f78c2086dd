"""The first bytes of an HDF5 file: where it begins, how long it says it is, whether somebody is writing it.

HDF5 File Format Specification, version 3.0, section II.A. A file that was copied half is told by 50 bytes: the end of
file that its superblock states lies beyond the end of the file. (libhdf5 would read what is not there as zeros.)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from os import PathLike

from workbench.core.errors import ReaderError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Bits of the consistency flags of a version 3 superblock.
_WRITING, _SWMR = 0x01, 0x04
_NEED = 96


class Torn(ReaderError):
    """A growing file does not make sense now: caught between two writes, or a part of a copy."""


@dataclass(frozen=True)
class Superblock:
    """What the first bytes say.

    Attributes
    ----------
    at : int
        Byte at which it begins; what is before it belongs to others (MATLAB writes 512 bytes of text).
    version : int
    end : int
        Bytes that the file must have.
    writing, swmr : bool
        Somebody has it open for writing, or was killed while writing; in single-writer-multiple-reader mode.
    raw : bytes
        The superblock itself.
    """

    at: int
    version: int
    end: int
    writing: bool
    swmr: bool
    raw: bytes


def find(path: str | PathLike[str]) -> Superblock | None:
    """The superblock of a file, or None when it has none: at byte 0, 512, 1024, 2048, ...

    Raises
    ------
    ReaderError
        When the file cannot be read, or has a superblock that cannot be.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    try:
        size, at = os.fstat(handle).st_size, 0
        while at + len(SIGNATURE) < size:
            raw = os.pread(handle, _NEED, at)
            if raw.startswith(SIGNATURE):
                return _parsed(path, at, raw)
            at = max(512, at * 2)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    finally:
        os.close(handle)
    return None


def checked(path: str | PathLike[str]) -> Superblock:
    """The superblock of a file that is as long as it says.

    Raises
    ------
    ReaderError
        When it is no HDF5, or only the first part of one.
    """
    block = find(path)
    try:
        size = os.stat(path).st_size
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    if block is None:
        raise ReaderError(path, "no HDF5 file: it has no superblock", offset=0)
    if block.end > size:
        raise (Torn if block.swmr else ReaderError)(
            path, "only the first part of an HDF5 file", expected=f"{block.end} bytes", found=size,
            hint="It may still be copied. `workbench hdf5 salvage FILE -o COPY` gets out what is there",
        )  # fmt: skip
    return block


def _parsed(path: str | PathLike[str], at: int, raw: bytes) -> Superblock:
    version = raw[8] if len(raw) > 8 else 255
    if version > 3:
        raise ReaderError(path, "unknown superblock", offset=at + 8, expected="version 0 to 3", found=version)
    width = 0 if len(raw) < 14 else raw[13] if version < 2 else raw[9]
    begin = {0: 24, 1: 28}.get(version, 12) + 2 * width
    if width not in (2, 4, 8) or len(raw) < begin + 2 * width:
        raise ReaderError(path, "broken superblock", offset=at, expected="addresses of 2, 4 or 8 bytes", found=width)
    end = int.from_bytes(raw[begin : begin + width], "little")
    flags = raw[11] if version == 3 else 0
    length = begin + width * 2 + 4 if version >= 2 else begin + width
    return Superblock(at, version, end, bool(flags & _WRITING), bool(flags & _SWMR), raw[:length])


def closed(block: Superblock, end: int | None = None) -> bytes:
    """The superblock as its writer would have left it: nobody is writing; its checksum made anew.

    Parameters
    ----------
    block : Superblock
    end : int, optional
        Another length of the file.
    """
    if block.version != 3:
        return block.raw
    width = block.raw[9]
    at, stated = 12 + 2 * width, min(block.end if end is None else end, (1 << 8 * width) - 2)
    raw = block.raw[:11] + b"\0" + block.raw[12:at] + stated.to_bytes(width, "little") + block.raw[at + width : -4]
    return raw + lookup3(raw).to_bytes(4, "little")


def lookup3(data: bytes) -> int:
    """Bob Jenkins's hashlittle (public domain), which HDF5 uses as the checksum of its metadata."""
    mask = 0xFFFFFFFF

    def turn(x: int, k: int) -> int:
        return ((x << k) | (x >> (32 - k))) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    if not data:
        return c
    pieces = [data[i : i + 12] for i in range(0, len(data), 12)]
    for piece in pieces[:-1]:
        a, b, c = ((x + int.from_bytes(piece[i : i + 4], "little")) & mask for x, i in ((a, 0), (b, 4), (c, 8)))
        for k in (4, 6, 8, 16, 19, 4):
            a = (a - c) & mask ^ turn(c, k)
            c = (c + b) & mask
            a, b, c = b, c, a
    last = pieces[-1].ljust(12, b"\0")
    a, b, c = ((x + int.from_bytes(last[i : i + 4], "little")) & mask for x, i in ((a, 0), (b, 4), (c, 8)))
    for k in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - turn(b, k)) & mask
        a, b, c = b, c, a
    return b
