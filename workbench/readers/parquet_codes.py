"""Columns of a row group as dictionaries and codes, ready for a Parquet file.

A general writer hashes every value to find the few that a column takes. Where a column is an Arrow dictionary already
(log codes and the table of their values, rows of a size table), its codes are only put in order and packed, and columns
that share their codes are packed once. The dictionary of a column is what it takes, ascending, whatever it came from: the
same values, the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard
from numba import njit

from workbench.readers.parquet_footer import Chunk, Packed, varint

_LEVEL = 1
_TEXT = pa.dictionary(pa.int32(), pa.string())


@njit(cache=True, nogil=True)
def _mark(codes: Any, seen: Any) -> None:
    for i in range(codes.size):
        seen[codes[i]] = True


@njit(cache=True, nogil=True)
def _pack(codes: Any, place: Any, width: int, at: int, out: Any) -> None:
    """Put the place of each code into `out`, `width` bits each, from value number `at` on; `out` is 0 there."""
    bit = at * width
    byte, have = bit >> 3, bit & 7
    held = np.uint64(out[byte]) if have else np.uint64(0)
    for i in range(codes.size):
        held |= np.uint64(place[codes[i]]) << np.uint64(have)
        have += width
        while have >= 8:
            out[byte] = np.uint8(held & np.uint64(255))
            held >>= np.uint64(8)
            byte += 1
            have -= 8
    if have:
        out[byte] = np.uint8(held)


class Encoder:
    """Encodes the columns of row groups, one group after the other. Not for several threads at once."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL)

    def group(self, schema: pa.Schema, tables: Sequence[pa.Table], told: Sequence[str]) -> list[Chunk]:
        """The rows of these tables as one row group: columns of `schema`; `told` are those whose bounds are told."""
        memory: dict[Any, _Codes] = {}
        return [
            self._column(one.type, [c for table in tables for c in table[one.name].chunks if len(c)], one.name in told, memory)
            for one in schema
        ]  # fmt: skip

    def _packed(self, data: bytes) -> Packed:
        return Packed(len(data), self._zstd.compress(data))

    def _column(self, kind: pa.DataType, chunks: list[pa.Array], told: bool, memory: dict[Any, _Codes]) -> Chunk:
        rows, nulls = sum(map(len, chunks)), sum(chunk.null_count for chunk in chunks)
        if nulls == rows:
            return Chunk(rows, nulls, 0, None, self._packed(_levels(chunks, rows, nulls)))
        if pa.types.is_boolean(kind):
            values = np.concatenate([_flags(chunk) for chunk in chunks])
            page = _levels(chunks, rows, nulls) + np.packbits(values, bitorder="little").tobytes()
            return Chunk(rows, nulls, 0, None, self._packed(page))
        coded = [_coded(chunk, kind) for chunk in chunks]
        dictionaries, which = _distinct([chunk.dictionary for chunk in coded])
        key = (*(_identity(chunk.indices) for chunk in coded), tuple(which))
        if key not in memory:
            memory[key] = _Codes(coded, which, [len(one) for one in dictionaries], _levels(chunks, rows, nulls))
        codes = memory[key]
        places, words = _ordered(dictionaries, codes.used)
        body = _plain(words)
        bounds = (_plain(words[:1], False), _plain(words[-1:], False)) if told else None
        if places not in codes.pages:
            codes.pages[places] = self._packed(codes.page(places, len(words)))
        return Chunk(rows, nulls, len(words), self._packed(body), codes.pages[places], bounds)


