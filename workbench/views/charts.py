"""Charts over one time axis that share what happened: nights, faults, pauses, files taken out, the file that is picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    LinearScale,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from workbench.core.window import Window
from workbench.views import axes, say
from workbench.views.curves import Columns
from workbench.views.happened import GROUPS
from workbench.views.paint import LINES, Theme, paint
from workbench.views.series import time_range

_SPANS = ("left", "right")
#: Rows of a curve up to which its points are drawn, too.
DOTTED = 240


@dataclass(frozen=True)
class Limit:
    """A level that is worth knowing.

    Attributes
    ----------
    value : float
    alarm : bool
        Beyond it somebody must be told.
    """

    value: float
    alarm: bool = False


@dataclass(frozen=True)
class Chart:
    """What one chart shows.

    Attributes
    ----------
    key : str
    label, unit : str
        As people read them.
    curves : mapping of str to columns
        time (ms), mean, low, high of each; its key is written in the legend.
    hollow : columns
        time (ms), value of points that count for nothing.
    log : bool
    limits : sequence of Limit
    colours : mapping of str to colour, optional
        Of curves that have one of their own, by theme; the others take the lines' in order.
    quiet : sequence of str
        Curves drawn as points behind the others.
    levels : bool
        What was set, and stays: no dots.
    """

    key: str
    label: str
    unit: str = ""
    curves: Mapping[str, Columns] = field(default_factory=dict)
    hollow: Columns = field(default_factory=lambda: {"time": np.empty(0), "value": np.empty(0)})
    log: bool = False
    limits: Sequence[Limit] = ()
    colours: Mapping[str, Mapping[Theme, str]] = field(default_factory=dict)
    quiet: Sequence[str] = ()
    levels: bool = False

    def of(self, name: str) -> Columns:
        """The columns of a curve; on a log axis nothing stands at 0."""
        return _positive(self.curves[name]) if self.log else self.curves[name]

    def out(self) -> Columns:
        """The hollow points."""
        values = self.hollow["value"].astype(float)
        good = values > 0 if self.log else np.isfinite(values)
        return {name: column[good] for name, column in self.hollow.items()}


def _positive(columns: Columns) -> Columns:
    floats = {name: np.asarray(values, float) for name, values in columns.items()}
    mean = np.where(floats["mean"] > 0, floats["mean"], np.nan)
    low = np.where(floats["low"] > 0, floats["low"], mean)
    return {**floats, "mean": mean, "low": low, "high": np.where(np.isfinite(mean), floats["high"], np.nan)}


class Shared:
    """What all charts of a card have in common: their time axis, and data sources that are told once for all.

    Parameters
    ----------
    window : Window
    """

    def __init__(self, window: Window) -> None:
        self.range = time_range(window)
        nothing = {"time": np.empty(0), "y": np.empty(0)}
        words = {name: np.empty(0, object) for name in ("sign", "kind", "text")}
        self.moments = {group: ColumnDataSource({**nothing, **words}, name=group) for group in GROUPS}
        self.night = ColumnDataSource({name: np.empty(0) for name in _SPANS}, name="night")
        self.spans = ColumnDataSource({**{n: np.empty(0) for n in _SPANS}, "text": np.empty(0, object)}, name="spans")
        self.picked = ColumnDataSource({"time": np.empty(0)}, name="picked")


def ends(window: Window) -> Any:
    """Far ends of a window (ms): limits are drawn beyond what is in view."""
    start, stop = (say.milliseconds(t) for t in window)
    return np.array([start - (stop - start), stop + (stop - start)])


def draw(
    chart: Chart, window: Window, *, shared: Shared | None = None, last: bool = True, theme: Theme = "light"
) -> figure:
    """One chart as a Bokeh figure. Pure.

    Parameters
    ----------
    chart : Chart
    window : Window
        What the axis shows.
    shared : Shared, optional
        What the charts of a card have in common.
    last : bool
        True for the lowest one: it carries the time labels.
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
        Renderers named ``line:<curve>`` (``line`` when it is alone), ``hollow``, ``limit``, ``night``, ``spans``, ``picked``, and ``<group>`` and
        ``<group>:signs`` of each group of marks.
    """
    shared = shared or Shared(window)
    plot = axes.timed(f"chart:{chart.key}", shared.range, log=chart.log, last=last, theme=theme)
    _behind(plot, shared, theme)
    seen = [_curve(plot, chart, name, i, theme) for i, name in enumerate(chart.curves)]
    seen += [_limit(plot, limit, window, theme) for limit in chart.limits]
    seen.append(_hollow(plot, chart, theme))
    _marks(plot, shared, theme)
    least = {} if chart.log else {"min_interval": 1e-3}
    plot.y_range.update(range_padding=0.14, only_visible=True, renderers=seen, name="value", **least)  # type: ignore[attr-defined]
    hair = Span(dimension="height", line_width=1, visible=False, name="hair")
    paint(hair, theme, line_color="muted")
    plot.add_layout(hair)
    return plot


def colour_of(chart: Chart, name: str, i: int) -> dict[Theme, Any]:
    """The colour of a curve in both themes."""
    own = chart.colours.get(name)
    return dict(own) if own else {key: colours[i % len(colours)] for key, colours in LINES.items()}


def _curve(plot: figure, chart: Chart, name: str, i: int, theme: Theme) -> Any:
    colour, source = colour_of(chart, name, i), ColumnDataSource(chart.of(name), name=name)
    if name in chart.quiet:
        dots = plot.scatter(
            "time", "mean", source=source, size=3.2, line_color=None, fill_alpha=0.55, name=renderer_of(chart, name)
        )
        paint(dots.glyph, theme, fill_color=colour)
        return dots
    band = plot.varea("time", "low", "high", source=source, fill_alpha=0.24, name="band")
    paint(band.glyph, theme, fill_color=colour)
    dash = "solid" if i < len(LINES["light"]) else [5, 2]
    if not chart.levels:
        dots = plot.scatter("time", "mean", source=source, size=4.5, line_color=None, name="dots")
        paint(dots.glyph, theme, fill_color=colour)
        dots.visible = few(source)
    line = plot.line(
        "time", "mean", source=source, line_width=1.5, line_join="round", line_dash=dash, name=renderer_of(chart, name)
    )
    paint(line.glyph, theme, line_color=colour)
    return line


def renderer_of(chart: Chart, name: str) -> str:
    """What the renderer of a curve is called: one that is alone needs no legend."""
    return f"line:{name}" if len(chart.curves) > 1 else "line"


def few(source: ColumnDataSource) -> bool:
    """Whether the rows of a curve are so few that each is drawn as a dot, too."""
    return len(source.data["time"]) <= DOTTED


def _limit(plot: figure, limit: Limit, window: Window, theme: Theme) -> Any:
    source = ColumnDataSource({"time": ends(window), "value": np.full(2, limit.value)}, name="limit")
    line = plot.line(
        "time", "value", source=source, line_width=1.2, line_dash=[2, 3] if not limit.alarm else [6, 3], name="limit",
        level="underlay",
    )  # fmt: skip
    paint(line.glyph, theme, line_color="alarm" if limit.alarm else "muted")
    return line


def _hollow(plot: figure, chart: Chart, theme: Theme) -> Any:
    source = ColumnDataSource(chart.out(), name="hollow")
    rings = plot.scatter("time", "value", source=source, size=7, line_width=1.4, fill_alpha=0.0, name="hollow")
    paint(rings.glyph, theme, line_color="ink")
    return rings


def _behind(plot: figure, shared: Shared, theme: Theme) -> None:
    night = plot.vstrip(
        x0="left", x1="right", source=shared.night, line_color=None, fill_alpha=0.5, level="underlay", name="night"
    )
    paint(night.glyph, theme, fill_color="grid")
    off = plot.vstrip(
        x0="left", x1="right", source=shared.spans, line_color=None, fill_alpha=0.10, hatch_pattern="right_diagonal_line",
        hatch_scale=10, hatch_weight=0.7, hatch_alpha=0.3, level="underlay", name="spans",
    )  # fmt: skip
    paint(off.glyph, theme, fill_color="muted", hatch_color="muted")


def _marks(plot: figure, shared: Shared, theme: Theme) -> None:
    """Lines through the whole chart, each with its sign at the lower or the upper edge, whatever the values are."""
    plot.extra_y_ranges = {"signs": Range1d(0, 8, name="signs")}
    plot.extra_y_scales = {"signs": LinearScale()}
    looks = {
        "faults": ("alarm", "solid", 1.1, 7.5),
        "files": ("muted", [1, 3], 1.0, 0.5),
        "notes": ("alarm", [4, 3], 1.2, 0.5),
    }
    for group, (role, dash, width, _) in looks.items():
        source = shared.moments[group]
        lines = plot.vspan(x="time", source=source, line_width=width, line_dash=dash, line_alpha=0.75, name=group)
        paint(lines.glyph, theme, line_color=role)
        if group != "notes":
            signs = plot.scatter(
                "time", "y", source=source, marker="sign", size=8, line_width=1.3, y_range_name="signs",
                name=f"{group}:signs",
            )  # fmt: skip
            paint(signs.glyph, theme, fill_color=role, line_color=role)
    chosen = plot.vspan(x="time", source=shared.picked, line_width=2, name="picked")
    paint(chosen.glyph, theme, line_color="accent")
