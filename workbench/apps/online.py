"""Products that the engine makes while data come: populations within seconds of a file.

Each file that a folder's listener has taken is queued as a run (once: its name and sum are the run's key); then one
SeaFlow run works off all that is queued, in another process. It leaves out what is done already, so nothing is worked on
twice, whoever is killed when. When people change gates or filters, what they touch is made again beside the old result,
which it replaces when it is whole.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process, set_start_method
from typing import Any

from workbench.apps.job import Job, job_of
from workbench.catalog.cruise import Cruise
from workbench.core.errors import WorkbenchError
from workbench.core.memory import return_now_and_then
from workbench.live.journal import Journal
from workbench.live.listeners.folder import arrived
from workbench.record.budget import Budget
from workbench.record.cursors import Cursors
from workbench.record.decisions import Decisions
from workbench.record.record import Record
from workbench.record.runs import Beats, Run, Runs

log = logging.getLogger(__name__)

#: Works done by one process before a new one takes its place, which begins with little memory.
TASKS = 100
#: Seconds between two tries of what failed because the disk was full or a process died.
AGAIN = 30.0
#: Seconds between two looks whether people changed gates or filters.
FOLLOW = 2.0
#: Niceness of the process that works: feeds and boards go first.
GENTLY = 10
#: Seconds of indexing, after which what came meanwhile is worked on.
AT_A_TIME = 5.0


class Online:
    """Runs the jobs of a cruise.

    Parameters
    ----------
    cruise : Cruise
    journal : Journal
    record : Record
        Its `runs` say what was done.
    scheduler : str, optional
        A Dask cluster to work on.
    budget : Budget, optional
    """

    def __init__(
        self, cruise: Cruise, journal: Journal, record: Record, *, scheduler: str | None = None,
        budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self.cruise, self.journal, self.record, self.scheduler = cruise, journal, record, scheduler
        self.budget = budget or Budget(cruise.folder)
        self.jobs = [job for name, source in cruise.items() if (job := job_of(name, source, cruise)) is not None]
        self._due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._decided: dict[str, int] = {}
        self._pool: ProcessPoolExecutor | None = None
        self._given = 0  # works given to the pool that stands
        self._begun: dict[str, list[Run]] = {}

    def arrived(self, name: str) -> None:
        """A file of a Source was taken."""
        self._due.set()

    def start(self) -> None:
        """Begin, with what was left the last time."""
        self._due.set()
        if self.jobs or any(source.is_particles for source in self.cruise.values()):
            self._process()  # it is ready when the first file comes
            self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._follow())]

    async def stop(self) -> None:
        """End; what is under way is done again the next time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            for process in list(self._pool._processes.values()):
                process.terminate()  # what is half done is done again the next time
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            for job in self.jobs:
                try:
                    await asyncio.to_thread(self._queue, job)
                    well = await self._run(job)
                except Exception as wrong:  # a full disk, say: what is begun is ended another time
                    log.warning("%s: %s: %s", job.name, type(wrong).__name__, wrong)
                    well = False
                if not well:
                    asyncio.get_running_loop().call_later(AGAIN, self._due.set)
            await self._index()
            try:
                self._process()
            except OSError as wrong:  # no room for one more process, say
                log.warning("no process to work in: %s", wrong)
                asyncio.get_running_loop().call_later(AGAIN, self._due.set)

    async def _index(self) -> None:
        """Index the particles that came, a few seconds at a time: populations go first."""
        try:
            await asyncio.to_thread(self.budget.require, "particles")
            if await self._in_process(index, self.cruise):
                self._due.set()
        except asyncio.CancelledError:
            raise
        except BrokenProcessPool:
            self._pool = None
        except Exception as wrong:  # pictures are slower without, and nothing else
            log.warning("the picture index: %s: %s", type(wrong).__name__, wrong)

    async def _follow(self) -> None:
        """Look from time to time whether people changed gates, filters or what is left out."""
        while True:
            for job in self.jobs:
                try:
                    newest = await asyncio.to_thread(Decisions(self.cruise.folder, job.plan).newest)
                except Exception as wrong:  # a full disk, say: looked at again
                    log.warning("%s: %s: %s", job.plan, type(wrong).__name__, wrong)
                    continue
                if newest != self._decided.get(job.plan):  # the first time, too: the queue may have looked before
                    self._decided[job.plan] = newest
                    self._due.set()
            await asyncio.sleep(FOLLOW)

    def _queue(self, job: Job) -> None:
        """Queue a run for each file that was taken since the last time, and one when people changed the plan."""
        cursors = Cursors(self.cruise.folder)
        revision = Decisions(self.cruise.folder, job.plan).read().revision
        if revision != (cursors.get(f"online {job.name} plan") or 0):
            self.record.runs.queue(job.name, f"{job.plan} as changed by {revision}")
            cursors.set(f"online {job.name} plan", revision)
        for name in job.heard:
            mirror = f"online {job.name} {name}"
            asked, last = list[str](), None
            for entry in self.journal.read(name, cursors.get(mirror)):
                file = arrived(entry.body)
                if file is not None:
                    asked.append(f"{name}/{file.text} {file.sha256[:16]}")
                last = entry.after
            if last is not None:
                self.record.runs.queue(job.name, *asked)
                cursors.set(mirror, last.as_json())

    async def _run(self, job: Job) -> bool:
        """Work off what is queued; False when it must be tried again."""
        runs = self._begun.setdefault(job.name, [])  # with those whose end could not be written down
        runs += await asyncio.to_thread(self.record.runs.start_all, job.name)
        if not runs:
            return True
        rows, error = 0, ""
        try:
            await asyncio.to_thread(self.budget.require, "particles")
            rows = await self._in_process(work, job, self.scheduler, [run.id for run in runs])
        except asyncio.CancelledError:
            raise
        except BrokenProcessPool as broken:
            self._pool, error = None, f"the process that worked on it ended: {broken}"
        except (WorkbenchError, OSError) as wrong:
            error = str(wrong)
        except Exception as wrong:
            log.exception("%s", job.name)
            error = f"{type(wrong).__name__}: {wrong}"
        *others, last = runs
        if others:
            await asyncio.to_thread(self.record.runs.end, *others, rows=0, error=error)
        await asyncio.to_thread(self.record.runs.end, last, rows=rows, error=error)
        runs.clear()
        if error:
            log.warning("%s: %s", job.name, error)
            await asyncio.to_thread(self.record.runs.again, job.name)
        return not error

    def _process(self) -> ProcessPoolExecutor:
        """Where to work next.

        After some works a new process takes the place of the old one, with all that it gathered in memory.
        """
        if self._pool is not None and self._given >= TASKS:
            self._pool.shutdown(wait=False)
            self._pool = None
        if self._pool is None:
            self._pool, self._given = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_gently), 0
            self._pool.submit(warm)
        return self._pool

    async def _in_process(self, call: Callable[..., Any], *given: Any) -> Any:
        """What `call` gives, done there."""
        pool = self._process()
        self._given += 1
        return await asyncio.get_running_loop().run_in_executor(pool, call, *given)


