"""What the routes of a process serve: the feeds, pictures, rules and notes of each cruise shown here."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.live.access import Access
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.record.state import State


@dataclass(frozen=True)
class Desk:
    """One cruise, ready to be asked.

    Attributes
    ----------
    cruise : str
        Its id; a question may name it.
    """

    cruise: str
    feeds: Feeds
    gallery: Gallery
    access: Access
    state: State


_desks: dict[str, Desk] = {}


def install(cruise: str, feeds: Feeds, gallery: Gallery, access: Access, state: State) -> Desk:
    """Let the routes of this process serve a cruise; the first one also answers who names none."""
    _desks[cruise] = desk = Desk(cruise, feeds, gallery, access, state)
    return desk


def remove(cruise: str) -> None:
    """The routes no longer serve this cruise."""
    _desks.pop(cruise, None)


def find(cruise: str | None = None) -> Desk | None:
    """The desk of a cruise; without a name the first one; None when there is none."""
    if cruise is not None:
        return _desks.get(cruise)
    return next(iter(_desks.values()), None)


def names() -> tuple[str, ...]:
    """The cruises served here."""
    return tuple(_desks)
