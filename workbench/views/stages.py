"""The components that hold our figures on the page: a map, a live picture, panels over one time axis."""

from __future__ import annotations

from typing import Any, ClassVar

import param
from panel.custom import Child, Children, JSComponent

from workbench.views.component import script, style


class Stage(JSComponent):
    """A figure on its card, repainted in the browser when the theme changes."""

    figure = Child(doc="The Bokeh figure.")

    _stylesheets: ClassVar[list[str]] = [style("stage.css")]
    __abstract = True


class MapStage(Stage):
    """A map: equal scales, zoom to fit, scale bar, the place under the mouse."""

    bounds = param.List(default=[], doc="West, south, east, north of the whole cruise (continuous longitude).")
    selected = param.List(default=[], doc="The same of the selected time range.")
    fine = param.List(default=[], doc="The same of the area that the fine coast covers; empty without one.")

    _esm: ClassVar[str] = script("stage.js", "map.js")


class TimeStage(JSComponent):
    """Figures, one above the other, that share one time axis."""

    figures = Children(doc="Bokeh figures with one x-range.")
    window = param.List(default=[], doc="The range to show, Unix milliseconds.")
    span = param.List(default=[], doc="The range to show of a strip that does not move with the window.")
    asked = param.List(default=[], doc="The range that a person chose by dragging or zooming, Unix milliseconds.")
    names = param.Dict(default={}, doc="Figure name to {label, unit}.")

    _esm: ClassVar[str] = script("stage.js", "time.js")
    _stylesheets: ClassVar[list[str]] = [style("stage.css")]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
