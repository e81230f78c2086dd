"""What every view is: a picture drawn purely, bound to what one person is looking at."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from workbench.catalog.cruise import Cruise
from workbench.live.feed import Feed
from workbench.live.feeds import Feeds
from workbench.live.session import Session, sentence
from workbench.views.choose import CardHead, Choice
from workbench.views.component import style
from workbench.views.head import told_clock
from workbench.views.names import label_of, labels, split, unit_of
from workbench.views.numbers import why
from workbench.views.once import once, slowly, stepped

__all__ = ["View", "once", "session_of", "slowly", "split", "stepped", "told_clock"]


def session_of(data: Session | Feeds | Cruise) -> Session:
    """The session to bind to: the one given, or a new one over these feeds (of this cruise, read once)."""
    if isinstance(data, Session):
        return data
    if isinstance(data, Feeds):
        return Session(data)
    if isinstance(data, Cruise):
        feeds = Feeds(data)
        feeds.poll()
        return Session(feeds)
    raise TypeError(f"a view shows a Session, Feeds or a Cruise (workbench.open_cruise), not {type(data).__name__}")


log = logging.getLogger(__name__)

#: Seconds between two looks whether new data brought something else to choose from; other names are seen at once.
_AGAIN = 5.0


class View(Viewer):
    """A picture on a card. Subclasses say what to draw (`_build`) and how to bring it up to date (`_renew`).

    Parameters
    ----------
    data : Session, Feeds or Cruise
        What to look at. Given a cruise, its sources are read once, now.
    source : str, optional
        The Source shown first; the first that fits unless told.
    title : str, optional
        Head line of the card.
    """

    #: Options a catalog may set, with their help.
    options: ClassVar[Mapping[str, str]] = {"title": "head line of the card"}
    #: Head line unless told.
    headline: ClassVar[str] = ""
    #: CSS class of the card.
    kind: ClassVar[str] = ""
    #: What of the session is drawn.
    follows: ClassVar[tuple[str, ...]] = ("revision",)
    #: True on a page where others are seen first: its card is empty until `fill`.
    later: bool = False
    #: Height in a notebook, pixels; None: as high as it needs.
    tall: ClassVar[int | None] = 420

    source = param.String(default="", doc="The Source shown; another one is drawn as soon as it is set.")

    def __init__(self, data: Session | Feeds | Cruise, source: str | None = None, *, title: str | None = None) -> None:
        super().__init__()
        self.session = session_of(data)
        self._given = bool(source)
        self.source = source or self._first()
        self.title = title or self.headline
        self._card: Viewable | None = None
        self._frame: pn.Column | None = None
        self._head: CardHead | None = None
        self._due = 0.0  # when to look again for something else to choose from
        self._names: tuple[str, ...] = ()  # of the curves there were then
        self._failed = ""  # why it could not be brought up to date the last time
        self._watchers = [self.session.param.watch(self._on_change, list(self.follows))]
        self.param.watch(self._on_change, "source")

    # what subclasses do

    def _fits(self, feed: Feed) -> bool:
        return True

    def _build(self) -> Viewable:
        raise NotImplementedError

    def _renew(self) -> None:
        raise NotImplementedError

    def _choices(self) -> list[Choice]:
        return []

    # what all views do

    @property
    def feeds(self) -> Feeds:
        """Every feed of the cruise."""
        return self.session.feeds

    @property
    def feed(self) -> Feed:
        """The feed of `source`."""
        return self.feeds[self.source]

    def sources(self) -> tuple[str, ...]:
        """The sources that it can show."""
        return tuple(name for name, feed in self.feeds.items() if self._fits(feed))

    def _first(self) -> str:
        for name, feed in self.feeds.items():
            if self._fits(feed):
                return name
        return next(iter(self.feeds), "")

    def _on_change(self, *events: Any) -> None:
        self._given |= any(event.name == "source" for event in events)
        if self._card is None or self.session.closed:
            return
        try:
            self._bring(any(event.name != "revision" for event in events))
            self._failed = ""
        except Exception as error:  # one view that cannot be drawn keeps no other from it, and is drawn once it can be
            if self._failed != (said := f"{type(error).__name__}: {error}"):
                log.exception("%s of %s cannot be drawn", type(self).__name__, self.source)
            self._failed = said
            self.session.again()

    def _bring(self, chosen: bool) -> None:
        """Up to date, as the session is now; `chosen` where a person changed something."""
        assert self._card is not None
        if not self._given and not (self.source in self.feeds and self._fits(self.feed)):
            self.source = self._first()  # perhaps one that fits has come
        names = self.feeds.names()
        if self._head is not None and (chosen or time.monotonic() > self._due or names != self._names):
            self._due, self._names = time.monotonic() + _AGAIN, names
            self._head.renew()
        self._renew()
        pn.io.push_notebook(self._card)  # figures changed by hand; a server sends such changes by itself

    def __panel__(self) -> Viewable:
        return self.card(alone=True)

    def card(self, *, alone: bool = False) -> Viewable:
        """The picture on its card, with its head line and choices; `alone` in a notebook, not on a page."""
        if self._frame is None:
            size: dict[str, Any] = {"sizing_mode": "stretch_width"} if alone else {}
            if alone and self.tall:
                size["height"] = self.tall
            kinds = ["card", self.kind, *(["alone"] if alone else [])]
            self._frame = pn.Column(css_classes=kinds, stylesheets=[style("board.css")], margin=0, **size)
            if self.later:
                self._frame[:] = [CardHead(self.title, ())]  # what will stand here
            else:
                self.fill()
        return self._frame

    def fill(self) -> None:
        """Draw what stands on the card, once."""
        if self._card is None and self._frame is not None:
            body = self._build()
            body.css_classes = [*body.css_classes, "body"]
            self._head = CardHead(self.title, self._choices())
            self._frame[:] = [self._head, body]
            self._card = self._frame

    def bare(self) -> Viewable:
        """The picture without a card around it."""
        if self._card is None:
            self._card = self._build()
        return self._card

    def close(self) -> None:
        """Stop following the session."""
        for watcher in self._watchers:
            self.session.param.unwatch(watcher)
        self._watchers = []

    def _why_not(self, words: str) -> str:
        """What stands on a card that has nothing to draw: why nothing was ever read of the source, else `words`."""
        feed = self.feeds.get(self.source)
        if feed is None or not feed.fault or feed.rows or not (self._given or self._fits(feed)):
            return words
        return sentence(f"Cannot read {self.source}: {why(feed.fault)}")

    # names and units

    def unit_of(self, source: str, variable: str) -> str:
        """UDUNITS unit of a variable; empty when nobody knows."""
        return unit_of(self.feeds, source, variable)

    def label_of(self, name: str) -> str:
        """``Sea water temperature [°C]`` for ``sfl.sea_water_temperature``; with the source where names repeat."""
        return label_of(self.feeds, name)

    def labels(self) -> Mapping[str, str]:
        """The label of every curve there is, by its name; made once for all tabs, until other names come."""
        return labels(self.feeds)