def _gently() -> None:
    """Let feeds and boards go first; Ctrl-C is the engine's business, and its end is the end of this process, too.

    A pool's process waits for work for ever when its engine was killed, and the folder's lock with it while it works.
    """
    os.nice(GENTLY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # It begins no processes: locks of tqdm and Blosc need no names, which would be left behind with a warning at its end.
    set_start_method("fork", force=True)
    return_now_and_then()
    engine = parent_process()
    if engine is not None:
        threading.Thread(target=_end_with, args=(engine,), name="end with the engine", daemon=True).start()


def _end_with(engine: Any) -> None:
    engine.join()
    os._exit(1)  # what is half done is done again


def warm() -> None:
    """Load what work needs, compiled code too, before a file asks for it."""
    import numpy as np

    from workbench.apps import indexing, seaflow  # noqa: F401
    from workbench.core.filters import FilterParameters
    from workbench.products.seaflow.process import CHANNELS, process

    row = (40_000.0, 40_000.0, 40_000.0, 5000.0, *[1.0] * 4, *[0.0] * 4)
    process([{name: np.full(64, 20_000, np.uint16) for name in CHANNELS}], FilterParameters("warm", (row, row, row)))
    gc.freeze()  # what was loaded stays: not to be looked through again for each file


def index(cruise: Cruise) -> bool:
    """Index particles for a while; True when there is more. Runs in a process of its own."""
    from workbench.apps.indexing import follow  # with numba: not for the engine's own process

    return bool(follow(cruise, AT_A_TIME))


def work(job: Job, scheduler: str | None = None, runs: Sequence[int] = ()) -> int:
    """Do what is not done yet; files worked on. Runs in a process of its own, and says how far it is in `runs`."""
    from workbench.apps.seaflow import Inputs, bring_up_to_date

    inputs = Inputs(job.evt, job.params, job.out, job.sfl, job.size_table, job.instrument, job.record, job.plan)
    beats = Beats(Runs(job.record), runs) if job.record is not None else lambda files, of: None
    return bring_up_to_date(inputs, limits=job.limits, scheduler=scheduler, done=beats).processed
