"""What one more file asks of the disk: one look at each file of the cruise, one list of each folder, nothing opened again."""

from __future__ import annotations

import builtins
import gc
import hashlib
import json
import os
import sqlite3
import threading
import tracemalloc
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alone import FRAMES, held, moved
from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.readers import seaflow_files
from workbench.readers.seaflow_evt import V2, write_evt
from workbench.readers.seaflow_files import SUFFIXES, file_name
from workbench.record import seaflow_cruise
from workbench.record.seaflow_run import run
from workbench.record.seaflow_work import Limits, plan_work

START = np.datetime64("2024-01-01T00:00:02", "ns")
HOUR = np.timedelta64(3600, "s")
ROW = tuple(40_000.0 if at < 3 else 5000.0 if at == 3 else 1.0 for at in range(len(FIELDS)))
PARAMETERS = Parameters(
    Plan(((START - HOUR, "f"),), {"f": FilterParameters("f", (ROW, ROW, ROW))}),
    Plan(((START - HOUR, "g"),), {"g": Gating("g", (Gate("beads", "fsc_small", "pe", ((1, 1), (9, 1), (9, 9))),))}),
    cruise="C",
    instrument="740",
)
#: Which of plain, .zst, .gz, .parquet stand for each file.
STANDING = st.lists(st.sets(st.sampled_from(SUFFIXES), min_size=1), min_size=1, max_size=8)


@contextmanager
def counted():
    """How often files were looked at, opened, and folders listed, by this thread."""
    found: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for where, name in ((os, "stat"), (os, "listdir"), (os, "scandir"), (builtins, "open")):
            patch.setattr(where, name, _counting(getattr(where, name), name, found))
        yield found


def _counting(call, name, found):
    mine = threading.get_ident()

    def asked(*given, **options):
        found[name] += threading.get_ident() == mine
        return call(*given, **options)

    return asked


def planned(evt):
    return plan_work(evt, PARAMETERS, sfl=None, table=None, limits=Limits())


