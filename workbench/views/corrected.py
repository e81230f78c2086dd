"""Populations by time, raw and corrected: every file as it was counted, and what is believed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from workbench.live.feed import Feed
from workbench.views import say
from workbench.views.by_file import ByFile, Floats, curve, points
from workbench.views.charts import Chart
from workbench.views.marked import Marked
from workbench.views.paint import NAMES, ROLES, population_colour
from workbench.views.populations import HIDDEN, LOGARITHMIC, populations_of
from workbench.views.view import once

_RAW = {theme: roles["whole"] for theme, roles in ROLES.items()}
#: What is drawn unless told, as far as the source has it.
QUANTITIES = ("abundance", "diameter")


def raw_of(files: ByFile, quantity: str, population: str) -> Floats:
    """A quantity of every file as it was counted; of abundance, by the file's own OPP/EVT ratio.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        ``n / (volume * ratio)`` for abundance, where there are counts and a volume; else the column itself.
    """
    if quantity == "abundance" and {f"n_count_{population}", "volume", "opp_evt_ratio"} <= set(files.columns):
        water = files.column("volume") * files.column("opp_evt_ratio")
        count = files.column(f"n_count_{population}")
        return np.divide(count, water, out=np.full(len(files), np.nan), where=water > 0)
    return files.column(f"{quantity}_{population}")


def corrected_of(files: ByFile, quantity: str, population: str, out: Sequence[str]) -> Floats:
    """The same as it is believed: abundance by the virtual core of the cruise, without files with a flag or taken out."""
    values = files.column(f"{quantity}_{population}").copy()
    values[files.flagged()] = np.nan
    values[files.among(out)] = np.nan
    return values


def shown(variables: Sequence[str], quantity: str, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The populations that are drawn: those asked for, else all but beads and what is unknown."""
    there = populations_of(variables, quantity)
    return tuple(name for name in there if (name in wanted if wanted else name not in HIDDEN))


class Corrected(Marked):
    """Abundance and diameter of each population by time: dots as counted, a line as corrected."""

    options: ClassVar[Mapping[str, str]] = {
        "quantities": "list such as abundance, diameter", "populations": "list; all but beads and unknown unless told",
        "night": "SOURCE.VARIABLE of PAR, for night bands", "title": "head line of the card",
    }  # fmt: skip
    headline = "Populations by time"

    def __init__(
        self, data: Any, source: str | None = None, *, quantities: Sequence[str] | None = None,
        populations: Sequence[str] | None = None, night: str | None = None, title: str | None = None,
        marks: Any = None,
    ) -> None:  # fmt: skip
        """As for `View`; the others as in `options`, `marks` gives the notes to mark."""
        super().__init__(data, source, night=night, title=title, marks=marks)
        self._quantities, self._populations = tuple(quantities or QUANTITIES), tuple(populations or ())

    def _fits(self, feed: Feed) -> bool:
        return any(populations_of(getattr(feed, "variables", ()), name) for name in QUANTITIES)

    def _first(self) -> str:
        return next((name for name, feed in self.feeds.items() if self._fits(feed)), "")

    def _charts(self) -> list[Chart]:
        variables = tuple(getattr(self.feed, "variables", ())) if self.source in self.feeds else ()
        asked = [(quantity, shown(variables, quantity, self._populations)) for quantity in self._quantities]
        return [self._chart(quantity, name) for quantity, names in asked for name in names]

    def _missing(self) -> list[str]:
        feed = self.feeds.get(self.source)
        if self._charts() or (feed is not None and feed.fault):
            return []
        made = feed is not None and getattr(feed.source, "product", None) is not None
        return [f"No populations yet{'' if made else ': they need a source with product: seaflow'}."]

    def _chart(self, quantity: str, population: str) -> Chart:
        files, window, out = self.files(), self.session.window, tuple(self.out())
        inside = files.within(window)
        state = (quantity, population, inside.start, inside.stop, out, window if inside.start == inside.stop else None)

        def make() -> Chart:
            raw = raw_of(files, quantity, population)
            best = corrected_of(files, quantity, population, out)
            unit = say.unit(self.unit_of(self.source, f"{quantity}_{population}"))
            colour, due = population_colour(population), self.feed.source.every
            several = len(self._quantities) > 1
            label = NAMES.get(population, say.name(population))
            return Chart(
                f"{quantity}_{population}", f"{say.name(quantity)}, {label}" if several else label, unit,
                {"raw": curve(files.time, raw, window, usual=due), "corrected": curve(files.time, best, window, usual=due)},
                points(files.time, raw, files.among(out), window), log=quantity in LOGARITHMIC,
                colours={"raw": _RAW, "corrected": colour}, quiet=("raw",),
            )  # fmt: skip

        return once(self.feed, ("corrected", state), make)
