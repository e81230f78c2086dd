"""What curves are called: their names, labels and units. Nothing here knows Panel."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping

from workbench.core.variables import VARIABLES
from workbench.live.feed import Feed
from workbench.live.feeds import Feeds
from workbench.views import say

#: Names of all curves, and their labels, by the first one of the feeds.
_labels: weakref.WeakKeyDictionary[Feed, tuple[tuple[str, ...], dict[str, str]]] = weakref.WeakKeyDictionary()


def split(name: str) -> tuple[str, str]:
    """``"sfl.par"`` as source and variable."""
    source, _, variable = name.partition(".")
    return source, variable


def labels(feeds: Feeds) -> Mapping[str, str]:
    """The label of every curve there is, by its name; made once for all tabs, until other names come."""
    names, first = feeds.names(), next(iter(feeds.values()))
    held = _labels.get(first)
    if held is None or held[0] != names:
        twins = Counter(split(name)[1] for name in names)
        made = {name: _label(feeds, name, several=twins[split(name)[1]] > 1) for name in names}
        _labels[first] = held = (names, made)
    return held[1]


def label_of(feeds: Feeds, name: str) -> str:
    """``Sea water temperature [°C]`` for ``sfl.sea_water_temperature``; with the source where names repeat."""
    known = labels(feeds)
    return known[name] if name in known else _label(feeds, name, several=False)


def unit_of(feeds: Feeds, source: str, variable: str) -> str:
    """UDUNITS unit of a variable; empty when nobody knows."""
    spec = feeds[source].specs.get(variable) or VARIABLES.get(variable)
    return "" if spec is None else spec.unit


def _label(feeds: Feeds, name: str, *, several: bool) -> str:
    source, variable = split(name)
    shown = say.unit(unit_of(feeds, source, variable))
    text = f"{say.name(variable)} [{shown}]" if shown else say.name(variable)
    return f"{text} · {source}" if several else text
