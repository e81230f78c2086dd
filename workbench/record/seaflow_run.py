"""A SeaFlow run: files not yet done -> populations -> hourly Parquet and cruise.db.

The unit is the hour, since its files share one Parquet file. An hour's Parquet is renamed into place first, then its
rows are committed to ``cruise.db``, then its files are marked done in ``run.db``: a kill in between makes the hour run
again, with the same result. With more than one thread the next hour is worked on meanwhile (`seaflow_ends`). Where
filters or gates of files that are done have changed, all this happens in a copy, which takes the place of the folder when
it is whole (`seaflow_next`).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.parameters import Parameters
from workbench.core.sizes import SizeTable
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.process import CHANNELS, FileResult, others, process, too_many
from workbench.readers import popcycle, seaflow_hourly, seaflow_layout, seaflow_pieces
from workbench.record import seaflow_cruise, seaflow_hour, seaflow_next
from workbench.record.seaflow_ends import Ends, Rows
from workbench.record.seaflow_work import Limits, Task, Work


class Busy(WorkbenchError):
    """Another run writes into the folder."""


def run(
    work: Work,
    out: Path,
    *,
    parameters: Parameters,
    table: SizeTable | None,
    limits: Limits,
    workers: int = 1,
    client: Any = None,
    done: Callable[[int], object] = lambda files: None,
    finish: Callable[[sqlite3.Connection], object] = lambda database: None,
) -> int:
    """Process what is not done yet.

    Parameters
    ----------
    work : Work
    out : Path
        Gets ``opp/``, ``vct/``, ``cruise.db`` and ``run.db`` (what is done).
    parameters : Parameters
    table : SizeTable or None
    limits : Limits
    workers : int
        Threads; 1 works in this one.
    client : distributed.Client, optional
        Files are worked on there instead.
    done : callable of int
        Told how many files have been worked on since.
    finish : callable, optional
        Given ``cruise.db`` when all files are done, before anybody sees a result that replaces another.

    Returns
    -------
    int
        Files processed now.

    Raises
    ------
    Busy
        When another run writes into `out`.
    """
    out = out.resolve()  # behind a link: what is made beside it shares its disk
    seaflow_next.recover(out)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        if not seaflow_next.needed(out, work):
            seaflow_next.clear(out)
            return _run(work, out, parameters, table, limits, workers, client, done, finish)
        place = seaflow_next.begin(out)
        with _alone(place):
            total = _run(work, place, parameters, table, limits, workers, client, done, finish)
            seaflow_next.exchange(place, out)
            seaflow_next.clear(out)
            return total


def _run(
    work: Work, out: Path, parameters: Parameters, table: SizeTable | None, limits: Limits, workers: int, client: Any,
    done: Callable[[int], object], finish: Callable[[sqlite3.Connection], object],
) -> int:  # fmt: skip
    _sweep(out)
    marks = _marks(out / "run.db")
    database = seaflow_cruise.open_database(out / "cruise.db")
    try:
        with _transaction(database):
            popcycle.put_parameters(database, parameters)
        pending, gone = _compared(marks, work)
        _forget(database, out, gone)
        with _transaction(marks):
            marks.executemany("DELETE FROM done WHERE file = ?", [(name,) for name in gone])
        pending.sort(key=lambda task: (_hour(task), task.file_id))  # in an hour as its Parquet files have them
        enter = partial(_enter, database, marks)
        with (
            closing(_worked(pending, table, limits, workers, client)) as results,
            Ends(enter, together=workers > 1) as ends,
        ):
            for _, group in groupby(pending, key=_hour):
                _store(out, ends, list(group), results, table, done)
        excluded = [each.file for each in parameters.excluded]
        before = [name for (name,) in marks.execute("SELECT file FROM excluded")]
        seaflow_cruise.put_excluded(database, excluded, before)
        with _transaction(marks):
            marks.execute("DELETE FROM excluded")
            marks.executemany("INSERT INTO excluded VALUES (?)", [(name,) for name in excluded])
        finish(database)
        return len(pending)
    finally:
        database.close()
        marks.close()


def process_file(task: Task, table: SizeTable | None, limits: Limits) -> FileResult:
    """Read and process one file (on whatever machine this runs); one that cannot be read is flagged, with the reason."""
    said = ""
    for path in task.paths:
        try:
            header = seaflow_layout.probe(path)
            if header.rows > limits.events:
                return too_many(header.rows, limits.events)
            more = (name for name in others(task.gating) if name in seaflow_layout.CHANNELS[header.layout])
            pieces = seaflow_pieces.pieces(path, header, (*CHANNELS, *more))
            return process(pieces, task.filter, task.gating, table, max_events=limits.events, max_opp=limits.opp)
        except ReaderError as error:
            said = said or str(error).removeprefix(f"{path}: ")
    return FileResult(None, Flag.UNREADABLE, said or "is not there any more")


def _worked(
    tasks: Sequence[Task], table: SizeTable | None, limits: Limits, workers: int, client: Any
) -> Generator[FileResult]:
    """The result of each task, in their order."""
    if client is not None:
        shared = client.scatter(table, broadcast=True) if table is not None else None
        depth = max(8, 4 * sum(client.nthreads().values()))
        yield from _ahead(lambda task: client.submit(process_file, task, shared, limits, pure=False), tasks, depth)
    elif workers == 1:
        for task in tasks:
            yield process_file(task, table, limits)
    else:
        with ThreadPoolExecutor(workers) as pool:  # so many ahead that they work on while hours are entered
            yield from _ahead(lambda task: pool.submit(process_file, task, table, limits), tasks, 16 + 4 * workers)


def _ahead(submit: Callable[[Task], Any], tasks: Sequence[Task], depth: int) -> Iterator[FileResult]:
    """Keep at most `depth` files in the works, so that memory stays bounded, here and on the workers."""
    running: deque[Any] = deque()
    try:
        for task in tasks:
            running.append(submit(task))
            if len(running) >= depth:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()


def _store(
    out: Path, ends: Ends, tasks: Sequence[Task], results: Iterator[FileResult], table: SizeTable | None,
    done: Callable[[int], object],
) -> None:  # fmt: skip
    """Write an hour while its files are worked on; it gets to the disk while the next one's are."""
    rows: dict[str, list[seaflow_hour.Row]] = {}
    hour = seaflow_hour.Hour(out, tasks[0].time, [task.file_id for task in tasks], table)
    try:
        for task, result in zip(tasks, results, strict=False):
            hour.add(task, result)
            for name, some in seaflow_hour.database_rows(task, result).items():
                rows.setdefault(name, []).extend(some)
            done(1)
            ends.settle(ready=True)
    except BaseException:
        hour.leave()
        raise
    ends.end(hour, tasks, rows)


