"""All feeds of a cruise, polled in the background.

    with Feeds(cruise) as feeds:             # start() and stop()
        leave = feeds.subscribe(call)        # call() from a background thread, about once a second
        leave()

Each source has a thread of its own, so that a slow one delays nobody. Subscribers are called from one thread: soon
after something changed, and once a second anyway (ages and moving windows go on when no data come). A bound method is
held weakly: who forgets to leave is forgotten.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import numpy as np

from workbench.catalog import location
from workbench.core.window import MAX, MIN, Window
from workbench.live.feed import Feed, open_feed
from workbench.live.indexed import PLACE, Indexed
from workbench.live.particle_feed import ParticleFeed
from workbench.live.row_feed import RowFeed

if TYPE_CHECKING:
    from types import TracebackType

    from workbench.catalog.cruise import Cruise

log = logging.getLogger(__name__)

#: Seconds between two polls of a source that answers fast, and of one that does not. One that fails is asked no less
#: often, so that it is back as soon as it answers; what takes long to fail is asked as seldom as what takes long.
FAST, SLOW = 0.5, 1.5
#: The same at most, of a product, which may be made anew as a whole.
MADE = 60.0
#: How the engine is; it stands in the cruise folder while one runs, and after one that was killed.
ENGINE = "engine.json"
#: Seconds between two calls of the subscribers, at least and at most.
BEAT, REST = 0.2, 1.0


@dataclass(frozen=True)
class Moment:
    """How things stood: the cruise's now, how far all feeds were, first to last time of what there was."""

    now: np.datetime64
    revision: int
    span: Window | None


