"""The bytes of a file that stands plain, gzipped or as Zstandard: how many, the first, and all, never more than asked.

What a container says about its length is read without inflating it:

* ``.gz``: the last four bytes (ISIZE, RFC 1952). A truncated file has other bytes there; a file of several members
  says only the last one's length. Both show as a length that does not fit, and only then is the file inflated to count.
* ``.zst``: the frame header's content size (RFC 8878), and a walk over the block headers to see that the frame is
  whole. A frame that does not say its size, or several frames, are inflated to count.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20
#: No deflate stream inflates further than this (zlib's documentation: 1032:1).
_DEFLATE = 1032
_ZSTD_BLOCK = 128 * 1024


@dataclass(frozen=True, slots=True)
class Peek:
    """What can be said of a file without reading its payload.

    Attributes
    ----------
    first : bytes
        The first 8 uncompressed bytes, fewer when there are not as many.
    stated : int or None
        Uncompressed length in bytes as the container states it; None when it does not.
    modulo : int
        `stated` is known modulo this number; 0 when it is known as it is.
    most : int
        No more uncompressed bytes than this can come out.
    """

    first: bytes
    stated: int | None
    modulo: int
    most: int

    def agrees(self, size: int) -> bool:
        """True when the container states `size` bytes."""
        if self.stated is None or size > self.most:
            return False
        return self.stated == (size % self.modulo if self.modulo else size)


def peek(path: str) -> Peek:
    """The first bytes of a file, and what its container says about its length.

    Raises
    ------
    ReaderError
        When the file cannot be read, or is not of the kind that its suffix says.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    try:
        size = os.fstat(handle).st_size
        if path.endswith(".gz"):
            return _peek_gzip(path, handle, size)
        if path.endswith(".zst"):
            return _peek_zstd(path, handle, size)
        return Peek(os.pread(handle, 8, 0), size, 0, size)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    finally:
        os.close(handle)


def _peek_gzip(path: str, handle: int, size: int) -> Peek:
    start = os.pread(handle, 512, 0)
    _check_magic(path, start, _GZIP, "gzip")
    inflater = zlib.decompressobj(31)
    try:
        first = inflater.decompress(start, 8)
        at = len(start)
        while len(first) < 8 and not inflater.eof and (more := os.pread(handle, 4096, at)):
            first += inflater.decompress(inflater.unconsumed_tail + more, 8 - len(first))
            at += len(more)
    except zlib.error as error:
        raise ReaderError(path, f"broken gzip ({error})", offset=0) from error
    if not inflater.eof and size < 18:
        raise ReaderError(path, "gzip ends early", offset=0, expected="at least 18 bytes", found=size)
    stated = int.from_bytes(os.pread(handle, 4, size - 4), "little")
    return Peek(first, stated, 1 << 32, size * _DEFLATE)


def _peek_zstd(path: str, handle: int, size: int) -> Peek:
    import zstandard

    start = os.pread(handle, _ZSTD_BLOCK + 32, 0)
    _check_magic(path, start, _ZSTD, "Zstandard")
    try:
        frame = zstandard.get_frame_parameters(start)
        at = zstandard.frame_header_size(start)
        first = zstandard.ZstdDecompressor().stream_reader(start).read(8)
    except zstandard.ZstdError as error:
        raise ReaderError(path, f"broken Zstandard frame ({error})", offset=0) from error
    blocks, end = _walk(handle, at)
    end += 4 if frame.has_checksum else 0
    if not blocks or end > size:
        raise ReaderError(path, "Zstandard frame ends early", expected=f"{end} bytes of file", found=size)
    if end < size:  # several frames: each may hold any number of bytes
        return Peek(first, None, 0, max(size, 1) * _ZSTD_BLOCK)
    known = frame.content_size != zstandard.CONTENTSIZE_UNKNOWN
    return Peek(first, frame.content_size if known else None, 0, blocks * _ZSTD_BLOCK)


def _walk(handle: int, at: int) -> tuple[int, int]:
    """Count the blocks of a Zstandard frame; (0, end) when they run past the end of the file. RFC 8878, 3.1.1.2."""
    blocks = 0
    while len(header := os.pread(handle, 3, at)) == 3:
        word = int.from_bytes(header, "little")
        last, kind, size = word & 1, word >> 1 & 3, word >> 3
        at += 3 + (1 if kind == 1 else size)  # a run-length block holds one byte
        blocks += 1
        if last:
            return blocks, at
    return 0, at + 3


def _check_magic(path: str, start: bytes, magic: bytes, kind: str) -> None:
    if not start.startswith(magic):
        raise ReaderError(
            path, f"not {kind}, as its name says", offset=0, expected=magic.hex(), found=start[: len(magic)].hex() or "nothing",
            hint="If it is plain, take the suffix off its name",
        )  # fmt: skip


def count(path: str, most: int) -> int:
    """How many bytes come out of a file, counted by inflating it in pieces; counting stops beyond `most`."""
    total = 0
    for piece in _pieces(path):
        total += len(piece)
        if total > most:
            break
    return total


def unpack(path: str, size: int) -> npt.NDArray[np.uint8]:
    """All bytes of a file that must hold exactly `size` of them.

    Raises
    ------
    ReaderError
        When it holds more or fewer (no more than a piece beyond `size` is ever made), or is broken.
    """
    out = np.empty(size, dtype=np.uint8)
    at = 0
    for piece in _pieces(path):
        if at + len(piece) > size:
            raise ReaderError(path, "holds more bytes than its header says", offset=size, expected=size, found="more")
        out[at : at + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        at += len(piece)
    if at != size:
        raise ReaderError(path, "holds fewer bytes than its header says", offset=at, expected=size, found=at)
    return out


def _pieces(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb", buffering=0) as file:
            if path.endswith(".gz"):
                yield from _inflate(path, file)
            elif path.endswith(".zst"):
                yield from _unzstd(path, file)
            else:
                while piece := file.read(_PIECE):
                    yield piece
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error


def _gzip_library() -> Any:
    """What inflates: ISA-L, three times as fast as zlib; zlib itself where there is no wheel of it."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib


def _inflate(path: str, file: BinaryIO) -> Iterator[bytes]:
    """The members of a gzip file, one after the other; zeros after the last one are padding (RFC 1952 tools agree)."""
    library = _gzip_library()
    total, waiting, inflater = 0, b"", library.decompressobj(31)
    while waiting or (waiting := file.read(_PIECE)):
        try:
            piece = inflater.decompress(waiting, _PIECE)
        except library.error as error:
            raise ReaderError(path, f"broken gzip ({error})", offset=total) from error
        total += len(piece)
        yield piece
        waiting = inflater.unconsumed_tail
        if inflater.eof:
            waiting = inflater.unused_data.lstrip(b"\0")
            while not waiting and (more := file.read(_PIECE)):
                waiting = more.lstrip(b"\0")
            if not waiting:
                return
            inflater = library.decompressobj(31)
    raise ReaderError(
        path, "gzip ends early", offset=total, expected="the end of the stream", found="the end of the file"
    )


def _unzstd(path: str, file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    total = 0
    while True:
        try:
            piece = stream.read(_PIECE)
        except zstandard.ZstdError as error:
            raise ReaderError(path, f"broken Zstandard frame ({error})", offset=total) from error
        if not piece:
            return
        total += len(piece)
        yield piece
