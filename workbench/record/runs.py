"""What was computed, when, and how it ended: the table ``runs`` of ``state.db``.

A run is a task on one set of inputs, once: asking for it again changes nothing, so that a file announced twice is worked
on once. ``queued -> running -> ok | failed | interrupted``; `again` puts the last two back into the queue.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import format_exc
from typing import Any

import numpy as np

from workbench.core import clock
from workbench.record.lock import alive
from workbench.record.state_file import StateFile

QUEUED, RUNNING, OK, FAILED, INTERRUPTED = STATES = ("queued", "running", "ok", "failed", "interrupted")
#: Seconds after which a run on another machine that gives no sign of life counts as interrupted.
SILENT = 600.0
#: Seconds between two signs of life.
BEAT = 2.0
_FIELDS = "id, task, inputs, state, attempt, queued, started, ended, heartbeat, rows, error, traceback, host, pid"


@dataclass(frozen=True)
class Run:
    """One task on one set of inputs.

    Attributes
    ----------
    id : int
    task, inputs : str
        Their pair is unique.
    state : {"queued", "running", "ok", "failed", "interrupted"}
    attempt : int
        How often it was started.
    queued, started, ended : numpy.datetime64[ns]
        Cruise time; NaT while it has not come to that.
    heartbeat : float or None
        Its last sign of life (machine time, seconds since 1970).
    rows : int or None
        What it made.
    error, traceback : str
        Why it failed.
    host : str
    pid : int or None
        Who works, or worked, on it.
    """

    id: int
    task: str
    inputs: str
    state: str
    attempt: int
    queued: np.datetime64
    started: np.datetime64
    ended: np.datetime64
    heartbeat: float | None
    rows: int | None
    error: str
    traceback: str
    host: str
    pid: int | None


class Runs:
    """The runs of one cruise.

    Parameters
    ----------
    folder : path-like
        The cruise folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._file = StateFile(folder)

    def queue(self, task: str, *inputs: str) -> list[int]:
        """Ask for a task on each of these inputs; their ids. What was asked for before is left as it is."""
        with self._file.writing() as connection:
            connection.executemany(
                "insert into runs (task, inputs, state, queued) values (?, ?, ?, ?) on conflict do nothing",
                [(task, each, QUEUED, _now()) for each in inputs],
            )
            find = "select id from runs where task = ? and inputs = ?"
            return [int(connection.execute(find, (task, each)).fetchone()[0]) for each in inputs]

    def start(self, task: str | None = None) -> Run | None:
        """Take the oldest run that is queued (of one task) and begin with it; None when there is none.

        However many processes ask at once, each run is given to one.
        """
        return next(iter(self._start(task, 1)), None)

    def start_all(self, task: str) -> list[Run]:
        """Take all runs of a task that are queued, to be worked on together; oldest first."""
        return self._start(task, -1)

    def _start(self, task: str | None, most: int) -> list[Run]:
        with self._file.writing() as connection:
            found = connection.execute(
                "select id from runs where state = ? and task = coalesce(?, task) order by id limit ?",
                (QUEUED, task, most),
            ).fetchall()
            connection.executemany(
                "update runs set state = ?, attempt = attempt + 1, started = ?, ended = null, heartbeat = ?, rows = null, "
                "error = '', traceback = '', host = ?, pid = ? where id = ?",
                [(RUNNING, _now(), clock.wall(), socket.gethostname(), os.getpid(), i) for (i,) in found],
            )
            find = f"select {_FIELDS} from runs where id = ?"
            return [_run(connection.execute(find, each).fetchone()) for each in found]

    def beat(self, *runs: Run | int, rows: int | None = None) -> None:
        """Say that they are still being worked on, and how much was made so far."""
        with self._file.writing() as connection:
            connection.executemany(
                "update runs set heartbeat = ?, rows = coalesce(?, rows) where id = ? and state = ?",
                [(clock.wall(), rows, _id(run), RUNNING) for run in runs],
            )

    def end(self, *runs: Run | int, rows: int | None = None, error: str = "", traceback: str = "") -> None:
        """Say how they ended: failed when there is an `error`."""
        with self._file.writing() as connection:
            connection.executemany(
                "update runs set state = ?, ended = ?, rows = ?, error = ?, traceback = ? where id = ?",
                [(FAILED if error else OK, _now(), rows, error, traceback, _id(run)) for run in runs],
            )

    @contextmanager
    def working(self, run: Run | int) -> Iterator[dict[str, Any]]:
        """Work on it: `ok` at the end, `failed` with an exception, which goes on. Put ``rows`` into what is given."""
        said: dict[str, Any] = {"rows": None}
        try:
            yield said
        except Exception as error:
            self.end(run, rows=said["rows"], error=f"{type(error).__name__}: {error}", traceback=format_exc())
            raise
        self.end(run, rows=said["rows"])

    def sweep(self, *, begun: bool = False) -> int:
        """Call what nobody works on any more interrupted; how many there were.

        To be called at the start; `begun` by a process that has worked on nothing yet: what bears its number was
        somebody else's (in a container it is the same one each time).
        """
        here = socket.gethostname()
        with self._file.writing() as connection:
            rows = connection.execute(
                "select id, host, pid, heartbeat from runs where state = ?", (RUNNING,)
            ).fetchall()
            dead = [i for i, host, pid, beat in rows
                    if (_gone(pid, beat or 0, begun) if host == here else clock.wall() - (beat or 0) > SILENT)]  # fmt: skip
            connection.executemany(
                "update runs set state = ?, ended = ?, error = ? where id = ?",
                [(INTERRUPTED, _now(), "the process that worked on it ended", i) for i in dead],
            )
        return len(dead)

    def again(self, task: str | None = None) -> int:
        """Put what failed or was interrupted (of one task) back into the queue; how many there were."""
        with self._file.writing() as connection:
            return connection.execute(
                "update runs set state = ? where state in (?, ?) and task = coalesce(?, task)",
                (QUEUED, FAILED, INTERRUPTED, task),
            ).rowcount

    def find(self, state: str | None = None, *, newest: int | None = None) -> list[Run]:
        """All runs (of one state) in the order they were asked for; with `newest`, only that many of the latest."""
        query = f"select {_FIELDS} from runs where state = coalesce(?, state) order by id desc limit ?"
        return [_run(row) for row in reversed(self._file.rows(query, (state, -1 if newest is None else newest)))]

    def counts(self) -> dict[str, int]:
        """How many runs there are in each state."""
        return dict.fromkeys(STATES, 0) | dict(self._file.rows("select state, count(*) from runs group by state"))


