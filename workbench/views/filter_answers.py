"""What filter parameters give: events in focus by each quantile, pictures of them, the bead cloud. Asked while a hand moves.

Every event of the files looked at is tested, as the product does it, so counts are those of the product to the particle.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.core.filters import FilterParameters
from workbench.core.viewport import Viewport
from workbench.live.particle_feed import ParticleFeed
from workbench.live.session import Schedule
from workbench.products.seaflow.beads import CHANNELS, Beads, bright, find_beads
from workbench.products.seaflow.filter import Focused, focus
from workbench.products.seaflow.limits import Flag
from workbench.raster.count import count_codes

log = logging.getLogger(__name__)

Codes = npt.NDArray[Any]
Pictures = Mapping[tuple[str, str], tuple[Viewport, npt.NDArray[np.uint32]]]
#: Detectors, each against fsc_small on a chart of its own.
DETECTORS = ("D1", "D2")
#: What is drawn of it: all events, those in focus, those of the bead cloud.
LAYERS = ("evt", "opp", "beads")


@dataclass(frozen=True)
class FilterQuestion:
    """Which files, by which filter.

    Attributes
    ----------
    files : tuple of (str, int)
        Path and serial of each file.
    before, now : FilterParameters or None
    quantile : int
        0, 1, 2: whose events in focus are drawn.
    boxes : tuple of (Viewport, Viewport)
        Of D1 and of D2 against fsc_small: for all events, and, coarser, for those few in focus.
    """

    files: tuple[tuple[str, int], ...]
    before: FilterParameters | None
    now: FilterParameters | None
    quantile: int
    boxes: tuple[tuple[Viewport, Viewport], ...]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one filter gives, over all files: OPP of each quantile, and how many files it would leave out."""

    opp: tuple[int, int, int]
    left_out: int


@dataclass(frozen=True, eq=False)
class FilterAnswer:
    """The answer to a question.

    Attributes
    ----------
    files, events, evt : int
        Files that were read, events in them, and those that are not noise.
    before, now : Outcome or None
    beads : Beads or None
        The cloud that was found; `no_beads` says why there is none.
    pictures : mapping of (layer, detector) to (Viewport, numpy.ndarray of uint32)
    faults : tuple of str
        Files that cannot be read.
    """

    question: FilterQuestion
    files: int
    events: int
    evt: int
    before: Outcome | None
    now: Outcome | None
    beads: Beads | None
    no_beads: str
    pictures: Pictures
    faults: tuple[str, ...] = ()


@dataclass(eq=False)
class _Held:
    """What is kept of the files looked at."""

    files: tuple[tuple[str, int], ...] = ()
    columns: list[dict[str, Codes]] = field(default_factory=list)
    faults: tuple[str, ...] = ()
    made: dict[Hashable, Any] = field(default_factory=dict)


