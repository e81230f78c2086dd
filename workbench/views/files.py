"""The newest files: when, how many particles, and what was refused and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import panel as pn

from workbench.live.feed import Feed
from workbench.live.particle_feed import ParticleFeed
from workbench.views import say
from workbench.views.component import Words
from workbench.views.icons import icon
from workbench.views.view import View, once, told_clock

#: Rows made; the card shows as many as it has room for.
ROWS = 24


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes
    ----------
    name : str
    time : numpy.datetime64[ns]
    particles : int or None
        None for a file that was refused.
    reason : str
        Why it was refused.
    """

    name: str
    time: np.datetime64 = np.datetime64("NaT", "ns")
    particles: int | None = None
    reason: str = ""


def draw(entries: Sequence[Entry], *, live: bool = True) -> str:
    """The table as HTML, newest first. Pure."""
    if not entries:
        return '<div class="files"><p class="empty">No files yet</p></div>'
    rows = "".join(_row(entry, first=i == 0, live=live) for i, entry in enumerate(entries))
    head = '<tr><th>File</th><th class="n">Particles</th><th class="when">Time (UTC)</th><th class="n">Age</th></tr>'
    return f'<div class="files" data-fit><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _row(entry: Entry, *, first: bool, live: bool) -> str:
    name = f'<td title="{say.escape(entry.name)}">{say.escape(entry.name.rsplit("/", 1)[-1])}</td>'
    if entry.reason:
        return (
            f'<tr class="refused">{name}<td class="reason" colspan="3" title="{say.escape(entry.reason)}">'
            f"<span>{icon('fault')} refused: {say.escape(entry.reason)}</span></td></tr>"
        )
    age = ""
    if live and not np.isnat(entry.time):
        age = f'<span data-since="{say.milliseconds(entry.time):.0f}"></span>'
    particles = f"{icon('none')} empty" if entry.particles == 0 else say.count(entry.particles or 0)
    when = say.moment(entry.time)[5:] if not np.isnat(entry.time) else "–"
    return (
        f'<tr{" class=first" if first else ""}>{name}<td class="n">{particles}</td>'
        f'<td class="when">{when}</td><td class="n">{age}</td></tr>'
    )  # fmt: skip


class Files(View):
    """The newest files of a particle source."""

    options: ClassVar[Mapping[str, str]] = {"title": "head line of the card"}
    headline = "Newest files"
    kind = "files"
    follows = ("revision",)
    tall = 300

    def draw(self, entries: Sequence[Entry], viewport: Any = None) -> str:
        """The table as HTML. Pure."""
        return draw(entries)

    def entries(self) -> list[Entry]:
        """Refused files and the newest good ones, newest first."""
        feed = self.feed
        return once(feed, "files", lambda: _entries(feed))

    def _fits(self, feed: Feed) -> bool:
        return isinstance(feed, ParticleFeed)

    def _build(self) -> pn.viewable.Viewable:
        self.words = Words(
            self.draw(self.entries()), clock=told_clock(self.session), sizing_mode="stretch_both", margin=0
        )
        return self.words

    def _renew(self) -> None:
        self.words.say(self.draw(self.entries()))


def _entries(feed: Feed) -> list[Entry]:
    bad = []
    for line in feed.refused[-4:]:
        path, _, reason = line.partition(": ")
        bad.append(Entry(path, reason=reason))
    good: list[Entry] = []
    if isinstance(feed, ParticleFeed):
        table = feed.table
        last = slice(max(0, len(table) - ROWS), len(table))
        rows = zip(table.names[last], table.times[last], table.sizes[last], strict=True)
        good = [Entry(name, np.datetime64(int(time), "ns"), int(size)) for name, time, size in rows][::-1]
    return good[:1] + bad[::-1] + good[1:]
