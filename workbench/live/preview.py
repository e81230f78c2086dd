"""What a gating would do, while a hand still draws it: a first guess at once, then every particle, then the cruise.

    preview = Preview(feed)                          # a ParticleFeed, or a dataset of particles (EVT, OPP or VCT)
    preview.prepare(draft)                           # when the editor opens: reads columns in the background
    async for estimate in preview.ask(draft):        # on an event loop
        show(estimate.counts, estimate.approximate)
    stop = preview.follow(draft, tell)               # or tell(estimate) from a worker's thread
    preview.close()

Estimates come in this order, each replacing the one before: one from a fixed random sample (``approximate``, with its
standard error), the exact one of what is in view, and, where the draft wants it, the series of the whole cruise, longer
from estimate to estimate until ``done``. While files are slow to read, more guesses come from what was read so far;
where everything in view is at hand and little, the exact one comes first. A newer question ends the older one: its
iterator stops, `tell` is not called again. What is exact equals `products.seaflow.classify`, to the particle: polygons
are tested in linear units.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock
from typing import Any

import xarray as xr

from workbench.live.answer import Answer, Held, warm
from workbench.live.blocks import Blocks, Stopped
from workbench.live.draft import UNKNOWN, WHOLE, Draft, Estimate, Plane, Series
from workbench.live.particle_feed import ParticleFeed
from workbench.live.particle_files import DatasetFiles, FeedFiles

__all__ = ["UNKNOWN", "WHOLE", "Draft", "Estimate", "Plane", "Preview", "Series"]

log = logging.getLogger(__name__)

#: What is held of each feed, for all who look at it.
_shared: dict[ParticleFeed, Blocks] = {}
_sharing = Lock()


class Preview:
    """Answers drafts, one at a time: the newest.

    Parameters
    ----------
    particles : ParticleFeed or xarray.Dataset
        A dataset has dims ``particle`` and ``file`` with ``row_size(file)``, as the SeaFlow readers give it; in log
        codes or linear units.
    volumes : mapping of str to float, optional
        Microlitres analysed (at this selection of particles), by ``file_id``: then the series has abundances.
    kept : int
        Bytes of columns kept in memory, for all previews of a feed together; what is more is read again at every
        question.
    sample : int
        Particles of the guess.

    Attributes
    ----------
    volumes : mapping of str to float, or None
        May be set anew between questions.
    """

    def __init__(
        self,
        particles: ParticleFeed | xr.Dataset,
        *,
        volumes: Mapping[str, float] | None = None,
        kept: int = 1 << 30,
        sample: int = 1 << 17,
    ) -> None:
        self.volumes = volumes
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="preview")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="preview-ahead")
        self._helper = ThreadPoolExecutor(1, thread_name_prefix="preview-second")
        with _sharing:
            self._held = Held(_blocks(particles), self._helper, sample)
            self._held.blocks.join(id(self._held), kept)
        self._leave = weakref.finalize(self, _leave, particles, self._held.blocks, id(self._held))
        self._leave.atexit = False
        self._current: Answer | None = None
        self._ahead: Answer | None = None
        self._lock = Lock()
        self._closed = Event()

    def prepare(self, draft: Draft) -> None:
        """Read what this draft will need (its channels, sample and view) in the background, and compile the loops.

        Raises
        ------
        WorkbenchError
            As `ask`.
        """
        ahead = self._answer(draft, lambda estimate: None)
        with self._lock:
            if self._ahead:
                self._ahead.stop()
            self._ahead = ahead
        self._reader.submit(warm)
        self._reader.submit(_quietly, lambda: ahead.read(self._busy))

    def ask(self, draft: Draft) -> AsyncIterator[Estimate]:
        """Estimates of `draft`, better and better, until they are `done` or somebody asks again.

        Called on a running event loop. Leaving the loop stops the work. Where several come faster than they are taken,
        only the newest is given.

        Raises
        ------
        WorkbenchError
            When a gate, plane or `among` names a column that is not there; the nearest is told. (At the call.)
        """
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        newest: list[Estimate] = []
        ended: list[BaseException | None] = []

        def take(estimate: Estimate) -> None:
            newest[:] = [estimate]
            came.set()

        def end(error: BaseException | None) -> None:
            ended.append(error)
            came.set()

        def hop(call: Callable[[Any], None], value: Any) -> None:
            with suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(call, value)

        stop = self._start(self._answer(draft, lambda estimate: hop(take, estimate)), lambda error: hop(end, error))

        async def estimates() -> AsyncIterator[Estimate]:
            try:
                while True:
                    await came.wait()
                    came.clear()
                    if newest:
                        yield newest.pop()
                    elif ended:
                        if ended[0] is not None:
                            raise ended[0]
                        return
                    if ended:
                        came.set()
            finally:
                stop()

        return estimates()

    def follow(self, draft: Draft, tell: Callable[[Estimate], Any]) -> Callable[[], None]:
        """The same without an event loop: `tell(estimate)` is called from a worker's thread.

        Returns
        -------
        callable
            Stops it.

        Raises
        ------
        WorkbenchError
            As `ask`.
        """
        return self._start(self._answer(draft, tell), lambda error: None)

    def close(self) -> None:
        """Stop, and let the columns go."""
        self._closed.set()
        with self._lock:
            for answer in (self._current, self._ahead):
                if answer:
                    answer.stop()
        for pool in (self._worker, self._reader, self._helper):
            pool.shutdown(wait=False, cancel_futures=True)
        self._leave()
        self._held.sample = self._held.counted = None

    def _answer(self, draft: Draft, tell: Callable[[Estimate], Any]) -> Answer:
        files = self._held.blocks.files
        draft.refuse_unknown(files.channels, files.groups)
        return Answer(draft, self._held, self.volumes, tell)

    def _start(self, answer: Answer, ended: Callable[[BaseException | None], None]) -> Callable[[], None]:
        with self._lock:
            if self._current:
                self._current.stop()
            self._current = answer
        if not self._closed.is_set():
            self._worker.submit(_quietly, answer.run, ended)
        return answer.stop

    def _busy(self) -> bool:
        """True while somebody waits for an answer: reading ahead lets it pass."""
        current = self._current
        return current is not None and current.working and not self._closed.is_set()


def _blocks(particles: ParticleFeed | xr.Dataset) -> Blocks:
    if not isinstance(particles, ParticleFeed):
        return Blocks(DatasetFiles(particles), 0)
    return _shared.setdefault(particles, Blocks(FeedFiles(particles), 0))


def _leave(particles: ParticleFeed | xr.Dataset, blocks: Blocks, who: int) -> None:
    with _sharing:
        if blocks.leave(who) and isinstance(particles, ParticleFeed):
            _shared.pop(particles, None)


def _quietly(work: Callable[[], None], ended: Callable[[BaseException | None], None] = lambda error: None) -> None:
    try:
        work()
    except Stopped:
        ended(None)
    except Exception as error:
        log.exception("a preview failed")
        ended(error)
    else:
        ended(None)
