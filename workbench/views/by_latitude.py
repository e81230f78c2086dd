"""Quantities by latitude, northbound and southbound apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from workbench.live.feed import Feed
from workbench.views.against import Axes, Cloud
from workbench.views.beside import Beside, Chart, colours_of
from workbench.views.populations import LOGARITHMIC
from workbench.views.view import split

#: What is drawn unless told, as far as the source has it.
VARIABLES = ("abundance_prochloro", "abundance_synecho", "sea_water_temperature", "salinity")


class ByLatitude(Beside):
    """Variables against latitude, one panel each."""

    options: ClassVar[Mapping[str, str]] = {
        "variables": "list of VARIABLE (of this source) or SOURCE.VARIABLE",
        "latitude": "SOURCE.VARIABLE of the latitude", "title": "head line of the card",
    }  # fmt: skip
    headline = "By latitude"

    def __init__(
        self, data: Any, source: str | None = None, *, variables: Sequence[str] = (), latitude: str | None = None,
        title: str | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; `variables` and `latitude` as in `options`."""
        super().__init__(data, source, latitude=latitude, title=title)
        self._variables = tuple(variables)

    @property
    def variables(self) -> tuple[str, ...]:
        """SOURCE.VARIABLE of each panel: those that there are."""
        known = self.feeds.names()
        wanted = self._variables or VARIABLES
        return tuple(name for name in map(self._named, wanted) if name in known)

    def _fits(self, feed: Feed) -> bool:
        return bool(set(VARIABLES) & set(getattr(feed, "variables", ())))

    def _uses(self) -> tuple[str, ...]:
        return *self.variables, self.latitude

    def _charts(self) -> list[Chart]:
        charts = []
        for i, name in enumerate(self.variables):
            time, values = self._column(name)
            log = split(name)[1].startswith(LOGARITHMIC)
            values = np.where(values > 0, values, np.nan) if log else values
            latitude = self._at(self.latitude, time)
            parts = self._legs(time, latitude)
            # One legend for all panels; below them, the name of the axis.
            clouds = [Cloud(leg if i == 0 else "", time[mask], latitude[mask], values[mask]) for leg, mask in parts]
            label = self.label_of(self.latitude) if i == len(self.variables) - 1 and self.latitude else ""
            colours = colours_of([leg for leg, _ in parts])
            charts.append(Chart(clouds, Axes(label, self.label_of(name), latitudes=True, log=log, colours=colours)))
        return charts
