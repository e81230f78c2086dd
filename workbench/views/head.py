"""The head of the page: which cruise, what time it is there, and whether the data are live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views import say
from workbench.views.icons import MARK, icon


@dataclass(frozen=True)
class SourceState:
    """How one source is.

    Attributes
    ----------
    name : str
    newest : numpy.datetime64[ns]
        Time of its newest row; NaT when none came yet.
    silent : bool
        Nothing came for longer than usual.
    fault : str or None
        Why it cannot be read.
    """

    name: str
    newest: np.datetime64 = field(default=np.datetime64("NaT", "ns"))
    silent: bool = False
    fault: str | None = None


@dataclass(frozen=True)
class Head:
    """What the head of the page says.

    Attributes
    ----------
    cruise, ship, title : str
    finished : bool
    now : numpy.datetime64[ns]
    warp : float
        Seconds of cruise time per second; 1 at sea.
    sources : sequence of SourceState
    links : sequence of (label, address, here)
        The pages of the board; empty for no navigation.
    """

    cruise: str
    ship: str = ""
    title: str = ""
    finished: bool = False
    now: np.datetime64 = np.datetime64("NaT", "ns")
    warp: float = 1.0
    sources: Sequence[SourceState] = ()
    links: Sequence[tuple[str, str, bool]] = ()

    @property
    def stale(self) -> list[str]:
        """Names of sources that have gone silent."""
        return [source.name for source in self.sources if source.silent and not source.fault]

    @property
    def faulty(self) -> list[str]:
        """Names of sources that cannot be read."""
        return [source.name for source in self.sources if source.fault]


def state(head: Head) -> tuple[str, str, str]:
    """State, sign and word."""
    if head.faulty:
        names = head.faulty
        return "fault", "fault", f"Cannot read {names[0]}" if len(names) == 1 else f"Cannot read {len(names)} sources"
    if head.finished:
        return "finished", "end", "Finished"
    if head.stale:
        names = head.stale
        return "stale", "old", f"Silent: {names[0]}" if len(names) == 1 else f"{len(names)} sources silent"
    return "live", "live", "Live"


def draw(head: Head) -> str:
    """The head as HTML. Pure."""
    kind, sign, word = state(head)
    under = " · ".join(text for text in (head.ship, head.title) if text)
    clock = say.moment(head.now) if head.finished else '<span class="now" data-clock></span>'
    note = "end of the cruise" if head.finished else f"time runs ×{head.warp:g}" if head.warp != 1 else ""
    note = "UTC" + (f'<i class="note"> · {note}</i>' if note else "")
    rows = "".join(_row(source, head) for source in head.sources)
    return (
        f'<div class="head">{MARK}<div class="who"><b>{say.escape(head.cruise)}</b><span>{say.escape(under)}</span></div>'
        f'{navigation(head.links)}<details class="health"><summary class="state" data-state="{kind}" role="status" title="How each source is">'
        f"{icon(sign)}{say.escape(word)}</summary><table>{rows}</table></details>"
        f'<div class="time"><b>{clock}</b><span>{note}</span></div></div>'
    )  # fmt: skip


def navigation(links: Sequence[tuple[str, str, bool]]) -> str:
    """Links to the pages of a board as HTML; nothing without any."""
    made = (
        f'<a href="{say.escape(href)}"{" aria-current=page" if here else ""}>{say.escape(label)}</a>'
        for label, href, here in links
    )
    return f'<nav aria-label="Pages">{"".join(made)}</nav>' if links else ""


def _row(source: SourceState, head: Head) -> str:
    sign, word = ("ok", "arriving") if not head.finished else ("ok", "complete")
    if source.silent:
        sign, word = "old", "silent"
    if np.isnat(source.newest):
        sign, word, age = "none", "no data yet", ""
    else:
        age = f'<span data-since="{say.milliseconds(source.newest):.0f}"></span> ago'
    if source.fault:
        sign, word = "fault", source.fault
    return (
        f'<tr data-state="{sign}"><td>{icon(sign)}</td><th>{say.escape(source.name)}</th>'
        f"<td>{say.escape(word)}</td><td>{age}</td></tr>"
    )


def head_of(feeds: Feeds, links: Sequence[tuple[str, str, bool]] = ()) -> Head:
    """The head as things stand now."""
    from workbench.core import clock

    cruise, used = feeds.cruise, clock.current()
    nothing = np.datetime64("NaT", "ns")
    sources = [
        SourceState(name, nothing if (newest := feed.newest) is None else newest, feeds.stale(name), feed.fault)
        for name, feed in feeds.items()
    ]
    return Head(
        cruise.id, cruise.ship or "", cruise.title or "", cruise.finished, feeds.now(), used.warp if used else 1.0, sources, links
    )  # fmt: skip


def told_clock(session: Session) -> dict[str, float]:
    """The cruise's clock for the browser, which carries it on: {now: Unix ms, warp}."""
    from workbench.core import clock

    used = clock.current()
    warp = 0.0 if session.feeds.cruise.finished else (used.warp if used else 1.0)
    return {"now": say.milliseconds(session.feeds.now()), "warp": warp}
