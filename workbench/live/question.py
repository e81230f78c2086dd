"""What a tab asks for: a picture of one plane, range and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.codes import SIZE
from workbench.core.errors import WindowError, WorkbenchError, suggest
from workbench.core.viewport import Viewport
from workbench.core.window import Window
from workbench.live import timespan
from workbench.live.feed import Feed
from workbench.live.particle_feed import ParticleFeed
from workbench.raster.plane import snap

#: The finest level a tab may ask for.
FINEST = 1024
_FAR = 1e9


class QuestionError(WorkbenchError):
    """A question that cannot be understood."""


@dataclass(frozen=True)
class Question:
    """One picture. Equal questions have the same answer, byte for byte.

    Attributes
    ----------
    source, x, y : str
        A particle source and two of its channels.
    time : str
        Time range as people write it.
    viewport : Viewport
        Snapped, in log codes.
    by : str
        Column that says which population a particle is of: a plane for each. Empty: all particles together.
    """

    source: str
    x: str
    y: str
    time: str
    viewport: Viewport
    by: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any], feeds: Mapping[str, Feed], now: np.datetime64) -> Question:
        """Read a question as a tab sends it: ``source, x, y, time, range: [x0, x1, y0, y1], level``, perhaps ``by``.

        Raises
        ------
        QuestionError, WindowError
            When it makes no sense; nearest known names are told.
        """
        source, x, y, time = (_text(raw, key) for key in ("source", "x", "y", "time"))
        feed = feeds.get(source)
        if feed is None:
            raise QuestionError(f"there is no source '{source}'. {suggest(source, feeds)}")
        if not isinstance(feed, ParticleFeed):
            raise QuestionError(f"the rows of '{source}' are not particles")
        for channel in (x, y):
            if channel not in feed.channels:
                raise QuestionError(f"'{source}' has no channel '{channel}'. {suggest(channel, feed.channels)}")
        timespan.parse(time, now)
        by = _text(raw, "by") if raw.get("by") else ""
        if by and by not in feed.groups:
            raise QuestionError(f"'{source}' has no populations '{by}'. {suggest(by, feed.groups)}")
        return cls(source, x, y, time.strip(), _viewport(raw), by)

    def window(self, now: np.datetime64) -> Window:
        """What the time range means at `now`; nothing once the clock has passed a fixed end (``now-1h..12:00``)."""
        try:
            return timespan.parse(self.time, now)
        except WindowError:
            return Window(now, now)


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key, "all" if key == "time" else None)
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise QuestionError(f"'{key}' must be text of 1 to 200 characters")
    return value


def _viewport(raw: Mapping[str, Any]) -> Viewport:
    edges, level = raw.get("range", [0, SIZE, 0, SIZE]), raw.get("level", 512)
    if not isinstance(edges, list) or len(edges) != 4 or not all(_is_number(edge) for edge in edges):
        raise QuestionError("'range' must be four numbers: [x0, x1, y0, y1] in log codes")
    if not isinstance(level, int) or isinstance(level, bool) or not 16 <= level <= FINEST:
        raise QuestionError(f"'level' must be a power of two from 16 to {FINEST}")
    try:
        return snap(edges[0], edges[1], edges[2], edges[3], level)
    except ValueError as error:
        raise QuestionError(str(error)) from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_FAR < value < _FAR
