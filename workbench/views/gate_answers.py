"""What the gates on the screen give: asked while a hand moves, answered as soon as there is something to tell.

Two gatings are counted: the one that is drawn, and the one it is compared with, once it is idle.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

from workbench.core.codes import SIZE
from workbench.core.gates import Gating
from workbench.core.window import Window
from workbench.live.particle_feed import ParticleFeed
from workbench.live.preview import Draft as Question
from workbench.live.preview import Estimate, Plane, Preview
from workbench.live.session import Schedule
from workbench.raster.plane import snap

#: Cells along an axis: of few particles a colour is seen on a larger dot only. Few are fewer than this.
FINE, COARSE, FEW = 256, 128, 30_000
#: x0, x1, y0, y1, log codes.
Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, SIZE, 0.0, SIZE)
#: Bytes of columns that one editor keeps.
KEPT = 256 << 20
#: Exact answers remembered.
_HELD = 12


def box_of(edges: Iterable[Any]) -> Box | None:
    """A box a browser told; None when it is none."""
    x0, x1, y0, y1 = (float(edge) for edge in edges)
    return (x0, x1, y0, y1) if isfinite(x0 + x1 + y0 + y1) and x0 < x1 and y0 < y1 else None


#: Bytes of columns that one editor keeps.
KEPT = 256 << 20
#: Exact answers remembered.
_HELD = 12


class Answers:
    """Asks a `Preview` and hands its estimates over to the page.

    Parameters
    ----------
    feed : ParticleFeed
    soon : callable
        Hops onto the page.
    take : callable
        ``take(estimate, n)``: called there with each newer estimate of the drawn gates; ``n`` as given to `ask`.
    """

    def __init__(self, feed: ParticleFeed, soon: Schedule, take: Callable[[Estimate, int], Any]) -> None:
        self._feed = feed
        self._preview = Preview(feed, kept=KEPT)
        self._soon, self._take = soon, take
        self._stop: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._waiting: tuple[Estimate, int, int] | None = None
        self._turn = 0
        self._exact: OrderedDict[Any, Estimate] = OrderedDict()

    def ask(
        self, gating: Gating, window: Window, files: tuple[str, ...], among: str, *, planes: Sequence[tuple[str, str, Box]],
        n: int,
    ) -> None:  # fmt: skip
        """Count these gates; whatever was asked before is forgotten.

        Raises
        ------
        WorkbenchError
            When a gate or plane names a channel that is not there.
        """
        table = self._feed.table
        few = int(table.sizes[table.within(window)].sum()) < FEW
        level = COARSE if few else FINE
        question = Question(
            gating,
            window,
            files,
            tuple(Plane(x, y, snap(*box, level), by=True) for x, y, box in planes),
            among,
            series=True,
        )
        self._start(question, n)

    def compare(self, gating: Gating, window: Window, files: tuple[str, ...], among: str) -> None:
        """Count other gates on the same particles; told by `held`, and `take` with n = -1."""
        self._start(Question(gating, window, files, (), among, series=True), -1)

    def held(self, gating: Gating, window: Window, files: tuple[str, ...], among: str) -> Estimate | None:
        """The exact answer about these gates on these particles, if it was told already."""
        return self._exact.get((gating.gates, window, files, among))

    def forget(self) -> None:
        """The particles changed."""
        self._exact.clear()

    def _start(self, question: Question, n: int) -> None:
        self.stop()
        self._turn += 1
        turn = self._turn
        self._stop = self._preview.follow(question, lambda estimate: self._came(estimate, n, turn))

    def _came(self, estimate: Estimate, n: int, turn: int) -> None:
        """From a worker's thread: hop over, with the newest estimate only."""
        with self._lock:
            idle, self._waiting = self._waiting is None, (estimate, n, turn)
        if idle:
            self._soon(self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is None or waiting[2] != self._turn:
            return
        estimate, n, _ = waiting
        if estimate.done and not estimate.approximate:
            q = estimate.draft
            self._exact[(q.gating.gates, q.window, q.files, q.among)] = estimate
            while len(self._exact) > _HELD:
                self._exact.popitem(last=False)
        self._take(estimate, n)

    def stop(self) -> None:
        """Nobody waits for an answer any more."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def close(self) -> None:
        """Let everything go."""
        self.stop()
        self._preview.close()
        self._exact.clear()
