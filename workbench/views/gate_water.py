"""How much water each file's particles were in, so that counts of a draft become abundances.

It is taken from the cruise's own populations: volume and virtual core stand there, or follow from count and abundance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.live.feeds import Feeds
from workbench.products.seaflow.abundance import BY_FILE
from workbench.views.curves import Columns
from workbench.views.view import once

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
#: Rows asked for: one a file, of any cruise.
_ROWS = 400_000


def populations_of(feeds: Feeds, plan: str) -> str:
    """The source of the populations that are made with a plan; empty without one."""
    made = [
        name
        for name, source in feeds.cruise.items()
        if source.product == "seaflow" and source.inputs.get("plan") == plan
    ]
    return next((name for name in made if name in feeds), "")


class Water:
    """Microlitres behind each count, of the middle quantile.

    Parameters
    ----------
    feeds : Feeds
    source : str
        Populations with ``abundance_*``, ``n_count_*``, ``volume`` and ``opp_evt_ratio``; empty: nobody knows.
    """

    def __init__(self, feeds: Feeds, source: str) -> None:
        self._feeds, self.source = feeds, source

    @property
    def known(self) -> bool:
        """Whether counts can become abundances."""
        return bool(self.source) and {"volume", "opp_evt_ratio"} <= set(self._variables())

    def _variables(self) -> tuple[str, ...]:
        feed: Any = self._feeds.get(self.source)
        return tuple(getattr(feed, "variables", ()))

    def _column(self, name: str) -> tuple[Times, Floats]:
        feed: Any = self._feeds[self.source]
        span = feed.span
        if span is None or name not in self._variables():
            return np.empty(0, "M8[ns]"), np.empty(0)
        ds = once(feed, ("whole", name), lambda: feed.series(name, span, _ROWS))
        return ds["time"].to_numpy().astype("M8[ns]"), ds[name].to_numpy().astype(float)

    def _core(self) -> float:
        """The virtual core that the cruise's abundances were made with."""
        time, volume = self._column("volume")
        for name in self._variables():
            population = name.removeprefix("n_count_")
            if not name.startswith("n_count_") or population in BY_FILE:
                continue
            when, count = self._column(name)
            made, cells = self._column(f"abundance_{population}")
            both, a, b = np.intersect1d(when, made, return_indices=True)
            both, at, there = np.intersect1d(both, time, return_indices=True)
            n, c, v = count[a][at], cells[b][at], volume[there]
            good = (n > 0) & (c > 0) & (v > 0)
            if good.any():
                return float(np.median(n[good] / (c[good] * v[good])))
        ratio = self._column("opp_evt_ratio")[1]
        return float(np.median(ratio[ratio > 0])) if (ratio > 0).any() else np.nan

    def of(self, times: Times, population: str) -> Floats:
        """Microlitres for each file, NaN where nobody knows.

        Parameters
        ----------
        times : numpy.ndarray of datetime64[ns], shape (files,)
        population : str
            The most abundant have their own file's ratio (as the product).
        """
        when, volume = self._column("volume")
        water = _at(times, when, volume)
        ratio = _at(times, *self._column("opp_evt_ratio")) if population in BY_FILE else self._core()
        found = water * ratio
        return np.where(found > 0, found, np.nan)

    def holding(self, population: str) -> Columns:
        """Columns time (ms) and mean of the abundance that the plan gives as it holds now."""
        time, cells = self._column(f"abundance_{population}")
        return drawn(time, cells)


def drawn(times: Times, values: Floats) -> Columns:
    """Columns time (Unix ms) and mean for a log axis, in order of time; nothing stands at 0."""
    good = ~np.isnat(times)
    order = np.argsort(times[good], kind="stable")
    mean = values[good][order]
    return {"time": times[good][order].astype(np.int64) / 1e6, "mean": np.where(mean > 0, mean, np.nan)}


def _at(times: Times, other: Times, values: Floats) -> Floats:
    """`values` of the moments `other` at exactly the moments `times`, to the second."""
    if not other.size:
        return np.full(times.shape, np.nan)
    a, b = times.astype("M8[s]"), other.astype("M8[s]")
    order = np.argsort(b, kind="stable")
    place = np.searchsorted(b[order], a).clip(0, len(b) - 1)
    found = order[place]
    return np.where(b[found] == a, values[found], np.nan)
