"""Pages that are open stand still: they are made lighter, and left out of garbage collection.

Of the thirty thousand objects of a page half are empty lists and sets that Bokeh made only to look into them. And of
two million objects that stay, Python would look for circles now and then, while everybody waits for seconds. So a page
that has been drawn is freed of the first and set aside from the second (`gc.freeze`); the circles of pages that were
closed are looked for once they are a tenth of all, or a while after the last one.

    begin()                 in a program of ours, once all is imported
    opened(document)        a page is being made, on the event loop
    closed(document)        it was closed
    collect()               all garbage, now
"""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from contextlib import suppress
from contextvars import Context
from typing import Any

#: Seconds in which no model is added to a page that has been drawn.
DRAWN = 4.0
#: Seconds between two looks for closed pages, at least, and as many times as long as one took; part of all pages that
#: must be closed for one, and seconds after which it may be fewer.
LEAST, TIMES, PART, WHILE = 10.0, 50.0, 0.1, 600.0


class Settled:
    """See the top of this file; of one event loop."""

    def __init__(self) -> None:
        self.on = False
        self._open = self._ended = 0
        self._gone: weakref.WeakSet[Any] = weakref.WeakSet()
        self._looked = time.monotonic()  # when circles were looked for last
        self._took = self._first = 0.0  # how long that took, and when the first page was closed since
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Leave out modules and all else that is there now; pages are set aside from now on.

        Of a million objects that stay, Python looks for circles only when a quarter of a million came on top of them,
        and until then circles hold their arrays.
        """
        self.on = True
        self.collect()

    def opened(self, document: Any) -> None:
        """Set this page aside once it has been drawn."""
        self._open += 1
        held_by_none()
        self._later(weakref.ref(document), -1)

    def closed(self, document: Any) -> None:
        """Look for its circles, by and by."""
        self._gone.add(document)
        self._open, self._ended = max(0, self._open - 1), self._ended + 1
        self._first = self._first if self._ended > 1 else time.monotonic()
        if self.on:
            self._plan()

    def collect(self) -> None:
        """Look for circles among everything, and set aside what stays."""
        begun = time.monotonic()
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._ended, self._looked = 0, time.monotonic()
        self._took = self._looked - begun

    def _wait(self) -> float:
        rest = max(LEAST, TIMES * self._took)
        if self._ended < PART * self._open:
            rest = max(rest, WHILE)
        return max(self._first + LEAST, self._looked + rest) - time.monotonic()

    def _look(self) -> None:
        if self._ended:
            self.collect()

    def _plan(self) -> None:
        """At the time that holds for as many as are open and closed by now."""
        if self._timer is not None:
            self._timer.cancel()
        with suppress(RuntimeError):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, self._wait()), self._look)

    def _later(self, document: weakref.ref[Any], models: int) -> None:
        if self.on:
            with suppress(RuntimeError):
                asyncio.get_running_loop().call_later(DRAWN, self._settle, document, models)

    def _settle(self, document: weakref.ref[Any], models: int) -> None:
        """Unless it has grown from `models`: then its cards are still being drawn."""
        found = document()
        if found is None or found in self._gone:
            return  # closed before it was drawn: Bokeh has taken it apart
        if len(found.models) != models:
            self._later(document, len(found.models))
            return
        lighten(found)
        gc.collect(1)
        gc.freeze()


def lighten(document: Any) -> int:
    """Let go of the empty containers that Bokeh's models hold for what nobody set; how many. They come when asked for."""
    from bokeh.core.property.wrappers import PropertyValueContainer

    gone = 0
    for model in list(document.models):
        held = getattr(model, "_unstable_default_values", None)
        if held:
            empty = [name for name, value in held.items() if isinstance(value, PropertyValueContainer) and not value]
            for name in empty:
                del held[name]
            gone += len(empty)
    return gone


def held_by_none() -> None:
    """Begin here, for no page, the one task of the process that Panel begins with the first page that is busy: it would
    hold that page for ever. Without an event loop nothing is done."""
    import panel as pn

    begin = getattr(pn.state, "_schedule_busy_cleanup", None)
    if begin is not None:
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            Context().run(begin)


#: Of this process.
SETTLED = Settled()
