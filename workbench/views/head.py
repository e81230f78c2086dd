"""The head of the page: which cruise, what time it is there, and whether the data are live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.live.feeds import Feeds
from workbench.views import say
from workbench.views.icons import MARK, icon


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
    stale, faulty : sequence of str
        Sources that have gone silent, and those that cannot be read.
    """

    cruise: str
    ship: str = ""
    title: str = ""
    finished: bool = False
    now: np.datetime64 = np.datetime64("NaT", "ns")
    warp: float = 1.0
    stale: Sequence[str] = ()
    faulty: Sequence[str] = ()


def state(head: Head) -> tuple[str, str, str, str]:
    """State, sign, word, and what lies behind it."""
    if head.faulty:
        return "fault", "fault", "Source fault", f"cannot be read: {', '.join(head.faulty)}"
    if head.finished:
        return "finished", "end", "Finished", "shown as of the end of the cruise"
    if head.stale:
        return "stale", "old", f"{len(head.stale)} silent", f"nothing new from: {', '.join(head.stale)}"
    return "live", "live", "Live", "every source is arriving"


def draw(head: Head) -> str:
    """The head as HTML. Pure."""
    kind, sign, word, tip = state(head)
    under = " · ".join(text for text in (head.ship, head.title) if text)
    clock = say.moment(head.now) if head.finished else '<span class="now" data-clock></span>'
    note = "end of the cruise" if head.finished else f"time runs ×{head.warp:g}" if head.warp != 1 else ""
    note = "UTC" + (f'<i class="note"> · {note}</i>' if note else "")
    if head.stale and not head.finished and not head.faulty:
        word = f"Silent: {head.stale[0]}" if len(head.stale) == 1 else f"{len(head.stale)} sources silent"
    return (
        f'<div class="head">{MARK}<div class="who"><b>{say.escape(head.cruise)}</b><span>{say.escape(under)}</span></div>'
        f'<span class="state" data-state="{kind}" title="{say.escape(tip)}" role="status">{icon(sign)}{say.escape(word)}</span>'
        f'<div class="time"><b>{clock}</b><span>{note}</span></div></div>'
    )  # fmt: skip


def head_of(feeds: Feeds) -> Head:
    """The head as things stand now."""
    from workbench.core import clock

    cruise, used = feeds.cruise, clock.current()
    names = list(feeds)
    return Head(
        cruise.id, cruise.ship or "", cruise.title or "", cruise.finished, feeds.now(), used.warp if used else 1.0,
        [n for n in names if feeds.stale(n)], [n for n in names if feeds[n].fault],
    )  # fmt: skip