class _Codes:
    """The codes of a column's values in the dictionaries of its chunks; other columns may have the same.

    Attributes
    ----------
    used : list of ndarray of intp
        Entries of each dictionary that occur, ascending.
    pages : dict
        Pages made so far, by the places that entries were given.
    """

    def __init__(self, chunks: list[pa.DictionaryArray], which: list[int], sizes: list[int], levels: bytes) -> None:
        self._kept = chunks  # no other column may come to lie where these lie
        self._levels, self._which, self._sizes = levels, which, sizes
        self._dense = [_dense(chunk.indices) for chunk in chunks]
        seen = [np.zeros(size, np.bool_) for size in sizes]
        for codes, at in zip(self._dense, which, strict=True):
            _mark(codes, seen[at])
        self.used = [np.flatnonzero(one) for one in seen]
        self.pages: dict[bytes, Packed] = {}

    def page(self, places: bytes, words: int) -> bytes:
        """Levels and codes, where `places` are those (uint32) of the entries that are used."""
        order, start, tables = np.frombuffer(places, np.uint32), 0, []
        for size, used in zip(self._sizes, self.used, strict=True):
            table = np.zeros(size, np.uint32)
            table[used] = order[start : start + len(used)]
            start += len(used)
            tables.append(table)
        width = max(1, (words - 1).bit_length())
        eights = -(-sum(map(len, self._dense)) // 8)
        out, at = np.zeros(eights * width, np.uint8), 0
        for codes, which in zip(self._dense, self._which, strict=True):
            _pack(codes, tables[which], width, at, out)
            at += len(codes)
        return self._levels + bytes([width]) + varint(eights << 1 | 1) + out.tobytes()


def _levels(chunks: Sequence[pa.Array], rows: int, nulls: int) -> bytes:
    """Which rows have a value: as one run, or a bit for each."""
    if nulls in (0, rows):
        runs = varint(rows << 1) + (b"\0" if nulls else b"\1")
    else:
        known = np.concatenate([chunk.is_valid().to_numpy(zero_copy_only=False) for chunk in chunks])
        runs = varint(-(-rows // 8) << 1 | 1) + np.packbits(known, bitorder="little").tobytes()
    return len(runs).to_bytes(4, "little") + runs


def _flags(chunk: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray((chunk.drop_null() if chunk.null_count else chunk).to_numpy(zero_copy_only=False))


def _coded(chunk: pa.Array, kind: pa.DataType) -> pa.DictionaryArray:
    return chunk if pa.types.is_dictionary(chunk.type) else chunk.cast(_of_value(kind)).dictionary_encode()


def _of_value(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def plain(schema: pa.Schema) -> pa.Schema:
    """The schema of the file: dictionaries of strings remain, those of numbers are an affair of the memory."""
    kinds = [_TEXT if pa.types.is_string(_of_value(one.type)) else _of_value(one.type) for one in schema]
    return pa.schema([pa.field(one.name, kind) for one, kind in zip(schema, kinds, strict=True)])


def _identity(array: pa.Array) -> tuple[Any, ...]:
    """Where an array lies in memory: equal for arrays that are the same."""
    return (array.offset, len(array), *(0 if one is None else one.address for one in array.buffers()))


def _distinct(arrays: Sequence[pa.Array]) -> tuple[list[pa.Array], list[int]]:
    """The different ones among these, and which of them each is."""
    found: dict[tuple[Any, ...], int] = {}
    which = [found.setdefault(_identity(one), len(found)) for one in arrays]
    return [arrays[which.index(at)] for at in range(len(found))], which


def _dense(indices: pa.Array) -> npt.NDArray[Any]:
    """The indices of what is not null."""
    kind = np.dtype(indices.type.to_pandas_dtype())
    every = np.frombuffer(indices.buffers()[1], kind, len(indices), indices.offset * kind.itemsize)
    return every[indices.is_valid().to_numpy(zero_copy_only=False)] if indices.null_count else every


Words = npt.NDArray[Any] | list[bytes]


def _ordered(dictionaries: Sequence[pa.Array], used: Sequence[npt.NDArray[np.intp]]) -> tuple[bytes, Words]:
    """The place of each entry that is used among all values of the column, and these values, ascending."""
    if pa.types.is_string(dictionaries[0].type):
        texts = [
            [one[at].as_py().encode() for at in mine.tolist()] for one, mine in zip(dictionaries, used, strict=True)
        ]
        words = sorted({text for some in texts for text in some})
        place = {text: at for at, text in enumerate(words)}
        return np.array([place[text] for some in texts for text in some], np.uint32).tobytes(), words
    # numbers by their bits, so that no two are taken for one
    taken = [one.view(pa.int64()).to_numpy()[mine] for one, mine in zip(dictionaries, used, strict=True)]
    values = np.concatenate(taken)
    if (values[1:] > values[:-1]).all():
        return np.arange(len(values), dtype=np.uint32).tobytes(), values
    found, inverse = np.unique(values, return_inverse=True)
    return inverse.astype(np.uint32).tobytes(), found


def _plain(words: Words, lengths: bool = True) -> bytes:
    """Values as Parquet has them, one after the other; texts with their lengths, but in bounds."""
    if isinstance(words, np.ndarray):
        return words.tobytes()
    return b"".join(len(word).to_bytes(4, "little") + word if lengths else word for word in words)
