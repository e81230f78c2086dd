"""Populations while files come: each file once, the same numbers as the command's."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.alone import FRAMES, held
from workbench.apps import gates, online
from workbench.apps.engine import EngineLock
from workbench.apps.job import job_of
from workbench.apps.online import Online
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core import clock
from workbench.live.engine import Engine
from workbench.live.journal import Journal
from workbench.readers.seaflow_evt import V2, write_evt
from workbench.record.record import Record
from workbench.record.runs import Runs
from workbench.record.seaflow_work import Limits

CATALOG = """\
metadata: {cruise: {id: O1}}
sources:
  evt: {driver: workbench, args: {reader: seaflow_evt, listen: "folder:{{ CATALOG_DIR }}/evt"}}
  sfl: {driver: workbench, args: {reader: seaflow_sfl, url: $WORKBENCH_DATA/seaflow/testcruise/testcruise_740.sfl}}
  plan:
    driver: workbench
    args: {reader: seaflow_plan, url: $WORKBENCH_DATA/seaflow/testcruise/params/testcruise_full_one_param.db,
           size_table: $WORKBENCH_DATA/seaflow/calibrated-mie.de77773.2020-10-23.csv, instrument: "740"}
  populations: {driver: workbench, args: {product: seaflow, inputs: {evt: evt, sfl: sfl, plan: plan}}}
"""


@pytest.fixture
def catalog(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_DATA", str(data))
    (tmp_path / "evt").mkdir()
    (tmp_path / "c.yaml").write_text(CATALOG)
    return tmp_path / "c.yaml"


class Running(NamedTuple):
    """What runs."""

    engine: Engine
    online: Online
    record: Record


@asynccontextmanager
async def running(cruise: Cruise, scheduler: str | None = None) -> AsyncIterator[Running]:
    """An engine, and what it makes of files as they come; both end with the block."""
    with EngineLock(cruise.folder), Journal(cruise.folder / "raw") as journal, closing(Record(cruise.folder)) as record:
        online = Online(cruise, journal, record, scheduler=scheduler)
        engine = Engine(cruise, journal, record, arrived=online.arrived)
        await engine.start()
        online.start()
        try:
            yield Running(engine, online, record)
        finally:
            await online.stop()
            await engine.stop()


def counted(folder: Path) -> int:
    return sum(n for _, n in told(folder, "select pop, count from vct"))


def told(folder: Path, query: str) -> list[tuple[str, int]]:
    """Rows of ``cruise.db``; none while it is not there or being made."""
    path = folder / "particles" / "cruise.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []


def test_a_process_that_cannot_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment the machine has no room for one more process: what comes later is worked on all the same."""
    (tmp_path / "evt").mkdir()
    (tmp_path / "c.yaml").write_text(
        "metadata: {cruise: {id: O1}}\nsources:\n"
        '  evt: {driver: workbench, args: {reader: seaflow_evt, listen: "folder:{{ CATALOG_DIR }}/evt"}}\n'
    )
    cruise, asked, indexed = open_cruise(tmp_path / "c.yaml"), list[int](), list[int]()
    monkeypatch.setattr(online, "AGAIN", 0.05)
    monkeypatch.setattr(online, "index", lambda cruise: bool(indexed.append(1)))

    async def live() -> None:
        with ThreadPoolExecutor(1) as pool:

            def process(self: Online) -> ThreadPoolExecutor:
                asked.append(1)
                if len(asked) in (2, 3):
                    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
                return pool

            monkeypatch.setattr(Online, "_process", process)
            async with running(cruise), asyncio.timeout(60):
                while not indexed:
                    await asyncio.sleep(0.01)

    asyncio.run(live())


def test_each_file_is_worked_on_as_it_comes(catalog: Path, data: Path) -> None:
    cruise = open_cruise(catalog)
    day = data / "seaflow" / "testcruise" / "evt_v2" / "2014_185"
    files = sorted(path for path in day.iterdir() if path.suffix != ".sfl")

    async def live(seconds: float) -> None:
        async with running(cruise) as (_, _, record):
            target = catalog.parent / "evt" / "2014_185"
            target.mkdir(exist_ok=True)
            async with asyncio.timeout(seconds):
                for path in files[:2]:
                    shutil.copyfile(path, target / path.name)
                while counted(cruise.folder) < 942:
                    await asyncio.sleep(0.2)
                for path in files[2:]:
                    shutil.copyfile(path, target / path.name)
                while counted(cruise.folder) < 2042:
                    await asyncio.sleep(0.2)
                while record.runs.counts()["running"]:
                    await asyncio.sleep(0.1)

    asyncio.run(live(100))
    record = Record(cruise.folder)
    runs = record.runs.find()
    assert runs and {run.state for run in runs} == {"ok"}
    keys = {run.inputs for run in runs}
    assert len(keys) == len(runs), "each file once"
    assert any("2014-07-04T00-00-02+00-00" in key for key in keys)
    asyncio.run(live(60))  # nothing is done again
    assert {run.inputs for run in Record(cruise.folder).runs.find()} == keys
    found = cruise["populations"].open()
    assert int(found["n_count"].sum()) == 2042
    assert float(found["abundance"].sum()) == pytest.approx(34.3968, rel=5e-6)


