"""The text of a TSDATA file: seven header lines, then tab-separated rows; from bytes to arrays with quality flags.

Header lines (tsdataformat): file type, project, description, column comments, types, units, names. ``NA`` is missing
everywhere, there is no quoting, booleans are TRUE and FALSE, times RFC 3339.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError, suggest
from workbench.core.variables import FAIL, GOOD, MISSING

TYPES = ("time", "float", "integer", "text", "category", "boolean")
HEADER = 7
#: What stands in a header line at most; a file without line breaks is not searched further.
MOST = 1 << 20

_WANTED = {"float": "a number", "integer": "a whole number", "boolean": "TRUE or FALSE", "time": "a time (RFC 3339)"}
#: Types that get flags; text is what it is.
_FLAGGED = ("time", "float", "integer", "boolean")


@dataclass(frozen=True)
class Header:
    """The seven lines.

    Attributes
    ----------
    file_type, project, description : str
    comments, types, units, names : tuple of str
        One for each column; ``NA`` where there is nothing to say.
    end : int
        Bytes.
    """

    file_type: str
    project: str
    description: str
    comments: tuple[str, ...]
    types: tuple[str, ...]
    units: tuple[str, ...]
    names: tuple[str, ...]
    end: int


@dataclass(frozen=True)
class Rows:
    """Rows of a TSDATA file in the order of its lines.

    Attributes
    ----------
    columns : dict of str to numpy.ndarray
        By name: datetime64[ns], float64 (numbers, whole numbers, and booleans as 1 and 0) or str.
    flags : dict of str to numpy.ndarray of int8
        QARTOD flags of the columns that are not text: 1 good, 4 not what the type says, 9 missing.
    bad : Counter
        What was wrong, and how often.
    """

    columns: dict[str, npt.NDArray[Any]]
    flags: dict[str, npt.NDArray[np.int8]]
    bad: Counter[str]


def header(path: str | PathLike[str], raw: bytes) -> Header:
    """Read the header at the beginning of `raw`.

    Raises
    ------
    ReaderError
        When there are not seven lines, or they do not fit each other; line and column are named.
    """
    lines: list[str] = []
    end = 0
    while len(lines) < HEADER and (found := raw.find(b"\n", end)) >= 0:
        lines.append(raw[end:found].decode("utf-8", "replace").rstrip("\r"))
        end = found + 1
    if len(lines) < HEADER:
        raise ReaderError(
            path,
            "not a whole TSDATA header",
            expected=f"{HEADER} lines",
            found=f"{len(lines)} lines in {len(raw)} bytes",
        )
    comments, types, units, names = (tuple(cell.strip() for cell in line.split("\t")) for line in lines[3:])
    for number, cells in ((4, comments), (5, types), (6, units)):
        if len(cells) != len(names):
            raise ReaderError(
                path, f"header line {number} does not fit line 7", expected=f"{len(names)} columns", found=len(cells)
            )
    for i, (name, kind) in enumerate(zip(names, types, strict=True), 1):
        if kind not in TYPES:
            raise ReaderError(path, f"header line 5, column {i}: no type is called '{kind}'", hint=suggest(kind, TYPES))
        if not name or name in names[: i - 1]:
            raise ReaderError(path, f"header line 7, column {i}: {'a second' if name else 'no'} name '{name}'")
    if (names[0], types[0]) != ("time", "time"):
        raise ReaderError(
            path, "the first column is not time", expected="time of type time", found=f"{names[0]} of type {types[0]}"
        )
    file_type, project, description = (line.strip() for line in lines[:3])
    return Header(file_type, project, description, comments, types, units, names, end)


def parse(
    path: str | PathLike[str], head: Header, raw: bytes, *, first: int = HEADER + 1, strict: bool = False
) -> Rows:
    """Rows of whole lines.

    Lenient: a cell that is not what its column's type says becomes missing with flag 4, a line with another number of
    cells or without a time is left out; both are counted in `Rows.bad`.

    Parameters
    ----------
    path : path-like
        For messages.
    head : Header
    raw : bytes
        Ends with a newline, or is empty.
    first : int
        The number of the first line, for messages.
    strict : bool
        Raise at the first column with a bad cell, or the first bad line.

    Raises
    ------
    ReaderError
        When `strict` and something is wrong: line, column, what was expected and found.
    """
    bad: Counter[str] = Counter()
    whole, numbers = _lines(path, head, raw.replace(b"\r", b""), first, strict, bad)
    columns, flags = {}, {}
    keep = np.ones(len(numbers), dtype=np.bool_)
    for name, kind, cells in zip(head.names, head.types, _cells(whole, len(head.names)), strict=True):
        absent = _is(cells, b"NA")
        columns[name], right = _CONVERT[kind](cells)
        wrong = ~right & ~absent
        if name == "time":
            wrong, keep = ~right, right
        if wrong.any():
            bad[f"{name} is not {_WANTED[kind]}"] += int(wrong.sum())
        if strict and wrong.any():
            i = int(np.argmax(wrong))
            found = repr(cells[i].as_py().decode("utf-8", "replace")[:60])
            raise ReaderError(path, f"line {numbers[i]}, column '{name}'", expected=_WANTED[kind], found=found)
        if kind in _FLAGGED and name != "time":
            flags[name] = np.select([wrong, absent], [FAIL, MISSING], GOOD).astype(np.int8)
    if not keep.all():
        columns = {name: values[keep] for name, values in columns.items()}
        flags = {name: values[keep] for name, values in flags.items()}
    return Rows(columns, flags, bad)


def _lines(
    path: str | PathLike[str], head: Header, raw: bytes, first: int, strict: bool, bad: Counter[str]
) -> tuple[bytes, npt.NDArray[np.int64]]:
    """The lines that have as many cells as the header, and their numbers; blank lines do not count."""
    buffer = np.frombuffer(raw, dtype=np.uint8)
    ends = np.flatnonzero(buffer == ord("\n"))
    begins = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    numbers = np.arange(first, first + len(ends), dtype=np.int64)
    tabs = np.cumsum(buffer == ord("\t"), dtype=np.int64)
    cells = np.diff(tabs[ends], prepend=0) + 1 if len(ends) else ends
    right, blank = cells == len(head.names), ends == begins
    wrong = ~right & ~blank
    if wrong.any():
        i = int(np.argmax(wrong))
        bad["line has another number of cells than the header"] += int(wrong.sum())
        if strict:
            raise ReaderError(path, f"line {numbers[i]}", expected=f"{len(head.names)} cells", found=int(cells[i]))
    keep = right & ~blank
    if not keep.all():
        raw = buffer[np.repeat(keep, ends + 1 - begins)].tobytes()
    return raw, numbers[keep]


def _cells(raw: bytes, width: int) -> list[Any]:
    """The columns as arrow arrays of bytes."""
    import pyarrow as pa
    from pyarrow import csv

    names = [str(i) for i in range(width)]
    if not raw:
        return [pa.array([], pa.binary())] * width
    table = csv.read_csv(
        pa.BufferReader(raw),
        read_options=csv.ReadOptions(column_names=names, block_size=len(raw) + 1, use_threads=False),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, escape_char=False),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False),
    )
    return [column.combine_chunks() for column in table.columns]


def _is(cells: Any, value: bytes) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc

    return np.asarray(pc.equal(cells, value).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _cast(cells: Any, kind: str) -> tuple[Any, npt.NDArray[np.bool_]]:
    """Cells as an arrow type, null where they are none of it, and where they are."""
    import pyarrow as pa

    to = pa.timestamp("ns", "UTC") if kind == "time" else pa.type_for_alias(kind)

    def cast(some: Any) -> Any:
        try:
            return some.cast(pa.string()).cast(to)
        except pa.ArrowInvalid:
            if len(some) == 1:
                return pa.nulls(1, to)
            half = len(some) // 2
            return pa.concat_arrays([cast(some[:half]), cast(some[half:])])

    import pyarrow.compute as pc

    known = cells.dictionary_encode()
    values = cast(known.dictionary).take(known.indices) if len(known.dictionary) < len(cells) // 2 else cast(cells)
    return values, np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _times(cells: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    values, right = _cast(cells, "time")
    return values.cast("timestamp[ns]").to_numpy(zero_copy_only=False), right


def _floats(cells: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    values = np.array(_cast(cells, "float64")[0].to_numpy(zero_copy_only=False), dtype=np.float64)
    values[np.isinf(values)] = np.nan
    return values, ~np.isnan(values)


def _integers(cells: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    values, right = _cast(cells, "int64")
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64), right


def _booleans(cells: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    yes, no = _is(cells, b"TRUE"), _is(cells, b"FALSE")
    return np.select([yes, no], [1.0, 0.0], np.nan), yes | no


def _texts(cells: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    values = np.array([cell.decode("utf-8", "replace") for cell in cells.to_pylist()], dtype=object)
    values[_is(cells, b"NA")] = ""
    return values, np.ones(len(values), dtype=np.bool_)


_CONVERT: dict[str, Callable[[Any], tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]] = {
    "time": _times, "float": _floats, "integer": _integers, "boolean": _booleans, "text": _texts, "category": _texts,
}  # fmt: skip