class FilterAnswers:
    """Answers questions one after the other, in a thread; of those that wait only the newest.

    Parameters
    ----------
    feed : ParticleFeed
        Raw events.
    soon : callable
        Hops onto the page.
    take : callable
        ``take(answer, n)``, called there; ``n`` as given to `ask`.
    """

    def __init__(self, feed: ParticleFeed, soon: Schedule, take: Callable[[FilterAnswer, int], Any]) -> None:
        self._feed, self._soon, self._take = feed, soon, take
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="filter")
        self._lock = threading.Lock()
        self._turn = 0
        self._held = _Held()

    def ask(self, question: FilterQuestion, n: int) -> None:
        """Answer this; whatever was asked before is forgotten."""
        with self._lock:
            self._turn += 1
            turn = self._turn
        self._pool.submit(self._work, question, n, turn)

    def answer(self, question: FilterQuestion) -> FilterAnswer:
        """The answer, at once."""
        held = self._of(question.files)
        q, columns = question, held.columns
        evt = self._once("evt", lambda: sum(int((~_noise(c)).sum()) for c in columns))
        beads, why = self._once("beads", lambda: _beads(columns))
        before, _ = self._by(q.before)
        now, found = self._by(q.now)
        pictures: dict[tuple[str, str], Any] = {}
        for detector, (fine, coarse) in zip(DETECTORS, q.boxes, strict=True):
            counted = self._once(("evt", detector, fine), partial(_events, columns, detector, fine))
            pictures["evt", detector] = fine, counted
            pictures["opp", detector] = coarse, _focused(columns, found, q.quantile, detector, coarse)
            pictures["beads", detector] = coarse, _cloud(beads, detector, coarse)
        events = sum(len(c["D1"]) for c in columns)
        return FilterAnswer(q, len(columns), events, evt, before, now, beads, why, pictures, held.faults)

    def close(self) -> None:
        """Let everything go."""
        with self._lock:
            self._turn += 1
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._held = _Held()

    def _work(self, question: FilterQuestion, n: int, turn: int) -> None:
        if turn != self._turn:
            return
        try:
            answer = self.answer(question)
            if turn == self._turn:
                self._soon(lambda: self._take(answer, n) if turn == self._turn else None)
        except Exception:
            log.exception("what a filter gives could not be worked out")

    def _of(self, files: tuple[tuple[str, int], ...]) -> _Held:
        if self._held.files != files:
            columns, faults = [], []
            for path, serial in files:
                try:
                    columns.append(self._feed.columns(path, serial, CHANNELS))
                except WorkbenchError as error:
                    faults.append(str(error))
            self._held = _Held(files, columns, tuple(faults))
        return self._held

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        made = self._held.made
        if key not in made:
            made[key] = make()
        return made[key]

    def _by(self, parameters: FilterParameters | None) -> tuple[Outcome | None, list[Focused]]:
        """What one filter gives; the last two are kept."""
        if parameters is None:
            return None, []
        made = self._held.made
        kept = made.setdefault("filters", {})
        if parameters.table not in kept:
            found = [focus(c["D1"], c["D2"], c["fsc_small"], parameters) for c in self._held.columns]
            a, b, c = (sum(int(f.opp_count[at]) for f in found) for at in range(3))
            kept[parameters.table] = Outcome((a, b, c), sum(f.flag() is not Flag.OK for f in found)), found
            while len(kept) > 2:
                kept.pop(next(iter(kept)))
        else:
            kept[parameters.table] = kept.pop(parameters.table)
        return kept[parameters.table]  # type: ignore[no-any-return]


def _noise(columns: Mapping[str, Codes]) -> npt.NDArray[np.bool_]:
    """Which events are noise, as `products.seaflow.filter` says it."""
    return np.asarray((columns["fsc_small"] <= 1) & (columns["D1"] <= 1) & (columns["D2"] <= 1))


def _beads(columns: list[dict[str, Codes]]) -> tuple[Beads | None, str]:
    try:
        return find_beads([bright(each) for each in columns]), ""
    except WorkbenchError as error:
        return None, str(error)


def _events(columns: list[dict[str, Codes]], detector: str, box: Viewport) -> npt.NDArray[np.uint32]:
    out = np.zeros((box.height, box.width), np.uint32)
    for each in columns:
        good = ~_noise(each)
        count_codes(_codes(each["fsc_small"][good]), _codes(each[detector][good]), box, out)
    return out


def _focused(
    columns: list[dict[str, Codes]], found: list[Focused], quantile: int, detector: str, box: Viewport
) -> npt.NDArray[np.uint32]:
    out = np.zeros((box.height, box.width), np.uint32)
    for each, one in zip(columns, found, strict=False):
        rows = one.index[(one.mask & (1 << quantile)) > 0]
        count_codes(_codes(each["fsc_small"][rows]), _codes(each[detector][rows]), box, out)
    return out


def _cloud(beads: Beads | None, detector: str, box: Viewport) -> npt.NDArray[np.uint32]:
    out = np.zeros((box.height, box.width), np.uint32)
    if beads is not None:
        fsc, d = (beads.events[:, CHANNELS.index(name)] for name in ("fsc_small", detector))
        count_codes(_codes(fsc), _codes(d), box, out)
    return out


def _codes(values: Codes) -> npt.NDArray[np.uint16]:
    """Log values as whole codes, for a picture."""
    return np.asarray(np.ascontiguousarray(values), np.uint16)
