"""Rows of a source for a report: all of a short one; of a long one what is shown, read some days at a time.

A month at a row a second is millions of rows. Of such a source only the variables that the report shows are kept, and
of the instrument's clock some rows of each part; what reading takes beside it stays small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from workbench.catalog.cruise import Cruise
from workbench.catalog.export import blocks
from workbench.catalog.source import Source
from workbench.core.window import Window

#: Variables read beside the numbers.
_WORDS = ("time_instrument", "sentence", "file_id")
#: Sources with more rows are long.
MANY = 300_000
#: Rows that are loaded at a time.
PART = 1 << 17
#: Days of a long source, of some files each, that are opened at a time.
DAYS = np.timedelta64(5 * 86_400_000_000_000, "ns")
_TICK = np.timedelta64(1, "ns")
FILES = 24
#: Rows by which a clock is judged, and how many of them follow each other.
CLOCK, RUN = 100_000, 64
#: What chapters of a report show without being asked.
USUAL = (
    "latitude", "longitude", "sea_water_temperature", "salinity", "par", "stream_pressure", "bulk_red", "file_id",
)  # fmt: skip
_BAD = re.compile(r"(?P<why>[^:]+): (?P<count>\d+) \((?P<first>.*)\)\s*")


def shown(cruise: Cruise, source: str) -> set[str]:
    """The variables of a source that the board, its KPIs or a chapter of the report show."""
    names = {*USUAL, *(kpi.variable for kpi in cruise.kpis.values() if kpi.source == source)}
    for item in cruise.board:
        for given in item.options.values():
            for name in [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []:
                owner, dot, variable = str(name).partition(".")
                if dot and owner == source:
                    names.add(variable)
                elif not dot and item.source == source:
                    names.add(owner)
    return names


def rows_of(source: Source, asked: Window, wanted: set[str]) -> tuple[xr.Dataset, xr.Dataset | None]:
    """The rows of a source in memory, in the order of time, and of a long one some to judge its clock by.

    Parameters
    ----------
    source : Source
    asked : Window
    wanted : set of str
        Variables that a long source is kept for.

    Returns
    -------
    rows : xarray.Dataset
        What has populations, or no time, is returned as it is opened.
    clock : xarray.Dataset or None
        ``time``, ``time_instrument`` and, where there is one, ``sentence``.
    """
    windows = _spells(source, asked)
    if windows is None:
        ds = source.open(asked)
        if "population" in ds.dims or "time" not in ds.dims:
            return ds, None
        if ds.sizes["time"] <= MANY:
            return sorted_rows(ds), None
        return _wanted(ds, wanted), _clock(ds)
    parts, clocks, told = [], [], []
    for window in windows:
        ds = source.open(window)
        told.append(ds.attrs)
        parts.append(_wanted(ds, wanted))
        clocks.append(_clock(ds))
        del ds
    twice = [source.open(Window(each.start, each.start + _TICK)).attrs for each in windows[1:]]
    known = [clock for clock in clocks if clock is not None]
    return _end_to_end(parts).assign_attrs(_together(told, twice)), xr.concat(known, "time") if known else None


def sorted_rows(ds: xr.Dataset) -> xr.Dataset:
    """Numbers along time, loaded, in the order of time."""
    found = ds[_numbers(ds)].load()
    time = found["time"].values if "time" in found.variables else np.empty(0, "M8[ns]")
    if (time[1:] < time[:-1]).any() or np.isnat(time).any():
        order = np.argsort(time, kind="stable")
        found = found.isel(time=order[~np.isnat(time[order])])
    return found


def _numbers(ds: xr.Dataset) -> list[str]:
    return [str(n) for n, a in ds.data_vars.items() if a.dims == ("time",) and (a.dtype.kind in "fiu" or n in _WORDS)]


def _spells(source: Source, asked: Window) -> list[Window] | None:
    """Some days at a time, none of whose files reaches into the next; None where all is better opened at once."""
    if source.product or source.listen:
        return None
    span = source.span()
    window = asked & span if span is not None else None
    if not window or window.stop - window.start < 2 * DAYS:
        return None
    first = window.start.astype("M8[D]").astype("M8[ns]")
    edges = np.arange(first + DAYS, window.stop, DAYS)
    ends = [window.start, *edges, window.stop]
    windows = [Window(a, b) for a, b in pairwise(ends)]
    files = [set(map(str, source.files(each))) for each in windows]
    if sum(map(len, files)) < FILES or len(set().union(*files)) < sum(map(len, files)):
        return None
    return windows


def _end_to_end(parts: list[xr.Dataset]) -> xr.Dataset:
    """The rows of these parts, variable by variable, so that hardly anything is in memory twice."""
    attrs = {str(name): array.attrs for name, array in parts[0].variables.items()}
    columns = {name: [part[name].values for part in parts] for name in attrs if all(name in part for part in parts)}
    parts.clear()
    whole = {}
    for name in list(columns):
        whole[name] = ("time", np.concatenate(columns.pop(name)), attrs[name])
    return xr.Dataset({n: v for n, v in whole.items() if n != "time"}, {"time": whole["time"]})


def _wanted(ds: xr.Dataset, wanted: set[str]) -> xr.Dataset:
    """What is wanted of a long source, loaded part by part."""
    ds = ds[[name for name in _numbers(ds) if name in wanted]]
    rows = ds.sizes["time"]
    columns = {name: np.empty(rows, array.dtype) for name, array in ds.variables.items()}
    for start, stop in blocks(ds, "time", PART):
        part = ds.isel(time=slice(start, stop)).load()
        for name, column in columns.items():
            column[start:stop] = part[name].values
    variables = {name: ("time", column, ds[name].attrs) for name, column in columns.items()}
    return sorted_rows(
        xr.Dataset({n: v for n, v in variables.items() if n != "time"}, {"time": variables["time"]}, ds.attrs)
    )


def _clock(ds: xr.Dataset) -> xr.Dataset | None:
    """What a clock is judged by: short runs of rows from all of a long source."""
    names = [name for name in ("time_instrument", "sentence") if name in ds.variables]
    if "time_instrument" not in names:
        return None
    every = max(1, ds.sizes["time"] // CLOCK)
    parts = []
    for start, stop in blocks(ds, "time", PART):
        rows = np.arange(start, stop)
        parts.append(ds[names].isel(time=slice(start, stop)).load().isel(time=np.flatnonzero(rows // RUN % every == 0)))
    return xr.concat(parts, "time")


def _together(told: Sequence[Mapping[str, Any]], twice: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes of parts as the whole would have them: counts added up, less those of files that two parts touched."""
    out: dict[str, Any] = dict(told[0])
    for name in ("rows", "unchecked", "other"):
        if all(isinstance(each.get(name), int | np.integer) for each in told):
            out[name] = sum(int(each[name]) for each in told) - sum(int(each[name]) for each in twice)
    out["refused"] = "\n".join(dict.fromkeys(_lines(told, "refused")))
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for sign, attrs in ((1, told), (-1, twice)):
        for match in filter(None, map(_BAD.fullmatch, _lines(attrs, "bad"))):
            first.setdefault(match["why"], match["first"])
            counts[match["why"]] = counts.get(match["why"], 0) + sign * int(match["count"])
    out["bad"] = "\n".join(f"{why}: {count} ({first[why]})" for why, count in counts.items() if count > 0)
    return out


def _lines(told: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    return [line for attrs in told for line in str(attrs.get(name) or "").splitlines() if line]
