"""Products that the engine makes while data come: populations within seconds of a file."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from workbench.catalog.cruise import Cruise
from workbench.record.record import Record

log = logging.getLogger(__name__)


class Online:
    """Runs each product that works on files of a folder once for each of its files, in another process.

    Parameters
    ----------
    cruise : Cruise
    record : Record
        Its `runs` say what was done.
    scheduler : str, optional
        A Dask cluster to work on.
    """

    def __init__(self, cruise: Cruise, record: Record, *, scheduler: str | None = None) -> None:
        self.cruise, self.record, self.scheduler = cruise, record, scheduler
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pool: ProcessPoolExecutor | None = None

    def arrived(self, name: str) -> None:
        """A file of a Source was taken."""
        self._due.set()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End; what is under way is done again the next time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()

    def _process(self) -> Any:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        return self._pool
