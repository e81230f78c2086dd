"""``state.db``: files of earlier versions go on; runs, changes, files and cursors are kept."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.record import runs as runs_module
from workbench.record.cursors import Cursors
from workbench.record.people import Changes
from workbench.record.runs import Runs
from workbench.record.seen import Files, SeenFile
from workbench.record.state import State
from workbench.record.state_file import STEPS, VERSION, StateFile


def first_version(folder: Path) -> None:
    """A file as version 1 wrote it."""
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute("pragma journal_mode=wal")
        connection.executescript(STEPS[0])
        connection.execute(
            "insert into events (time, kind, source, text, who) values (5, 'note', 'sfl', 'pump', 'Ann')"
        )
        connection.execute("pragma user_version=1")


def test_a_file_of_version_1_goes_on(tmp_path: Path) -> None:
    first_version(tmp_path)
    assert [event.text for event in State(tmp_path).events()] == ["pump"]
    assert Runs(tmp_path).find() == [], "reading does not need the new tables"
    with sqlite3.connect(tmp_path / "state.db") as connection:
        assert connection.execute("pragma user_version").fetchone() == (1,), "reading alters nothing"
    Runs(tmp_path).queue("seaflow", "a")
    with sqlite3.connect(tmp_path / "state.db") as connection:
        assert connection.execute("pragma user_version").fetchone() == (VERSION,)
    assert [event.text for event in State(tmp_path).events()] == ["pump"]
    assert [run.task for run in Runs(tmp_path).find()] == ["seaflow"]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_version(tmp_path)
    monkeypatch.setattr(
        "workbench.record.state_file.STEPS", (STEPS[0], "create table runs (id); create table runs (id)")
    )
    with pytest.raises(WorkbenchError, match="already exists"):
        State(tmp_path).note("x", who="Ann")
    monkeypatch.undo()
    assert State(tmp_path).note("x", who="Ann") == 2


def test_it_is_synchronous_full(tmp_path: Path) -> None:
    with StateFile(tmp_path).writing() as connection:
        assert connection.execute("pragma synchronous").fetchone() == (2,)


# runs


def test_a_run_from_queue_to_end(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    assert runs.start() is None
    (number,) = runs.queue("seaflow", "file 1")
    assert runs.queue("seaflow", "file 1") == [number], "asking again changes nothing"
    run = runs.start("seaflow")
    assert run is not None
    assert (run.id, run.state, run.attempt, run.pid) == (number, "running", 1, os.getpid())
    assert np.isnat(run.ended)
    assert runs.start() is None
    with runs.working(run) as said:
        said["rows"] = 18
    (done,) = runs.find("ok")
    assert (done.rows, done.error) == (18, "")
    assert done.ended >= done.started >= done.queued
    assert runs.counts() == {"queued": 0, "running": 0, "ok": 1, "failed": 0, "interrupted": 0}
    assert runs.queue("seaflow", "file 1") == [number]
    assert runs.start() is None, "what is done is not done again"


def test_what_many_runs_share_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction of its own for each would keep the disk busy with a thousand files instead of working on them."""
    written, writing = [], StateFile.writing
    monkeypatch.setattr(StateFile, "writing", lambda self: written.append(1) or writing(self))
    runs = Runs(tmp_path)
    names = [f"file {i}" for i in range(1000)]
    numbers = runs.queue("seaflow", *names)
    assert runs.queue("seaflow", *names, "another")[:-1] == numbers
    started = runs.start_all("seaflow")
    assert ([run.inputs for run in started], {run.state for run in started}) == ([*names, "another"], {"running"})
    assert runs.start_all("seaflow") == []
    runs.beat(*started, rows=7)
    runs.end(*started[:-1], rows=0)
    assert {run.rows for run in runs.find("ok")} == {0}
    assert [run.inputs for run in runs.find("running")] == ["another"]
    assert len(written) == 6


def test_what_failed_says_why_and_runs_again(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.queue("seaflow", "bad")
    run = runs.start()
    assert run is not None
    with pytest.raises(ZeroDivisionError), runs.working(run):
        1 / 0  # noqa: B018
    (failed,) = runs.find("failed")
    assert failed.error == "ZeroDivisionError: division by zero"
    assert "Traceback" in failed.traceback
    assert runs.start() is None
    assert (runs.again("other"), runs.again("seaflow")) == (0, 1)
    again = runs.start()
    assert again is not None
    assert (again.attempt, again.error) == (2, "")


def test_what_a_dead_process_worked_on_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tmp_path)
    runs.queue("seaflow", "a")
    code = "import sys; from workbench.record.runs import Runs; print(Runs(sys.argv[1]).start().pid)"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    runs.queue("seaflow", "b")
    mine = runs.start()
    assert runs.sweep() == 1
    assert [run.inputs for run in runs.find("interrupted")] == ["a"]
    assert [run.inputs for run in runs.find("running")] == ["b"]
    assert runs.again() == 1
    # on another machine, silence counts
    with StateFile(tmp_path).writing() as connection:
        connection.execute("update runs set host = 'elsewhere' where state = 'running'")
    assert runs.sweep() == 0
    monkeypatch.setattr(clock, "wall", lambda: 2e10)
    assert mine is not None
    runs.beat(mine)
    assert runs.sweep() == 0
    monkeypatch.setattr(clock, "wall", lambda: 2e10 + 2 * runs_module.SILENT)
    assert runs.sweep() == 1


