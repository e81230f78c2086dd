"""What runs beside the boards for as long as the cruise lasts: it listens, journals, records, and says how it is.

    engine = Engine(cruise, journal, record)
    await engine.start(); ...; await engine.stop()

Listeners hand what they receive to the journal; only then is it read. A recorder for each Source turns it into rows,
in threads. Days that are over are rolled. Once a second ``engine.json`` in the cruise folder says how everything is:
that is where others look, and nobody has to ask the engine.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.catalog.registered import reader_class
from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.live.file_list import FileList
from workbench.live.journal import Journal
from workbench.live.listeners import Listener, open_listener
from workbench.live.receipt import Receipt
from workbench.live.recorder import Recorder
from workbench.live.told import tell
from workbench.record.budget import Budget, Use
from workbench.record.record import Record

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise
    from workbench.catalog.source import Source

log = logging.getLogger(__name__)

#: How the engine is, in the cruise folder.
FILE = "engine.json"
#: Seconds between two looks of a recorder at its journal, at least; and for each feed, so that with many of them the
#: fixed costs of a look (a transaction, a reader's call) are shared by more rows.
PACE, EACH = 0.5, 0.02
#: Seconds between two statuses; between two looks at the disk; between two times that days are rolled, files listed.
STATUS, DISK, ROLL, LIST = 1.0, 30.0, 300.0, 5.0
#: Seconds after which a listener that could not start is tried again.
AGAIN = 5.0
#: Threads that record.
THREADS = 4


class Bell:
    """The door of the listeners: the journal, and a bell for who reads it."""

    def __init__(self, journal: Journal, ring: Callable[[str], None]) -> None:
        self._journal, self._ring = journal, ring

    def take(self, receipts: Sequence[Receipt]) -> object:
        """Keep receipts, then ring."""
        kept = self._journal.take(receipts)
        self._ring(receipts[0].name)
        return kept

    def earlier(self, name: str) -> Iterable[Receipt]:
        """What was taken before."""
        return self._journal.earlier(name)


class Engine:
    """The engine of one cruise.

    Parameters
    ----------
    cruise : Cruise
    journal : Journal
    record : Record
    budget : Budget, optional
        What the cruise folder may take; when it is used up, rows wait in the journal.
    arrived : callable, optional
        Told the name of a Source when a file of its folder was taken.

    Attributes
    ----------
    listeners : dict of str to Listener
    recorders : dict of str to Recorder
    files : FileList
    """

    def __init__(
        self, cruise: Cruise, journal: Journal, record: Record, *, budget: Budget | None = None,
        arrived: Callable[[str], object] | None = None,
    ) -> None:  # fmt: skip
        self.cruise, self.journal, self.record = cruise, journal, record
        self.budget = budget or Budget(cruise.folder)
        self.work = cruise.folder / "work"
        shutil.rmtree(self.work, ignore_errors=True)  # what a killed engine left there is in the journal
        self._arrived = arrived or (lambda name: None)
        self._door = Bell(journal, self._ring)
        self.listeners = {name: self._listener(source) for name, source in heard(cruise).items()}
        self.recorders = {
            name: self._recorder(source) for name, source in heard(cruise).items() if not _is_folder(source)
        }
        self.files = FileList([name for name in self.listeners if name not in self.recorders], journal, record)
        self.use: Use | None = None
        self._awake = {name: asyncio.Event() for name in self.recorders}
        self._rates: dict[str, tuple[float, int, float]] = {}  # when, received by then, rate
        self._tasks: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="recorder")
        self._warned = False
        self._first = threading.Lock()  # held by who may import
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Listen and record until `stop`."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._look_at_disk)
        work = [self._listen(listener) for listener in self.listeners.values()]
        work += [self._record(name) for name in self.recorders]
        work += [self._every(STATUS, self._say), self._every(DISK, self._look_at_disk), self._every(ROLL, self._roll)]
        work.append(self._every(LIST, self.files.keep))
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        """Take what is still coming, record it, and end."""
        for listener in self.listeners.values():
            await listener.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown)  # a recorder may be at work still
        with suppress(WorkbenchError, OSError):
            await asyncio.to_thread(self.files.keep)
        for recorder in self.recorders.values():
            if not self._full():
                await asyncio.to_thread(recorder.step)
            recorder.close()
        shutil.rmtree(self.work, ignore_errors=True)
        with suppress(OSError):  # a disk that may not be written keeps nobody from ending
            (self.cruise.folder / FILE).unlink()

    def status(self) -> dict[str, Any]:
        """How everything is: plain values that JSON keeps."""
        use = self.use
        disk = {"used": use.used, "budget": use.total, "free": use.free, "warning": use.warning} if use else {}
        return {
            "engine": {"pid": os.getpid(), "at": clock.wall(), "now": f"{clock.now()}Z", "cruise": self.cruise.id},
            "feeds": [self._feed(name, listener) for name, listener in self.listeners.items()],
            "disk": disk,
            "runs": self._runs(),
        }

    def _runs(self) -> dict[str, Any]:
        """How many runs are in which state; nothing where the disk does not let us know."""
        try:
            return dict(self.record.runs.counts())
        except (WorkbenchError, OSError):
            return {}

    # inside

    def _listener(self, source: Source) -> Listener:
        return open_listener(str(source.name), str(source.listen), self._door, **source.listener_options)

    def _recorder(self, source: Source) -> Recorder:
        listener = self.listeners[str(source.name)]
        return Recorder(
            str(source.name), reader_class(source.reader)(), self.journal, self.record, self.work,
            stream=listener.stream, options=source.reader_options,
        )  # fmt: skip

    def _ring(self, name: str) -> None:
        """Something came for a Source."""
        awake = self._awake.get(name)
        if awake is None:
            self.files.came(name)
            self._arrived(name)
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(awake.set)

    async def _listen(self, listener: Listener) -> None:
        """Start a listener; where its address is taken or away, try again until it is not."""
        while True:
            try:
                return await listener.start()
            except Exception as error:  # whatever it is: nobody else would tell
                expected = isinstance(error, WorkbenchError | OSError)
                said = str(error) if expected else f"{type(error).__name__}: {error}"
                if listener.counters.fault != said:
                    log.warning("%s: %s", listener.name, said, exc_info=not expected)
                listener.counters.fault = said
                await asyncio.sleep(AGAIN)

    async def _record(self, name: str) -> None:
        """Follow the journal of one Source."""
        awake, recorder = self._awake[name], self.recorders[name]
        awake.set()
        loop, pace = asyncio.get_running_loop(), max(PACE, EACH * len(self.recorders))
        while True:
            try:
                async with asyncio.timeout(30):
                    await awake.wait()
            except TimeoutError:
                pass  # look all the same: another process may have written, or the disk has room again
            awake.clear()
            if not self._full():
                await loop.run_in_executor(self._threads, self._step, recorder)
                if recorder.behind or recorder.kept.fault is not None:
                    awake.set()
            await asyncio.sleep(pace if recorder.kept.fault is None else AGAIN)

    def _step(self, recorder: Recorder) -> int:
        """A look of a recorder; until it has kept rows one after another: what is read first brings its libraries in.

        Libraries that are imported by several threads at once may wait for each other for ever (pyarrow and pandas, numba).
        """
        if recorder.kept.rows:
            return recorder.step()
        with self._first:
            return recorder.step()

    async def _every(self, seconds: float, call: Callable[[], None]) -> None:
        while True:
            begun = time.monotonic()
            try:
                await asyncio.to_thread(call)
            except (WorkbenchError, OSError) as error:
                log.warning("%s", error)
            except Exception:  # it is done again
                log.exception("%s", call.__name__)
            await asyncio.sleep(max(0.1, seconds - (time.monotonic() - begun)))

    def _full(self) -> bool:
        return self.use is not None and self.use.full

    def _look_at_disk(self) -> None:
        self.use = self.budget.use()
        warning = self.use.warning
        if warning and not self._warned:
            log.warning("%s", warning)
            self.record.events.note(warning, who="engine", kind="disk")
        self._warned = warning is not None

    def _roll(self) -> None:
        if not self._full():
            self.record.roll()

    def _say(self) -> None:
        tell(self.cruise.folder / FILE, self.status())

    def _feed(self, name: str, listener: Listener) -> dict[str, Any]:
        counters, recorder = listener.counters, self.recorders.get(name)
        age = None
        if not np.isnat(counters.last):  # which lies ahead when the clock was set back
            age = max(0.0, float((clock.now() - counters.last) / np.timedelta64(1, "s")))
        return {
            "name": name, "listen": listener.address.url, "bound": listener.bound, "age_s": age,
            "rate_hz": self._rate(name, counters.received),
            **{key: value for key, value in counters.as_json().items() if key != "last"},
            "rows": recorder.kept.rows if recorder else None,
            "unread": (recorder.kept.long + recorder.kept.refused) if recorder else 0,
            "fault": counters.fault or (recorder.kept.fault if recorder else None),
        }  # fmt: skip

    def _rate(self, name: str, received: int) -> float:
        """Receipts a second over the last ten seconds or more."""
        now = time.monotonic()
        since, before, rate = self._rates.setdefault(name, (now, received, 0.0))
        if now - since >= 10:
            rate = (received - before) / (now - since)
            self._rates[name] = now, received, rate
        return round(rate, 3) if rate or now - since < 1 else round((received - before) / (now - since), 3)


def heard(cruise: Cruise) -> dict[str, Source]:
    """The Sources of a cruise that listen."""
    return {name: source for name, source in cruise.items() if source.listen is not None}


def _is_folder(source: Source) -> bool:
    return str(source.listen).startswith("folder:")
