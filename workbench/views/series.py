"""Time series: one quiet panel a variable, min and max where a pixel holds many rows, gaps left open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import (
    ColumnDataSource,
    PanTool,
    Range1d,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from workbench.core.window import Window
from workbench.live.feed import Feed
from workbench.live.session import Session
from workbench.views import axes, say
from workbench.views.choose import Choice
from workbench.views.curves import Columns, shown
from workbench.views.paint import LINES, Theme, dress, paint
from workbench.views.renew import renew
from workbench.views.stages import TimeStage, tell
from workbench.views.view import View, once, split

#: Points of a curve; more than a screen can tell apart.
POINTS = 1500


@dataclass(frozen=True)
class Mark:
    """Something that happened: a note, an event.

    Attributes
    ----------
    time : numpy.datetime64[ns]
    text, who : str
    """

    time: np.datetime64
    text: str
    who: str = ""


def marks_columns(marks: Sequence[Mark]) -> Columns:
    """Columns time (ms), text of the marks."""
    return {
        "time": np.array([say.milliseconds(mark.time) for mark in marks], float),
        "text": np.array([f"{mark.text} ({mark.who})" if mark.who else mark.text for mark in marks], object),
    }


def time_range(window: Window) -> Range1d:
    """A range for time axes that several figures share; not sent back to the server as it moves."""
    start, stop = say.milliseconds(window.start), say.milliseconds(window.stop)
    return Range1d(
        start, stop, reset_start=start, reset_end=stop, name="time", syncable=False, min_interval=2000.0
    )  # fmt: skip


def least(columns: Columns) -> float:
    """The least that a value axis spans, so that a steady value is no noise: a thousandth, of small values in their decade."""
    values = np.abs([columns["low"], columns["high"]])
    largest = float(values[np.isfinite(values)].max(initial=0.0))
    return 1e-3 * 10.0 ** min(0.0, np.floor(np.log10(largest))) if largest > 0 else 1e-3


def look(session: Session, ends: Sequence[float]) -> None:
    """Take over a range (Unix ms) that a person drew; whole seconds where it is longer than some minutes."""
    if len(ends) == 2 and ends[1] > ends[0]:
        unit = "s" if ends[1] - ends[0] > 300_000 else "ms"
        start, stop = (np.datetime64(round(ms), "ms").astype(f"datetime64[{unit}]") for ms in ends)
        session.look(start, stop)


def draw(
    ds: xr.Dataset, variable: str, window: Window, *, x_range: Range1d | None = None, marks: Sequence[Mark] = (),
    line: int = 0, last: bool = True, theme: Theme = "light",
) -> figure:  # fmt: skip
    """One variable against time as a Bokeh figure. Pure.

    Parameters
    ----------
    ds : xarray.Dataset
        As for `columns`.
    variable : str
    window : Window
        What the axis shows.
    x_range : bokeh.models.Range1d, optional
        Shared with the other panels.
    marks : sequence of Mark
    line : int
        Which of the line colours.
    last : bool
        True for the lowest panel: it carries the time labels.
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
        Data sources named ``series`` and ``marks``.
    """
    plot = figure(
        x_axis_type="datetime", x_range=x_range or time_range(window), tools=[], sizing_mode="stretch_both",
        name=f"series:{variable}",
    )  # fmt: skip
    wheel = WheelZoomTool(dimensions="width")
    plot.add_tools(PanTool(dimensions="width"), wheel)
    plot.toolbar.active_scroll = wheel
    dress(plot, theme)
    axes.utc(plot.xaxis[0], plot)
    plot.xaxis[0].visible = last
    plot.min_border_left, plot.min_border_right = 56, 8
    axes.few(plot.yaxis[0], plot)
    columns = shown(ds, variable, window)
    plot.y_range.update(range_padding=0.12, only_visible=True, min_interval=least(columns), name="value")  # type: ignore[attr-defined]
    source = ColumnDataSource(columns, name="series")
    colour = {key: colours[line % len(colours)] for key, colours in LINES.items()}
    band = plot.varea("time", "low", "high", source=source, fill_alpha=0.28, name="band")
    paint(band.glyph, theme, fill_color=colour)
    curve = plot.line("time", "mean", source=source, line_width=1.6, line_join="round", name="line")
    paint(curve.glyph, theme, line_color=colour)
    happened = ColumnDataSource(marks_columns(marks), name="marks")
    lines = plot.vspan(x="time", source=happened, line_width=1.2, line_dash=[4, 3], name="marks")
    paint(lines.glyph, theme, line_color="alarm")
    hair = Span(dimension="height", line_width=1, visible=False, name="hair")
    paint(hair, theme, line_color="muted")
    plot.add_layout(hair)
    return plot


class Series(View):
    """Variables against time, one panel each."""

    options: ClassVar[Mapping[str, str]] = {
        "variables": "list of VARIABLE (of this source) or SOURCE.VARIABLE", "title": "head line of the card",
    }  # fmt: skip
    headline = "Time series"
    kind = "series"
    follows = ("revision", "charts")
    tall = 420

    def __init__(
        self, data: Any, source: str | None = None, *, variables: Sequence[str] | None = None, title: str | None = None,
        chart: int = 0, marks: Callable[[], Sequence[Mark]] | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; `chart` is which of the session's charts it shows, `marks` gives the notes to mark."""
        super().__init__(data, source, title=title)
        self._chart, self._happened = chart, marks
        #: The time axis of all panels.
        self.range = time_range(self.session.window)
        charts = list(self.session.charts)
        while len(charts) <= chart:
            charts.append(())
        if variables is not None:
            charts[chart] = tuple(v if v.partition(".")[0] in self.feeds else f"{self.source}.{v}" for v in variables)
        self.session.charts = charts

    @staticmethod
    def explore(ds: xr.Dataset, **options: Any) -> Any:
        """The picture of a dataset alone, as HoloViews elements (``ds.cruise``)."""
        from workbench.views import explore

        return explore.series(ds, **options)

    @property
    def variables(self) -> tuple[str, ...]:
        """SOURCE.VARIABLE of each panel."""
        return tuple(self.session.charts[self._chart])

    def draw(self, ds: xr.Dataset, variable: str, window: Window | None = None, *, theme: Theme = "light") -> figure:
        """One panel. Pure."""
        return draw(ds, variable, window or self.session.window, theme=theme)

    def _fits(self, feed: Feed) -> bool:
        return hasattr(feed, "series")

    def _data(self, name: str) -> xr.Dataset:
        source, variable = split(name)
        feed: Any = self.feeds[source]
        window = self.session.window
        return once(feed, ("series", variable, window), lambda: feed.series(variable, window, POINTS, wait=False))

    def _columns(self, name: str) -> Columns:
        feed, window = self.feeds[split(name)[0]], self.session.window
        return once(feed, ("columns", name, window), lambda: shown(self._data(name), split(name)[1], window))

    def _choices(self) -> list[Choice]:
        def chosen(names: list[str]) -> None:
            charts = list(self.session.charts)
            charts[self._chart] = tuple(names)
            self.session.charts = charts

        def known() -> Mapping[str, str]:
            return self.labels()

        return [
            Choice("variables", "Variables", "Variables shown", known, lambda: self.variables, chosen, several=True)
        ]

    def _build(self) -> pn.viewable.Viewable:
        self.stage = TimeStage(sizing_mode="stretch_both")
        self.stage.param.watch(self._asked, "asked")
        self._shown: list[str] = []
        self._sources: list[ColumnDataSource] = []
        self._values: list[Any] = []  # the value axis of each
        self._marks: list[ColumnDataSource] = []
        self._renew()
        self._watchers.append(self.session.param.watch(self._mark, "tick"))
        return self.stage

    def _asked(self, event: Any) -> None:
        look(self.session, event.new)

    def _renew(self) -> None:
        names = [n for n in self.variables if n in self.feeds.names()]
        if names != self._shown:
            self._rebuild(names)
        else:
            for name, source, values in zip(names, self._sources, self._values, strict=True):
                columns = self._columns(name)
                if renew(source, columns) != "same" and values.min_interval != (room := least(columns)):
                    values.min_interval = room
        self._mark()
        tell(self.range, *(say.milliseconds(t) for t in self.session.window))

    def _mark(self, *_: Any) -> None:
        """Notes are no rows of a source, so they are looked for with every tick."""
        if self._marks and not self.session.closed:
            told = marks_columns(self.marks())
            for source in self._marks:
                renew(source, told)

    def _rebuild(self, names: list[str]) -> None:
        self._shown, figures = names, []
        for i, name in enumerate(names):
            figures.append(
                draw(
                    self._data(name), name.partition(".")[2], self.session.window, x_range=self.range, line=i,
                    last=i == len(names) - 1, marks=self.marks(),
                )
            )  # fmt: skip
            figures[-1].name = f"series:{name}"
        self._sources = [_source(f, "line") for f in figures]
        self._values = [f.y_range for f in figures]
        self._marks = [_source(f, "marks") for f in figures]
        told = {f"series:{n}": {"label": self._name(n), "unit": self._unit(n)} for n in names}
        panes = [pn.pane.Bokeh(f, sizing_mode="stretch_both") for f in figures]
        self.stage.param.update(names=told, figures=panes)

    def _name(self, name: str) -> str:
        source, variable = split(name)
        alone = sum(split(other)[1] == variable for other in self.variables) == 1
        return say.name(variable) if alone else f"{say.name(variable)} · {source}"

    def _unit(self, name: str) -> str:
        return say.unit(self.unit_of(*split(name)))

    def marks(self) -> Sequence[Mark]:
        """Notes and events of the cruise."""
        return self._happened() if self._happened else ()


def _source(plot: figure, name: str) -> ColumnDataSource:
    return next(r.data_source for r in plot.renderers if r.name == name)