def test_a_number_that_another_process_has_now_says_nothing(tmp_path: Path) -> None:
    """An engine in a container has the same number each time; after a power cut any program may have it."""
    runs = Runs(tmp_path)
    runs.queue("seaflow", "a")
    mine = runs.start()
    assert mine is not None and runs.sweep() == 0
    assert runs.sweep(begun=True) == 1 and runs.again() == 1
    runs.start()
    with StateFile(tmp_path).writing() as connection:
        connection.execute("update runs set pid = ?", (os.getppid(),))
    assert runs.sweep(begun=True) == 0, "somebody else, at work"
    with StateFile(tmp_path).writing() as connection:
        connection.execute("update runs set heartbeat = heartbeat - ?", (time.monotonic() + 60,))
    assert runs.sweep() == 1, "the machine was started since"


def test_each_run_is_given_to_one_process(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    for i in range(12):
        runs.queue("t", str(i))
    code = """
import sys
import time
from workbench.record.runs import Runs
runs = Runs(sys.argv[1])
while (run := runs.start()) is not None:
    print(run.inputs, flush=True)
    runs.end(run, rows=1)
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    done = [line for worker in workers for line in worker.communicate()[0].split()]
    assert sorted(done, key=int) == [str(i) for i in range(12)]
    assert runs.counts()["ok"] == 12


# changes, files, cursors

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)  # fmt: skip


@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from(["gate", "board"]), json_values), max_size=5))
def test_changes_come_back_in_order(made: list[tuple[str, object]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        changes = Changes(folder)
        ids = [changes.add(what, payload, who="Ann") for what, payload in made]
        found = changes.since()
        assert [(c.id, c.what, c.payload, c.who) for c in found] == [
            (i, w, p, "Ann") for i, (w, p) in zip(ids, made, strict=True)
        ]
        assert [c.payload for c in changes.since(what="gate")] == [p for w, p in made if w == "gate"]
        if ids:
            assert changes.since(ids[0]) == found[1:]


@pytest.mark.parametrize(
    ("payload", "who", "why"), [({}, " ", "needs the name"), ({"x": {1}}, "Ann", "JSON"), (float("nan"), "Ann", "JSON")]
)
def test_changes_that_are_none_are_refused(tmp_path: Path, payload: object, who: str, why: str) -> None:
    with pytest.raises(WorkbenchError, match=why):
        Changes(tmp_path).add("gate", payload, who=who)


def test_files_that_were_taken(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert files.of("seaflow") == {}
    files.add("seaflow", [SeenFile("b", 2, 5, "00"), SeenFile("a", 1, 5, "01")])
    files.add("seaflow", [SeenFile("b", 3, 6, "02")])
    files.add("other", [SeenFile("b", 9, 9, "03")])
    assert list(files.of("seaflow").values()) == [SeenFile("a", 1, 5, "01"), SeenFile("b", 3, 6, "02")]


def test_cursors_of_mirrors(tmp_path: Path) -> None:
    cursors = Cursors(tmp_path)
    assert cursors.get("influx") is None
    cursors.set("influx", {"epoch": 0, "rev": 7})
    cursors.set("influx", {"epoch": 0, "rev": 8})
    assert Cursors(tmp_path).get("influx") == {"epoch": 0, "rev": 8}


def test_runs_that_are_worked_on_say_how_far_they_are(tmp_path, monkeypatch):
    from workbench.record import runs as module

    monkeypatch.setattr(module, "BEAT", 0.0)
    runs = module.Runs(tmp_path)
    for name in "ab":
        runs.queue("gates", name)
    started = [runs.start("gates") for _ in "ab"]
    told: list[tuple[int, int]] = []
    beats = module.Beats(runs, [run.id for run in started], lambda more, of: told.append((more, of)))
    beats(2, 8)
    beats(1, 8)
    assert [(run.state, run.rows) for run in runs.find()] == [("running", 3)] * 2
    assert told == [(2, 8), (1, 8)] and beats.made == 3
    runs.end(started[0], rows=8)
    beats(1, 8)
    assert [(run.state, run.rows) for run in runs.find()] == [("ok", 8), ("running", 4)]
