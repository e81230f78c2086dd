"""How often the tabs of one process are brought up to date: every second while few look, less often when many do.

What a tab shows beside its live pictures (curves, tracks, tiles) costs the server some milliseconds for each tab. All
tabs together may take `SHARE` of a core: the more there are, the longer each one waits. Live pictures do not wait (one
is made for all), nor does what a person does, nor ages, which tick in the browser.

    pace.enter(tab); pace.leave(tab)
    pace.due(last)              whether a tab brought up to date at `last` (time.monotonic) is due again
    pace.run(call, together)    bring one up to date, and learn what that costs
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from weakref import WeakSet

#: Part of one core that all tabs together may take.
SHARE = 0.25
#: Seconds between two ticks of a tab, at least and at most. Data come in several times a second; a person sees one.
LEAST, MOST = 0.8, 30.0
#: CPU seconds that a tick is thought to take before one was seen, and how much the newest counts in the mean. One that
#: took far longer, as the first of a tab does, counts as this many times the mean.
_USUAL, _NEW, _AT_MOST = 0.05, 0.1, 4.0


class Pace:
    """See the top of this file. `due` is asked from any thread."""

    def __init__(self) -> None:
        self._tabs: WeakSet[object] = WeakSet()
        self._lock = Lock()
        self.cost = _USUAL  #: seconds of CPU that a tick takes

    def enter(self, tab: object) -> None:
        """One more."""
        with self._lock:
            self._tabs.add(tab)

    def leave(self, tab: object) -> None:
        """One less. Safe to call twice."""
        with self._lock:
            self._tabs.discard(tab)

    @property
    def interval(self) -> float:
        """Seconds from one tick of a tab to the next."""
        with self._lock:
            return min(MOST, max(LEAST, len(self._tabs) * self.cost / SHARE))

    def due(self, last: float) -> bool:
        """Whether a tab that was brought up to date at `last` should be again."""
        return time.monotonic() - last >= self.interval

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
