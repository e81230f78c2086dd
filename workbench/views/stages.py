"""The components that hold our figures on the page: a map, a live picture, panels over one time axis."""

from __future__ import annotations

from typing import ClassVar

import param
from bokeh.models import Range1d
from panel.custom import Child, Children

from workbench.views.component import Component, script, style


class Stage(Component):
    """A figure on its card, repainted in the browser when the theme changes."""

    figure = Child(doc="The Bokeh figure.")

    _stylesheets: ClassVar[list[str]] = [style("stage.css")]
    __abstract = True


class MapStage(Stage):
    """A map: equal scales, zoom to fit, scale bar, the place under the mouse."""

    home = param.List(
        default=[], doc="West, south, east, north to show while nothing was sailed (continuous longitude)."
    )
    fine = param.List(default=[], doc="The same of the area that the fine coast covers; empty without one.")

    _esm: ClassVar[str] = script("stage.js", "map_box.js", "map.js")


class TimeStage(Component):
    """Figures, one above the other, that share one time axis.

    A parameter that changes makes Panel walk through all models of the figures, so what changes with every tick is
    told by the figures' own range and data sources instead.
    """

    figures = Children(doc="Bokeh figures with one x-range.")
    asked = param.List(default=[], doc="The range that a person chose by dragging or zooming, Unix milliseconds.")
    names = param.Dict(default={}, doc="Figure name to {label, unit}.")
    empty = param.String(default="", doc="What stands here while there is no figure.")

    _esm: ClassVar[str] = script("stage.js", "time.js")
    _stylesheets: ClassVar[list[str]] = [style("stage.css")]


class MarkedStage(TimeStage):
    """The same with marks: a legend of what happened, words at the mouse, and a file that a click picks."""

    legend = param.List(default=[], doc="{kind, label, sign, count} of each kind of mark.")
    missing = param.List(default=[], doc="What is not drawn, and what it would need: a sentence each.")
    picks = param.Boolean(default=False, doc="A click picks the file at that time.")
    clicked = param.Dict(default={}, doc="{time: Unix ms, reach: ms, n}: where a person clicked.")

    _esm: ClassVar[str] = script("stage.js", "marks.js", "time.js")
    _stylesheets: ClassVar[list[str]] = [style("stage.css"), style("marks.css")]


class AgainstStage(Component):
    """Figures of one quantity against another, one above the other."""

    figures = Children(doc="Bokeh figures.")
    empty = param.String(default="No data in this time range", doc="What stands here while nothing is drawn.")

    _esm: ClassVar[str] = script("stage.js", "against.js")
    _stylesheets: ClassVar[list[str]] = [style("stage.css")]


def tell(axis: Range1d, start: float, end: float) -> None:
    """Set a shared time range from here, so that the browser does not take it for a person's choice."""
    if (axis.start, axis.end) != (start, end):
        axis.update(reset_start=start, reset_end=end, start=start, end=end)
