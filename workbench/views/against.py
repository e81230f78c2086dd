"""One variable against another: T-S diagrams with lines of equal density, abundance by latitude."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.core.properties import value
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    HoverTool,
    Legend,
    LegendItem,
    PanTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

from workbench.views import axes, say
from workbench.views.paint import FONT, LINES, Theme, dress, paint

Floats = npt.NDArray[np.float64]

#: Points drawn; more than a card can tell apart.
POINTS = 4000
#: Signs of the groups, in order: a group is never told by its colour alone.
SIGNS = ("circle", "triangle", "square", "diamond", "inverted_triangle", "plus")


@dataclass(frozen=True)
class Cloud:
    """Points of one kind.

    Attributes
    ----------
    name : str
        What the legend says; empty for no legend.
    time : numpy.ndarray of datetime64[ns], shape (n,)
    x, y : numpy.ndarray of float64, shape (n,)
    """

    name: str
    time: npt.NDArray[np.datetime64]
    x: Floats
    y: Floats

    def columns(self, points: int = POINTS) -> dict[str, npt.NDArray[Any]]:
        """Columns time (ms), x, y of the points that are there, evenly thinned."""
        good = np.flatnonzero(np.isfinite(self.x) & np.isfinite(self.y))
        good = good[:: max(1, -(-good.size // points))]
        ms = self.time[good].astype("datetime64[ns]").astype(np.int64) / 1e6
        return {"time": ms, "x": self.x[good], "y": self.y[good]}

    @cached_property
    def drawn(self) -> dict[str, npt.NDArray[Any]]:
        """These columns, made once: nobody writes into them."""
        return self.columns()


@dataclass(frozen=True)
class Axes:
    """What the axes say.

    Attributes
    ----------
    x, y : str
        Names with units.
    latitudes : bool
        The x axis is latitude.
    isopycnals : bool
        x is practical salinity, y temperature: draw lines of equal density.
    log : bool
        y spans decades.
    colours : sequence of int
        Which of the line colours each cloud has.
    """

    x: str
    y: str
    latitudes: bool = False
    isopycnals: bool = False
    log: bool = False
    colours: Sequence[int] = field(default_factory=lambda: range(len(SIGNS)))


def draw(clouds: Sequence[Cloud], about: Axes, *, x_range: Any = None, theme: Theme = "light") -> figure:
    """The points as a Bokeh figure. Pure.

    Parameters
    ----------
    clouds : sequence of Cloud
    about : Axes
    x_range : bokeh.models.Range, optional
        Shared with other figures.
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
        Data sources named ``cloud``.
    """
    shown = [cloud.drawn for cloud in clouds]
    plot = _paper(about, x_range or Range1d(*limits(shown, "x")), Range1d(*limits(shown, "y", about.log)), theme)
    if about.isopycnals:
        _isopycnals(plot, shown, theme)
    items, drawn = [], []
    for i, (cloud, columns) in enumerate(zip(clouds, shown, strict=True)):
        source = ColumnDataSource(columns, name="cloud")
        points = plot.scatter(
            "x", "y", source=source, size=4.5, marker=SIGNS[i % len(SIGNS)], fill_alpha=0.45, line_alpha=0.7,
            line_width=0.5, name="cloud",
        )  # fmt: skip
        line = about.colours[i % len(about.colours)]
        colour = {key: colours[line % len(colours)] for key, colours in LINES.items()}
        paint(points.glyph, theme, fill_color=colour, line_color=colour)
        drawn.append(points)
        if cloud.name:
            items.append(LegendItem(label=cloud.name, renderers=[points]))
    tip = f"<div class='tip'>@time{{%F %H:%M}} UTC<br>{say.escape(about.x)}: <b>@x{{0.000}}</b><br>{say.escape(about.y)}: <b>@y{{0.000}}</b></div>"
    plot.add_tools(
        HoverTool(
            renderers=drawn, tooltips=tip, formatters={"@time": "datetime"}, point_policy="snap_to_data", mode="mouse"
        )
    )
    if items:
        _legend(plot, items, theme)
    return plot


def _paper(about: Axes, x_range: Any, y_range: Range1d, theme: Theme) -> figure:
    """An empty chart with these axes, to be dragged and zoomed."""
    plot = figure(
        x_range=x_range, y_range=y_range, tools=[], y_axis_type="log" if about.log else "linear",
        sizing_mode="stretch_both", name="against",
    )  # fmt: skip
    wheel = WheelZoomTool()
    plot.add_tools(PanTool(), wheel, BoxZoomTool())
    plot.toolbar.active_scroll = wheel
    dress(plot, theme)
    plot.xaxis[0].axis_label, plot.yaxis[0].axis_label = about.x, about.y
    axes.few(plot.xaxis[0], plot, wide=True)
    if about.log:
        axes.logs(plot.yaxis[0], plot)
    else:
        axes.few(plot.yaxis[0], plot)
    if about.latitudes:
        axes.latitudes(plot.xaxis[0])
    return plot


def limits(shown: Sequence[Mapping[str, Floats]], name: str, log: bool = False) -> tuple[float, float]:
    """From the lowest to the highest value, with some room."""
    values = np.concatenate([columns[name] for columns in shown] or [np.empty(0)])
    if log:
        values = values[values > 0]
        low, high = (float(values.min()), float(values.max())) if values.size else (1.0, 10.0)
        room = max(1.15, (high / low) ** 0.06)
        return low / room, high * room
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    room = 0.06 * (high - low) or max(0.5, 0.01 * abs(high))
    return low - room, high + room


def _legend(plot: figure, items: list[LegendItem], theme: Theme) -> None:
    legend = Legend(
        items=items, orientation="horizontal", click_policy="hide", label_text_font=FONT, label_text_font_size="12px",
        border_line_color=None, padding=2, margin=2, spacing=12, glyph_width=14, label_standoff=3,
    )  # fmt: skip
    paint(legend, theme, label_text_color="ink", background_fill_color="card")
    plot.add_layout(legend, "above")


def isopycnals(shown: Sequence[Mapping[str, Floats]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Lines of equal density through the range of the points: columns xs, ys, and x, y, text of their sigma-t."""
    x = np.concatenate([columns["x"] for columns in shown] or [np.empty(0)])
    y = np.concatenate([columns["y"] for columns in shown] or [np.empty(0)])
    xs: list[Floats] = []
    ys: list[Floats] = []
    ends: list[tuple[Any, Any]] = []
    names: list[str] = []
    if not x.size:
        return {"xs": xs, "ys": ys}, {"x": [], "y": [], "text": []}
    s = np.linspace(x.min() - 0.3 * max(0.2, np.ptp(x)), x.max() + 0.3 * max(0.2, np.ptp(x)), 60)
    t = np.linspace(y.min() - 0.3 * max(0.5, np.ptp(y)), y.max() + 0.3 * max(0.5, np.ptp(y)), 200)
    sigma = density(s[None, :], t[:, None]) - 1000
    step = next((v for v in (0.1, 0.2, 0.5, 1.0, 2.0) if np.ptp(sigma) / v <= 12), 5.0)
    for level in np.arange(np.ceil(sigma.min() / step) * step, sigma.max(), step):
        line = np.array([np.interp(-level, -sigma[:, i], t, left=np.nan, right=np.nan) for i in range(s.size)])
        good = np.isfinite(line)
        if good.sum() > 1:
            xs.append(s[good])
            ys.append(line[good])
            inside = np.flatnonzero(good & (s <= x.max()) & (line <= y.max()) & (line >= y.min()))
            if inside.size:
                ends.append((s[inside[-1]], line[inside[-1]]))
                names.append(f"{level:.4g}")
    return {"xs": xs, "ys": ys}, {"x": [e[0] for e in ends], "y": [e[1] for e in ends], "text": names}


