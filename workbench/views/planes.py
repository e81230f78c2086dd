"""What cytograms show: planes of two channels, and what a tab asks for. Nothing here knows Panel."""

from __future__ import annotations

from typing import Any

from workbench.core.codes import SIZE
from workbench.live.feed import Feed
from workbench.views import say
from workbench.views.colours import LINES, NAMES, POPULATIONS

#: The plane of all log codes, with a little room so that the outermost cells are seen whole.
WHOLE = (-600.0, SIZE + 600.0)
#: The populations shown unless told: those of the middle quantile.
MIDDLE = "pop_q50"
#: Colours of populations, and lines for those that nobody has heard of; what they are called.
COLOURS: dict[str, Any] = {
    "known": POPULATIONS, "others": {theme: list(colours) for theme, colours in LINES.items()}
}  # fmt: skip
CALLED = NAMES


def title(channel: str) -> str:
    """``Forward scatter (fsc_small)``: what people say and what the file says."""
    text = say.name(channel)
    return text if text.lower() == channel.lower() else f"{text} · {channel}"


def by_of(feed: Feed, by: str) -> str:
    """The column that tells populations; that of the middle quantile where `by` is just ``population``."""
    groups: tuple[str, ...] = getattr(feed, "groups", ())
    if by != "population":
        return by
    return next((name for name in (MIDDLE, *groups) if name in groups), "")


def question(source: str, x: str, y: str, time: str, by: str = "") -> dict[str, str]:
    """What a tab asks for."""
    asked = {"source": source, "x": x, "y": y, "time": time}
    return {**asked, "by": by} if by else asked


def level(by: str) -> int:
    """Cells along an axis: particles in focus are few, and a colour is seen on a larger dot only."""
    return 256 if by else 512
