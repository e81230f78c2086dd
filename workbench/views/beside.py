"""What views of one quantity against another share: values at the same moments, legs of the way, figures kept up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import panel as pn
import xarray as xr
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from workbench.live.feed import Feed
from workbench.views import axes
from workbench.views.against import Axes, Cloud, draw, isopycnals, legs, limits
from workbench.views.paint import FONT, Theme, paint
from workbench.views.renew import renew
from workbench.views.series import POINTS
from workbench.views.stages import AgainstStage
from workbench.views.turn import parts, turn_of
from workbench.views.view import View, once, split

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

#: Values further apart in time do not belong together.
APART = np.timedelta64(240_000_000_000, "ns")
_LEGS = ("northbound", "southbound")


def nearest(time: Times, other: Times, values: Floats, apart: np.timedelta64 = APART) -> Floats:
    """`values` of the moments `other` at the moments `time`: the nearest, NaN where none is within `apart`.

    Parameters
    ----------
    time, other : numpy.ndarray of datetime64[ns]
        In order.
    values : numpy.ndarray of float64, shape of `other`
    apart : numpy.timedelta64
    """
    if not other.size:
        return np.full(time.size, np.nan)
    after = np.searchsorted(other, time).clip(1, max(1, other.size - 1))
    before = after - 1
    after = after.clip(max=other.size - 1)
    chosen = np.where(time - other[before] <= other[after] - time, before, after)
    found = values[chosen].astype(float)
    found[np.abs(other[chosen] - time) > apart] = np.nan
    return found


@dataclass(frozen=True)
class Chart:
    """One figure: its clouds and what its axes say."""

    clouds: Sequence[Cloud]
    about: Axes

    @cached_property
    def shown(self) -> list[dict[str, Any]]:
        """The columns of each cloud."""
        return [cloud.drawn for cloud in self.clouds]

    @cached_property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """What the axes show, of these clouds alone."""
        return limits(self.shown, "x"), limits(self.shown, "y", self.about.log)

    @cached_property
    def lines(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Lines of equal density, and their names."""
        return isopycnals(self.shown)