def stand(folder: Path, standing) -> list[Path]:
    """Files of two folders, each as often as it stands; their plain paths."""
    plain = [folder / file_name(START + at * 7 * HOUR) for at in range(len(standing))]
    for path, suffixes in zip(plain, standing, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix in suffixes:
            Path(f"{path}{suffix}").write_bytes(suffix.encode() + b"x")
    return plain


@given(STANDING)
@settings(deadline=None)
def test_a_plan_looks_once_at_each_file_and_opens_none(standing):
    with TemporaryDirectory() as folder:
        plain = stand(Path(folder), standing)
        folders = len({path.parent for path in plain})
        with counted() as asked:
            work = planned(folder)
        assert len(work.tasks) == len(standing)
        assert asked["stat"] <= sum(map(len, standing)) + 1  # and what was named
        assert asked["scandir"] <= folders + 1 and asked["listdir"] <= folders
        assert asked["open"] == 0


@given(STANDING, st.booleans())
@settings(deadline=None)
def test_a_file_stands_wherever_one_would_find_it_by_asking_for_each_name(standing, named):
    with TemporaryDirectory() as folder:
        plain = stand(Path(folder), standing)
        firsts = [f"{path}{next(s for s in SUFFIXES if s in has)}" for path, has in zip(plain, standing, strict=True)]
        work = planned(firsts if named else folder)
        wanted = [
            tuple(f"{path}{suffix}" for suffix in SUFFIXES if os.path.exists(f"{path}{suffix}")) for path in plain
        ]
        assert [task.paths for task in work.tasks] == wanted


def test_a_folder_that_cannot_be_listed_is_asked_for_each_name(tmp_path, monkeypatch):
    (path,) = stand(tmp_path, [{"", ".gz"}])

    def refused(folder):
        raise PermissionError(folder)

    monkeypatch.setattr(os, "listdir", refused)
    assert planned([str(path)]).tasks[0].paths == (str(path), f"{path}.gz")


def test_a_key_is_the_digest_of_all_that_a_result_depends_on(tmp_path):
    (path,) = stand(tmp_path, [{""}])
    (task,) = planned(str(tmp_path)).tasks
    state = path.stat()
    values = [
        json.dumps(json.loads(json.dumps(asdict(v), default=str)), sort_keys=True) for v in (task.filter, task.gating)
    ]

    def digest(*parts):
        return hashlib.sha256("".join(f"{part}\0" for part in parts).encode()).hexdigest()[:32]

    known = digest(values[0]), digest(values[1])
    assert task.key == digest("", *known, f"{Limits()} {task.time}", f"{state.st_size} {state.st_mtime_ns}")


def cruise_of(folder: Path, files: int, every: np.timedelta64 = HOUR) -> None:
    """So many files that are done, and one more."""
    rng = np.random.default_rng(1)
    for at in range(files + 1):
        columns = {name: rng.integers(10_000, 40_000, 50) for name in V2}
        if at == files:
            assert worked(folder, files, every) == files
        write_evt(folder / "evt" / file_name(START + at * every), columns)


def worked(folder: Path, files: int, every: np.timedelta64 = HOUR) -> int:
    """What is not done yet is done, with an SFL of so many lines."""
    sfl = [(file_name(START + at * every), "", 180.0, *[1.0] * 7, 12.0, 1.0) for at in range(files)]

    def finish(database: sqlite3.Connection) -> None:
        seaflow_cruise.put_sfl(database, sfl)
        seaflow_cruise.put_abundance(database, "740")

    work = planned(str(folder / "evt"))
    return run(work, folder / "out", parameters=PARAMETERS, table=None, limits=Limits(), finish=finish)


def one_more(folder: Path, files: int) -> Counter[str]:
    """What the disk is asked for one more file, when so many are done, one an hour."""
    cruise_of(folder, files)
    with counted() as asked:
        assert worked(folder, files + 1) == 1
    return asked


def test_one_more_file_opens_no_more_files_after_many(tmp_path):
    few, many = one_more(tmp_path / "few", 2), one_more(tmp_path / "many", 20)
    assert many["open"] == few["open"] > 0
    assert many["stat"] - few["stat"] <= 18 and many["listdir"] == few["listdir"] and many["scandir"] == few["scandir"]


def test_one_more_file_has_the_names_of_its_own_folder_read(tmp_path, monkeypatch):
    asked = []
    grouped = seaflow_files.grouped
    monkeypatch.setattr(seaflow_files, "grouped", lambda paths: asked.append(paths) or grouped(paths))
    stand(tmp_path, [{""}] * 9)
    assert len(planned(str(tmp_path)).tasks) == 9 and len(asked) == 3  # a folder a day
    stand(tmp_path, [{""}] * 10)
    assert len(planned(str(tmp_path)).tasks) == 10 and len(asked) == 4


def test_of_a_folder_that_grows_its_newest_names_are_kept_alone(tmp_path):
    """A cruise in one flat folder: its 30,000 names, kept anew for each file, would be gigabytes in a day."""
    files, before = [tmp_path / file_name(START + at * HOUR // 1800).rpartition("/")[2] for at in range(240)], 200
    for at, path in enumerate(files):
        path.write_bytes(b"x")
        if at == before:
            planned(str(tmp_path))
            tracemalloc.start(FRAMES)
        elif at > before:
            assert len(planned(str(tmp_path)).tasks) == at + 1
    try:
        gc.collect()
        assert held("readers", "record", __file__) < 1500 * len(files)
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_one_more_file_writes_no_more_after_many(tmp_path):
    """It moves the virtual core, and with it the abundances of all files: none of them is written anew."""
    every, written = np.timedelta64(180, "s"), []
    for files in (40, 1000):
        folder = tmp_path / str(files)
        cruise_of(folder, files, every)
        with moved("wchar") as wrote:
            assert worked(folder, files + 1, every) == 1
            written.append(wrote())
        with closing(sqlite3.connect(folder / "out" / "cruise.db")) as database:
            (told,) = database.execute("SELECT count(DISTINCT file) FROM abundance WHERE abundance > 0").fetchone()
            (done,) = database.execute("SELECT count(*) FROM opp2 WHERE file_flag = 0").fetchone()
        assert told == done > 0.9 * files
    assert written[1] < written[0] + 100_000
