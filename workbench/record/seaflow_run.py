"""A SeaFlow run: files not yet done -> populations -> hourly Parquet and cruise.db.

The unit is the hour, since its files share one Parquet file. An hour's Parquet is renamed into place first, then its
rows are committed to ``cruise.db``, then its files are marked done in ``run.db``: a kill in between makes the hour run
again, with the same result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.core.errors import ReaderError
from workbench.core.filters import QUANTILES
from workbench.core.parameters import Parameters
from workbench.core.sizes import SizeTable
from workbench.products.seaflow.filter import Flag, Focused
from workbench.products.seaflow.process import CHANNELS, FileResult, process
from workbench.products.seaflow.summary import STATISTICS
from workbench.readers import popcycle, seaflow_hourly
from workbench.readers.seaflow_evt import SeaflowEvt
from workbench.record.seaflow_work import Limits, Task, Work

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Hour:
    """What one hour's pending files became."""

    opp: pa.Table
    vct: pa.Table
    opp_rows: list[Row]
    opp2_rows: list[Row]
    vct_rows: list[Row]


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
        Hours are worked on there instead.
    done : callable of int
        Told how many files an hour has added.

    Returns
    -------
    int
        Files processed now.
    """
    out.mkdir(parents=True, exist_ok=True)
    marks = _marks(out / "run.db")
    database = popcycle.open_database(out / "cruise.db")
    try:
        with _transaction(database):
            popcycle.put_parameters(database, parameters)
        known = {name: (key, hour) for name, key, hour in marks.execute("SELECT file, key, hour FROM done")}
        gone = _forget(database, out, known, work)
        marks.executemany("DELETE FROM done WHERE file = ?", [(name,) for name in gone])
        pending = [task for task in work.tasks if known.get(task.file_id) != (task.key, _hour(task))]
        total = 0
        for tasks, hour in _worked(_by_hour(pending), table, limits, workers, client):
            _store(out, database, tasks, hour)
            rows = [(task.file_id, task.key, _hour(task)) for task in tasks]
            marks.executemany("INSERT OR REPLACE INTO done VALUES (?, ?, ?)", rows)
            total += len(tasks)
            done(len(tasks))
        return total
    finally:
        database.close()
        marks.close()


def process_hour(tasks: Sequence[Task], table: SizeTable | None, limits: Limits) -> Hour:
    """Read and process the files of one hour (on whatever machine this runs)."""
    opp, vct = [seaflow_hourly.OPP.empty_table()], [seaflow_hourly.VCT.empty_table()]
    opp_rows: list[Row] = []
    opp2_rows: list[Row] = []
    vct_rows: list[Row] = []
    for task in tasks:
        result = process_file(task, table, limits)
        opp_rows += _opp_rows(task, result.found)
        opp2_rows.append(_opp2_row(task, result))
        if result.flag is not Flag.OK or result.found is None:
            continue
        mask = result.found.mask
        opp.append(seaflow_hourly.opp_table(task.time, task.file_id, task.filter.id, dict(result.channels), mask))
        if task.gating is not None:
            labels = ("unknown", *result.populations)
            vct.append(seaflow_hourly.vct_table(opp[-1], result.label, labels, result.sizes, task.gating.id))
            vct_rows += _vct_rows(task, result)
    return Hour(pa.concat_tables(opp), pa.concat_tables(vct), opp_rows, opp2_rows, vct_rows)


def process_file(task: Task, table: SizeTable | None, limits: Limits) -> FileResult:
    """One file; one that cannot be read is flagged, with the reason."""
    try:
        codes = SeaflowEvt().columns(task.path, CHANNELS)
    except ReaderError as error:
        return FileResult(None, Flag.UNREADABLE, str(error).removeprefix(f"{task.path}: "))
    return process(codes, task.filter, task.gating, table, max_events=limits.events, max_opp=limits.opp)


def _by_hour(tasks: Iterable[Task]) -> list[list[Task]]:
    hours: dict[np.datetime64, list[Task]] = {}
    for task in tasks:
        hours.setdefault(task.time.astype("datetime64[h]"), []).append(task)
    return [hours[hour] for hour in sorted(hours)]


def _worked(
    hours: list[list[Task]], table: SizeTable | None, limits: Limits, workers: int, client: Any
) -> Iterator[tuple[list[Task], Hour]]:
    if client is not None:
        shared = client.scatter(table, broadcast=True) if table is not None else None
        futures = client.map(process_hour, hours, table=shared, limits=limits, pure=False)
        for tasks, future in zip(hours, futures, strict=True):
            yield tasks, future.result()
            future.release()
    elif workers == 1:
        for tasks in hours:
            yield tasks, process_hour(tasks, table, limits)
    else:
        with ThreadPoolExecutor(workers) as pool:
            yield from _ahead(pool, hours, table, limits, 2 * workers)


def _ahead(
    pool: ThreadPoolExecutor, hours: list[list[Task]], table: SizeTable | None, limits: Limits, depth: int
) -> Iterator[tuple[list[Task], Hour]]:
    """Keep at most `depth` hours in the works, so that memory stays bounded."""
    running: list[tuple[list[Task], Future[Hour]]] = []
    for tasks in hours:
        running.append((tasks, pool.submit(process_hour, tasks, table, limits)))
        if len(running) >= depth:
            first, future = running.pop(0)
            yield first, future.result()
    for first, future in running:
        yield first, future.result()


def _store(out: Path, database: sqlite3.Connection, tasks: list[Task], hour: Hour) -> None:
    files = [task.file_id for task in tasks]
    for kind, table in (("opp", hour.opp), ("vct", hour.vct)):
        seaflow_hourly.merge_hour(out / kind / seaflow_hourly.hour_name(tasks[0].time, kind), table, set(files))
    with _transaction(database):
        popcycle.drop_file(database, files)
        popcycle.put(database, "opp", hour.opp_rows)
        popcycle.put(database, "opp2", hour.opp2_rows)
        popcycle.put(database, "vct", hour.vct_rows)
        popcycle.put(database, "outlier", [{"file": name, "flag": 0} for name in files])


def _forget(database: sqlite3.Connection, out: Path, known: dict[str, tuple[str, str]], work: Work) -> list[str]:
    """Drop what stems from files that left the cruise or moved to another hour (not from those before a ``since``)."""
    hours = {task.file_id: _hour(task) for task in work.tasks} | dict.fromkeys((name for name, _ in work.left_out), "")
    gone = sorted(name for name, (_, hour) in known.items() if hours.get(name, hour) != hour)
    for hour in sorted({known[name][1] for name in gone}):
        for kind, schema in (("opp", seaflow_hourly.OPP), ("vct", seaflow_hourly.VCT)):
            path = out / kind / seaflow_hourly.hour_name(np.datetime64(hour, "h"), kind)
            seaflow_hourly.merge_hour(path, schema.empty_table(), set(gone))
    with _transaction(database):
        popcycle.drop_file(database, gone)
        database.executemany("DELETE FROM outlier WHERE file = ?", [(name,) for name in gone])
    return gone


def _hour(task: Task) -> str:
    return str(np.datetime_as_string(task.time, unit="h"))


def _opp_rows(task: Task, found: Focused | None) -> list[Row]:
    counts = found.opp_count if found else (0, 0, 0)
    ratios = found.ratio if found else (0.0, 0.0, 0.0)
    total, evt = (found.all_count, found.evt_count) if found else (0, 0)
    return [
        {
            "file": task.file_id, "all_count": total, "opp_count": n, "evt_count": evt, "opp_evt_ratio": r,
            "filter_id": task.filter.id, "quantile": q,
        }
        for q, n, r in zip(QUANTILES, counts, ratios, strict=True)
    ]  # fmt: skip


def _opp2_row(task: Task, result: FileResult) -> Row:
    found = result.found
    return {
        "file": task.file_id, "all_count": found.all_count if found else 0, "evt_count": found.evt_count if found else 0,
        "opp_count": found.opp_count[1] if found else 0, "opp_evt_ratio": found.ratio[1] if found else 0.0,
        "noise_count": found.noise_count if found else 0, "saturated_count": found.saturated_count if found else 0,
        "filter_id": task.filter.id, "message": result.message, "file_flag": int(result.flag),
    }  # fmt: skip


def _vct_rows(task: Task, result: FileResult) -> list[Row]:
    gating = task.gating.id if task.gating else ""
    return [
        {
            "file": task.file_id, "pop": population, "count": count, **dict(zip(STATISTICS, numbers, strict=True)),
            "gating_id": gating, "filter_id": task.filter.id, "quantile": quantile,
        }
        for (quantile, population), (count, numbers) in result.summary.items()
    ]  # fmt: skip


def _marks(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("CREATE TABLE IF NOT EXISTS done (file TEXT PRIMARY KEY, key TEXT NOT NULL, hour TEXT NOT NULL)")
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