class Feeds(Mapping[str, Feed]):
    """One Feed for every Source of a cruise that holds data (not for parameters).

    Parameters
    ----------
    cruise : Cruise
    """

    def __init__(self, cruise: Cruise) -> None:
        self.cruise = cruise
        within = _possible(cruise)
        data = {name: source for name, source in cruise.items() if not getattr(source, "is_parameters", False)}
        self._feeds = {name: open_feed(source, within) for name, source in data.items()}
        self._listeners: dict[int, Callable[[], Callable[[], object] | None]] = {}
        self._lock = Lock()
        self._changed, self._stopped = Event(), Event()
        self._threads: list[Thread] = []
        self._key = 0
        self._names: tuple[int, tuple[str, ...]] | None = None  # at which revision, and what
        self._moment: tuple[float, Moment] | None = None  # until when it is given, and what
        folder = getattr(cruise, "folder", None)
        for name, feed in self._feeds.items():
            feed.told = self._changed.set
            if folder is not None and isinstance(feed, ParticleFeed):
                feed.index = Indexed(folder.joinpath(*PLACE, name), feed.labels)

    def __getitem__(self, name: str) -> Feed:
        return self._feeds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._feeds)

    def __len__(self) -> int:
        return len(self._feeds)

    def __enter__(self) -> Feeds:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def revision(self) -> int:
        """Grows with every change of any feed."""
        return sum(feed.revision + feed.detail for feed in self._feeds.values())

    @property
    def listeners(self) -> int:
        """How many are subscribed (and still exist)."""
        with self._lock:
            return sum(find() is not None for find in self._listeners.values())

    @property
    def span(self) -> Window | None:
        """First to last time of any feed, or None."""
        spans = [feed.span for feed in self._feeds.values()]
        known = [span for span in spans if span is not None]
        return Window(min(s.start for s in known), max(s.stop for s in known)) if known else None

    def moment(self, patience: float = 0.0) -> Moment:
        """How things stand, the same for all who ask within `patience` seconds: what is made of it is made once."""
        now, held = time.monotonic(), self._moment
        if held is not None and now < held[0]:
            return held[1]
        revision = self.revision  # first: what comes while feeds are held is drawn with the next moment
        for feed in self._feeds.values():
            feed.hold(now + patience)
        moment = Moment(self.now(), revision, self.span)
        self._moment = now + patience, moment
        return moment

    def now(self) -> np.datetime64:
        """The time that ages count from: now, or the end of a finished cruise."""
        return self.cruise.now()

    def names(self) -> tuple[str, ...]:
        """``SOURCE.VARIABLE`` of everything that can be drawn as a curve or colour the track."""
        revision = self.revision
        if self._names is None or self._names[0] != revision:  # asked by every view of every tab
            rows = [(name, feed) for name, feed in self._feeds.items() if isinstance(feed, RowFeed)]
            self._names = revision, tuple(f"{name}.{variable}" for name, feed in rows for variable in feed.variables)
        return self._names[1]

    def patience(self, name: str) -> np.timedelta64 | None:
        """The age from which a feed is stale; None in a finished cruise, where nothing is."""
        if self.cruise.finished:
            return None
        overs = [kpi.over for kpi in self.cruise.kpis.values() if kpi.source == name]
        return self._feeds[name].patience(max(overs, default=None))

    def stale(self, name: str) -> bool:
        """True when the feed has been silent for too long (see `Feed.stale`); never in a finished cruise."""
        patience, age = self.patience(name), self._feeds[name].age(self.now())
        if age is None and self._unheard(name):
            return False
        return patience is not None and (age is None or bool(age > patience))

    def _unheard(self, name: str) -> bool:
        """True of what an engine writes and has not yet, and of what listens while no engine ever did: nothing to say yet."""
        source = self._feeds[name].source
        if any(map(location.in_record, getattr(source, "urls", ()))):
            return True
        return getattr(source, "listen", None) is not None and not (self.cruise.folder / ENGINE).exists()

    def poll(self) -> bool:
        """Poll every feed, here and now, and tell the subscribers. True when something changed."""
        changed = False
        for feed in self._feeds.values():
            changed |= feed.poll()
            while feed.more and not feed.fault:
                changed |= feed.poll()
        if changed:
            self._tell()
        return changed

    def start(self) -> Feeds:
        """Poll in the background until `stop`."""
        if not self._threads:
            self._stopped.clear()
            self._threads = [
                Thread(target=self._follow, args=(feed,), name=f"feed:{name}", daemon=True)
                for name, feed in self._feeds.items()
            ]
            self._threads.append(Thread(target=self._beat, name="feeds", daemon=True))
            for thread in self._threads:
                thread.start()
        return self

    def stop(self, patience: float = 10.0) -> None:
        """End the threads; one that hangs in a dead file system is left behind after `patience` seconds."""
        self._stopped.set()
        self._changed.set()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                log.warning("%s does not end; its source hangs", thread.name)
        self._threads = []
        for feed in self._feeds.values():
            feed.close()

    def subscribe(self, call: Callable[[], object]) -> Callable[[], None]:
        """Have `call` called after changes and once a second, until the returned function is."""
        find = weakref.WeakMethod(call) if hasattr(call, "__self__") else (lambda: call)
        with self._lock:
            self._key += 1
            key = self._key
            self._listeners[key] = find

        def leave() -> None:
            with self._lock:
                self._listeners.pop(key, None)

        return leave

    def _tell(self) -> None:
        with self._lock:
            found = [(key, find()) for key, find in self._listeners.items()]
            for key, call in found:
                if call is None:
                    del self._listeners[key]
        for _, call in found:
            try:
                if call is not None:
                    call()
            except Exception:
                log.exception("a subscriber failed")

    def _follow(self, feed: Feed) -> None:
        while not self._stopped.is_set():
            start = time.monotonic()
            if feed.poll():
                self._changed.set()
            if not feed.more or feed.fault:
                self._stopped.wait(pause(feed, time.monotonic() - start))

    def _beat(self) -> None:
        while not self._stopped.is_set():
            self._changed.wait(REST)
            self._changed.clear()
            self._tell()
            self._stopped.wait(BEAT)


def pause(feed: Feed, took: float) -> float:
    """Seconds to wait after a poll that took so many. What is made for the first time is made of all there is: soon again."""
    anew = getattr(feed.source, "product", None) and feed.revision > 1
    return min(max(FAST, 5 * took), MADE if anew else SLOW)


def _possible(cruise: Cruise) -> Window:
    """The times that rows of this cruise can have: a month around it, where the catalog says when it was."""
    month = np.timedelta64(30 * 86_400_000_000_000, "ns")
    start = MIN if cruise.start is None else cruise.start - month
    return Window(start, MAX if cruise.end is None else cruise.end + month)