class Beats:
    """Counts what runs have made so far, and tells it every few seconds: their signs of life.

    Parameters
    ----------
    runs : Runs
    ids : sequence of int
        The runs that are worked on together.
    done : callable, optional
        Told of each step, and how much there is in all.
    """

    def __init__(
        self, runs: Runs, ids: Sequence[int], done: Callable[[int, int], object] = lambda more, of: None
    ) -> None:  # fmt: skip
        self._runs, self._ids, self._done = runs, tuple(ids), done
        self.made, self._last = 0, 0.0

    def __call__(self, more: int, of: int) -> None:
        """So much more was made."""
        self.made += more
        self._done(more, of)
        if time.monotonic() - self._last > BEAT:
            self._last = time.monotonic()
            self._runs.beat(*self._ids, rows=self.made)


def _id(run: Run | int) -> int:
    return run.id if isinstance(run, Run) else run


def _gone(pid: int, beat: float, begun: bool) -> bool:
    """True when the process of this number, on this machine, is not the one that gave a sign of life then."""
    if pid == os.getpid():
        return begun
    return not alive(pid) or beat < clock.wall() - time.monotonic()  # the machine was started since


def _now() -> int:
    return int(clock.now().astype("datetime64[ns]").astype(np.int64))


def _run(row: tuple[Any, ...]) -> Run:
    times = [np.datetime64("NaT" if value is None else value, "ns") for value in row[5:8]]
    return Run(*row[:5], *times, *row[8:])
