"""T-S diagrams: temperature against salinity, over lines of equal density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from workbench.live.feed import Feed
from workbench.views.against import Axes, Cloud
from workbench.views.beside import Beside, Chart, colours_of

Floats = npt.NDArray[np.float64]
#: Below that the sea water pump has failed, unless the sea is as fresh (the Baltic, a river's plume).
FRESH = 20.0


def of_the_sea(salinity: Floats) -> npt.NDArray[np.bool_]:
    """Which rows are not those of a failed pump: it fails now and then, so where most are as fresh, all are of the sea."""
    fresh = salinity < FRESH
    return ~fresh if 2 * fresh.sum() < np.isfinite(salinity).sum() else np.ones(salinity.shape, np.bool_)


class TS(Beside):
    """Temperature against salinity, northbound and southbound apart."""

    options: ClassVar[Mapping[str, str]] = {
        "salinity": "VARIABLE (of this source) or SOURCE.VARIABLE; salinity unless told",
        "temperature": "the same; sea_water_temperature unless told",
        "latitude": "SOURCE.VARIABLE that tells northbound from southbound", "title": "head line of the card",
    }  # fmt: skip
    headline = "T-S diagram"

    def __init__(
        self, data: Any, source: str | None = None, *, salinity: str = "salinity",
        temperature: str = "sea_water_temperature", latitude: str | None = None, title: str | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; the others as in `options`."""
        super().__init__(data, source, latitude=latitude, title=title)
        self._salinity, self._temperature = salinity, temperature

    def _fits(self, feed: Feed) -> bool:
        return {"salinity", "sea_water_temperature"} <= set(getattr(feed, "variables", ()))

    def _uses(self) -> tuple[str, ...]:
        return self._named(self._salinity), self._named(self._temperature), self.latitude

    def _charts(self) -> list[Chart]:
        x, y = self._named(self._salinity), self._named(self._temperature)
        time, salinity = self._column(x)
        salinity = np.where(of_the_sea(salinity), salinity, np.nan)
        temperature = self._at(y, time)
        parts = self._legs(time, self._at(self.latitude, time))
        clouds = [Cloud(name, time[mask], salinity[mask], temperature[mask]) for name, mask in parts]
        colours = colours_of([name for name, _ in parts])
        return [Chart(clouds, Axes(self.label_of(x), self.label_of(y), isopycnals=True, colours=colours))]
