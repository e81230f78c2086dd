"""What one person is looking at.

    session = Session(feeds, schedule=doc.add_next_tick_callback)

    session.time        "now-1d..now", "last 6h", "all", "2014-07-04T00:00..2014-07-04T02:00"; set it, or `look`
    session.window      what that means now: a Window with two finite ends (moves on while following)
    session.follow      True while the window goes on with time; set False to hold it still, True to go back to now
    session.planes      [("fsc_small", "pe"), ...]: the axes of each cytogram of the board, in order
    session.colour      "sfl.sea_water_temperature": what colours the track; "" for nothing
    session.charts      [("sfl.stream_pressure", ...), ...]: the curves of each time series of the board, in order
    session.file        the file that is picked (its ``file_id``); "" for none
    session.turn        when the ship turned around, as people write it; "" for what the latitudes propose
    session.revision    grows with every change of the data or of `window`: draw again
    session.now         the cruise's now, about once a second: ages
    session.message     what was wrong with the last query or time written; "" when nothing
    session.who         in whose name this person changes things; "" while they may not
    session.may_write   whether they may; whoever changes anything asks this first
    session.reason      if not, why: a sentence for the person
    session.by_token    whether a token decides that

    session.sign_in(token)                           show the token of a scientist; sign_out() forgets it

    session.to_query(), session.from_query(text)     all of it, for the URL
    session.tick        grows about once a second, also where `now` stands still: notes, and what else is no data
    session.again()                                  have everything drawn again, with the next tick
    session.close()                                  when the tab closes; nothing is left behind

Everything is a param, to be watched or bound; nothing here knows Panel. Changes by the clock and the data arrive
through `schedule`, which hops onto the tab's own document.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import param

from workbench.core.errors import WindowError
from workbench.live import timespan
from workbench.live.access import Rights, own
from workbench.live.main_thread import call_now
from workbench.live.offer import Offer
from workbench.live.pace import Pace

if TYPE_CHECKING:
    from workbench.catalog.declared import BoardItem
    from workbench.live.feeds import Feeds

TIME = "now-1d..now"
#: Views with a plane of their own.
CYTOGRAMS = ("cytogram", "file_cytogram")
Schedule = Callable[[Callable[[], None]], object]


class Session(param.Parameterized):
    """What one person is looking at; see the top of this file.

    Parameters
    ----------
    feeds : Feeds
    schedule : callable
        Takes a function of no arguments and calls it soon, where params may be set.
    query : str
        Query part of the URL that opened the page.
    rights : callable
        Says what this person may, given a token or None (live/access.py); unless told, whatever the user of this
        program may.
    board : sequence of BoardItem, optional
        The pictures of the page; by default those of the catalog's board.
    pace : Pace, optional
        How often it is brought up to date by the clock and the data; unless told, each time that the feeds tell.
    """

    time = param.String(default=TIME, doc="Time range, as people write it.")
    follow = param.Boolean(default=True, doc="The range goes on with time.")
    window = param.Parameter(doc="The range as a Window with finite ends.")
    planes = param.List(default=[], doc="(x, y) of each cytogram.")
    colour = param.String(default="", doc="SOURCE.VARIABLE that colours the track.")
    charts = param.List(default=[], item_type=tuple, doc="SOURCE.VARIABLE of each curve, a tuple for each chart.")
    file = param.String(default="", doc="The file that is picked, file_id.")
    turn = param.String(default="", doc="When the ship turned around; empty for the proposal.")
    revision = param.Integer(default=0, doc="Grows with the data and the window.")
    now = param.Parameter(doc="The cruise's now.")
    tick = param.Integer(default=0, doc="Grows about once a second.")
    message = param.String(default="", doc="What could not be understood.")
    who = param.String(default="", doc="In whose name this person changes things.")
    may_write = param.Boolean(default=False, doc="Whether this person may change anything.")
    reason = param.String(default="", doc="Why not.")
    by_token = param.Boolean(default=False, doc="Whether a token decides that.")

    def __init__(
        self, feeds: Feeds, *, schedule: Schedule = call_now, query: str = "", rights: Rights = own,
        board: Sequence[BoardItem] | None = None, pace: Pace | None = None,
    ) -> None:  # fmt: skip
        self._feeds: Feeds | None = feeds
        self._schedule, self._rights, self._pace = schedule, rights, pace
        self._ticked = time.monotonic()
        self._ends: list[Callable[[], object]] = []
        self._waiting = False
        self._seen = feeds.revision
        self._last_following = TIME
        items = feeds.cruise.board if board is None else board
        self._sources = [str(item.source) for item in items if item.view in CYTOGRAMS]
        now, span = feeds.now(), feeds.span
        first = TIME if span is None or span.stop > now - timespan.DAY else "all"  # old data are shown, not missed
        super().__init__(time=first, now=now, window=timespan.resolve(first, now, span), **_from_board(feeds, items))
        self.param.watch(self._time_written, "time", precedence=1)  # last: it may take the text back
        self.param.watch(self._follow_set, "follow")
        self.sign_out()
        if query:
            self.from_query(query)
        if pace is not None:
            pace.enter(self)
        self._leave = feeds.subscribe(self._told)

    @property
    def feeds(self) -> Feeds:
        """What there is to look at."""
        if self._feeds is None:
            raise RuntimeError("this session is closed")
        return self._feeds

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._feeds is None

    def close(self) -> None:
        """Leave the feeds. Safe to call twice, and from any thread."""
        self._leave()
        if self._pace is not None:
            self._pace.leave(self)
        self._feeds = None
        while self._ends:
            self._ends.pop()()

    def at_close(self, call: Callable[[], object]) -> None:
        """Call this when the tab closes: what a view holds beyond the feeds ends then."""
        self._ends.append(call)

    def soon(self, call: Callable[[], None]) -> None:
        """Call this on the tab's own document, from whatever thread."""
        if not self.closed:
            self._schedule(call)

    # who it is

    def sign_in(self, token: str | None) -> bool:
        """Show a token; whether this person may write now. If not, `reason` says why."""
        verdict = self._rights(token or None)
        self.param.update(
            who=verdict.who if verdict.allowed else "",
            may_write=verdict.allowed,
            reason=sentence(verdict.reason),
            by_token=verdict.by_token,
        )
        return verdict.allowed

    def sign_out(self) -> None:
        """Be again who opened the page."""
        self.sign_in(None)

    # time

    def look(self, start: np.datetime64, stop: np.datetime64) -> None:
        """Look at ``start`` to ``stop`` (a drawn range, a brush); following pauses."""
        self.time = f"{_iso(start)}..{_iso(stop)}"

    def refresh(self) -> None:
        """Bring `now`, `window` and `revision` up to date; called by itself about once a second."""
        if self._feeds is None:
            return
        moment = self._feeds.moment(0.0 if self._pace is None else self._pace.patience)
        now, seen = moment.now, moment.revision
        window = timespan.resolve(self.time, now, moment.span) if self.follow else self.window
        changed: dict[str, Any] = {"tick": self.tick + 1, **({"now": now} if now != self.now else {})}
        if window != self.window:
            changed["window"] = window
        if window != self.window or seen != self._seen:
            changed["revision"] = self.revision + 1
        self._seen = seen
        self.param.update(**changed)

    def again(self) -> None:
        """Have everything drawn again, with the next tick."""
        self._seen = -1

    def _time_written(self, event: Any) -> None:
        if self._feeds is None:
            return
        try:
            window = timespan.resolve(event.new, self._feeds.now(), self._feeds.span)
        except WindowError as error:
            with param.parameterized.discard_events(self):
                self.time = event.old
            self.param.trigger("time")  # the text box shows what is in force
            self.message = str(error)
            return
        follow = timespan.follows(event.new)
        if follow:
            self._last_following = event.new
        changed = {"window": window, "revision": self.revision + 1} if window != self.window else {}
        self.param.update(follow=follow, message="", **changed)

    def _follow_set(self, event: Any) -> None:
        if event.new and not timespan.follows(self.time):
            self.time = self._last_following
        elif not event.new and timespan.follows(self.time):
            self.look(*self.window)

    def _told(self) -> None:
        """From the feeds' thread: hop over to the tab, at most one hop under way."""
        if not self._waiting and self._feeds is not None and (self._pace is None or self._pace.due(self._ticked)):
            self._waiting = True
            if self._pace is None:
                self._schedule(self._tick)
            else:
                self._pace.ask(self._go)

    def _go(self) -> None:
        if not self.closed:
            self._schedule(self._tick)

    def _tick(self) -> None:
        self._waiting, self._ticked = False, time.monotonic()
        self.refresh()

    # the URL

    def to_query(self) -> str:
        """Everything chosen, as the query of a URL: ``time=now-1h..now&plane=fsc_small,pe&colour=sfl.par&chart=sfl.par,sfl.salinity``."""
        pairs = [("time", self.time), *(("plane", f"{x},{y}") for x, y in self.planes)]
        pairs += [("colour", self.colour), *(("chart", ",".join(names)) for names in self.charts)]
        pairs += [(key, value) for key, value in (("file", self.file), ("turn", self.turn)) if value]
        return urlencode(pairs, safe=",:./")

    def from_query(self, text: str) -> None:
        """Take over what a URL's query says. What makes no sense is left as it was and told in `message`."""
        if self._feeds is None:
            return
        wrong: list[str] = []
        try:
            pairs = parse_qsl(text.removeprefix("?"), keep_blank_values=True, max_num_fields=200)
        except ValueError as error:
            pairs, wrong = [], [f"The address cannot be read: {error}."]
        given = {key: [value for k, value in pairs if k == key] for key, _ in pairs}
        if "time" in given:
            self.message = ""
            self.time = given["time"][-1]
            wrong += [self.message] if self.message else []
        chosen, offer = dict[str, Any](), Offer(self._feeds, self._sources)
        if "plane" in given:
            chosen["planes"] = offer.planes(self.planes, given["plane"])
        if "colour" in given:
            name = given["colour"][-1]
            chosen |= {"colour": name} if not name or offer.has(name) else {}
        chosen |= {key: given[key][-1][:200] if key in given else "" for key in ("file", "turn")}
        if "chart" in given:
            chosen["charts"] = offer.charts(self.charts, given["chart"])
        self.param.update(**chosen)
        self.message = " ".join(wrong + offer.missed)


def sentence(text: str) -> str:
    """With a capital and a full stop; empty stays empty."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def _from_board(feeds: Feeds, board: Sequence[BoardItem]) -> dict[str, Any]:
    """What the pictures of a page show first."""
    out: dict[str, Any] = {"planes": [], "charts": []}
    for item in board:
        if item.view in CYTOGRAMS:
            out["planes"].append((item.options.get("x", "fsc_small"), item.options.get("y", "pe")))
        elif item.view == "cruise_map" and item.options.get("colour"):
            out.setdefault("colour", item.options["colour"])
        elif item.view == "series":
            names = item.options.get("variables", ())
            names = [names] if isinstance(names, str) else names
            out["charts"].append(tuple(n if n.partition(".")[0] in feeds else f"{item.source}.{n}" for n in names))
    return out


def _iso(time: np.datetime64) -> str:
    text = str(np.datetime_as_string(time.astype("datetime64[ns]")))
    return text.rstrip("0").rstrip(".") if "." in text else text
