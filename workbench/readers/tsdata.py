"""TSDATA: tables of time series with seven header lines, as the ship's feeds are kept for SeaFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.units import convert
from workbench.core.variables import MISSING, QC_ATTRS, VARIABLES, VariableSpec, labelled
from workbench.readers import lines
from workbench.readers import paths as locate
from workbench.readers import tsdata_text as text
from workbench.readers.kept import Kept
from workbench.readers.reader import Reader, window_of, without
from workbench.readers.tsdata_columns import CANONICAL, Table, named
from workbench.readers.tsdata_text import Header

_PIECE = 1 << 24
#: Rows of a file up to so long are kept when only its first and last time is asked for.
_LONG = 1 << 25


class Tsdata(Reader):
    """TSDATA tables: seven header lines, then tab-separated rows with a time each.

    A dataset along ``time`` (UTC), rows in the order of their lines (the format does not ask for an order). Columns
    whose name and unit say so become canonical variables in canonical units; the others keep name and unit. Numbers,
    whole numbers and booleans (1 and 0) are float64 with NaN for ``NA``; text and category are text with ``""`` for it.
    Each number has a ``<name>_qc`` of QARTOD flags: 1 good, 4 not what the type says (then NaN) or outside what is
    possible (then kept), 9 missing. Lines without a time or with another number of cells are left out. All is counted
    in attr ``bad`` (lines ``reason: n``). With ``strict=True`` the first such cell or line is an error.
    """

    description = "TSDATA: time series with seven header lines"
    provides: ClassVar[tuple[VariableSpec, ...]] = tuple(
        VARIABLES[name] for name in ("time", *dict.fromkeys(CANONICAL.values()))
    )
    patterns: ClassVar[tuple[str, ...]] = ("*.tsdata", "*.tsdata.txt", "*.tab", "*.TSDATA")
    appends: ClassVar[bool] = True
    head: ClassVar[int] = text.HEADER
    fixed: ClassVar[bool] = False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        strict: bool = False,
    ) -> xr.Dataset:
        """Open files, folders, globs or lists of them; only rows with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        strict : bool
            Raise at the first bad cell or line instead of flagging or leaving it out.

        Returns
        -------
        xarray.Dataset
            In memory. Of several files, rows follow each other by the files' first times; what one lacks is missing.

        Raises
        ------
        ReaderError
            When the one file named is no TSDATA, or a path does not exist; when `strict`, with line and column.
        """
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        tables, refused = found.each(lambda path: (path, _table(path, strict)))
        tables.sort(key=lambda item: (_first(item[1]), item[0]))
        window = window_of(start, stop)
        ds = _dataset([table for _, table in tables], refused)
        inside = window.contains(ds["time"].values)
        ds = ds if inside.all() else ds.isel(time=inside)
        ds.attrs["rows"] = ds.sizes["time"]
        return without(ds, drop_variables)

    def complete(self, path: str | PathLike[str]) -> int:
        """Bytes up to the last newline; 0 while the header is not whole."""
        try:
            return max(lines.whole(path), _header(path).end)
        except ReaderError:
            return 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """Earliest and latest time in one file; NaT when it holds no rows."""
        head, nat = _header(path), np.datetime64("NaT", "ns")
        stop = max(lines.whole(path), head.end)
        if stop <= _LONG:
            time = _table(path, False).time
        else:  # rows of a long file are not kept for two times
            pieces = [group[0] for group in lines.stretches([(fspath(path), head.end, stop)], _PIECE // 4)]
            some = [_read(path, head, begin, False, end).time for _, begin, end in pieces]
            time = np.array([edge for each in some if each.size for edge in (each.min(), each.max())], "datetime64[ns]")
        return (time.min(), time.max()) if time.size else (nat, nat)

    def heads(self, lines: Sequence[bytes], *, due: bool) -> bool | None:
        """Whether lines are a header: one line of what it is, not a row's cells, and six more that fit each other."""
        if b"\t" in lines[0] or len(lines) < self.head:
            return None if b"\t" not in lines[0] else False
        try:
            text.header("", b"\n".join(lines) + b"\n")
        except ReaderError:
            return False
        return True

    def stretches(
        self, filename_or_obj: Any, size: int, rows: int, *, start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None, strict: bool = False,
    ) -> list[Callable[[], xr.Dataset]] | None:  # fmt: skip
        """What opens some lines at a time; None with `strict`, which judges whole files."""
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        if strict:
            return None
        opened, refused = found.each(lambda path: _beginning(path, size))
        window = window_of(start, stop)
        opened.sort(key=lambda item: item[:2])
        heads = {path: head for _, path, head, _ in opened}
        blanks = {
            repr(replace(head, end=0)): _read(path, head, head.end, False, head.end) for path, head in heads.items()
        }
        groups = lines.stretches([(path, head.end, end) for _, path, head, end in opened], size)

        def some(at: int) -> xr.Dataset:
            tables = [_read(path, heads[path], begin, False, end) for path, begin, end in groups[at]]
            ds = _dataset([*blanks.values(), *tables], [] if at else refused)
            ds = ds.isel(time=window.contains(ds["time"].values))
            return ds.assign_attrs(rows=ds.sizes["time"])

        return [partial(some, at) for at in range(len(groups))] or None

    def rows_from(self, path: str | PathLike[str], offset: int, *, strict: bool = False) -> tuple[xr.Dataset, int]:
        """Rows of the whole lines from byte `offset` on, and the byte after the last of them.

        Raises
        ------
        ReaderError
            When the header is broken or not whole, or when `strict`, with line (counted from `offset`) and column.
        """
        table = _read(path, _header(path), offset, strict)
        return _dataset([table], []), table.end


