"""The work behind one question to a `Preview`: guess, count, and count the cruise, unless somebody stops it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.gates import Gate, Gating
from workbench.live.blocks import Block, Blocks, Place, Stopped
from workbench.live.census import Census
from workbench.live.draft import Draft, Estimate, Plane, Series
from workbench.live.sample import Sample, estimated
from workbench.products.seaflow.labelling import Labeller, count_runs

#: Seconds after the question at which the guess must begin to be counted.
SOON = 0.025
#: Seconds between two estimates while files are read, and while the series grows.
BETWEEN = 0.2
#: Particles that are counted at once instead of guessed, where they are in memory.
FEW = 1 << 20
#: Particles from which two threads count faster than one.
MANY = 1 << 20

#: A block and the files in it, from and to.
Part = tuple[Place, int, int]


@dataclass
class Held:
    """What answers leave to the next ones: columns, a sample, and the counts of the newest gating."""

    blocks: Blocks
    helper: Executor
    size: int
    sample: tuple[Any, Sample] | None = None
    counted: tuple[Any, npt.NDArray[np.int64], npt.NDArray[np.float64]] | None = None


class Answer:
    """One question's work.

    Parameters
    ----------
    draft : Draft
        One that the files can answer.
    held : Held
    volumes : mapping of str to float, or None
    tell : callable
        Takes each Estimate.
    """

    def __init__(
        self, draft: Draft, held: Held, volumes: Mapping[str, float] | None, tell: Callable[[Estimate], Any]
    ) -> None:
        self._draft, self._held, self._volumes, self._tell_ = draft, held, volumes, tell
        self._asked = self._told = time.perf_counter()
        self._stopped, self.working = Event(), True
        self._channels = draft.channels or held.blocks.files.channels[:1]
        self._gated = Draft(draft.gating).channels or self._channels[:1]  # all that the series needs
        self._faults: dict[int, str] = {}
        self._names: tuple[str, ...] = ()
        self._lock = Lock()

    def stop(self) -> None:
        """End it, soon."""
        self._stopped.set()
        self.working = False

    def run(self) -> None:
        """Tell estimates until they are done.

        Raises
        ------
        Stopped
            When somebody did.
        """
        try:
            self._look()
            ready = all(self._held.blocks.holds(place, self._channels) for place, _, _ in self._view)
            if not ready or self._sizes(self._view) > FEW:
                self._guess()
            exact = self._count(self._view)
            self._pictures = exact.pictures
            rest = self._rest() if self._draft.series else []
            self._tell(exact.counts, self._pictures, done=not rest)
            if rest:
                self._count(rest, exact)
                self._tell(exact.counts, self._pictures, done=True)
        finally:
            self.working = False

    def read(self, busy: Callable[[], bool]) -> None:
        """Read ahead what `run` would: the sample, the view, then the rest as far as it fits; waits while `busy`."""
        self._look()
        blocks, sample = self._held.blocks, self._sample()
        while not sample.complete:
            self._wait(busy)
            sample.visit(blocks, time.perf_counter() + SOON, self._stopped.is_set)
        parts = [(place, self._channels) for place, _, _ in self._view]
        parts += [(place, self._gated) for place, _, _ in (self._rest() if self._draft.series else [])]
        for place, channels in parts:
            self._wait(busy)
            if blocks.full:
                return
            blocks.load(self._table, place, channels, self._stopped.is_set)

    def _wait(self, busy: Callable[[], bool]) -> None:
        while busy() and not self._stopped.is_set():
            self._stopped.wait(0.02)
        if self._stopped.is_set():
            raise Stopped

    # what is asked for

    def _look(self) -> None:
        """Find the files, and what is known of them already."""
        draft, blocks = self._draft, self._held.blocks
        self._labeller = Labeller(draft.gating, unknown_last=True)
        self._table = table = blocks.files.table
        self._places = blocks.places(table, draft.among)
        inside = np.zeros(len(table), np.bool_)
        inside[table.within(draft.window)] = True
        if draft.files:
            inside &= table.names.among(draft.files)
        self._inside = inside
        self._view = list(_parts(self._places, inside))
        blocks.prefer(id(self._held), [place for place, _, _ in self._view])
        self._counts = self._known()

    def _known(self) -> npt.NDArray[np.float64]:
        """Counts (files, populations) as far as the newest answer was about the same gates; NaN elsewhere."""
        out = np.full((len(self._table), len(self._draft.populations)), np.nan)
        if self._held.counted is None or self._held.counted[0] != self._key:
            return out
        _, serials, counts = self._held.counted
        _, ours, theirs = np.intersect1d(self._table.serials, serials, assume_unique=True, return_indices=True)
        out[ours] = counts[theirs]
        return out

    @property
    def _key(self) -> tuple[tuple[Gate, ...], str]:
        return self._draft.gating.gates, self._draft.among

    def _rest(self) -> list[Part]:
        """Files that nobody has counted."""
        unknown = np.isnan(self._counts[:, 0])
        unknown[list(self._faults)] = False
        return list(_parts(self._places, unknown))

    def _sizes(self, parts: Sequence[Part]) -> int:
        return sum(int(self._table.sizes[p.first + a : p.first + b].sum()) for p, a, b in parts)

    # the guess

    def _sample(self) -> Sample:
        key = (tuple((place.key, a, b) for place, a, b in self._view), self._channels)
        if self._held.sample is None or self._held.sample[0] != key:
            self._held.sample = key, Sample(self._table, self._view, self._channels, self._held.size)
        return self._held.sample[1]

    def _guess(self) -> None:
        if not self._view:
            return
        sample = self._sample()
        sample.visit(self._held.blocks, self._asked + SOON, self._stopped.is_set)
        block, census = sample.block(), Census(self._draft, self._labeller)
        visits = census.take(block, 0, len(block.offsets) - 1, self._stopped.is_set)
        self._tell_guess(visits, sample.particles, sample.complete, census.pictures)

    def _tell_guess(
        self, visits: npt.NDArray[np.int64], particles: int, complete: bool, pictures: Mapping[Plane, Any]
    ) -> None:
        found = visits.sum(axis=0)
        counts, error = estimated(found, visits, particles, complete)
        self._send(True, False, particles, counts, error, pictures, None, int(found.sum()))

    # the count

    def _count(self, parts: list[Part], so_far: Census | None = None) -> Census:
        """Count files, on two threads where that pays; with `so_far` (the view, done) only each file's counts."""
        draft = self._draft
        known = not draft.planes and not np.isnan(self._counts[self._inside, 0]).any()
        if so_far is None and known:
            total = Census(draft, self._labeller)
            total.counts += self._counts[self._inside].sum(axis=0).astype(np.int64)
            return total
        waiting, lock, failed = iter(parts), Lock(), Event()

        def work(census: Census, mine: bool) -> None:
            while not failed.is_set():
                with lock:
                    part = next(waiting, None)
                if part is None:
                    return
                try:
                    self._count_part(part, census, so_far is None)
                    if mine and time.perf_counter() > self._told + BETWEEN:
                        self._tell_some(census, so_far)
                except BaseException:
                    failed.set()
                    raise

        census = [Census(draft, self._labeller) for _ in range(2)]
        if self._sizes(parts) < MANY or len(parts) < 2:
            work(census[0], True)
        else:
            other = self._held.helper.submit(work, census[1], False)
            try:
                work(census[0], True)
            finally:
                error = other.exception()
            if error is not None:
                raise error
            census[0].add(census[1])
        self._held.counted = self._key, self._table.serials, self._counts
        return census[0]

    def _count_part(self, part: Part, census: Census, draw: bool) -> None:
        place, first, stop = part
        channels = self._channels if draw else self._gated
        block = self._held.blocks.load(self._table, place, channels, self._stopped.is_set)
        found = census.take(block, first, stop, self._stopped.is_set, draw)
        with self._lock:
            self._counts[place.first + first : place.first + stop] = found
            for at, fault in block.faults.items():
                if first <= at < stop:
                    self._counts[place.first + at] = np.nan
                    self._faults[place.first + at] = fault

    # what is told

    def _tell_some(self, census: Census, view: Census | None) -> None:
        """How far the count is."""
        if view is not None:
            self._tell(view.counts, self._pictures, done=False)
            return
        rows = self._inside & ~np.isnan(self._counts[:, 0])
        visits = self._counts[rows].astype(np.int64)
        seen, told = int(visits.sum()), int(self._table.sizes[rows].sum())
        particles = round(seen * self._sizes(self._view) / max(1, told))
        self._tell_guess(visits, particles, False, {plane: counts.copy() for plane, counts in census.pictures.items()})

    def _tell(self, counts: npt.NDArray[np.int64], pictures: Mapping[Plane, Any], *, done: bool) -> None:
        series = self._series() if self._draft.series else None
        n = int(counts.sum())
        self._send(False, done, n, counts.astype(np.float64), np.zeros(len(counts)), pictures, series, n)

    def _series(self) -> Series:
        table, counts = self._table, self._counts.copy()
        names = self._names = self._names or table.names[:]
        abundance = None
        if self._volumes is not None:
            volumes = np.array([self._volumes.get(name, np.nan) for name in names], np.float64)
            abundance = counts / np.where(volumes > 0, volumes, np.nan)[:, np.newaxis]
        return Series(table.times.view("M8[ns]"), names, counts, abundance, int((~np.isnan(counts[:, 0])).sum()))

    def _send(
        self, approximate: bool, done: bool, particles: int, counts: npt.NDArray[np.float64],
        error: npt.NDArray[np.float64], pictures: Mapping[Plane, Any], series: Series | None, sampled: int,
    ) -> None:  # fmt: skip
        if self._stopped.is_set():
            raise Stopped
        self._told = time.perf_counter()
        faults = tuple(self._faults[i] for i in sorted(self._faults))
        self._tell_(
            Estimate(
                self._draft, approximate, done, particles, self._draft.populations, counts, error, pictures, series,
                sampled, faults, self._told - self._asked,
            )
        )  # fmt: skip


def _parts(places: Sequence[Place], wanted: npt.NDArray[np.bool_]) -> Iterator[Part]:
    """The runs of wanted files in each block."""
    for place in places:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted[place.first : place.stop], [False]])))
        for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            yield place, first, stop


def warm() -> None:
    """Load the compiled loops, so that the first answer need not wait for them."""
    corners = ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))
    labeller = Labeller(Gating("", (Gate("a", "x", "y", corners),)))
    for kind in (np.uint16, np.float64):
        count_runs(labeller(np.ones((2, 2), kind)), np.array([0, 2]), 1)
    codes = np.ones((2, 2), np.uint16)
    census = Census(Draft(Gating("", ()), planes=(Plane("x", "y"), Plane("x", "y", by=True))), labeller)
    census.take(Block(("x", "y"), codes, codes, np.array([0, 2])), 0, 1, lambda: False)
