"""Populations by latitude, raw or corrected, the way there and the way back apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from workbench.live.feed import Feed
from workbench.views import say
from workbench.views.against import Axes, Cloud
from workbench.views.beside import Beside, Chart, colours_of
from workbench.views.choose import Choice
from workbench.views.corrected import corrected_of, raw_of, shown
from workbench.views.excluded import excluded
from workbench.views.marked import rows_of
from workbench.views.paint import NAMES
from workbench.views.populations import LOGARITHMIC, populations_of
from workbench.views.turn import turn_of
from workbench.views.view import split

#: What is drawn unless told.
QUANTITIES = ("abundance", "diameter")


class CorrectedByLatitude(Beside):
    """Abundance and diameter of each population against latitude, northbound and southbound apart."""

    options: ClassVar[Mapping[str, str]] = {
        "quantities": "list such as abundance, diameter", "populations": "list; all but beads and unknown unless told",
        "latitude": "SOURCE.VARIABLE of the latitude", "title": "head line of the card",
    }  # fmt: skip
    headline = "By latitude"

    def __init__(
        self, data: Any, source: str | None = None, *, quantities: Sequence[str] | None = None,
        populations: Sequence[str] | None = None, latitude: str | None = None, title: str | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; the others as in `options`."""
        super().__init__(data, source, latitude=latitude, title=title)
        self._quantities, self._populations = tuple(quantities or QUANTITIES), tuple(populations or ())
        self._which, self.turned = "corrected", True
        self._drawn: Any = None

    def _fits(self, feed: Feed) -> bool:
        return any(populations_of(getattr(feed, "variables", ()), name) for name in QUANTITIES)

    def _first(self) -> str:
        return next((name for name, feed in self.feeds.items() if self._fits(feed)), "")

    def _choices(self) -> list[Choice]:
        def chosen(value: list[str]) -> None:
            self._which = value[0]
            self._renew()

        options = {"corrected": "corrected", "raw": "raw"}
        return [Choice("which", "", "Raw or corrected", lambda: options, lambda: [self._which], chosen)]

    def _renew(self) -> None:
        """Only when other rows are in view, or what counts for them is another: most ticks bring nothing."""
        feed = self.feeds.get(self.source)
        if feed is not None:
            turn = turn_of(self.session, self.latitude)
            inside, out = rows_of(feed).within(self.session.window), id(excluded(self.feeds.cruise))
            other = self.feeds.get(split(self.latitude)[0])
            read = feed.seen, feed.fault, self.latitude, None if other is None else other.seen
            state = read, inside, out, self._which, str(turn.time), turn.north_first
            if state == self._drawn:
                return
            self._drawn = state
        super()._renew()

    def _charts(self) -> list[Chart]:
        if self.source not in self.feeds:
            return []
        files, out = rows_of(self.feed), tuple(excluded(self.feeds.cruise))
        inside = files.within(self.session.window)
        time = files.time[inside]
        latitude = files.column("latitude")[inside] if "latitude" in files.columns else self._at(self.latitude, time)
        legs = self._legs(time, latitude)
        colours = colours_of([leg for leg, _ in legs])
        variables = tuple(getattr(self.feed, "variables", ()))
        asked = [(q, name) for q in self._quantities for name in shown(variables, q, self._populations)]
        charts = []
        for i, (quantity, name) in enumerate(asked):
            raw = self._which == "raw"
            values = (raw_of(files, quantity, name) if raw else corrected_of(files, quantity, name, out))[inside]
            log = quantity in LOGARITHMIC
            values = np.where(values > 0, values, np.nan) if log else values
            clouds = [Cloud(leg if i == 0 else "", time[m], latitude[m], values[m]) for leg, m in legs]
            unit = say.unit(self.unit_of(self.source, f"{quantity}_{name}"))
            label = self.label_of(self.latitude) if i == len(asked) - 1 and self.latitude else ""
            named = NAMES.get(name, say.name(name))
            words = f"{named} [{unit}]" if len(self._quantities) == 1 else f"{say.name(quantity)}, {named} [{unit}]"
            charts.append(Chart(clouds, Axes(label, words, latitudes=True, log=log, colours=colours)))
        return charts
