"""What there is to choose from on a page: variables and channels. What is asked for and is not among them is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.core.errors import suggest
from workbench.live.particle_feed import ParticleFeed

if TYPE_CHECKING:
    from workbench.live.feeds import Feeds

#: Letters of a name that was not found, as they are repeated to who wrote it.
_SAID = 80


class Offer:
    """The variables of the feeds, and the channels that the cytograms of a page can have as axes.

    Parameters
    ----------
    feeds : Feeds
    sources : sequence of str
        The Source of each cytogram, in the order of the page.

    Attributes
    ----------
    missed : list of str
        A sentence for each name that was asked for and that there is not, with the nearest that there is.
    """

    def __init__(self, feeds: Feeds, sources: Sequence[str]) -> None:
        self._feeds, self._sources = feeds, sources
        self.missed: list[str] = []

    def has(self, name: str) -> bool:
        """Whether there is a ``SOURCE.VARIABLE`` of that name."""
        known = self._feeds.names()
        if name in known:
            return True
        self.missed.append(f"There is no '{name[:_SAID]}'. {suggest(name[:_SAID], known)}")
        return False

    def charts(self, now: Sequence[tuple[str, ...]], asked: Sequence[str]) -> list[tuple[str, ...]]:
        """The curves of each time series: those asked for (``A.B,A.C``, in the order of the page), else as now."""
        charts = list(now)
        for i, text in enumerate(asked[: len(charts)]):
            charts[i] = tuple(name for name in dict.fromkeys(text.split(",")) if name and self.has(name))
        return charts

    def planes(self, now: Sequence[tuple[str, str]], asked: Sequence[str]) -> list[tuple[str, str]]:
        """The axes of each cytogram: those asked for (``X,Y``, in the order of the page), else as now."""
        planes = list(now)
        for i, text in enumerate(asked[: len(planes)]):
            feed = self._feeds.get(self._sources[i])
            known = feed.channels if isinstance(feed, ParticleFeed) else ()
            x, _, y = text.partition(",")
            bad = [name for name in (x, y) if name not in known]
            if bad:
                self.missed.append(f"There is no channel '{bad[0][:_SAID]}'. {suggest(bad[0][:_SAID], known)}")
            else:
                planes[i] = (x, y)
        return planes
