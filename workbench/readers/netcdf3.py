"""NetCDF-3 files (classic, 64-bit offset, 64-bit data): header and values are read here.

The NetCDF Classic Format Specification (Unidata, version 1.2). A header that asks for more bytes than the file has is
half a file; nothing is allocated for what it claims.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError
from workbench.readers.stored import Array, Stored, joined_characters, plain

MAGIC = b"CDF"
_TYPES = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: "u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8"}
_FILLS = {">f4": 9.9692099683868690e36, ">f8": 9.9692099683868690e36}
_LISTS = {0: "nothing", 10: "dimensions", 11: "variables", 12: "attributes"}
_FIRST, _HEADER = 4096, 16 << 20
#: Rows farther apart than a page of memory are read one by one, others with what is between them, so many bytes at once.
_FAR, _BLOCK = 1 << 12, 1 << 22


class _Short(ReaderError):
    """The header goes on."""


@dataclass
class _Variable:
    name: str
    dims: tuple[int, ...]
    attrs: dict[str, Any]
    dtype: str
    size: int
    begin: int


@dataclass
class Header:
    """What the header says."""

    dims: list[tuple[str, int]] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    variables: list[_Variable] = field(default_factory=list)
    rows: int = 0
    row: int = 0  # bytes of one row of all variables along the unlimited dimension
    end: int = 0  # bytes that the file must have


class _Bytes:
    """The header, byte by byte."""

    def __init__(self, path: str, raw: bytes) -> None:
        self.path, self.raw, self.at = path, raw, 4
        self.wide = raw[3] == 5
        self.offset = 4 if raw[3] == 1 else 8

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.raw):
            raise _Short(
                self.path,
                "NetCDF header ends early",
                offset=self.at,
                expected=f"{count} bytes",
                found=len(self.raw) - self.at,
            )
        piece = self.raw[self.at : self.at + count]
        self.at += count
        return piece

    def number(self, width: int = 0) -> int:
        return int.from_bytes(self.take(width or (8 if self.wide else 4)), "big")

    def name(self) -> str:
        length = self.number()
        return self.take(length + -length % 4)[:length].decode("utf-8", "replace")

    def count(self, tag: int) -> int:
        found, count = self.number(4), self.number()
        if found not in (0, tag) or (found == 0 and count) or count > len(self.raw):
            raise ReaderError(
                self.path,
                "broken NetCDF header",
                offset=self.at,
                expected=_LISTS[tag],
                found=f"{count} of kind {found}",
            )
        return count

    def dtype(self) -> str:
        code = self.number(4)
        if code not in _TYPES:
            raise ReaderError(self.path, "broken NetCDF header", offset=self.at, expected="a type", found=code)
        return _TYPES[code]

    def attributes(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for _ in range(self.count(12)):
            name, dtype = self.name(), np.dtype(self.dtype())
            size = self.number() * dtype.itemsize
            raw = self.take(size + -size % 4)[:size]
            out[name] = raw if dtype.kind == "S" else np.frombuffer(raw, dtype)
        return out


def header(path: str) -> Header:
    """Parse the header of a file.

    Raises
    ------
    ReaderError
        When it is none, or asks for more than the file has.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            raw = file.read(_FIRST)
            size = os.fstat(file.fileno()).st_size
            if raw[:3] != MAGIC or raw[3:4] not in (b"\1", b"\2", b"\5"):
                raise ReaderError(path, "no NetCDF-3 file", offset=0, expected="CDF", found=raw[:4].hex() or "nothing")
            while True:
                try:
                    made = _parse(path, raw)
                    break
                except _Short:
                    more = file.read(min(len(raw), _HEADER))
                    if not more or len(raw) > _HEADER:
                        raise
                    raw += more
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    if made.end > size:
        raise ReaderError(path, "only the first part of a NetCDF file", expected=f"{made.end} bytes", found=size)
    return made


def _parse(path: str, raw: bytes) -> Header:
    bytes_ = _Bytes(path, raw)
    made = Header()
    rows = bytes_.number()
    streaming = rows == (2**64 - 1 if bytes_.wide else 2**32 - 1)
    made.dims = [(bytes_.name(), bytes_.number()) for _ in range(bytes_.count(10))]
    made.attrs = bytes_.attributes()
    for _ in range(bytes_.count(11)):
        name = bytes_.name()
        dims = tuple(bytes_.number() for _ in range(bytes_.number() if bytes_.at < len(raw) else 0))
        attrs, dtype, size = bytes_.attributes(), bytes_.dtype(), bytes_.number()
        begin = bytes_.number(bytes_.offset)
        if any(dim >= len(made.dims) for dim in dims):
            raise ReaderError(path, "broken NetCDF header", offset=bytes_.at, expected="known dimensions", found=dims)
        made.variables.append(_Variable(name, dims, attrs, dtype, size, begin))
    _measure(path, made, rows, bytes_.at, streaming)
    return made


