"""What the gates give through the whole cruise: a small chart, before in grey, now in colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import BoxAnnotation, ColumnDataSource, PanTool, WheelZoomTool
from bokeh.plotting import figure

from workbench.core.window import Window
from workbench.live.preview import Estimate
from workbench.views import axes, say
from workbench.views.curves import Columns
from workbench.views.gate_water import Water, drawn
from workbench.views.paint import Theme, dress, paint, population_colour
from workbench.views.series import time_range
from workbench.views.stages import tell

#: Lines that nobody needs in abundance.
_QUIET = ("beads", "unknown")
#: Of which quantile volumes are known.
_MIDDLE = ("pop_q50", "q50", "pop")


def series(populations: Sequence[str], window: Window, *, unit: str, theme: Theme = "light") -> figure:
    """What gates give through the cruise. Pure; the browser fills it with `Through.lines`.

    Parameters
    ----------
    populations : sequence of str
    window : Window
        What the axis shows.
    unit : str
        Of the numbers, for the axis.
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
        Renderers ``before:<population>`` and ``now:<population>``; a box ``view`` marks what the cytograms show.
    """
    plot = figure(
        x_axis_type="datetime", y_axis_type="log", x_range=time_range(window), tools=[], sizing_mode="stretch_both",
        name="gates:series",
    )  # fmt: skip
    wheel = WheelZoomTool(dimensions="width")
    plot.add_tools(PanTool(dimensions="width"), wheel)
    plot.toolbar.active_scroll = wheel
    dress(plot, theme)
    axes.utc(plot.xaxis[0], plot)
    plot.min_border_left, plot.min_border_right = 56, 8
    axes.logs(plot.yaxis[0], plot)
    plot.yaxis[0].axis_label = unit
    view = BoxAnnotation(left=0, right=0, fill_alpha=0.12, line_color=None, name="view")
    paint(view, theme, fill_color="accent")
    plot.add_layout(view)
    quiet = _QUIET if set(populations) - set(_QUIET) else ()
    shown = [
        each for kind in ("before", "now") for population in populations if population not in quiet
        for each in _line(plot, kind, population, theme)
    ]  # fmt: skip
    plot.y_range.update(range_padding=0.12, only_visible=True, renderers=shown, name="value")  # type: ignore[attr-defined]
    return plot


def _line(plot: figure, kind: str, population: str, theme: Theme) -> list[object]:
    name, thin = f"{kind}:{population}", kind == "before"
    source = ColumnDataSource({"time": np.empty(0), "mean": np.empty(0)}, name=name)
    line = plot.line("time", "mean", source=source, line_width=1.2 if thin else 2, name=name)
    dots = plot.scatter("time", "mean", source=source, size=3 if thin else 4.5, name=f"dots:{name}")
    colour = "whole" if thin else population_colour(population)
    paint(line.glyph, theme, line_color=colour)
    paint(dots.glyph, theme, line_color=colour, fill_color=colour)
    return [line, dots]


class Through:
    """The chart of one editor.

    Parameters
    ----------
    water : Water

    Attributes
    ----------
    figure : bokeh.plotting.figure or None
    lines : mapping of str to columns
        Time (Unix ms) and mean of ``before:<population>`` and ``now:<population>``, for the browser.
    """

    def __init__(self, water: Water) -> None:
        self.water = water
        self.figure: figure | None = None
        self.lines: dict[str, Columns] = {}
        self._shape: tuple[tuple[str, ...], str] = (), ""

    def abundances(self, among: str) -> bool:
        """Whether counts of these particles can be told per microlitre."""
        return among in _MIDDLE and self.water.known

    def shape(self, populations: Sequence[str], span: Window, among: str) -> figure | None:
        """Fit the figure to these populations and this span; the figure, if another one had to be made."""
        unit = "cells/µL" if self.abundances(among) else "particles in a file"
        shape = tuple(dict.fromkeys(populations)), unit
        made = None
        if self.figure is None or shape != self._shape:
            self._shape = shape
            self.figure = made = series(shape[0], span, unit=unit)
        start, stop = (say.milliseconds(t) for t in span)
        pad = max(60_000.0, (stop - start) * 0.02)
        tell(self.figure.x_range, start - pad, stop + pad)  # type: ignore[arg-type]
        return made

    def show(self, kind: str, estimate: Estimate | None, among: str) -> None:
        """Take up an estimate as ``before`` or ``now``; None: nothing."""
        self.lines = {name: told for name, told in self.lines.items() if not name.startswith(f"{kind}:")}
        found = None if estimate is None else estimate.series
        if estimate is None or found is None:
            return
        for i, population in enumerate(estimate.populations):
            values = found.counts[:, i].astype(float)
            if self.abundances(among):
                values = values / self.water.of(found.times, population)
            self.lines[f"{kind}:{population}"] = drawn(found.times, values)
