"""SeaFlow SFL: what the instrument and the ship measured, one line per EVT file."""

from __future__ import annotations

import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.room import Room
from workbench.core.variables import MISSING, QC_ATTRS, VARIABLES, VariableSpec, describe
from workbench.core.window import ALWAYS
from workbench.readers import paths as locate
from workbench.readers import seaflow_sfl_text as text
from workbench.readers.kept import Kept
from workbench.readers.reader import Reader, window_of

_NAT = np.datetime64("NaT", "ns")

PATTERNS = ("*.sfl", "*.SFL", "*.sds", "*.SDS")
#: The curated columns, in the order they are written, and their canonical names.
CURATED = {
    "FILE": "file_id", "DATE": "time", "FILE DURATION": "file_duration", "LAT": "latitude", "LON": "longitude",
    "CONDUCTIVITY": "conductivity", "SALINITY": "salinity", "OCEAN TEMP": "sea_water_temperature", "PAR": "par",
    "BULK RED": "bulk_red", "STREAM PRESSURE": "stream_pressure", "EVENT RATE": "event_rate",
}  # fmt: skip


class SeaflowSfl(Reader):
    """SeaFlow SFL: position, water, light and instrument, one row per EVT file.

    A dataset along ``time`` (UTC, the start of the file) with ``file_id``, the canonical variables the files have, and
    a ``<name>_qc`` of QARTOD flags for each: 1 good, 4 not a number (then NaN) or outside what is possible (then kept),
    9 missing. Curated files, the instrument's own and the SDS files of 2009 to 2011 are read by the names of their
    columns; GGA positions become degrees. Rows stay in the order of their lines, duplicates included; several files
    follow each other by their first time. Attr ``rows`` counts the rows, ``bad`` what was wrong (lines ``reason: n``).
    """

    description = "SeaFlow SFL: one row per EVT file"
    provides: ClassVar[tuple[VariableSpec, ...]] = tuple(
        VARIABLES[name] for name in ("time", "file_id", *(n for n in text.NUMBERS.values() if n in VARIABLES))
    )
    patterns: ClassVar[tuple[str, ...]] = PATTERNS
    appends: ClassVar[bool] = True
    head: ClassVar[int] = 1

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        finished: bool = False,
    ) -> xr.Dataset:
        """Open files, folders, globs or lists of them; only rows with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        finished : bool
            Nobody writes to the files any more: a last line without its line break is a line. Otherwise it may be cut
            inside a number, and no age of the file tells: a program may keep the rest back for hours.

        Returns
        -------
        xarray.Dataset
            In memory: a cruise of two months is 29,000 lines.

        Raises
        ------
        ReaderError
            When the one file named is not an SFL, or a path does not exist.
        """
        tables, refused = _tables(locate.find(filename_or_obj, locate.matcher(self.patterns)), finished=finished)
        ds = _dataset(tables, refused)
        window = window_of(start, stop)
        if window != ALWAYS:
            ds = ds.isel(time=window.contains(ds["time"].values))
        ds.attrs["rows"] = ds.sizes["time"]
        return ds.drop_vars(
            [drop_variables] if isinstance(drop_variables, str) else drop_variables or (), errors="ignore"
        )

    def complete(self, path: str | PathLike[str]) -> int:
        """Bytes up to the end of the last whole line."""
        try:
            raw = read_bytes(fspath(path))
            return text.whole(raw, text.header(path, raw))
        except ReaderError:
            return 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """Earliest and latest time in one file; NaT when it holds no rows."""
        time = _table(fspath(path)).time
        return (time.min(), time.max()) if time.size else (_NAT, _NAT)

    def heads(self, lines: Sequence[bytes], *, due: bool) -> bool | None:
        """Whether a line is a header: it names FILE."""
        try:
            text.header("", lines[0] + b"\n")
        except ReaderError:
            return False
        return True

    def rows_from(self, path: str | PathLike[str], offset: int) -> tuple[xr.Dataset, int]:
        """Rows of the whole lines from byte `offset` on, and the byte after the last of them."""
        raw = read_bytes(fspath(path))
        names = text.header(path, raw)
        end = text.whole(raw, names)
        begin = max(offset, raw.find(b"\n") + 1)
        return _dataset([text.parse(names, raw[begin:end])], []), end


