"""Whole lines of files that only ever grow: a last line without its newline is not there yet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from os import PathLike

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError

#: Bytes read at once; no line may be longer.
BLOCK = 1 << 22
_STEP = 1 << 16
#: Some lines of a file: its path, the byte at which the first of them begins, the one after the last.
Piece = tuple[str, int, int]


def whole(path: str | PathLike[str]) -> int:
    """Bytes up to and with the last newline; 0 when there is none. Only the end of the file is read.

    Raises
    ------
    ReaderError
        When the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                begin = max(0, end - _STEP)
                file.seek(begin)
                found = file.read(end - begin).rfind(b"\n")
                if found >= 0:
                    return begin + found + 1
                end = begin
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    return 0


def blocks(
    path: str | PathLike[str], begin: int, stop: int, size: int = BLOCK
) -> Iterator[tuple[npt.NDArray[np.uint8], int, int]]:
    """Read ``path[begin:stop]`` in pieces that hold whole lines.

    Parameters
    ----------
    path : path-like
    begin, stop : int
        Bytes; a line begins at `begin`, and one ends at `stop` (see `whole`).
    size : int
        Bytes read at once.

    Yields
    ------
    buffer : numpy.ndarray of uint8
        Used again for the next piece.
    length : int
        Its first bytes that are whole lines; 0 stands for one line that is longer than `size`.
    base : int
        Offset of ``buffer[0]`` in the file.

    Raises
    ------
    ReaderError
        When the file cannot be read, or has become shorter.
    """
    buffer = np.empty(max(1, min(size, stop - begin)), dtype=np.uint8)
    try:
        with open(path, "rb", buffering=0) as file:
            while begin < stop:
                file.seek(begin)
                got = _fill(file.fileno(), buffer[: stop - begin])
                if got == 0:
                    raise ReaderError(path, "became shorter while it was read", offset=begin)
                length = _last_line(buffer[:got])
                yield buffer, length, begin
                begin = begin + length if length else _after_newline(file.fileno(), begin + got, stop)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error


def next_line(path: str | PathLike[str], begin: int, stop: int) -> int:
    """Where the first line after byte `begin` begins; `stop` when there is none.

    Raises
    ------
    ReaderError
        When the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return _after_newline(file.fileno(), begin, stop)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error


def stretches(files: Sequence[Piece], size: int) -> list[list[Piece]]:
    """The lines of files, in their order, in groups of about `size` bytes: short files together, long ones cut.

    Parameters
    ----------
    files : sequence of (path, begin, stop)
        A line begins at `begin`, and one ends at `stop`.
    size : int
        Bytes.

    Raises
    ------
    ReaderError
        When a file cannot be read.
    """
    out: list[list[Piece]] = [[]]
    room = size
    for path, begin, stop in files:
        while begin < stop:
            end = next_line(path, begin + room - 1, stop) if begin + room < stop else stop
            out[-1].append((path, begin, end))
            room -= end - begin
            begin = end
            if room <= 0:
                out.append([])
                room = size
    return [group for group in out if group]


def _fill(handle: int, buffer: npt.NDArray[np.uint8]) -> int:
    """Read into `buffer` until it is full or the file ends; the bytes read."""
    view, got = buffer.data, 0
    while got < len(view) and (more := os.readv(handle, [view[got:]])):
        got += more
    return got


def _last_line(buffer: npt.NDArray[np.uint8]) -> int:
    """Bytes up to and with the last newline."""
    end = len(buffer)
    while end > 0:
        begin = max(0, end - _STEP)
        found = buffer[begin:end].tobytes().rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _after_newline(handle: int, begin: int, stop: int) -> int:
    """Where the next line begins; `stop` when there is none."""
    while begin < stop:
        found = os.pread(handle, min(_STEP, stop - begin), begin)
        if not found:
            return stop
        at = found.find(b"\n")
        if at >= 0:
            return begin + at + 1
        begin += len(found)
    return stop
