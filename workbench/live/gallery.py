"""Live pictures, made once for all who ask the same.

    gallery = Gallery(feeds)
    frame = await gallery.ask(question, have="")     # at once, when there is one newer than `have`; else it waits
    frame.revision, frame.header, frame.packed       # raster.encode.frame(header, packed) is what travels
    gallery.close()

A picture is counted in a worker thread, never on the event loop. A new file costs only its own particles. Nobody
asks: nothing is done. Revisions name content: the same files give the same revision, in any process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from weakref import WeakKeyDictionary

from workbench.live.feeds import Feeds
from workbench.live.file_table import FileTable
from workbench.live.particle_feed import ParticleFeed
from workbench.live.picture import Frame, Picture, warm
from workbench.live.question import Question

log = logging.getLogger(__name__)

#: Bytes of pictures kept.
KEPT = 256 << 20
#: Seconds after which waiting pictures are looked at even when no data came (their window moves), and how much longer
#: for each one: a picture comes in the rhythm of its data, not in one of ours, and looking costs nothing to speak of.
REST, EACH = 0.1, 0.005


@dataclass
class _Easel:
    """A picture with those who wait for it and the work under way.

    Who asked first is answered first: sending to hundreds takes a good part of a second, and everybody's place in it
    stays the same.
    """

    picture: Picture
    waiting: dict[asyncio.Future[Frame], None] = field(default_factory=dict)
    drawing: asyncio.Task[None] | None = None
    askers: int = 0


@dataclass(frozen=True)
class _Wanted:
    """The files that a picture should show (or why it cannot), and the revision that names this."""

    table: FileTable
    part: slice
    fault: str | None
    revision: str


class Gallery:
    """Pictures by question, for one event loop.

    Parameters
    ----------
    feeds : Feeds
    kept : int
        Bytes of counts and frames kept for the next who asks.
    threads : int
        Pictures drawn at the same time.
    """

    def __init__(self, feeds: Feeds, *, kept: int = KEPT, threads: int = 2) -> None:
        self.feeds, self._kept = feeds, kept
        self.drawn = 0  #: frames made so far
        self._easels: OrderedDict[Question, _Easel] = OrderedDict()
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="gallery")
        self._helpers = ThreadPoolExecutor(threads, thread_name_prefix="gallery-second")
        self._named: WeakKeyDictionary[Picture, _Wanted] = WeakKeyDictionary()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._workers.submit(warm)

    @property
    def waiting(self) -> int:
        """How many wait for a picture."""
        return sum(len(easel.waiting) for easel in self._easels.values())

    def __len__(self) -> int:
        return len(self._easels)

    async def ask(self, question: Question, have: str = "") -> Frame:
        """The picture, as soon as its revision is another than `have`.

        Cancelling stops the wait, and the drawing when nobody else waits for it.
        """
        self._enter()
        easel = self._easel(question)
        easel.askers += 1
        try:
            frame = easel.picture.frame
            if frame is None or not easel.picture.shows(self._wanted(easel.picture).revision):
                frame = await self._next(easel)
            while frame.revision == have:
                frame = await self._next(easel)
            return frame
        finally:
            easel.askers -= 1

    def close(self) -> None:
        """Nobody is answered any more; the threads end after the file at hand."""
        if self._leave:
            self._leave()
            self._leave = None
        if self._timer:
            self._timer.cancel()
        for easel in self._easels.values():
            if easel.drawing:
                easel.drawing.cancel()
            for future in easel.waiting:
                future.cancel()
        self._easels.clear()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._helpers.shutdown(wait=False, cancel_futures=True)

    # the rest runs on the event loop

    def _enter(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._timer = loop, None
        if self._leave is None:
            self._leave = self.feeds.subscribe(self._told)

    def _told(self) -> None:
        """From the feeds' thread."""
        if self._loop and not self._loop.is_closed():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._look)

    async def _next(self, easel: _Easel) -> Frame:
        assert self._loop is not None
        future: asyncio.Future[Frame] = self._loop.create_future()
        easel.waiting[future] = None
        self._look_at(easel)
        self._rest()
        try:
            return await future
        finally:
            easel.waiting.pop(future, None)

    def _rest(self) -> None:
        if self._timer is None and self._loop:
            self._timer = self._loop.call_later(REST + EACH * len(self._easels), self._look)

    def _look(self) -> None:
        """See whether a picture that somebody waits for has changed."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for easel in list(self._easels.values()):
            if easel.waiting:
                self._look_at(easel)
        if self.waiting:
            self._rest()

    def _look_at(self, easel: _Easel) -> None:
        if not easel.picture.feed.polled:
            return  # nobody knows yet what there is
        if easel.drawing is None and not easel.picture.shows(self._wanted(easel.picture).revision):
            easel.drawing = asyncio.get_running_loop().create_task(self._draw(easel))

    def _wanted(self, picture: Picture) -> _Wanted:
        """What the picture should show now."""
        table, fault = picture.feed.table, picture.feed.fault
        part = table.within(picture.question.window(self.feeds.now()))
        last = self._named.get(picture)
        if last and last.table is table and last.part == part and last.fault == fault:
            return last
        mark = f"fault {fault}" if fault else table.digest(part)
        revision = blake2b(f"{picture.question}{mark}".encode(), digest_size=9).hexdigest()
        self._named[picture] = wanted = _Wanted(table, part, fault, revision)
        return wanted

    async def _draw(self, easel: _Easel) -> None:
        assert self._loop is not None
        picture = easel.picture
        frame: Frame | None = None
        wanted = self._wanted(picture)
        try:
            if wanted.fault:
                frame = picture.fail(wanted.revision, wanted.fault)
            else:
                frame = await self._loop.run_in_executor(
                    self._workers, picture.draw, wanted.table, wanted.part, wanted.revision, self._helpers,
                    lambda: easel.askers == 0,
                )  # fmt: skip
        except Exception as error:  # tried again when the files change
            log.exception("picture of %s", picture.question)
            picture.forget()
            frame = picture.fail(wanted.revision, f"the picture could not be made: {type(error).__name__}: {error}")
        finally:
            easel.drawing = None
        if frame is None:
            if easel.waiting:
                self._look_at(easel)  # somebody came back while it was being stopped
            return
        self.drawn += 1
        for future in easel.waiting:
            if not future.done():
                future.set_result(frame)
        self._trim()

    def _easel(self, question: Question) -> _Easel:
        easel = self._easels.get(question)
        if easel is None:
            feed = self.feeds[question.source]
            assert isinstance(feed, ParticleFeed)
            easel = self._easels[question] = _Easel(Picture(question, feed))
        self._easels.move_to_end(question)
        return easel

    def _trim(self) -> None:
        """Let go of what was asked for longest ago; where somebody waits, of the counts only."""
        total = sum(easel.picture.nbytes for easel in self._easels.values())
        for question, easel in list(self._easels.items())[:-1]:
            if total <= self._kept:
                return
            if easel.drawing is not None:
                continue
            total -= easel.picture.nbytes
            if easel.askers:
                easel.picture.forget()
                total += easel.picture.nbytes
            else:
                del self._easels[question]