def _measure(path: str, made: Header, rows: int, at: int, streaming: bool) -> None:
    along = [v for v in made.variables if v.dims and made.dims[v.dims[0]][1] == 0]
    widths = {v.name: _bytes_of(made, v, 1) for v in along}
    made.row = sum(width + -width % 4 for width in widths.values()) if len(along) != 1 else sum(widths.values())
    if streaming:
        rows = (os.path.getsize(path) - min(v.begin for v in along)) // made.row if along and made.row else 0
    made.rows = max(rows, 0)
    made.end = at
    for v in made.variables:
        if v in along:
            last = v.begin + made.row * (made.rows - 1) + widths[v.name] if made.rows else 0
        else:
            last = v.begin + _bytes_of(made, v, 0)
        made.end = max(made.end, last)


def _bytes_of(made: Header, v: _Variable, skip: int) -> int:
    total = np.dtype(v.dtype).itemsize
    for dim in v.dims[skip:]:
        total *= made.dims[dim][1]
    return total


class Container:
    """One NetCDF-3 file, opened."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.header = header(path)
        self._by_name = {v.name: v for v in self.header.variables}

    def arrays(self, group: str) -> list[Stored]:
        """Every variable; there are no groups."""
        if group.strip("/"):
            raise ReaderError(self.path, f"there is no group '{group}': NetCDF-3 has none")
        return [self._stored(v) for v in self.header.variables]

    def _stored(self, v: _Variable) -> Stored:
        names = tuple(self.header.dims[dim][0] for dim in v.dims)
        shape = self._shape(v)
        attrs = plain(v.attrs)
        if v.dtype in _FILLS:
            attrs.setdefault("_FillValue", float(np.dtype(v.dtype).type(_FILLS[v.dtype])))
        if v.dtype == "S1" and len(shape) > 1:
            return Stored(v.name, v.name, names[:-1], shape[:-1], "O", attrs, "characters")
        return Stored(
            v.name, v.name, names, shape, "O" if v.dtype == "S1" else v.dtype, attrs, coordinate=names == (v.name,)
        )

    def _shape(self, v: _Variable) -> tuple[int, ...]:
        return tuple(self.header.dims[dim][1] or (self.header.rows if i == 0 else 0) for i, dim in enumerate(v.dims))

    def length(self, stored: Stored) -> int:
        """How long the first axis is."""
        return self._shape(self._by_name[stored.key])[0]

    def sound(self, stored: Stored) -> None:
        """The header was measured against the file when it was opened."""

    def read(self, stored: Stored, where: tuple[slice, ...]) -> Array:
        """Values, native byte order."""
        v = self._by_name.get(stored.key)
        if v is None:
            raise ReaderError(self.path, f"'{stored.key}' is no longer in it")
        shape, dtype = self._shape(v), np.dtype(v.dtype)
        if all(shape):
            values, where = self._rows(v, shape, dtype, where)
        else:
            values = np.empty(shape, dtype)
        if stored.how == "characters":
            return joined_characters(np.array(values[(*where, slice(None))]))
        return np.array(values[where]).astype(dtype.newbyteorder("="), copy=False)

    def _rows(
        self, v: _Variable, shape: tuple[int, ...], dtype: np.dtype[Any], where: tuple[slice, ...]
    ) -> tuple[Array, tuple[slice, ...]]:
        """What `where` takes of the first axis, and where it is in that."""
        begin, stop, _ = where[0].indices(shape[0]) if shape else (0, 1, 1)
        count, width = max(stop - begin, 0), dtype.itemsize * math.prod(shape[1:])
        step = self.header.row if v.dims and self.header.dims[v.dims[0]][1] == 0 else width
        raw = _apart(self.path, v.begin + begin * step, count, width, step)
        values = raw.view(dtype).reshape((count, *shape[1:]) if shape else ())
        return values, (slice(0, count), *where[1:]) if shape else where


def _apart(path: str, at: int, count: int, width: int, step: int) -> Array:
    """`count` pieces of `width` bytes, one every `step` bytes from `at` on.

    Read, not mapped into memory: a file that shrinks under a map kills the process.

    Raises
    ------
    ReaderError
        When the file cannot be read, or is shorter than its header said.
    """
    out = np.empty((count, width), np.uint8)
    each = 1 if step > _FAR else max(_BLOCK // step, 1)
    try:
        with open(path, "rb", buffering=0) as file:
            if step == width:
                _fill(path, file, out.reshape(-1), at)
                return out.reshape(-1)
            for first in range(0, count, each):
                some = min(each, count - first)
                raw = np.empty((some - 1) * step + width, np.uint8)
                _fill(path, file, raw, at + first * step)
                out[first : first + some] = np.lib.stride_tricks.as_strided(raw, (some, width), (step, 1))
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    return out.reshape(-1)


def _fill(path: str, file: Any, raw: Array, at: int) -> None:
    """Read the bytes from `at` on into `raw`, all of them."""
    file.seek(at)
    got = 0
    while got < len(raw) and (more := file.readinto(raw.data[got:])):
        got += int(more)
    if got < len(raw):
        raise ReaderError(path, "changed while it was read", offset=at, expected=f"{len(raw)} bytes", found=got)


def complete(path: str) -> int:
    """Bytes of the file when it is whole, else 0."""
    try:
        header(path)
    except ReaderError:
        return 0
    return os.path.getsize(path)


@contextmanager
def opened(path: str) -> Iterator[Container]:
    """Open it."""
    yield Container(path)
