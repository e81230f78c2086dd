"""What is made once of a feed for all tabs that look at the same. Nothing here knows Panel."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from workbench.core.window import Window
from workbench.live.feed import Feed

T = TypeVar("T")

#: Results kept for each feed, for the next tab that asks the same; and of one moment, in which tabs may look at several
#: time ranges in turn.
_KEPT, _AT_ONCE = 64, 160
#: Parts of the whole cruise that a screen tells apart.
_STEPS = 500
_made: weakref.WeakKeyDictionary[Feed, OrderedDict[tuple[Hashable, ...], Any]] = weakref.WeakKeyDictionary()
_lock = Lock()


def once(feed: Feed, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives for this revision of the feed, made once for all tabs."""
    return _held(feed, (feed.seen, key), make)


def slowly(feed: Feed, key: Hashable, make: Callable[[], T]) -> T:
    """The same for pictures of the whole cruise: made anew when it has grown by what a screen can show, or older rows came."""
    span = feed.span
    grown = None if span is None else (span.start, stepped(span), feed.rewritten)
    return _held(feed, ("slowly", key, grown, feed.seen[1]), make)


def stepped(span: Window) -> np.datetime64:
    """The end of a growing span, rounded up to steps that a screen can tell apart."""
    start, stop = (int(t.astype(np.int64)) for t in span)
    step = 1 << max(0, ((stop - start) // _STEPS).bit_length() - 1)
    return np.datetime64(-(-stop // step) * step, "ns")


def _held(feed: Feed, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    with _lock:
        held = _made.setdefault(feed, OrderedDict())
        if key in held:
            held.move_to_end(key)
            return held[key]  # type: ignore[no-any-return]
    value = make()
    with _lock:
        held[key] = value
        while len(held) > _KEPT and (len(held) > _AT_ONCE or next(iter(held))[0] != key[0]):
            held.popitem(last=False)
    return value
