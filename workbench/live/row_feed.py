"""The newest of a source of rows along time: positions, water, the instrument's own numbers.

    feed.variables                                   numeric variables that can be drawn
    feed.series("par", window, points=1500)          Dataset(time; par, par_min, par_max)
    feed.track(window, points=4000)                  Dataset(time; latitude, longitude); NaN where the line breaks
    feed.value("stream_pressure", "last", over, at)  (number or NaN, time of the newest row used or NaT)

All three take ``wait=False`` on a page: what needs the files themselves is then read in the background, something
coarser (or nothing) is given meanwhile, and `Feeds` tells its subscribers when the rest has come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.angles import is_angle
from workbench.core.errors import suggest
from workbench.core.window import ALWAYS, Window
from workbench.live.feed import Feed
from workbench.live.legs import Line, sail, thin
from workbench.live.readings import Readings
from workbench.live.reductions import reduce_bins, reduce_values
from workbench.live.rows import Rows
from workbench.live.tail import Tail
from workbench.raster.envelope import envelope

if TYPE_CHECKING:
    from workbench.catalog.source import Source

#: Rows read from the files for one question.
MOST = 200_000
#: Answers remembered: tabs that look at the same share them.
ANSWERS = 64
_NAT = np.datetime64("NaT", "ns")
_TICK = np.timedelta64(1, "ns")

Times = npt.NDArray[np.datetime64]
Columns = dict[str, npt.NDArray[Any]]


class RowFeed(Feed):
    """The newest of one source of rows; see the top of this file.

    Parameters
    ----------
    source : Source
    within : Window
        Times that can be: rows outside are left out.
    """

    def __init__(self, source: Source, within: Window = ALWAYS) -> None:
        super().__init__(source)
        self._within = within
        self._kept = Rows(within)
        self._generation = 0
        self._readings = Readings(source, self._detailed)
        self._answers: dict[tuple[Any, ...], xr.Dataset] = {}
        self._answers_of: tuple[int, int, int] | None = None  # the state that they answer from

    # what there is

    @property
    def rows(self) -> int:
        return self._kept.rows

    @property
    def outside(self) -> int:
        """Rows left out because their time cannot be."""
        return self._kept.outside

    @property
    def rewritten(self) -> tuple[int, int]:
        return self._generation, self._kept.late

    @property
    def span(self) -> Window | None:
        return self._kept.span

    @property
    def step(self) -> np.timedelta64 | None:
        with self._kept.lock:
            last = np.unique(self._kept.tail.time[-400:])
        return np.timedelta64(int(np.median(np.diff(last))), "ns") if len(last) > 2 else None

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the numeric variables: those seen, else those the reader provides."""
        if self._kept.names:
            return self._kept.names
        specs = self.specs.items()
        return tuple(name for name, spec in specs if spec.dtype not in ("str", "datetime64[ns]") and name != "time")

    def series(self, variable: str, window: Window, points: int = 1500, *, wait: bool = True) -> xr.Dataset:
        """One variable against time, in at most about `points` points.

        Parameters
        ----------
        variable : str
        window : Window
        points : int
        wait : bool
            False: never read files now (see the top of this file).

        Returns
        -------
        xarray.Dataset
            dim time; `variable` (the value itself, or the mean of a bin: of angles that go round, the last),
            ``<variable>_min``, ``<variable>_max``; float64. Missing values are left out; nothing in the window gives no
            rows.

        Raises
        ------
        KeyError
            When there is no such variable; the nearest is told.
        """
        self._check(variable)
        key = "series", variable, window, points, wait
        return self._remembered(key, lambda: self._series(variable, window, points, wait))

    def _series(self, variable: str, window: Window, points: int, wait: bool) -> xr.Dataset:
        kept = self._kept  # once: a restart puts others in their place
        found = self._found(kept, (variable,), window, points, wait)
        if found is None:
            bins = kept.overview(variable).bins(variable, window.start, window.stop, points)
            time = np.where(bins["count"] == 1, bins["when"], bins["time"])
        else:
            bins = envelope(found[0], found[1][variable], points)
            time = bins["time"]
        data = {
            variable: bins["last" if self._angle(variable) else "mean"],
            f"{variable}_min": bins["min"],
            f"{variable}_max": bins["max"],
        }
        return self._described(data, time)

    def track(self, window: Window, points: int = 4000, *, wait: bool = True) -> xr.Dataset:
        """Positions in order of time: measured ones, never averages; spikes left out.

        Returns
        -------
        xarray.Dataset
            dim time; latitude, longitude (degrees, float64). Where no line should be drawn (a gap over 4 minutes) a
            row of NaN stands between.
        """
        return self._remembered(("track", window, points, wait), lambda: self._track(window, points, wait))

    def _track(self, window: Window, points: int, wait: bool) -> xr.Dataset:
        names = ("latitude", "longitude")
        if not set(names) <= set(self.variables):
            return self._described(dict.fromkeys(names, np.empty(0)), np.empty(0, "M8[ns]"))
        kept = self._kept
        found = self._found(kept, names, window, points, wait)
        if found is None:
            track = thin(self._binned_track(kept, window, 2 * points), points)
        else:
            track = thin(sail(found[0], found[1]["latitude"], found[1]["longitude"]), points)
        columns: Columns = {"time": track.time, "latitude": track.latitude, "longitude": track.longitude}
        middle = track.time[track.cuts - 1] + (track.time[track.cuts] - track.time[track.cuts - 1]) // 2
        for name, values in columns.items():
            columns[name] = np.insert(values, track.cuts, middle if name == "time" else np.nan)
        return self._described({name: columns[name] for name in names}, columns["time"])

    def value(
        self, variable: str, reduce: str, over: np.timedelta64, at: np.datetime64, *, wait: bool = True
    ) -> tuple[float, np.datetime64]:
        """One number of the rows with ``at - over <= time <= at``.

        Parameters
        ----------
        variable : str
        reduce : {"last", "mean", "median", "min", "max", "sum", "count"}
            Mean and median of angles go the short way round.
        over : numpy.timedelta64
        at : numpy.datetime64[ns]
        wait : bool
            As for `series`.

        Returns
        -------
        float
            NaN when no row in that time has a value.
        numpy.datetime64[ns]
            Time of the newest row used; NaT when there is none.
        """
        self._check(variable)
        window, kept = Window(at - over, at + _TICK), self._kept
        found = self._found(kept, (variable,), window, MOST, wait)
        if found is None:
            return reduce_bins(reduce, kept.overview(variable).bins(variable, *window), angles=self._angle(variable))
        time, values = found[0], found[1][variable]
        good = np.isfinite(values)
        if not good.any():
            return float("nan"), _NAT
        return reduce_values(reduce, values[good], angles=self._angle(variable)), time[good][-1]

    def close(self) -> None:
        """Wait for what is being read in the background."""
        self._readings.close()

    # where the answer comes from

    def _found(
        self, kept: Rows, names: tuple[str, ...], window: Window, points: int, wait: bool
    ) -> tuple[Times, Columns] | None:
        """The rows themselves, when bins would be too coarse; None when the bins are to be taken."""
        with kept.lock:
            span = kept.span
            if span is None or not (window & span) or not set(names) <= set(kept.names):
                return np.empty(0, "M8[ns]"), {name: np.empty(0) for name in names}
            tail = kept.tail
            if not tail.dropped or tail.time[0] <= window.start.astype(np.int64):
                return self._from_tail(tail, names, window)
        if self._resolved(kept, names[0], window & span, points):
            return None
        mark = self._generation, kept.rows if window.stop > kept.last else kept.late
        return self._readings.get(names, window, mark, wait=wait)

    def _from_tail(self, tail: Tail, names: tuple[str, ...], window: Window) -> tuple[Times, Columns]:
        ends = np.array([*window]).astype("datetime64[ns]").astype(np.int64)
        a, b = np.searchsorted(tail.time, ends)
        nothing = np.full(max(0, b - a), np.nan)
        have = {name: tail.column(name)[a:b].astype(float) if name in tail.names else nothing for name in names}
        return tail.time[a:b].view("M8[ns]"), have

    def _resolved(self, kept: Rows, name: str, window: Window, points: int) -> bool:
        """Are the bins fine enough, or the rows too many to read?"""
        overview = kept.overview(name)
        bins = overview.bins(name, *window)
        if not len(bins["width"]) or bins["width"][0] * points <= 2 * (window.stop - window.start):
            return True
        whole = overview.bins(name, *(kept.span or window))["count"].sum()
        return bool(bins["count"].sum() / max(1, whole) * kept.rows > MOST)

    def _remembered(self, key: tuple[Any, ...], make: Callable[[], xr.Dataset]) -> xr.Dataset:
        """What was answered to the same question since anything changed."""
        state = self._generation, self._kept.rows, self.detail
        with self._lock:
            if self._answers_of != state:
                self._answers.clear()
                self._answers_of = state
            if key in self._answers:
                return self._answers[key].copy()
        answer = make()
        with self._lock:
            if self._answers_of == state and len(self._answers) < ANSWERS:
                self._answers[key] = answer
        return answer.copy()

    def _binned_track(self, kept: Rows, window: Window, points: int) -> Line:
        """The last position of each bin."""
        a: Columns = dict(kept.overview("latitude").bins("latitude", window.start, window.stop, points))
        b: Columns = dict(kept.overview("longitude").bins("longitude", window.start, window.stop, points))
        when, i, j = np.intersect1d(a["when"], b["when"], return_indices=True)
        return sail(when, a["last"][i], b["last"][j], a["width"][0] if len(when) else np.timedelta64(0, "ns"))

    def _described(self, data: Columns, time: Times) -> xr.Dataset:
        specs = self.specs
        known = {name: specs.get(name.removesuffix("_min").removesuffix("_max")) for name in data}
        variables = {n: ("time", v, spec.attrs() if (spec := known[n]) else {}) for n, v in data.items()}
        return xr.Dataset(variables, {"time": ("time", time)})

    def _angle(self, variable: str) -> bool:
        spec = self.specs.get(variable)
        return is_angle(variable, spec.attrs() if spec else {})

    def _check(self, variable: str) -> None:
        if variable not in self.variables:
            raise KeyError(f"'{self.name}' has no variable '{variable}'. {suggest(variable, self.variables)}")

    # what Feed asks for

    def _dataset(self) -> xr.Dataset:
        with self._kept.lock:
            return self._kept.tail.dataset()

    def _seen(self, new: xr.Dataset) -> set[str]:
        return {*super()._seen(new), *self._kept.names}  # of a population, a name of its own

    def _restart(self, new: xr.Dataset) -> None:
        kept = Rows(self._within)
        kept.take(new)
        with self._lock:
            self._kept = kept
            self._generation += 1

    def _take(self, new: xr.Dataset) -> bool:
        if new.attrs.get("replaces"):
            return False
        self._kept.take(new)
        return True