class Beside(View):
    """A base: what `_charts` gives as figures, kept up to date."""

    kind: ClassVar[str] = "against"
    follows: ClassVar[tuple[str, ...]] = ("revision",)
    #: Split where the session's turn-around is, in place of wherever the ship turned.
    turned = False

    def __init__(
        self, data: Any, source: str | None = None, *, latitude: str | None = None, title: str | None = None
    ) -> None:
        super().__init__(data, source, title=title)
        self._latitude = latitude
        self._watchers.append(self.session.param.watch(self._on_change, "turn"))

    def _charts(self) -> list[Chart]:
        raise NotImplementedError

    def _uses(self) -> tuple[str, ...] | None:
        """Names of all that `_charts` is made of, where nothing else matters: it is made once for all tabs."""
        return None

    def _made(self) -> list[Chart]:
        """`_charts`, of this moment."""
        names = self._uses()
        if names is None or self.source not in self.feeds:
            return self._charts()
        others = tuple(
            self.feeds[source].seen for source in dict.fromkeys(split(n)[0] for n in names if n) if source in self.feeds
        )
        turn = turn_of(self.session, self.latitude) if self.turned else None
        key = "beside", type(self).__name__, names, others, self.session.window, str(turn)
        return once(self.feed, key, self._charts)

    def draw(self, clouds: Sequence[Cloud], about: Axes, **options: Any) -> figure:
        """One figure of these points. Pure."""
        return draw(clouds, about, **options)

    def _fits(self, feed: Feed) -> bool:
        return hasattr(feed, "series")

    def _named(self, name: str) -> str:
        """``SOURCE.VARIABLE``: of this source unless another one is named."""
        return name if split(name)[0] in self.feeds else f"{self.source}.{name}"

    @property
    def latitude(self) -> str:
        """SOURCE.VARIABLE of the latitude; empty without one."""
        known = self.feeds.names()
        wanted = [self._named(self._latitude or "latitude"), *(name for name in known if name.endswith(".latitude"))]
        return next((name for name in wanted if name in known), "")

    def _column(self, name: str) -> tuple[Times, Floats]:
        """Times and values of a variable in the session's window."""
        source, variable = split(name)
        feed: Any = self.feeds.get(source)
        window = self.session.window
        if feed is None or variable not in getattr(feed, "variables", ()):
            return np.empty(0, "M8[ns]"), np.empty(0)
        ds: xr.Dataset = once(
            feed, ("series", variable, window), lambda: feed.series(variable, window, POINTS, wait=False)
        )
        if variable not in ds:
            return np.empty(0, "M8[ns]"), np.empty(0)
        return ds["time"].values.astype("M8[ns]"), ds[variable].values.astype(float)

    def _at(self, name: str, time: Times) -> Floats:
        """Values of a variable at these moments."""
        other, values = self._column(name)
        if other.size == time.size and (other == time).all():
            return values
        step = np.median(np.diff(other)) if other.size > 1 else APART
        return nearest(time, other, values, max(APART, step))

    def _legs(self, time: Times, latitude: Floats) -> list[tuple[str, npt.NDArray[np.bool_]]]:
        if self.turned and time.size:
            return parts(time, turn_of(self.session, self.latitude))
        return legs(time, latitude) if time.size else [("", np.ones(0, bool))]

    def _build(self) -> pn.viewable.Viewable:
        self.stage = AgainstStage(sizing_mode="stretch_both")
        self._shown: list[Any] = []
        self._figures: list[figure] = []
        self._renew()
        return self.stage

    def _renew(self) -> None:
        charts = self._made()
        self.stage.empty = self._why_not("No data in this time range")
        shape = [(chart.about.x, chart.about.y, tuple(cloud.name for cloud in chart.clouds)) for chart in charts]
        if shape != self._shown:
            self._shown, shared = shape, None
            self._figures = []
            for chart in charts:
                plot = draw(chart.clouds, chart.about, x_range=shared if chart.about.latitudes else None)
                shared = plot.x_range
                if len(charts) > 1:
                    _low(plot, chart.about, last=chart is charts[-1])
                self._figures.append(plot)
            self.stage.figures = [pn.pane.Bokeh(plot, sizing_mode="stretch_both") for plot in self._figures]
            return
        together = [chart for chart in charts if chart.about.latitudes]
        for chart, plot in zip(charts, self._figures, strict=True):
            _bring(plot, chart, together if chart.about.latitudes else [chart])


def colours_of(names: Sequence[str]) -> list[int]:
    """A leg keeps its colour, whether or not the other one is there."""
    return [_LEGS.index(name) if name in _LEGS else 0 for name in names] or [0]


def _low(plot: figure, about: Axes, *, last: bool, theme: Theme = "light") -> None:
    """A panel among others has little height: its name stands above it, and the lowest has the axis."""
    plot.yaxis[0].axis_label = None
    if not about.log:
        axes.few(plot.yaxis[0], plot)
    plot.xaxis[0].visible = last
    plot.min_border_left = 56
    plot.title.update(  # type: ignore[union-attr]
        text=about.y, text_font=FONT, text_font_size="11.5px", text_font_style="normal", standoff=2
    )  # fmt: skip
    paint(plot.title, theme, text_color="muted")  # type: ignore[arg-type]


def _bring(plot: figure, chart: Chart, together: Sequence[Chart]) -> None:
    """New columns for a figure that stays; its x axis shows all of `together`."""
    sources = [r.data_source for r in plot.renderers if r.name == "cloud"]
    sent = [renew(source, columns) for source, columns in zip(sources, chart.shown, strict=True)]
    if set(sent) == {"same"}:
        return
    across = chart.ends[0] if len(together) == 1 else limits([c for one in together for c in one.shown], "x")
    for axis, ends in ((plot.x_range, across), (plot.y_range, chart.ends[1])):
        if (axis.start, axis.end) != ends:
            axis.update(start=ends[0], end=ends[1])
    if chart.about.isopycnals:
        for name, columns in zip(("isopycnals", "sigma"), chart.lines, strict=True):
            found: ColumnDataSource = next(r.data_source for r in plot.renderers if r.name == name)
            if not same(found.data, columns):
                found.data = columns


def same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether columns of lines hold the same."""
    return all(len(a[n]) == len(b[n]) and all(np.array_equal(x, y) for x, y in zip(a[n], b[n], strict=True)) for n in b)
