"""The navigation between the pages of one board. Nothing here knows Panel."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.catalog.declared import PAGES


@dataclass(frozen=True)
class Link:
    """A page in the navigation.

    Attributes
    ----------
    name : str
        "" is the front page.
    label : str
    href : str
        Relative to the pages.
    """

    name: str
    label: str
    href: str


def links(prefix: str = "") -> tuple[Link, ...]:
    """The navigation; `prefix` is a query that chooses the page where all are served at one address."""
    if prefix:
        return tuple(Link(name, label, f"{prefix}&page={name}" if name else prefix) for name, label in PAGES.items())
    return tuple(Link(name, label, name or "./") for name, label in PAGES.items())
