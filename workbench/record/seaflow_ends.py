"""Hours whose files are all worked on: each gets to the disk while the next is worked on, and is entered in its turn.

The law of a run stays: an hour is entered only when its Parquet files have taken their places. What is gained: nobody who
works on particles waits for the disk, or for the last rows of an hour to be packed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from workbench.record.seaflow_hour import Hour, Row
from workbench.record.seaflow_work import Task

Rows = dict[str, list[Row]]


class Ends:
    """Ends hours and enters them, one after the other.

    Used with ``with``: no hour is left over at its end. When it ends in an error, the hour before the one that failed is
    entered all the same.

    Parameters
    ----------
    enter : callable of (tasks, rows)
        Writes down that an hour is done, in the thread that `end` and `settle` are called in.
    together : bool
        Go on while an hour gets to the disk; otherwise it is entered at once.
    """

    def __init__(self, enter: Callable[[Sequence[Task], Rows], object], *, together: bool) -> None:
        self._enter = enter
        self._thread = ThreadPoolExecutor(1) if together else None
        self._waiting: tuple[Future[None], Sequence[Task], Rows] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with suppress(*([] if kind is None else [Exception])):
                self.settle()
        finally:
            if self._thread is not None:
                self._thread.shutdown()

    def end(self, hour: Hour, tasks: Sequence[Task], rows: Rows) -> None:
        """Let an hour take its place: not more than one at a time is on its way there."""
        if self._thread is None:
            hour.end()
            self._enter(tasks, rows)
            return
        try:
            self.settle()
        except BaseException:
            hour.leave()
            raise
        self._waiting = self._thread.submit(hour.end), tasks, rows

    def settle(self, *, ready: bool = False) -> None:
        """Enter the hour that is on its way, as soon as it is there; with `ready` only if it is there already."""
        if self._waiting is None or (ready and not self._waiting[0].done()):
            return
        (future, tasks, rows), self._waiting = self._waiting, None
        future.result()
        self._enter(tasks, rows)
