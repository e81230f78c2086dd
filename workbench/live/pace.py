"""How often the tabs of one process are brought up to date: every second while few look, less often when many do.

What a tab shows beside its live pictures (curves, tracks, tiles) costs the server some milliseconds for each tab. All
tabs together may take `SHARE` of a core: the more there are, the longer each one waits. Live pictures do not wait (one
is made for all), nor does what a person does, nor ages, which tick in the browser.

    pace.enter(tab); pace.leave(tab)
    pace.due(last)              whether a tab brought up to date at `last` (time.monotonic) is due again
    pace.ask(call)              let one begin when it is its turn: between two of them, pictures go out
    pace.run(call, together)    bring one up to date, and learn what that costs
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from threading import Lock
from weakref import WeakSet

log = logging.getLogger(__name__)

#: Part of one core that all tabs together may take.
SHARE = 0.1
#: Seconds between two ticks of a tab, at least and at most. Data come in several times a second; a person sees one.
LEAST, MOST = 0.8, 30.0
#: CPU seconds that a tick is thought to take before one was seen, and how much the newest counts in the mean. One that
#: took far longer, as the first of a tab does, counts as this many times the mean.
_USUAL, _NEW, _AT_MOST = 0.05, 0.1, 4.0


class Pace:
    """See the top of this file. `due` and `ask` may be called from any thread."""

    def __init__(self) -> None:
        self._tabs: WeakSet[object] = WeakSet()
        self._lock = Lock()
        self._turn: deque[Callable[[], object]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None  # where the tabs are
        self._going: asyncio.AbstractEventLoop | None = None  # where turns are given now
        self.cost = _USUAL  #: seconds of CPU that a tick takes

    def enter(self, tab: object) -> None:
        """One more."""
        with self._lock:
            self._tabs.add(tab)
            with suppress(RuntimeError):
                self._loop = asyncio.get_running_loop()

    def leave(self, tab: object) -> None:
        """One less. Safe to call twice."""
        with self._lock:
            self._tabs.discard(tab)

    @property
    def interval(self) -> float:
        """Seconds from one tick of a tab to the next."""
        with self._lock:
            return min(MOST, max(LEAST, len(self._tabs) * self.cost / SHARE))

    @property
    def patience(self) -> float:
        """Seconds for which tabs see the same, so that it is made once for many: none while few look."""
        return self.interval - LEAST

    def due(self, last: float) -> bool:
        """Whether a tab that was brought up to date at `last` should be again."""
        return time.monotonic() - last >= self.interval

    def ask(self, call: Callable[[], object]) -> None:
        """Call this on the tabs' event loop, after all who asked before; at once where there is no loop."""
        with self._lock:
            self._turn.append(call)
            loop = None if self._loop is None or self._loop.is_closed() else self._loop
            if loop is not None and self._going is loop:
                return
            self._going = loop
        if loop is None:
            self._next(None)
        else:
            with suppress(RuntimeError):  # it ended just now, and its tabs with it
                loop.call_soon_threadsafe(self._next, loop)

    def _next(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """One whose turn it is, and a while later the next one."""
        while True:
            with self._lock:
                if self._going is not loop:
                    return
                if not self._turn:
                    self._going = None
                    return
                call = self._turn.popleft()
                wait = min(self.cost / SHARE, MOST / max(1, len(self._tabs)))
            try:
                call()
            except Exception:
                log.exception("a tab could not be brought up to date")
            if loop is not None:
                loop.call_later(wait, self._next, loop)
                return

    def run(self, call: Callable[[], None], together: Callable[[], AbstractContextManager[object]]) -> None:
        """Call it within `together` and learn what both cost."""
        begun = time.thread_time()
        try:
            with together():
                call()
        finally:
            took = min(time.thread_time() - begun, _AT_MOST * max(self.cost, 1e-4))
            self.cost += (took - self.cost) * _NEW


#: Of this process: its tabs share one event loop.
PACE = Pace()
