"""What the readers of hourly OPP and VCT files share: many hours as one lazy dataset of particles."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.filters import QUANTILES
from workbench.core.sizes import COLUMNS
from workbench.core.variables import FILE, PARTICLE, VARIABLES, VariableSpec
from workbench.core.window import Window
from workbench.readers import paths as locate
from workbench.readers import seaflow_hours as hours
from workbench.readers import sequence
from workbench.readers.reader import Paths, Reader, window_of
from workbench.readers.seaflow_hourly import CHANNELS

_DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")


def _spec(name: str, dtype: str, unit: str, label: str, dims: tuple[str, ...] = PARTICLE) -> VariableSpec:
    return VariableSpec(name, dims, dtype, unit, None, label)


_SIZES = {"diam": ("um", "diameter"), "Qc": ("pg", "carbon per cell")}
_FILES = (
    VARIABLES["time"], VARIABLES["file_id"], VARIABLES["row_size"],
    _spec("filter_id", "str", "", "filter parameters", FILE),
)  # fmt: skip
OPP = (
    *_FILES,
    *(_spec(name, "float64", "1", VARIABLES[name].long_name) for name in CHANNELS),
    *(_spec(f"q{q:g}", "bool", "", f"focused, quantile {q:g}") for q in QUANTILES),
)
VCT = (
    *OPP, _spec("gating_id", "str", "", "gating parameters", FILE),
    *(
        _spec(f"{name}_q{q:g}", "float64", _SIZES[name.split("_")[0]][0], f"{_SIZES[name.split('_')[0]][1]}, {name}, quantile {q:g}")
        for q in QUANTILES for name in COLUMNS
    ),
    *(_spec(f"pop_q{q:g}", "str", "", f"population, quantile {q:g}") for q in QUANTILES),
    *(_spec(name, "float64", unit, label) for name, (unit, label) in _SIZES.items()),
    _spec("pop", "str", "", "population"),
)  # fmt: skip


class Particles(Reader):
    """Hourly particles: a base, not an engine."""

    #: Columns without which a file is none of this kind; one of each group is enough.
    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    appends: ClassVar[bool] = False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
    ) -> xr.Dataset:
        """Open hourly files, folders, globs or lists of them; only EVT files with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional

        Returns
        -------
        xarray.Dataset
            Lazy: of each hour, a column is read when it is asked for.

        Raises
        ------
        ReaderError
            When the one file named is broken, or a path does not exist.
        """
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        window = window_of(start, stop)
        near = tuple(path for path in found.paths if found.alone or not _far(path, window))
        opened, refused = replace(found, paths=near).each(self._probe)
        opened.sort(key=lambda hour: (_first(hour), hour.path))
        specs = {spec.name: spec for spec in self.provides}
        dropped = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        return _dataset(opened, window, specs, refused, dropped)

    def complete(self, path: str | PathLike[str]) -> int:
        """The size of the file when it can be read, else 0."""
        try:
            return self._probe(fspath(path)).end
        except ReaderError:
            return 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """Earliest and latest time of its EVT files; NaT twice when it holds none."""
        time = self._probe(fspath(path)).time
        nat = np.datetime64("NaT", "ns")
        return (time.min(), time.max()) if time.size else (nat, nat)

    def columns(self, path: str | PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Columns of the particles of one file, read at once."""
        return hours.read(self._probe(fspath(path)), names)

    def files(self, named: Paths) -> list[Path]:
        """The files behind `named` in the order of their hours; only a file with a name of its own is opened."""
        found = locate.find(named, locate.matcher(self.patterns)).paths
        return [Path(path) for _, path in sorted((self._order(path), path) for path in found)]

    def _order(self, path: str) -> int:
        hour = hours.hour_of(path)
        return int(hour.astype(np.int64)) if hour is not None else self._first(path)

    def _probe(self, path: str) -> hours.Hour:
        hour = hours.probe(path)
        for group in self.needs:
            if not set(group) & set(hour.columns):
                raise ReaderError(
                    path, f"not {self.description}", expected=f"a column '{group[0]}'",
                    found=", ".join(hour.columns[:8]) or "none of its columns",
                )  # fmt: skip
        return hour


