"""What views of charts with marks share: nights, what happened, the file that is picked, figures kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from workbench.live.feed import Feed
from workbench.live.particle_feed import ParticleFeed
from workbench.live.row_feed import RowFeed
from workbench.products.night import by_sun
from workbench.views import happened as marks_of
from workbench.views import say
from workbench.views.by_file import ByFile, by_file
from workbench.views.charts import Chart, Shared, draw, ends, few, renderer_of
from workbench.views.curves import Columns
from workbench.views.excluded import Out, excluded
from workbench.views.happened import Happened
from workbench.views.populations import night_columns
from workbench.views.renew import renew
from workbench.views.series import POINTS as SERIES_POINTS
from workbench.views.series import Mark, look
from workbench.views.stages import MarkedStage, tell
from workbench.views.view import View, once, split

#: Variables of which one tells a source with a row for each file.
OF_FILES = ("opp_evt_ratio", "opp_count", "all_count", "event_rate")


_EPOCH, _EPOCH_TICK = np.datetime64(0, "ns"), np.timedelta64(1, "ns")
#: Parts of a window that a screen tells apart: a window that moves by less draws the same rows.
_PIXELS = 600


def rows_of(feed: Feed) -> ByFile:
    """The files of a feed, read once for each of its revisions."""
    return once(feed, "by_file", lambda: by_file(feed.snapshot.dataset))


def log_of(feeds: Mapping[str, Feed]) -> str:
    """The source that is an instrument log; empty without one."""
    return next((name for name, feed in feeds.items() if {"event", "value", "message"} <= set(feed.specs)), "")


def file_source(feeds: Mapping[str, Feed]) -> str:
    """The source that says most about each file; empty without one."""
    rows = {name: set(feed.variables) for name, feed in feeds.items() if isinstance(feed, RowFeed)}
    best = max(rows, key=lambda name: sum(v in rows[name] for v in OF_FILES), default="")
    return best if best and rows[best] & set(OF_FILES) else ""


class Marked(View):
    """A base: what `_charts` gives as panels over one time axis, each with the marks of what happened.

    Parameters
    ----------
    log : str, optional
        The source that is the instrument's log.
    night : str, optional
        ``SOURCE.VARIABLE`` of the light.
    marks : callable, optional
        Gives the notes to mark.
    """

    kind: ClassVar[str] = "marked"
    follows: ClassVar[tuple[str, ...]] = ("revision", "file")
    tall: ClassVar[int | None] = 900

    def __init__(
        self, data: Any, source: str | None = None, *, log: str | None = None, night: str | None = None,
        title: str | None = None, marks: Callable[[], Sequence[Mark]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(data, source, title=title)
        self._log, self._night, self._notes = log, night, marks
        #: What all charts have in common.
        self.shared = Shared(self.session.window)
        self.range = self.shared.range
        self._used: set[str] = set()  # sources that charts were made of

    # what subclasses do

    def _charts(self) -> list[Chart]:
        raise NotImplementedError

    def _missing(self) -> list[str]:
        """What is not drawn, and what it would need."""
        return []

    def _told(self, charts: list[Chart]) -> list[str]:
        """What stands below the charts: why nothing new comes, and what is not drawn."""
        fault = self.feed.fault if self.source in self.feeds else None
        if fault:
            return [f"{self.source} cannot be read: {fault}", *self._missing()]
        return self._missing() if charts else ["Nothing to draw yet.", *self._missing()]

    # what there is

    def draw(self, chart: Chart, **options: Any) -> figure:
        """One chart. Pure."""
        return draw(chart, self.session.window, **options)

    def _fits(self, feed: Feed) -> bool:
        return bool(set(OF_FILES) & set(getattr(feed, "variables", ())))

    def _first(self) -> str:
        return file_source(self.feeds)

    @property
    def log(self) -> str:
        """The source that is the instrument's log; empty without one."""
        return self._log if self._log and self._log in self.feeds else log_of(self.feeds)

    @property
    def night(self) -> str:
        """SOURCE.VARIABLE of the light; empty without one."""
        return self._night or next((name for name in self.feeds.names() if name.endswith(".par")), "")

    def files(self) -> ByFile:
        """The files of the source."""
        return rows_of(self.feed) if self.source in self.feeds else ByFile()

    def out(self) -> Mapping[str, Out]:
        """The files that were taken out."""
        return excluded(self.feeds.cruise)

    def happened(self) -> list[Happened]:
        """All that is marked, of the whole cruise."""
        out, found = self.out(), list[Happened]()
        if self.source in self.feeds:
            reasons = {name: str(one) for name, one in out.items()}
            key = "happened", tuple(reasons.items())
            found += once(self.feed, key, lambda: marks_of.of_files(self.files(), reasons))
        if self.log:
            log = self.feeds[self.log]
            found += once(log, "happened", lambda: marks_of.of_log(log.snapshot.dataset))
        for feed in self.feeds.values():
            if lines := self._refused(feed):
                found += once(feed, ("refused", lines), partial(marks_of.of_refused, lines))
        return found + marks_of.of_notes(self._notes() if self._notes else ())

    @staticmethod
    def _refused(feed: Feed) -> tuple[str, ...]:
        """What the reader said of broken files, where these are files of particles."""
        return feed.refused if isinstance(feed, ParticleFeed) else ()

    def _nights(self) -> Columns:
        if self.night not in self.feeds.names():
            return self._nights_by_sun()
        source, variable = split(self.night)
        feed, window = self.feeds[source], self.session.window
        series: Any = getattr(feed, "series")  # noqa: B009
        ds = once(feed, ("series", variable, window), lambda: series(variable, window, SERIES_POINTS, wait=False))
        return once(feed, ("nights", variable, window), lambda: night_columns(ds, variable))

    def _nights_by_sun(self) -> Columns:
        """Where nobody measures the light: by the sun, where the ship was."""
        files = self.files()
        part = files.within(self.session.window)
        if not {"latitude", "longitude"} <= set(files.columns):
            return night_columns(xr.Dataset(), "")
        edges = by_sun(files.time[part], files.column("latitude")[part], files.column("longitude")[part])
        ms = edges.astype(np.int64) / 1e6
        return {"left": ms[:, 0], "right": ms[:, 1]}

    # keeping it up to date

    def _build(self) -> pn.viewable.Viewable:
        self.stage = MarkedStage(sizing_mode="stretch_both", picks=True)
        self.stage.param.watch(lambda event: look(self.session, event.new), "asked")
        self.stage.param.watch(self._clicked, "clicked")
        self._shape: list[Any] | None = None
        self._figures: list[figure] = []
        self._decided: Any = None
        self._drawn: Any = None
        self._marked: Any = None
        self._going_on = False
        self._renew()
        self._watchers.append(self.session.param.watch(self._tick, "tick"))
        return self.stage

    def _tick(self, *_: Any) -> None:
        """Notes and files taken out are no rows of a source: they are looked for with every tick."""
        if self.session.closed:
            return
        if self.out() is not self._decided:
            self._renew()
        else:
            self._mark()

    def _state(self) -> Any:
        """Another one whenever the charts would be: other rows, other files taken out, a window moved by a pixel or so."""
        window = self.session.window
        used = {self.source, self.log, split(self.night)[0], *self._used} & set(self.feeds)
        read = tuple((name, self.feeds[name].seen, self.feeds[name].fault) for name in sorted(used))
        wide = window.stop - window.start
        moved = int((window.start - _EPOCH) // max(wide // _PIXELS, _EPOCH_TICK))
        return read, id(self.out()), self.files().within(window), wide, moved

    def _renew(self) -> None:
        window, state = self.session.window, self._state()
        if state == self._drawn:
            self._mark()
            tell(self.range, *(say.milliseconds(t) for t in window))
            return
        self._drawn, self._decided = state, self.out()
        charts = self._charts()
        shape = [(chart.key, chart.unit, tuple(chart.curves)) for chart in charts]
        if shape != self._shape:
            self._rebuild(charts, shape)
        else:
            for chart, plot in zip(charts, self._figures, strict=True):
                _bring(plot, chart, ends(window))
        if (told := self._told(charts)) != self.stage.missing:
            self.stage.missing = told
        renew(self.shared.night, self._nights(), key="left")
        self._mark()
        tell(self.range, *(say.milliseconds(t) for t in window))

    def _mark(self) -> None:
        notes = self._notes() if self._notes else ()
        refused = tuple(self._refused(feed) for feed in self.feeds.values())
        state = self._state(), id(notes), self.session.file, refused
        if state == self._marked and not self._going_on:
            return
        self._marked = state
        window, found = self.session.window, self.happened()
        self._going_on = any(np.isnat(one.stop) for one in found)
        for name, told in marks_of.columns(found, window, self.feeds.now()).items():
            source = self.shared.spans if name == "spans" else self.shared.moments[name]
            renew(source, told, key="left" if name == "spans" else "time")
        row = self.files().place(self.session.file)
        at = np.array([say.milliseconds(self.files().time[row])] if row >= 0 else [])
        renew(self.shared.picked, {"time": at})
        legend = marks_of.legend(found, window)
        if legend != self.stage.legend:
            self.stage.legend = legend

    def _rebuild(self, charts: list[Chart], shape: list[Any]) -> None:
        self._shape, window = shape, self.session.window
        self._figures = [
            draw(chart, window, shared=self.shared, last=chart is charts[-1]) for chart in charts
        ]  # fmt: skip
        told = {
            f"chart:{chart.key}": {"label": chart.label, "unit": chart.unit, "lines": {n: n for n in chart.curves}}
            for chart in charts
        }
        panes = [pn.pane.Bokeh(plot, sizing_mode="stretch_both") for plot in self._figures]
        room = {"--charts": str(len(charts) + sum(len(chart.curves) > 5 for chart in charts) / 3)}
        self.stage.param.update(names=told, figures=panes, styles=room)

    def _clicked(self, event: Any) -> None:
        """A click picks the file there, and the same file again lets it go."""
        time, reach = event.new.get("time"), event.new.get("reach")
        files = self.files()
        if not isinstance(time, int | float) or not isinstance(reach, int | float) or not len(files):
            return
        row = files.nearest(np.datetime64(round(time * 1e6), "ns"))
        near = abs(say.milliseconds(files.time[row]) - time) <= max(reach, 120_000)
        name = str(files.names[row]) if near else ""
        self.session.file = "" if name == self.session.file else name


def _bring(plot: figure, chart: Chart, far: Any) -> None:
    """New columns for a figure that stays."""
    for name in chart.curves:
        renew(source_of(plot, renderer_of(chart, name)), chart.of(name))
    for dots in (r for r in plot.renderers if r.name == "dots"):
        if dots.visible != few(dots.data_source):
            dots.visible = few(dots.data_source)
    renew(source_of(plot, "hollow"), chart.out())
    for one, limit in zip([r for r in plot.renderers if r.name == "limit"], chart.limits, strict=True):
        renew(one.data_source, {"time": far, "value": np.full(2, limit.value)})


def source_of(plot: figure, name: str) -> ColumnDataSource:
    """The data source of a renderer."""
    return next(r.data_source for r in plot.renderers if r.name == name)