def _isopycnals(plot: figure, shown: Sequence[Mapping[str, Floats]], theme: Theme) -> None:
    """Lines of equal density, with their sigma-t beside the end."""
    lined, told = isopycnals(shown)
    lines = plot.multi_line(
        "xs", "ys", source=ColumnDataSource(lined), line_width=1, line_dash=[3, 3], level="underlay", name="isopycnals"
    )
    paint(lines.glyph, theme, line_color="whole")
    words = plot.text(
        "x", "y", "text", source=ColumnDataSource(told), text_font=value(FONT), text_font_size="10.5px",
        text_align="right", x_offset=-2, y_offset=-2, level="underlay", name="sigma",  # over its line, which rises
    )  # fmt: skip
    paint(words.glyph, theme, text_color="muted")


def density(salinity: Any, temperature: Any) -> Any:
    """Density of sea water at the surface, kg m-3 (UNESCO EOS-80, one atmosphere).

    Parameters
    ----------
    salinity : array of float
        Practical salinity.
    temperature : array of float, degree_Celsius

    Sources: N. P. Fofonoff and R. C. Millard, "Algorithms for computation of fundamental properties of seawater",
    UNESCO technical papers in marine science 44 (1983).
    """
    s, t = np.asarray(salinity, float), np.asarray(temperature, float)
    pure = 999.842594 + t * (
        6.793952e-2 + t * (-9.095290e-3 + t * (1.001685e-4 + t * (-1.120083e-6 + t * 6.536332e-9)))
    )
    a = 0.824493 + t * (-4.0899e-3 + t * (7.6438e-5 + t * (-8.2467e-7 + t * 5.3875e-9)))
    b = -5.72466e-3 + t * (1.0227e-4 - t * 1.6546e-6)
    return pure + a * s + b * np.abs(s) ** 1.5 + 4.8314e-4 * s**2


def legs(
    time: npt.NDArray[np.datetime64], latitude: Floats, far: float = 0.5
) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Northbound and southbound parts of a way, turned where the ship turned around.

    Parameters
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
        In order.
    latitude : numpy.ndarray of float64, shape (n,)
    far : float
        Degrees that must be sailed back before a turn counts.

    Returns
    -------
    list of (name, mask)
        Only those there are; one without a name where the way is shorter than `far`.
    """
    good = np.flatnonzero(np.isfinite(latitude))
    north = np.zeros(latitude.size, bool)
    if not good.size or np.ptp(latitude[good]) < far:
        return [("", np.ones(latitude.size, bool))]
    turns, heading, edge = [good[0]], 0, good[0]
    for i in good:
        away = latitude[i] - latitude[edge]
        if heading == 0:
            heading = int(np.sign(away)) if abs(away) >= far else 0
            edge = i if heading else edge
        elif np.sign(away) == heading:
            edge = i
        elif abs(away) >= far:
            turns.append(edge)
            heading, edge = -heading, i
    turns.append(latitude.size)
    for a, b in pairwise(turns):
        last = min(b, latitude.size - 1)
        ends = latitude[good[(good >= a) & (good <= last)]]
        north[a:b] = ends[-1] >= ends[0]
    named = [("northbound", north), ("southbound", ~north)]
    return [(name, mask) for name, mask in named if mask[good].any()]
