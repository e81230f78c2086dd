"""The pages of one board: which there are, and what each shows where the catalog does not say."""

from __future__ import annotations

from types import MappingProxyType

from workbench.catalog.declared import BoardItem
from workbench.live.feed import Feed
from workbench.live.feeds import Feeds
from workbench.live.particle_feed import ParticleFeed
from workbench.views.links import Link, links
from workbench.views.marked import file_source
from workbench.views.populations import populations_of

__all__ = ["NOTHING", "Link", "items_of", "links"]


def items_of(feeds: Feeds, name: str) -> tuple[BoardItem, ...]:
    """The pictures of a page: what the catalog declares, else what its sources have to show."""
    declared = getattr(feeds.cruise, "pages", {}).get(name)
    if declared is not None:
        return tuple(declared)
    usual = {"instrument": _instrument, "science": _science, "gates": _gates, "filter": _filter}
    return tuple(usual[name](feeds)) if name in usual else ()


def _instrument(feeds: Feeds) -> list[BoardItem]:
    files, particles = file_source(feeds), _particles(feeds)
    items = [BoardItem("operations", files)] if files else []
    for name, feed in particles[:1]:
        channels = set(feed.channels)
        planes = [("fsc_small", "pe"), ("fsc_small", "chl_small"), ("fsc_small", "D1")]
        drawn = [(x, y) for x, y in planes if {x, y} <= channels][:2]
        items += [BoardItem("file_cytogram", name, {"x": x, "y": y}) for x, y in drawn]
    return [*items, BoardItem("file", files)] if files else items


def _science(feeds: Feeds) -> list[BoardItem]:
    def tells(feed: Feed, quantity: str) -> bool:
        """Before the first row, what it provides says so."""
        return quantity in feed.specs or bool(populations_of(getattr(feed, "variables", ()), quantity))

    def having(*variables: str) -> str:
        return next((n for n, f in feeds.items() if set(variables) <= set(getattr(f, "variables", ()))), "")

    populations = next((name for name, feed in feeds.items() if tells(feed, "abundance")), "")
    water = having("salinity", "sea_water_temperature")
    items = []
    if populations:
        has = [q for q in ("abundance", "diameter") if tells(feeds[populations], q)]
        items += [
            BoardItem("corrected", populations, {"quantities": (q,), "title": f"{q.capitalize()} by time"}) for q in has
        ]
        items += [BoardItem("t_s", water)] if water else []
        items += [
            BoardItem(
                "corrected_by_latitude", populations, {"quantities": (q,), "title": f"{q.capitalize()} by latitude"}
            )
            for q in has
        ]
    elif water:
        items += [
            BoardItem("t_s", water),
            BoardItem("by_latitude", water, {"variables": ("sea_water_temperature", "salinity")}),
        ]
    return items


def _gates(feeds: Feeds) -> list[BoardItem]:
    """The editor, where there are particles and a plan: of those in focus, as soon as some were written."""
    focused = [name for name, _ in reversed(_particles(feeds))]
    there = [name for name in focused if feeds[name].span is not None]
    return [BoardItem("gate_editor", (there or focused)[0])] if _planned(feeds) and focused else []


def _filter(feeds: Feeds) -> list[BoardItem]:
    """The editor, where there are raw events and a plan."""
    raw = [name for name, feed in _particles(feeds) if {"D1", "D2"} <= set(feed.channels) and not feed.groups]
    return [BoardItem("filter_editor", raw[0])] if _planned(feeds) and raw else []


def _planned(feeds: Feeds) -> bool:
    return any(source.is_parameters and source.reader == "seaflow_plan" for source in feeds.cruise.values())


def _particles(feeds: Feeds) -> list[tuple[str, ParticleFeed]]:
    """Sources of particles, raw ones first."""
    found = [(name, feed) for name, feed in feeds.items() if isinstance(feed, ParticleFeed)]
    return sorted(found, key=lambda pair: bool(pair[1].groups))


#: What a page without anything to show says.
NOTHING = MappingProxyType(
    {
        "instrument": (
            "Nothing here tells how an instrument is.",
            "This page draws what a catalog has of: files of a cytometer (reader: seaflow_evt), its SFL (reader: seaflow_sfl), "
            "its log (reader: seaflow_log), populations (product: seaflow) and bead drift (product: bead_drift).",
        ),
        "science": (
            "Nothing here tells what is in the water.",
            "This page draws what a catalog has of: temperature and salinity (such as reader: seaflow_sfl), and populations "
            "(product: seaflow).",
        ),
        "gates": (
            "Nothing here to draw gates on.",
            "This page needs a source of particles (such as reader: seaflow_vct) and the plan whose gates are drawn "
            "(reader: seaflow_plan).",
        ),
        "filter": (
            "Nothing here to find beads in.",
            "This page needs a source of raw events (reader: seaflow_evt) and the plan whose filter is changed "
            "(reader: seaflow_plan).",
        ),
    }
)