def _enter(database: sqlite3.Connection, marks: sqlite3.Connection, tasks: Sequence[Task], rows: Rows) -> None:
    """Enter an hour whose Parquet files stand, and then that it is done."""
    with _transaction(database):
        popcycle.drop_file(database, [task.file_id for task in tasks])
        for name, listed in rows.items():
            popcycle.put_rows(database, name, listed)
        new = [(task.file_id,) for task in tasks]
        database.executemany("INSERT OR IGNORE INTO outlier VALUES (?, 0)", new)  # what others flagged stays so
    with _transaction(marks):  # row by row they would be as many waits for the disk
        marks.executemany(
            "INSERT OR REPLACE INTO done VALUES (?, ?, ?)", [(task.file_id, task.key, _hour(task)) for task in tasks]
        )


def _compared(marks: sqlite3.Connection, work: Work) -> tuple[list[Task], dict[str, str]]:
    """What is not done yet; and the hours of what is done and left the cruise since, or moved to another hour.

    Files before a ``since`` are neither: they stay as they are.
    """
    hours = np.datetime_as_string(np.array([task.time for task in work.tasks], "datetime64[ns]"), unit="h").tolist()
    left = {task.file_id: (task, hour) for task, hour in zip(work.tasks, hours, strict=True)}
    left_out = {name for name, _ in work.left_out}
    gone = {}
    for name, key, hour in marks.execute("SELECT file, key, hour FROM done"):
        task, now = left.get(name, (None, ""))
        if task is None:
            if name in left_out:
                gone[name] = hour
        elif now != hour:
            gone[name] = hour
        elif task.key == key:
            del left[name]
    return [task for task, _ in left.values()], gone


def _forget(database: sqlite3.Connection, out: Path, gone: Mapping[str, str]) -> None:
    """Drop what stems from files that are gone, each from the hour in which it was."""
    for hour in sorted({*gone.values()}):
        for kind, schema in (("opp", seaflow_hourly.OPP), ("vct", seaflow_hourly.VCT)):
            path = out / kind / seaflow_hourly.hour_name(np.datetime64(hour, "h"), kind)
            seaflow_hourly.merge_hour(path, schema.empty_table(), set(gone))
    with _transaction(database):
        popcycle.drop_file(database, sorted(gone))
        database.executemany("DELETE FROM outlier WHERE file = ?", [(name,) for name in sorted(gone)])


def _hour(task: Task) -> str:
    return str(np.datetime_as_string(task.time, unit="h"))


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """One run a folder; the lock ends with the process, however it ends."""
    handle = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"{out}: another run writes here. Wait for it, or name another folder: --out DIR") from None
        yield
    finally:
        os.close(handle)


def _sweep(out: Path) -> None:
    """Remove the unfinished files of a run that was killed."""
    for kind in ("opp", "vct"):
        for path in (out / kind).glob(".*.parquet.*"):
            path.unlink(missing_ok=True)


def _marks(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("CREATE TABLE IF NOT EXISTS done (file TEXT PRIMARY KEY, key TEXT NOT NULL, hour TEXT NOT NULL)")
    connection.execute("CREATE TABLE IF NOT EXISTS excluded (file TEXT PRIMARY KEY)")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction: committed as a whole, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
