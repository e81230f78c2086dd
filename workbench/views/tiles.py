"""KPI tiles: value, unit, age, expected range, sparkline; what is wrong is told by a sign and a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import panel as pn
import param

from workbench.views.component import Component, script, style
from workbench.views.numbers import Reading, draw_all, reading_of, tiles_of
from workbench.views.view import View, told_clock


class Strip(Component):
    """Tiles side by side in one component; what is sent are those that changed.

    A browser that has not drawn them yet hears of no change: until it says that it has, all are sent. One that changes
    only once, in that moment, would else stand still with what it had.
    """

    tiles = param.List(default=[], doc="Trusted HTML of each; sent until they are drawn.")
    changed = param.Dict(default={}, doc="Place and HTML of those that are another since the last time.")
    drawn = param.Boolean(default=False, doc="The browser has drawn them, and hears of changes.")
    clock = param.Dict(default={"now": 0, "warp": 1.0}, doc="Cruise time (Unix ms) at the moment it is told, and warp.")

    _esm: ClassVar[str] = script("ages.js", "strip.js")
    _stylesheets: ClassVar[list[str]] = [style("words.css")]

    def __init__(self, tiles: Sequence[str] = (), **params: Any) -> None:
        super().__init__(tiles=list(tiles), **params)

    def say(self, tiles: Sequence[str]) -> None:
        """Show these; equal ones send nothing."""
        changed = {
            str(i): new for i, (old, new) in enumerate(zip(self.tiles, tiles, strict=True)) if old != new
        }  # fmt: skip
        if changed and self.drawn:
            with param.parameterized.discard_events(self):  # what the next page begins with, in a notebook
                self.tiles = list(tiles)
            self.changed = changed
        elif changed:
            self.tiles = list(tiles)


class Tiles(View):
    """The numbers to watch, one tile each."""

    options: ClassVar[Mapping[str, str]] = {
        "kpis": "list of the catalog's KPIs; all of them unless told",
        "title": "head line",
    }
    headline = "Numbers to watch"
    kind = "tiles"
    follows = ("revision", "follow")
    tall = None

    def __init__(
        self, data: Any, source: str | None = None, *, kpis: Sequence[str] | None = None, title: str | None = None
    ) -> None:
        super().__init__(data, source, title=title)
        self.kpis = tuple(kpis) if kpis is not None else tuple(self.feeds.cruise.kpis)

    def draw(self, readings: Sequence[Reading], viewport: Any = None) -> list[str]:
        """The tiles as HTML. Pure."""
        return draw_all(readings)

    def readings(self) -> list[Reading]:
        """Every KPI as it stands in the session's window."""
        return [reading_of(self.session, self.feeds.cruise.kpis[name]) for name in self.kpis]

    def _build(self) -> pn.viewable.Viewable:
        self.strip = Strip(
            tiles_of(self.session, self.kpis), clock=told_clock(self.session), css_classes=["strip"], margin=0
        )
        return self.strip

    def _renew(self) -> None:
        self.strip.say(tiles_of(self.session, self.kpis))
