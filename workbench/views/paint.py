"""Colours, type and tick marks that every picture shares, for daylight and for the night watch.

A figure is drawn in one theme and carries both: `paint` notes on each model which colour role each property has,
and the browser (``stage.js``) repaints the figure when the person changes the theme, without asking the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bokeh.core.validation import silence
from bokeh.core.validation.warnings import MISSING_RENDERERS
from bokeh.models import Model
from bokeh.plotting import figure

from workbench.views.colours import (
    CALM,
    DENSITY,
    FONT,
    LINES,
    NAMES,
    POPULATIONS,
    ROLES,
    TRACK,
    Theme,
    population_colour,
)

__all__ = [
    "CALM", "DENSITY", "FONT", "LINES", "NAMES", "POPULATIONS", "ROLES", "TRACK", "Theme", "dress", "paint",
    "population_colour",
]  # fmt: skip

silence(MISSING_RENDERERS, True)


def paint(model: Model, theme: Theme = "light", **roles: str | Mapping[Theme, Any]) -> None:
    """Give properties of `model` their colours, and note them for the browser's theme switch.

    Parameters
    ----------
    model : bokeh.models.Model
        Anything with colour properties.
    theme : {"light", "dark"}
        The theme to draw in now.
    **roles : str
        ``property="role"``, a key of `ROLES`, or a mapping of theme to value.
    """
    sets: dict[Theme, dict[str, Any]] = {"light": {}, "dark": {}}
    for name, role in roles.items():
        for key in sets:
            sets[key][name] = ROLES[key][role] if isinstance(role, str) else role[key]
    model.update(**sets[theme])
    noted = [tag for tag in model.tags if not (isinstance(tag, dict) and "paint" in tag)]
    earlier: dict[str, dict[str, Any]] = next(
        (tag["paint"] for tag in model.tags if isinstance(tag, dict) and "paint" in tag), {}
    )
    merged = {key: {**earlier.get(key, {}), **sets[key]} for key in sets}
    model.tags = [*noted, {"paint": merged}]


def dress(plot: figure, theme: Theme = "light", *, grid: bool = True) -> figure:
    """Take a bare figure to the house style: quiet axes, hairline grid, no toolbar, our type."""
    for model in (plot, plot.x_range, plot.y_range):
        model.syncable = False  # what a person does to a plot stays in the browser, unless a stage tells it
    plot.toolbar_location = None
    plot.toolbar.logo = None
    plot.min_border = 0
    plot.outline_line_width = 1
    paint(
        plot, theme, background_fill_color="card", border_fill_color="card", outline_line_color="line",
        border_line_color="card",  # else half of the outermost pixels keeps the theme of before
    )  # fmt: skip
    for axis in plot.axis:
        axis.update(
            major_label_text_font=FONT, major_label_text_font_size="11.5px", axis_label_text_font=FONT,
            axis_label_text_font_size="12px", axis_label_text_font_style="normal", axis_label_standoff=6,
            axis_line_color=None, major_tick_in=0, major_tick_out=4, minor_tick_out=2, minor_tick_in=0,
            major_label_standoff=4,
        )  # fmt: skip
        paint(
            axis, theme, major_label_text_color="muted", axis_label_text_color="ink", major_tick_line_color="line",
            minor_tick_line_color="line",
        )  # fmt: skip
    for line in plot.grid:
        line.visible = grid
        paint(line, theme, grid_line_color="grid")
    return plot