_KEPT: Kept[Table] = Kept(256 << 20)


def _table(path: str | PathLike[str], strict: bool) -> Table:
    return _KEPT.get(path, strict, lambda _: _read(path, _header(path), 0, strict))


def _header(path: str | PathLike[str]) -> Header:
    try:
        with open(path, "rb") as file:
            return text.header(path, file.read(text.MOST))
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error


def _beginning(path: str, size: int) -> tuple[int, str, Header, int]:
    """Of one file: the time of its first row, its path, its header, and where its last whole line ends."""
    head = _header(path)
    end = max(lines.whole(path), head.end)
    for group in lines.stretches([(path, head.end, end)], size):
        table = _read(path, head, group[0][1], False, group[0][2])
        if table.time.size:
            return _first(table), path, head, end
    return np.iinfo(np.int64).max, path, head, end


def _read(
    path: str | PathLike[str], head: Header, offset: int, strict: bool, stop: int | None = None
) -> Table:  # fmt: skip
    """The whole lines from byte `offset` on (the header's are skipped), up to byte `stop`."""
    begin = max(offset, head.end)
    stop = max(lines.whole(path), begin) if stop is None else stop
    parts, bad, number = [], Counter[str](), text.HEADER + 1
    for buffer, length, _ in lines.blocks(path, begin, stop, _PIECE):
        raw = buffer[:length].tobytes()
        rows = text.parse(path, head, raw, first=number, strict=strict)
        number += raw.count(b"\n") + (length == 0)
        bad += rows.bad + Counter({"line is longer than 16 MB": int(length == 0)})
        parts.append(rows)
    parts = parts or [text.parse(path, head, b"")]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in head.names}
    flags = {name: np.concatenate([part.flags[name] for part in parts]) for name in parts[0].flags}
    return named(fspath(path), head, columns, flags, bad, stop)


def _first(table: Table) -> int:
    return int(table.time[0].astype(np.int64)) if table.time.size else np.iinfo(np.int64).max


def _dataset(tables: list[Table], refused: list[str]) -> xr.Dataset:
    """One dataset of all tables, each after the one before; what one lacks is missing there (flag 9)."""
    variables: dict[str, Any] = {}
    for name in dict.fromkeys(name for table in tables for name in table.columns):
        attrs = next(table.attrs[name] for table in tables if name in table.attrs)
        variables[name] = ("time", np.concatenate([_column(table, name, attrs) for table in tables]), attrs)
    for name in dict.fromkeys(name for table in tables for name in table.flags if f"{name}_qc" not in variables):
        flags = [table.flags.get(name, np.full(table.time.shape, MISSING, np.int8)) for table in tables]
        variables[f"{name}_qc"] = ("time", np.concatenate(flags), {"long_name": f"quality of {name}", **QC_ATTRS})
    time = np.concatenate([table.time for table in tables]) if tables else np.empty(0, "datetime64[ns]")
    bad = sum((table.bad for table in tables), Counter[str]())
    said = {
        key: "; ".join(dict.fromkeys(getattr(table.head, key) for table in tables))
        for key in ("file_type", "project", "description")
    }
    attrs = {
        "Conventions": "CF-1.11", **said, "rows": len(time),
        "bad": "\n".join(f"{reason}: {n}" for reason, n in sorted(bad.items())),
        "refused": "\n".join(refused),
    }  # fmt: skip
    return labelled(xr.Dataset(variables, {"time": ("time", time, VARIABLES["time"].attrs())}, attrs))


def _column(table: Table, name: str, attrs: dict[str, Any]) -> npt.NDArray[Any]:
    """A column as the first table that has it describes it; missing where this one has none."""
    kind, unit = attrs["tsdata_type"], attrs.get("units", "")
    if name not in table.columns:
        missing = {"time": np.datetime64("NaT", "ns"), "text": "", "category": ""}.get(kind, np.nan)
        return np.full(table.time.shape, missing, dtype=object if missing == "" else None)
    own = table.attrs[name]
    if own["tsdata_type"] != kind and {own["tsdata_type"], kind} & {"time", "text", "category"}:
        raise ReaderError(
            table.path, f"column '{name}' is of another type than before", expected=kind, found=own["tsdata_type"]
        )
    if own.get("units", "") == unit:
        return table.columns[name]
    try:
        return convert(table.columns[name], own.get("units", ""), unit)
    except WorkbenchError as error:
        hint = "Open files whose columns differ on their own"
        raise ReaderError(table.path, f"column '{name}' is in another unit than before ({error})", hint=hint) from error
