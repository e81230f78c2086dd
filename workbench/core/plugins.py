"""Parts found by name, through entry points. First-party parts register the same way as anyone's."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from workbench.core.errors import PluginError, suggest

GROUPS = ("xarray.backends", "workbench.products", "workbench.views", "workbench.listeners")


@lru_cache
def _registered(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def names(group: str) -> tuple[str, ...]:
    """The names registered in `group`, sorted. Nothing is imported."""
    return tuple(sorted(_registered(group)))


def find(group: str, name: str) -> object:
    """Import and return the part called `name`.

    Raises
    ------
    PluginError
        When no installed package registered that name; the nearest known name is told.
    """
    try:
        point = _registered(group)[name]
    except KeyError:
        kind = group.rsplit(".", 1)[-1].removesuffix("s").replace("backend", "reader")
        raise PluginError(f"no {kind} is called '{name}'. {suggest(name, names(group))}") from None
    return point.load()