def _far(path: str, window: Window) -> bool:
    """True for an hour that lies more than a day outside, by its name: it need not be opened."""
    hour = hours.hour_of(path)
    if hour is None:
        return False
    return bool(hour + 2 * _DAY < window.start or (hour - _DAY > window.stop))


def _first(hour: hours.Hour) -> int:
    return int(hour.time[0].astype(np.int64)) if hour.time.size else np.iinfo(np.int64).max


def _dataset(
    opened: list[hours.Hour], window: Window, specs: dict[str, VariableSpec], refused: list[str], dropped: set[str]
) -> xr.Dataset:
    chosen = [window.contains(hour.time) for hour in opened]
    time = _join([hour.time[take] for hour, take in zip(opened, chosen, strict=True)], "datetime64[ns]")
    row_size = _join([hour.row_size[take] for hour, take in zip(opened, chosen, strict=True)], np.int64)
    variables: dict[str, Any] = {}
    held = [set(hour.columns) | hour.named for hour in opened]
    everything = set.union(*held) if held else set(specs)
    common = set.intersection(*held) if held else everything
    for name in (n for n in hours.IDS if n in specs and n in common and n not in dropped):
        ids = hours.ids(name, opened, chosen, time)
        attrs = specs[name].attrs() | ({"cf_role": "trajectory_id"} if name == "file_id" else {})
        variables[name] = ("file", ids, attrs)
    variables["row_size"] = ("file", row_size, {**specs["row_size"].attrs(), "sample_dimension": "particle"})
    files = HourFiles(opened, chosen)
    split = sequence.chunks(files.sizes)
    for name in (n for n in hours.KINDS if n in specs and n in common):
        attrs = specs[name].attrs() | ({"scale": "linear"} if name in CHANNELS else {})
        dtype = hours.DTYPES[hours.KINDS[name]]
        variables[name] = sequence.variable("particle", files, name, files.sizes, dtype, attrs, split)
    about = {
        "Conventions": "CF-1.11",
        "left_out": ", ".join(name for name in specs if name in everything - common),
        "undated": int(np.isnat(time).sum()),
        "refused": "\n".join(refused),
    }
    coords = {"time": ("file", time, specs["time"].attrs())}
    ds = xr.Dataset({name: var for name, var in variables.items() if name not in dropped}, coords, about)
    return ds.drop_vars([name for name in dropped if name in ds.coords])


def _join(parts: list[npt.NDArray[Any]], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


class HourFiles:
    """The hours behind one dataset, and which EVT files of each are inside the window."""

    def __init__(self, opened: Sequence[hours.Hour], chosen: Sequence[npt.NDArray[np.bool_]]) -> None:
        self.opened = list(opened)
        self.chosen = list(chosen)
        kept = [int(hour.row_size[take].sum()) for hour, take in zip(opened, chosen, strict=True)]
        self.sizes = np.array(kept, dtype=np.int64)

    def read(self, index: int, name: str) -> npt.NDArray[Any]:
        """Column `name` of hour `index`: the particles inside the window."""
        hour, take = self.opened[index], self.chosen[index]
        if not os.path.exists(hour.path):
            raise ReaderError(hour.path, "is gone since it was opened")
        values = hours.read(hour, [name])[name]
        return values if take.all() else values[np.repeat(take, hour.row_size)]

    def read_rows(self, index: int, name: str, begin: int, stop: int) -> npt.NDArray[Any]:
        """Some of these particles."""
        hour, take = self.opened[index], self.chosen[index]
        if not os.path.exists(hour.path):
            raise ReaderError(hour.path, "is gone since it was opened")
        ends = np.cumsum(hour.row_size[take])
        runs = np.flatnonzero(take)[np.searchsorted(ends, [begin, stop - 1], side="right")]
        first, last = int(hour.begins[runs[0]]), int(hour.begins[runs[1]] + hour.row_size[runs[1]])
        between = slice(runs[0], runs[1] + 1)
        before = int(
            ends[np.count_nonzero(take[: runs[0]])] - hour.row_size[runs[0]]
        )  # of the particles inside the window
        if take[between].all():
            at = first + begin - before
            return hours.read_rows(hour, name, at, at + stop - begin)
        values = hours.read_rows(hour, name, first, last)[np.repeat(take[between], hour.row_size[between])]
        return values[begin - before : stop - before]