def read_bytes(path: str) -> bytes:
    """The bytes of an SFL, whose lines end in LF or CR LF.

    Raises
    ------
    ReaderError
        When it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise ReaderError(path, f"cannot be read ({error.strerror or error})") from error
    return raw if b"\n" in raw else raw.replace(b"\r", b"\n")  # some old files end their lines in CR alone


def _tables(found: locate.Found, *, finished: bool) -> tuple[list[text.Table], list[str]]:
    """The tables of all files, in the order of their first times, and what was refused."""
    tables, refused = [], list(found.refused)
    for path in found.paths:
        try:
            tables.append((path, _table(path, finished=finished)))
        except ReaderError as error:
            if found.alone:
                raise
            refused.append(str(error))
    tables.sort(key=lambda item: (_first(item[1]), item[0]))
    return [table for _, table in tables], refused


@dataclass(frozen=True, eq=False)
class _File:
    """One SFL as it stood: its rows, the bytes they came from and their CRC-32, and what follows without a line break."""

    names: tuple[str, ...]
    packed: text.Table  # whose file names are bytes where they are ASCII: a fourth of the memory
    end: int
    crc: int
    rest: bytes
    rooms: defaultdict[str, Room] = field(default_factory=lambda: defaultdict(Room))

    @property
    def rows(self) -> text.Table:
        return replace(self.packed, file_id=self.packed.file_id.astype(np.str_))

    def table(self, *, finished: bool) -> text.Table:
        if not self.rest.strip():
            return self.rows
        if finished:
            return text.joined(self.rows, text.parse(self.names, self.rest))
        return replace(self.rows, bad=self.rows.bad + Counter({"last line has no line break yet": 1}))

    @property
    def nbytes(self) -> int:
        table = self.packed
        columns = (table.time, table.file_id, *table.values.values(), *table.flags.values(), *table.text.values())
        return sum(column.nbytes for column in columns)


#: One version of a file at a time: an SFL grows all through a cruise.
_KEPT: Kept[_File] = Kept(128 << 20)


def _table(path: str, *, finished: bool = False) -> text.Table:
    """The rows of one file; read again only when it has changed."""
    return _KEPT.get(path, None, lambda before: _parsed(path, before)).table(finished=finished)


def _parsed(path: str, before: _File | None) -> _File:
    """The rows of a file; those that were there `before`, to the byte, are not read again."""
    raw = read_bytes(path)
    names = text.header(path, raw)
    end = text.whole(raw, names)
    rest = bytes(raw[end:])
    goes_on = before is not None and before.end <= end and raw[before.end - 1 : before.end] == b"\n"
    if before is None or not goes_on or zlib.crc32(memoryview(raw)[: before.end]) != before.crc:
        rows = _packed(text.parse(names, raw[raw.find(b"\n") + 1 : end]))
        return _File(names, rows, end, zlib.crc32(memoryview(raw)[:end]), rest)
    rows = text.joined(before.packed, _packed(text.parse(names, raw[before.end : end])), before.rooms)
    return _File(names, rows, end, zlib.crc32(memoryview(raw)[before.end : end], before.crc), rest, before.rooms)


def _packed(rows: text.Table) -> text.Table:
    with suppress(UnicodeEncodeError):
        return replace(rows, file_id=rows.file_id.astype(np.bytes_))
    return rows


def _first(table: text.Table) -> int:
    return int(table.time[0].astype(np.int64)) if table.time.size else np.iinfo(np.int64).max


def _dataset(tables: list[text.Table], refused: list[str]) -> xr.Dataset:
    """One dataset of all tables, each after the one before; what one lacks is missing there (flag 9)."""
    total: Counter[str] = Counter()
    for table in tables:
        total += table.bad
    variables: dict[str, Any] = {"file_id": ("time", _join([t.file_id for t in tables], np.str_))}
    for name in _union(table.values for table in tables):
        values = [t.values.get(name, np.full(t.time.shape, np.nan)) for t in tables]
        flags = [t.flags.get(name, np.full(t.time.shape, MISSING, dtype=np.int8)) for t in tables]
        variables[name] = ("time", _join(values, np.float64), {"ancillary_variables": f"{name}_qc"})
        variables[f"{name}_qc"] = ("time", _join(flags, np.int8), {"long_name": f"quality of {name}", **QC_ATTRS})
    for name in _union(table.text for table in tables):
        cells = [t.text.get(name, np.full(t.time.shape, "", dtype=np.str_)) for t in tables]
        variables[name] = ("time", _join(cells, np.str_))
    attrs = {
        "Conventions": "CF-1.11",
        "rows": sum(table.time.size for table in tables),
        "bad": "\n".join(f"{reason}: {n}" for reason, n in sorted(total.items())),
        "refused": "\n".join(refused),
    }
    return describe(xr.Dataset(variables, {"time": ("time", _join([t.time for t in tables], "datetime64[ns]"))}, attrs))


def _union(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _join(parts: list[npt.NDArray[Any]], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def write_sfl(
    path: str | PathLike[str], columns: xr.Dataset | Mapping[str, npt.ArrayLike], *, append: bool = False
) -> None:
    """Write the 12 curated SFL columns, tab-separated; numbers to six decimals, missing as ``NA``.

    Parameters
    ----------
    path : path-like
        Folders are made. Without `append` the file appears whole or not at all.
    columns : xarray.Dataset or mapping of str to array_like
        Canonical names (the values of `CURATED`); ``file_id`` and ``time`` (UTC) are needed, others become NA.
    append : bool
        Add the lines in one write to a file that may exist already, without a second header.

    Raises
    ------
    ValueError
        When ``file_id`` or ``time`` is missing or lengths differ.
    """
    if "file_id" not in columns or "time" not in columns:
        raise ValueError("an SFL needs file_id and time")
    times = np.atleast_1d(np.asarray(columns["time"], dtype="datetime64[s]"))
    cells = [_cells(columns, name, times) for name in CURATED.values()]
    if any(len(column) != len(times) for column in cells):
        raise ValueError(f"SFL columns differ in length: {[len(column) for column in cells]}")
    lines = "".join("\t".join(row) + "\n" for row in zip(*cells, strict=True))
    target = fspath(path)
    folder, base = os.path.split(target)
    os.makedirs(folder or ".", exist_ok=True)
    header = "\t".join(CURATED) + "\n"
    if append:
        with open(target, "a", encoding="ascii") as file:
            file.write(lines if file.tell() else header + lines)
        return
    temp = os.path.join(folder, f".{base}.{os.getpid()}")
    with open(temp, "w", encoding="ascii") as file:
        file.write(header + lines)
    os.replace(temp, target)


def _cells(columns: Any, name: str, times: npt.NDArray[np.datetime64]) -> list[str]:
    if name == "time":
        return [f"{text}+00:00" for text in np.datetime_as_string(times)]
    if name not in columns:
        return ["NA"] * len(times)
    values = np.atleast_1d(np.asarray(columns[name]))
    if name == "file_id":
        return [str(value) for value in values]
    return ["NA" if value != value else repr(round(float(value), 6)) for value in values]
