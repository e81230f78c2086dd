"""What a report is about: the rows, particles and events of a cruise in one time range, read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from workbench.catalog.cruise import Cruise
from workbench.catalog.source import Source
from workbench.core.errors import WorkbenchError
from workbench.core.spread import spread
from workbench.core.window import ALWAYS, MAX, MIN, Window
from workbench.record.state import Event, State
from workbench.reports.mosaic import Mosaic, Planes, count
from workbench.reports.reading import rows_of, shown, sorted_rows
from workbench.reports.voyage import way_of

#: Told what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], object]
#: Readers of particles that were chosen among raw ones: not counted, and not missed, twice.
CHOSEN = ("seaflow_opp", "seaflow_vct")
_MONTH = np.timedelta64(30 * 86_400_000_000_000, "ns")
_TICK = np.timedelta64(1, "ns")


@dataclass(frozen=True)
class Content:
    """Everything a report tells.

    Attributes
    ----------
    cruise : Cruise
    window : Window
        With two finite ends.
    rows : mapping of str to xarray.Dataset
        Sources along time, loaded, in order.
    populations : mapping of str to xarray.Dataset
        Sources along time and population, loaded; one quantile of them.
    mosaics : mapping of str to Mosaic
        Particle sources.
    faults : mapping of str to str
        Sources that could not be read, and why.
    events : sequence of Event
    clocks : mapping of str to xarray.Dataset
        Of long sources the times that the instrument told, beside those of receipt: some rows of each part.
    """

    cruise: Cruise
    window: Window
    rows: Mapping[str, xr.Dataset]
    populations: Mapping[str, xr.Dataset] = field(default_factory=dict)
    mosaics: Mapping[str, Mosaic] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[Event] = ()
    clocks: Mapping[str, xr.Dataset] = field(default_factory=dict)
    _ways: dict[str, xr.Dataset] = field(default_factory=dict)

    def way(self, source: str) -> xr.Dataset:
        """The way that the positions of a source tell (`voyage.way_of`), worked out once."""
        if source not in self._ways:
            self._ways[source] = way_of(self.rows[source])
        return self._ways[source]

    def variable(self, name: str) -> tuple[xr.Dataset, str] | None:
        """The dataset and variable behind ``SOURCE.VARIABLE``; None when no row has it."""
        source, _, variable = name.partition(".")
        ds = self.rows.get(source)
        return (ds, variable) if ds is not None and variable in ds.variables else None

    def raw(self) -> dict[str, Mosaic]:
        """Particle sources, without those that were chosen among others where there are others."""
        raw = {name: mosaic for name, mosaic in self.mosaics.items() if self.cruise[name].reader not in CHOSEN}
        return raw or dict(self.mosaics)

    def first(self, *variables: str) -> str | None:
        """The first source that has all of these variables, with values."""
        for name, ds in self.rows.items():
            if all(v in ds.variables and np.isfinite(ds[v].values).any() for v in variables):
                return name
        return None


def gather(
    cruise: Cruise, window: Window = ALWAYS, *, planes: Mapping[str, Planes] | None = None, parts: int = 12,
    progress: Progress = lambda what, done, total: None,
) -> Content:  # fmt: skip
    """Read what a report needs.

    Parameters
    ----------
    cruise : Cruise
    window : Window
        Open sides end where the data end.
    planes : mapping of str to sequence of (x, y), optional
        Axes of the cytograms of each particle source; those of the board unless told.
    parts : int
        Pictures through time.
    progress : callable
    """
    asked = window & _possible(cruise)
    rows: dict[str, xr.Dataset] = {}
    populations: dict[str, xr.Dataset] = {}
    faults: dict[str, str] = {}
    clocks: dict[str, xr.Dataset] = {}
    particles = [name for name, source in cruise.items() if source.is_particles]
    others = [name for name in cruise if name not in particles]
    for i, name in enumerate(others):
        progress(f"reading {name}", i, len(others))
        try:
            ds, clock = rows_of(cruise[name], asked, shown(cruise, name))
            if "population" in ds.dims:
                populations[name] = _one_quantile(ds).load()
                rows[name] = sorted_rows(spread(populations[name]))
            elif "time" in ds.dims:  # what has no time is a parameter
                rows[name] = ds
            if clock is not None:
                clocks[name] = clock
        except (WorkbenchError, OSError) as error:
            faults[name] = str(error)
    mosaics: dict[str, Mosaic] = {}
    ends = _ends(asked, [*rows.values(), *populations.values()], [cruise[name] for name in particles], faults)
    for name in particles:
        if name not in faults:
            wanted = (planes or board_planes(cruise)).get(name, ())
            mosaics[name] = count(cruise[name], ends, wanted, parts, lambda a, b: progress("counting particles", a, b))
            if mosaics[name].fault:
                faults[name] = mosaics[name].fault or ""
    events = State(cruise.folder).events(ends)
    return Content(cruise, ends, rows, populations, mosaics, faults, events, clocks)


def board_planes(cruise: Cruise) -> dict[str, list[tuple[str, str]]]:
    """The axes of the board's cytograms by source; two usual ones for a particle source that the board does not show."""
    found: dict[str, list[tuple[str, str]]] = {}
    for item in cruise.board:
        if item.view == "cytogram" and item.source:
            axes = (str(item.options.get("x", "fsc_small")), str(item.options.get("y", "pe")))
            mine = found.setdefault(item.source, [])
            if axes not in mine:
                mine.append(axes)
    for name, source in cruise.items():
        if source.is_particles and name not in found:
            found[name] = [("fsc_small", "pe"), ("fsc_small", "chl_small")]
    return found


def _possible(cruise: Cruise) -> Window:
    """The times that rows of this cruise can have: a month around it, as far as the catalog says when it was."""
    start = MIN if cruise.start is None else cruise.start - _MONTH
    return Window(start, MAX if cruise.end is None else cruise.end + _MONTH)


def _one_quantile(ds: xr.Dataset) -> xr.Dataset:
    """The middle quantile, where there are several (the filter of small particles has three)."""
    if "quantile" not in ds.dims:
        return ds
    if "quantile" not in ds.variables:
        return ds.isel(quantile=ds.sizes["quantile"] // 2)
    at = int(np.argmin(np.abs(ds["quantile"].values.astype(float) - 50.0)))
    return ds.isel(quantile=at)


def _ends(asked: Window, tables: list[xr.Dataset], sources: list[Source], faults: dict[str, str]) -> Window:
    """The asked window where it is finite, else where the data begin and end."""
    times = [ds["time"].values for ds in tables if ds.sizes.get("time")]
    starts, stops = [t.min() for t in times], [t.max() + _TICK for t in times]
    for source in sources:
        try:
            span = source.span()
        except (WorkbenchError, OSError) as error:
            faults[str(source.name)] = str(error)
            continue
        if span is not None and span & asked:
            starts.append((span & asked).start)
            stops.append((span & asked).stop)
    if not starts:
        raise WorkbenchError(f"there is nothing to report: no source has data in {asked}")
    return Window(max(asked.start, min(starts)), min(asked.stop, max(stops)))
