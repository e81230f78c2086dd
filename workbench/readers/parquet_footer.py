"""The frame of a Parquet file: headers of pages, row groups, footer (Thrift's compact protocol).

Source: the Parquet format, ``parquet.thrift`` 2.11. Only what our own files need: a flat schema of optional columns,
one dictionary page and one data page a column, Zstandard.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

_TRUE, _I16, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 4, 5, 6, 8, 9, 12
_PLAIN, _RLE, _CODES = 0, 3, 8
_ZSTD = 6
_MAGIC = b"PAR1"
_MADE_BY = b"sciops-workbench version 1"


@dataclass(frozen=True)
class Packed:
    """A page's bytes, compressed; `size` is what they were before."""

    size: int
    data: bytes


@dataclass(frozen=True)
class Chunk:
    """One column of one row group.

    Attributes
    ----------
    rows, nulls : int
    words : int
        Entries of the dictionary.
    dictionary : Packed or None
        None where values stand in the data page themselves.
    page : Packed
        Levels, then codes or values.
    bounds : (bytes, bytes) or None
        Least and greatest value, where the file is to tell them.
    """

    rows: int
    nulls: int
    words: int
    dictionary: Packed | None
    page: Packed
    bounds: tuple[bytes, bytes] | None = None


_SMALL = [bytes([number]) for number in range(128)]


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    if number < 128:  # most of them
        return _SMALL[number]
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _text(value: bytes) -> bytes:
    return varint(len(value)) + value


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
    return head + b"".join(items)


Field = tuple[int, int, int | bytes]


def _struct(*fields: Field) -> bytes:
    """Fields in order of their numbers: (number, kind, value); lists and structs are encoded already."""
    out, last = bytearray(), 0
    for number, kind, value in fields:
        out.append(number - last << 4 | kind)
        last = number
        if isinstance(value, int):
            out += b"" if kind == _TRUE else _number(value)
        else:
            out += _text(value) if kind == _BINARY else value
    return bytes(out) + b"\0"


_NOTHING = _struct()
_STRING = _struct((1, _STRUCT, _NOTHING))
_MOMENT = _struct((8, _STRUCT, _struct((1, _TRUE, 1), (2, _STRUCT, _struct((2, _STRUCT, _NOTHING))))))


def _physical(kind: pa.DataType) -> int:
    if pa.types.is_dictionary(kind):
        return 6
    return 2 if pa.types.is_timestamp(kind) else 0 if pa.types.is_boolean(kind) else 5


def _element(field: pa.Field) -> bytes:
    """A column of the schema."""
    kind = field.type
    fields: list[Field] = [(1, _I32, _physical(kind)), (3, _I32, 1), (4, _BINARY, field.name.encode())]
    if pa.types.is_dictionary(kind):
        fields += [(6, _I32, 0), (10, _STRUCT, _STRING)]
    elif pa.types.is_timestamp(kind):
        fields += [(6, _I32, 10), (10, _STRUCT, _MOMENT)]
    return _struct(*fields)


class Writer:
    """Writes row groups of columns that are encoded already, then the footer.

    Parameters
    ----------
    file : binary file
        Empty, at its start.
    schema : pyarrow.Schema
        Columns of type float64, bool, timestamp in microseconds (UTC) or dictionary of strings.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema
        self._at = self._rows = 0
        self._groups: list[bytes] = []
        self._write(_MAGIC)

    def _write(self, data: bytes) -> int:
        self._file.write(data)
        self._at += len(data)
        return len(data)

    def group(self, chunks: Sequence[Chunk]) -> None:
        """Write a row group: a chunk for each column of the schema."""
        start, total, columns = self._at, 0, []
        for field, chunk in zip(self._schema, chunks, strict=True):
            data, whole = self._column(field, chunk)
            columns.append(data)
            total += whole
        rows = chunks[0].rows
        self._groups.append(_struct(
            (1, _LIST, _list(_STRUCT, columns)), (2, _I64, total), (3, _I64, rows), (5, _I64, start),
            (6, _I64, self._at - start), (7, _I16, len(self._groups)),
        ))  # fmt: skip
        self._rows += rows

    def _column(self, field: pa.Field, chunk: Chunk) -> tuple[bytes, int]:
        start, whole = self._at, 0
        held = chunk.dictionary
        if held is not None:
            about = _struct((1, _I32, chunk.words), (2, _I32, _PLAIN))
            whole += self._page(2, held, (7, _STRUCT, about))
        first = self._at
        encoding = _PLAIN if held is None else _CODES
        about = _struct((1, _I32, chunk.rows), (2, _I32, encoding), (3, _I32, _RLE), (4, _I32, _RLE))
        whole += self._page(0, chunk.page, (5, _STRUCT, about))
        used = [_number(one) for one in ((_PLAIN, _RLE) if held is None else (_PLAIN, _RLE, _CODES))]
        fields: list[Field] = [
            (1, _I32, _physical(field.type)), (2, _LIST, _list(_I32, used)),
            (3, _LIST, _list(_BINARY, [_text(field.name.encode())])), (4, _I32, _ZSTD), (5, _I64, chunk.rows),
            (6, _I64, whole), (7, _I64, self._at - start), (9, _I64, first),
        ]  # fmt: skip
        if held is not None:
            fields.append((11, _I64, start))
        if chunk.bounds is not None:
            least, greatest = chunk.bounds
            fields.append((12, _STRUCT, _struct((3, _I64, chunk.nulls), (5, _BINARY, greatest), (6, _BINARY, least))))
        return _struct((2, _I64, start), (3, _STRUCT, _struct(*fields))), whole

    def _page(self, kind: int, page: Packed, about: Field) -> int:
        head = _struct((1, _I32, kind), (2, _I32, page.size), (3, _I32, len(page.data)), about)
        self._write(head)
        self._write(page.data)
        return len(head) + page.size

    def close(self) -> None:
        """Write the footer."""
        root = _struct((4, _BINARY, b"schema"), (5, _I32, len(self._schema)))
        arrow = base64.b64encode(self._schema.serialize().to_pybytes())
        order = _struct((1, _STRUCT, _NOTHING))
        footer = _struct(
            (1, _I32, 2),
            (2, _LIST, _list(_STRUCT, [root, *(_element(field) for field in self._schema)])),
            (3, _I64, self._rows),
            (4, _LIST, _list(_STRUCT, self._groups)),
            (5, _LIST, _list(_STRUCT, [_struct((1, _BINARY, b"ARROW:schema"), (2, _BINARY, arrow))])),
            (6, _BINARY, _MADE_BY),
            (7, _LIST, _list(_STRUCT, [order] * len(self._schema))),
        )
        self._write(footer)
        self._write(len(footer).to_bytes(4, "little") + _MAGIC)
