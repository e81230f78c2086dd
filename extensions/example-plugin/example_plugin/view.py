"""`view: wind_rose`: how often the wind comes from where."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import xarray as xr
from bokeh.plotting import figure

from workbench.views.view import View

SECTORS = 16


class WindRose(View):
    """Share of the rows in the time looked at, by direction."""

    headline, kind, follows = "Wind rose", "rose", ("revision",)

    def draw(self, ds: xr.Dataset, viewport: Any = None) -> figure:
        """Sixteen petals; pure."""
        angles = ds["wind_direction"].to_numpy() if "wind_direction" in ds else np.empty(0)
        sector = np.floor((angles[np.isfinite(angles)] % 360) / 360 * SECTORS + 0.5).astype(int) % SECTORS
        share = np.bincount(sector, minlength=SECTORS) / max(1, sector.size)
        middle = np.pi / 2 - np.arange(SECTORS) * 2 * np.pi / SECTORS
        half = np.pi / SECTORS * 0.9
        plot = figure(match_aspect=True, tools=[], toolbar_location=None, sizing_mode="stretch_both")
        plot.annular_wedge(0, 0, 0, np.sqrt(share), middle - half, middle + half, name="petals")
        plot.axis.visible, plot.grid.visible = False, False
        return plot

    def _fits(self, feed: Any) -> bool:
        return "wind_direction" in getattr(feed, "variables", ())

    def _build(self) -> pn.viewable.Viewable:
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_both")
        self._renew()
        return self._pane

    def _renew(self) -> None:
        self._pane.object = self.draw(self.feed.source.open(self.session.window, max_points=10_000).load())