#: Bytes of memory that a file of a cruise may cost the engine.
A_FILE = 60


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_the_engine_keeps_does_not_grow_with_the_files(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cruise of 60 days has 29,000: taken, listed, queued and looked for each minute, with 60 bytes each at most."""
    monkeypatch.setenv("WORKBENCH_DATA", str(data))
    monkeypatch.setattr(Online, "_process", lambda self: None)
    (tmp_path / "evt").mkdir()
    (tmp_path / "c.yaml").write_text(CATALOG)
    cruise = open_cruise(tmp_path / "c.yaml")

    async def done_at_once(self: Online, call: Any, *given: Any) -> int:
        return 0

    monkeypatch.setattr(Online, "_in_process", done_at_once)

    def come(day: int) -> None:
        """The files of a day are there all at once."""
        folder, stamp = tmp_path / "evt" / f"2014_{day:03d}", np.datetime64("2014-01-01") + np.timedelta64(day - 1, "D")
        folder.mkdir()
        for minute in range(0, 1440, 6):
            name = f"{stamp}T{minute // 60:02d}-{minute % 60:02d}-00+00-00"
            write_evt(folder / name, {channel: np.arange(3) for channel in V2})

    async def used(engine: Engine, online: Online, days: range) -> int:
        """Bytes in use when the files of some days were taken, day by day, and are done."""
        listener = engine.listeners["evt"]
        for day in days:
            come(day)
            while listener.counters.received < 240 * day or online.record.runs.counts()["ok"] < 240 * day:
                await asyncio.sleep(0.1)
            await asyncio.to_thread(engine.files.keep)
            listener.arrivals.others()  # type: ignore[attr-defined]
        gc.collect()
        return held("*", __file__) if tracemalloc.is_tracing() else 0

    async def run() -> None:
        async with running(cruise) as (engine, online, _):
            await used(engine, online, range(1, 3))  # what is loaded when it is needed
            tracemalloc.start(FRAMES)
            try:
                seen = [await used(engine, online, range(day, day + 3)) for day in range(3, 18, 3)]
            finally:
                tracemalloc.stop()
            # A table that is made anew for more stands twice for a while: a step up in one of them, and down in another.
            grown = median((b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(seen), 2)) / (240 * 3)
            assert grown < A_FILE, grown

    asyncio.run(run())


@pytest.mark.slow
def test_a_dask_cluster_does_the_heavy_work_when_one_is_named(catalog: Path, data: Path) -> None:
    distributed = pytest.importorskip("distributed")
    cruise, name = open_cruise(catalog), "2014_185/2014-07-04T00-00-02+00-00"
    (catalog.parent / "evt" / name).parent.mkdir()
    shutil.copyfile(data / "seaflow/testcruise/evt_v2" / name, catalog.parent / "evt" / name)

    async def live(scheduler: str) -> None:
        async with running(cruise, scheduler) as (_, _, record):
            async with asyncio.timeout(100):
                while record.runs.counts()["ok"] < 1:
                    await asyncio.sleep(0.2)

    with distributed.LocalCluster(
        n_workers=1, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address=":0"
    ) as cluster:
        asyncio.run(live(cluster.scheduler_address))
        assert cluster.scheduler.task_prefixes["process_file"].state_counts["forgotten"] == 1
    assert counted(cruise.folder) > 0


def test_gates_changed_meanwhile_are_followed_and_withdrawn_ones_too(catalog: Path, data: Path) -> None:
    """Without a restart: what a notebook saves is what the engine's populations are made with."""
    cruise = open_cruise(catalog)
    target = catalog.parent / "evt" / "2014_185"
    target.mkdir()
    name = "2014-07-04T00-00-02+00-00"
    shutil.copyfile(data / "seaflow" / "testcruise" / "evt_v2" / "2014_185" / name, target / name)

    def gated() -> dict[str, int]:
        return dict(told(cruise.folder, "select pop, count from vct where quantile = 50"))

    async def live() -> None:
        async with running(cruise):
            notebook = open_cruise(catalog)
            async with asyncio.timeout(100):
                while not (before := gated()):
                    await asyncio.sleep(0.2)
                draft = notebook.gates.at("2014-07-04T00:00:02").draft()
                draft.remove("synecho")
                entry = notebook.gates.save(draft, start="2014-07-04", who="Francois")
                while "synecho" in gated():
                    await asyncio.sleep(0.2)
                assert sum(gated().values()) == sum(before.values())
                notebook.gates.withdraw(entry.id, who="Francois")
                while gated() != before:
                    await asyncio.sleep(0.2)

    asyncio.run(live())
    runs = Record(cruise.folder).runs.find()
    assert [run.inputs for run in runs if "as changed by" in run.inputs] == [
        "plan as changed by 1",
        "plan as changed by 2",
    ]


def test_what_people_change_between_the_first_look_of_the_queue_and_that_of_the_plan_is_worked_on(
    catalog: Path,
) -> None:
    cruise = open_cruise(catalog)

    async def live() -> None:
        with Journal(cruise.folder / "raw") as journal, closing(Record(cruise.folder)) as record:
            worker = Online(cruise, journal, record)
            worker._queue(worker.jobs[0])
            draft = open_cruise(catalog).gates.at("2014-07-04T00:00:02").draft()
            draft.remove("synecho")
            cruise.gates.save(draft, start="2014-07-04", who="Francois")
            following = asyncio.create_task(worker._follow())
            async with asyncio.timeout(60):
                await worker._due.wait()
            following.cancel()
            worker._queue(worker.jobs[0])

    asyncio.run(live())
    assert [run.inputs for run in Record(cruise.folder).runs.find()] == ["plan as changed by 1"]


def test_a_folder_whose_name_is_no_text_keeps_no_file_from_being_worked_on(catalog: Path) -> None:
    """One of an old Windows share (Latin-1) had nothing worked on any more, and only the log said so."""
    cruise = open_cruise(catalog)
    with closing(Journal(cruise.folder / "raw")) as journal, closing(Record(cruise.folder)) as record:
        for path in (b"Donn\xe9es/1", b"2023_012/2"):
            body = json.dumps({"path": os.fsdecode(path), "size": 1, "mtime_ns": 1, "sha256": "0" * 64}).encode()
            journal.append("evt", body, "", clock.now())
        worker = Online(cruise, journal, record)
        worker._queue(worker.jobs[0])
        queued = [run.inputs for run in record.runs.find("queued")]
        assert queued == [f"evt/Donn?es/1 {'0' * 16}", f"evt/2023_012/2 {'0' * 16}"]


def test_a_product_without_a_folder_is_no_job(catalog: Path) -> None:
    cruise = open_cruise(catalog)
    assert job_of("evt", cruise["evt"], cruise) is None
    job = job_of("populations", cruise["populations"], cruise)
    assert job is not None and job.heard == ("evt",) and job.out == cruise.folder / "particles"
    assert min(job.limits.events, job.limits.opp) > 2_000_000, "a large file is worked on"


def test_limits_of_the_catalog_are_kept_as_by_the_other_commands(catalog: Path) -> None:
    """The engine and `workbench gates` work with the same limits: neither does again what the other did."""
    catalog.write_text(CATALOG.replace("plan: plan}}}", "plan: plan}, max_opp: 300, max_particles: 5000}}"))
    cruise = open_cruise(catalog)
    job = job_of("populations", cruise["populations"], cruise)
    assert job is not None and job.limits == Limits(5000, 300) == gates._limits(cruise)


def test_works_go_on_when_a_new_process_takes_the_place_of_the_old(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many works, as many as were said; none is lost in between."""
    monkeypatch.setattr(online, "TASKS", 3)

    async def live() -> list[int]:
        cruise = open_cruise(catalog)
        with Journal(cruise.folder / "raw") as journal:
            worker = Online(cruise, journal, Record(cruise.folder))
            async with asyncio.timeout(60):
                pids = [await worker._in_process(os.getpid) for _ in range(8)]
            await worker.stop()
            return pids

    pids = asyncio.run(live())
    assert len(set(pids)) == 3 and os.getpid() not in pids


def test_a_run_whose_end_cannot_be_written_is_ended_later(
    catalog: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, say: populations go on when it has room again, and nothing stays ``running``."""
    monkeypatch.setattr(online, "AGAIN", 0.3)
    cruise = open_cruise(catalog)
    name = "2014-07-04T00-00-02+00-00"
    (catalog.parent / "evt" / "2014_185").mkdir()
    shutil.copyfile(
        data / "seaflow" / "testcruise" / "evt_v2" / "2014_185" / name, catalog.parent / "evt" / "2014_185" / name
    )

    end, failed = Runs.end, []

    def full(*given: Any, **more: Any) -> Any:
        if len(failed) < 2:
            failed.append(1)
            raise OSError(28, "No space left on device")
        return end(*given, **more)

    monkeypatch.setattr(Runs, "end", full)

    async def live() -> None:
        async with running(cruise) as (_, _, record):
            async with asyncio.timeout(60):
                while not record.runs.counts()["ok"]:
                    await asyncio.sleep(0.1)
            assert len(failed) == 2 and not record.runs.counts()["running"]

    asyncio.run(live())
    assert counted(cruise.folder)


_ENDED = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from workbench.apps.online import _gently

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_gently)
    pool.submit(exec, "import multiprocessing; multiprocessing.held = multiprocessing.Lock()").result()
    for process in list(pool._processes.values()):
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)
"""


def test_an_engine_that_ends_while_its_worker_works_warns_of_nothing(tmp_path: Path) -> None:
    """Named locks of a process that is ended would be told as leaked semaphores, after Ctrl-C."""
    script = tmp_path / "ended.py"
    script.write_text(_ENDED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
