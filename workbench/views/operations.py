"""The instrument's page: what a cytometer does, file by file, and what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.catalog.declared import OPERATIONS
from workbench.live.feed import Feed
from workbench.views import say
from workbench.views.by_file import ByFile, Floats, curve, held, points
from workbench.views.charts import Chart, Limit
from workbench.views.curves import Columns
from workbench.views.marked import Marked, rows_of
from workbench.views.view import once

#: Set point of the stream pressure, and where somebody must be told, psi.
SET_POINT, LEAST = 12.0, 11.5


@dataclass(frozen=True)
class Curve:
    """A curve: what it needs of one source, and how it is made of it."""

    name: str
    needs: tuple[str, ...]
    make: Callable[..., Floats] = lambda values: values


@dataclass(frozen=True)
class Recipe:
    """A chart: its curves, as far as the sources have what they need."""

    label: str
    unit: str
    curves: tuple[Curve, ...]
    log: bool = False
    limits: tuple[Limit, ...] = ()


def _rate(events: Floats, seconds: Floats) -> Floats:
    return np.divide(events, seconds, out=np.full(events.shape, np.nan), where=seconds > 0)


#: Charts by file. Gains and trigger come from the log.
RECIPES: Mapping[str, Recipe] = {
    "event_rate": Recipe(
        "Event rate", "s-1",
        (Curve("reported", ("event_rate",)), Curve("counted", ("all_count", "file_duration"), _rate)),
    ),
    "counts": Recipe(
        "Events and OPP", "1", (Curve("events", ("evt_count",)), Curve("OPP", ("opp_count",))), log=True,
    ),
    "opp_evt_ratio": Recipe("OPP/EVT ratio", "1", (Curve("ratio", ("opp_evt_ratio",)),)),
    "left_out": Recipe(
        "Saturated and noise", "1",
        (Curve("saturated", ("saturated_count",)), Curve("noise", ("noise_count",))), log=True,
    ),
    "stream_pressure": Recipe(
        "Stream pressure", "psi", (Curve("pressure", ("stream_pressure",)),),
        limits=(Limit(SET_POINT), Limit(LEAST, alarm=True)),
    ),
    "background": Recipe("Background", "percent", (Curve("background", ("background",)),)),
    "volume": Recipe("Volume", "uL", (Curve("volume", ("volume",)),)),
    "drift": Recipe(
        "Bead drift", "percent",
        (Curve("D1", ("D1_drift",)), Curve("D2", ("D2_drift",)), Curve("FSC", ("fsc_small_drift",))),
        limits=(Limit(0.0),),
    ),
}  # fmt: skip
#: Charts of the log: the kinds of events that each shows.
SETTINGS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "gains": ("PMT gains", tuple(f"PMT{i}" for i in range(1, 9))),
    "trigger": ("Trigger level", ("trigger_level",)),
}
_COUNTED = {"counts", "opp_evt_ratio", "background", "volume"}
#: What a chart would need, where it is not drawn.
NEEDS = {
    "drift": "Bead drift needs a source with product: bead_drift.",
    "log": "PMT gains, trigger, faults and pauses need the instrument's log: a source with reader: seaflow_log.",
    "counts": "Counts, OPP/EVT ratio, background and volume need a source with product: seaflow.",
}


class Operations(Marked):
    """How the cytometer is: event rate, counts, pressure, background, bead drift, gains, with faults and flags on each."""

    options: ClassVar[Mapping[str, str]] = {
        "charts": f"list of {', '.join(OPERATIONS)}; all that can be drawn unless told",
        "log": "source that is the instrument's log", "drift": "source of the bead drift",
        "night": "SOURCE.VARIABLE of PAR, for night bands", "title": "head line of the card",
    }  # fmt: skip
    headline = "Operations"

    def __init__(
        self, data: Any, source: str | None = None, *, charts: Sequence[str] | None = None, log: str | None = None,
        drift: str | None = None, night: str | None = None, title: str | None = None, marks: Any = None,
    ) -> None:  # fmt: skip
        """As for `View`; the others as in `options`, `marks` gives the notes to mark."""
        super().__init__(data, source, log=log, night=night, title=title, marks=marks)
        self._wanted, self._drift = tuple(charts or OPERATIONS), drift

    def _charts(self) -> list[Chart]:
        made = (self._setting(key) if key in SETTINGS else self._by_file(key) for key in self._wanted)
        return [chart for chart in made if chart is not None]

    def _missing(self) -> list[str]:
        """What is not drawn because nothing in the catalog tells it."""
        there = {chart.key for chart in self._charts()}
        lacking = set(self._wanted) - there
        lacks = [NEEDS["counts"]] if lacking & _COUNTED and self._has(("opp_evt_ratio",)) is None else []
        lacks += [NEEDS["drift"]] if "drift" in lacking else []
        lacks += [NEEDS["log"]] if not self.log and lacking & set(SETTINGS) else []
        return lacks

    # charts by file

    def _by_file(self, key: str) -> Chart | None:
        recipe = RECIPES[key]
        found = [(one, feed) for one in recipe.curves if (feed := self._has(one.needs)) is not None]
        if not found:
            return None
        curves = {one.name: self._curve(key, one, feed) for one, feed in found}
        unit = say.unit(recipe.unit)
        hollow = self._hollow(key, *found[0])
        return Chart(key, recipe.label, "" if unit == "1" else unit, curves, hollow, recipe.log, self._limits(recipe))

    def _limits(self, recipe: Recipe) -> Sequence[Limit]:
        """Of the stream pressure, the least that the catalog expects, where it says so."""
        if recipe.label != "Stream pressure":
            return recipe.limits
        watched = (
            kpi for kpi in self.feeds.cruise.kpis.values() if kpi.variable == "stream_pressure" and kpi.like_rows
        )
        low = next((kpi.expect[0] for kpi in watched if kpi.expect and kpi.unit in (None, "psi")), LEAST)
        return (Limit(SET_POINT), Limit(low if np.isfinite(low) else LEAST, alarm=True))

    def _sources(self) -> Iterator[Feed]:
        first = [self.source, *([self._drift] if self._drift else [])]
        for name in dict.fromkeys([*first, *self.feeds]):
            if name in self.feeds and name != self.log:
                yield self.feeds[name]

    def _has(self, needs: Sequence[str]) -> Feed | None:
        """The first source that has all of these; particles count as files with their events."""
        for feed in self._sources():
            if set(needs) <= set(getattr(feed, "variables", ())):
                return feed
        return None

    def _values(self, one: Curve, feed: Feed) -> tuple[ByFile, Floats]:
        self._used.add(feed.name)
        rows = rows_of(feed)
        key = "values", one.name, one.needs
        return rows, once(feed, key, lambda: np.asarray(one.make(*(rows.column(name) for name in one.needs))))

    def _curve(self, key: str, one: Curve, feed: Feed) -> Columns:
        """Without the files that were taken out; made again only when other rows are in view."""
        rows, values = self._values(one, feed)
        window, out = self.session.window, tuple(self.out())
        inside = rows.within(window)
        again = ("curve", key, one.name, inside.start, inside.stop, out)
        if inside.start == inside.stop:
            again = (*again, window)  # type: ignore[assignment]
        return once(
            feed,
            again,
            lambda: curve(rows.time, np.where(rows.among(out), np.nan, values), window, usual=feed.source.every),
        )

    def _hollow(self, key: str, one: Curve, feed: Feed) -> Columns:
        rows, values = self._values(one, feed)
        window, out = self.session.window, tuple(self.out())
        inside = rows.within(window)
        again = ("hollow", key, one.name, inside.start, inside.stop, out)
        return once(feed, again, lambda: points(rows.time, values, rows.among(out), window))

    # what was set

    def _setting(self, key: str) -> Chart | None:
        label, kinds = SETTINGS[key]
        if not self.log:
            return None
        feed = self.feeds[self.log]
        events, times, values = once(feed, "settings", lambda: _settings(feed))
        window, end = self.session.window, self.feeds.now()
        last = [span.stop for feed in self.feeds.values() if (span := feed.span) is not None]
        end = min(end, max(last)) if last else end
        found = {}
        for kind in kinds:
            mine = events == kind
            if mine.any():
                found["level" if key == "trigger" else kind] = held(times[mine], values[mine], window, end)
        return Chart(key, label, "", found, levels=True) if found else None


def _settings(feed: Feed) -> tuple[Any, Any, Any]:
    ds = feed.snapshot.dataset
    if "event" not in ds:
        return np.empty(0, str), np.empty(0, "M8[ns]"), np.empty(0)
    return (
        ds["event"].to_numpy().astype(str),
        ds["time"].to_numpy().astype("datetime64[ns]"),
        ds["value"].to_numpy().astype(float),
    )
