"""Building the picture indices of a cruise: for each particle source, the planes that its board shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.live.indexed import MANY
from workbench.live.particle_feed import ParticleFeed
from workbench.raster.tiles import Layer, layers
from workbench.record.picture_index_update import Listing, bring_up_to_date

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise

Pair = tuple[str, str]
#: Planes of a cruise whose board shows none.
USUAL: tuple[Pair, ...] = (("fsc_small", "pe"), ("fsc_small", "chl_small"))
#: The column of populations that is indexed, the first of these; those that the board names besides.
MIDDLE = ("pop_q50", "pop")


def planes_of(cruise: Cruise) -> tuple[Pair, ...]:
    """The channel pairs that the board shows."""
    options = [item.options for item in cruise.board]
    pairs = [(str(o["x"]), str(o["y"])) for o in options if {"x", "y"} <= o.keys()]
    return tuple(dict.fromkeys(pairs)) or USUAL


def groups_of(cruise: Cruise) -> tuple[str, ...]:
    """The columns of populations that the board names."""
    named = (str(item.options["by"]) for item in cruise.board if item.options.get("by"))
    return tuple(dict.fromkeys(name for name in named if name != "population"))


def layers_of(feed: ParticleFeed, pairs: Iterable[Pair], groups: Iterable[str] = ()) -> tuple[Layer, ...]:
    """The layers of an index: planes of channels that the feed has, plain and by population."""
    there = [pair for pair in pairs if set(pair) <= set(feed.channels)]
    middle = next((name for name in (*MIDDLE, *feed.groups) if name in feed.groups), "")
    by = dict.fromkeys(name for name in (middle, *groups) if name in feed.groups)
    return tuple(layer for x, y in there for name in ("", *by) for layer in layers(x, y, name))


def update_index(
    feed: ParticleFeed, wanted: tuple[Layer, ...], *, again: bool = False, least: int = 0,
    done: Callable[[int], object] = lambda files: None, stopped: Callable[[], bool] = lambda: False,
) -> int | None:  # fmt: skip
    """Bring the index of a feed up to date with its table.

    Parameters
    ----------
    feed : ParticleFeed
        Polled.
    wanted : tuple of Layer
    again : bool
        Begin anew.
    least : int
        Particles that are not indexed, from which it is worth it.
    done, stopped
        As for `bring_up_to_date`.

    Returns
    -------
    int or None
        Files indexed now; None when somebody else is at it, nothing can be written, or there is nothing to do it for.
    """
    index, table = feed.index, feed.table
    if index is None or not wanted or not len(table) or feed.rows - index.covered(table) < max(least, 1 - again):
        return None
    names = sorted({name for layer in wanted for name in (layer.x, layer.y, layer.by) if name})

    def read(i: int) -> dict[str, npt.NDArray[Any]] | None:
        try:
            columns = feed.columns(table.paths[i], int(table.serials[i]), names)
        except (WorkbenchError, OSError):
            return None
        return columns if index.marks.still(table, i) else None

    marks = index.marks.of(table)
    listing = Listing(marks, table.times, table.sizes, read, lambda: feed.labels.names)
    return bring_up_to_date(index.folder, wanted, listing, again=again, done=done, stopped=stopped)


def worth(feed: ParticleFeed) -> bool:
    """True when so much of a feed is not indexed that pictures of it would be slow."""
    return feed.index is not None and feed.rows - feed.index.covered(feed.table) > MANY
