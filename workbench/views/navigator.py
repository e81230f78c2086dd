"""The whole cruise in one strip, with a brush that is the time range of everything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import ColumnDataSource, Range1d, RangeTool
from bokeh.plotting import figure

from workbench.core.window import Window
from workbench.live.feeds import Feeds
from workbench.views import axes, say
from workbench.views.curves import Columns
from workbench.views.curves import columns as series_columns
from workbench.views.paint import Theme, dress, paint
from workbench.views.renew import renew
from workbench.views.series import look, time_range
from workbench.views.stages import TimeStage, tell
from workbench.views.view import View, slowly, stepped


def columns(ds: xr.Dataset, variable: str) -> Columns:
    """Columns time (ms), base, top of the strip: 0 to 1 between the 1st and 99th percentile of what was seen."""
    told = series_columns(ds, variable)
    time, high = told["time"].astype(float), told["high"].astype(float)
    good = high[np.isfinite(high)]
    if good.size == 0:
        return {"time": time, "top": np.zeros(time.shape), "base": np.zeros(time.shape)}
    low, most = (float(v) for v in np.percentile(good, (1, 99)))
    top = np.clip((high - low) / ((most - low) or 1.0), 0.02, 1.0)
    return {"time": time, "top": top, "base": np.where(np.isfinite(top), 0.0, np.nan)}


def draw(ds: xr.Dataset, variable: str, span: Window, brush: Range1d, *, theme: Theme = "light") -> figure:
    """The strip as a Bokeh figure. Pure.

    Parameters
    ----------
    ds : xarray.Dataset
        dim time; `variable` over the whole cruise.
    variable : str
    span : Window
        The whole cruise.
    brush : bokeh.models.Range1d
        The time range (ms) that the brush shows and sets; the x-range of the series.
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
        The data source is named ``navigator``.
    """
    start, stop = say.milliseconds(span.start), say.milliseconds(span.stop)
    plot = figure(
        x_axis_type="datetime", tools=[], sizing_mode="stretch_both", name="navigator",
        x_range=Range1d(start, stop, name="span", syncable=False), y_range=Range1d(0.0, 1.15),
    )  # fmt: skip
    dress(plot, theme, grid=False)
    axes.utc(plot.xaxis[0], plot, lines=1)
    plot.yaxis[0].visible = False
    area = plot.varea(
        "time", "base", "top", source=ColumnDataSource(columns(ds, variable), name="navigator"), name="navigator"
    )
    paint(area.glyph, theme, fill_color="whole")
    area.glyph.fill_alpha = 0.55
    tool = RangeTool(x_range=brush, start_gesture="pan")  # drag anywhere; the brush itself is moved
    box = tool.overlay
    box.update(fill_alpha=0.14, line_width=1.5, line_alpha=1.0, line_dash="solid", name="brush", syncable=False)
    paint(box, theme, fill_color="band", line_color="band")
    plot.add_tools(tool)
    return plot


class Navigator(View):
    """The strip over the whole cruise."""

    headline = "Whole cruise"
    kind = "navigator"
    follows = ("revision",)
    tall = 110

    def __init__(
        self, data: Any, source: str | None = None, *, variable: str | None = None, brush: Range1d | None = None,
        title: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(data, source, title=title)
        self.variable = variable or _default(self.feeds)
        self.brush = brush or time_range(self.session.window)

    def draw(self, ds: xr.Dataset, span: Window | None = None) -> figure:
        """The strip. Pure."""
        return draw(ds, self.variable.partition(".")[2], span or self._span(), self.brush)

    def _span(self) -> Window:
        span = self.feeds.span
        return self.session.window if span is None else Window(span.start, stepped(span))

    def _data(self) -> xr.Dataset:
        source, _, variable = self.variable.partition(".")
        feed: Any = self.feeds.get(source)
        if not variable or variable not in getattr(feed, "variables", ()):
            return xr.Dataset(coords={"time": np.empty(0, "M8[ns]")})
        return slowly(feed, variable, lambda: feed.series(variable, self._span(), 600, wait=False))

    def _build(self) -> pn.viewable.Viewable:
        self.figure = self.draw(self._data())
        self._source = self.figure.renderers[0].data_source
        self.stage = TimeStage(
            figures=[pn.pane.Bokeh(self.figure, sizing_mode="stretch_both")], sizing_mode="stretch_both",
            css_classes=["navigator"],
        )  # fmt: skip
        self.stage.param.watch(self._asked, "asked")
        return self.stage

    def _asked(self, event: Any) -> None:
        look(self.session, event.new)

    def _ends(self, window: Window) -> list[float]:
        return [say.milliseconds(t) for t in window]

    def _renew(self) -> None:
        renew(self._source, columns(self._data(), self.variable.partition(".")[2]))
        tell(self.figure.x_range, *self._ends(self._span()))
        tell(self.brush, *self._ends(self.session.window))


def _default(feeds: Feeds) -> str:
    """PAR, which tells day from night; else the first variable there is."""
    names = feeds.names()
    return next((name for name in names if name.endswith(".par")), names[0] if names else "")
