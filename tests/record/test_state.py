"""Events: nothing acknowledged is lost, whoever writes at the same time."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.record.state import LONGEST, VERSION, State

T = np.datetime64("2024-05-01T00:00:00", "ns")
SECOND = np.timedelta64(1, "s")


def test_a_note_comes_back_as_it_was_written(tmp_path: Path) -> None:
    state = State(tmp_path / "cruise")
    number = state.note("  pump fault µ\n", who="Ann", time=T, source="sfl")
    (event,) = state.events()
    assert (event.id, event.time, event.text, event.who) == (number, T, "pump fault µ", "Ann")
    assert (event.kind, event.source) == ("note", "sfl")


def test_without_a_file_there_are_no_events_and_none_is_made(tmp_path: Path) -> None:
    assert State(tmp_path / "cruise").events() == []
    assert not (tmp_path / "cruise").exists()


@given(st.lists(st.integers(-100, 100), max_size=12), st.integers(-110, 110), st.integers(-110, 110))
def test_a_window_gives_what_lies_in_it_in_order_of_time(seconds: list[int], a: int, b: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        state = State(folder)
        for i, s in enumerate(seconds):
            state.note(f"{i}", who="x", time=T + s * SECOND)
        found = [(int(e.text), e.time) for e in state.events(Window(T + a * SECOND, T + b * SECOND))]
        expected = [(i, T + s * SECOND) for i, s in enumerate(seconds) if a <= s < b]
        assert found == sorted(expected, key=lambda pair: (pair[1], pair[0]))


def test_the_newest_are_the_latest_in_order(tmp_path: Path) -> None:
    state = State(tmp_path)
    for s in (5, 1, 3):
        state.note(str(s), who="x", time=T + s * SECOND)
    assert [e.text for e in state.events(newest=2)] == ["3", "5"]


@pytest.mark.parametrize(("text", "why"), [("  \n", "needs text"), ("x" * (LONGEST + 1), "at most")])
def test_a_note_that_is_none_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(WorkbenchError, match=why):
        State(tmp_path).note(text, who="x")


def test_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="NaT"):
        State(tmp_path).note("x", who="x", time=np.datetime64("NaT"))


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.note("x", who="x")
    with sqlite3.connect(state.path) as connection:
        connection.execute(f"pragma user_version={VERSION + 1}")
    for act in (lambda: state.note("y", who="x"), state.events):
        with pytest.raises(WorkbenchError, match="newer version"):
            act()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkbenchError, match="writable"):
        State(tmp_path / "file").note("x", who="x")


def test_it_is_synchronous_full_and_wal(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.note("x", who="x")
    with state._writing() as connection:
        assert connection.execute("pragma synchronous").fetchone() == (2,)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_threads_that_start_at_once_make_one_file(tmp_path: Path) -> None:
    barrier, failed = threading.Barrier(8), []

    def write(i: int) -> None:
        barrier.wait()
        try:
            for n in range(5):
                State(tmp_path).note(f"{i}.{n}", who="x")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failed
    assert {e.text for e in State(tmp_path).events()} == {f"{i}.{n}" for i in range(8) for n in range(5)}


WRITER = """
import sys
from workbench.record.state import State
state = State(sys.argv[1])
for i in range(int(sys.argv[3])):
    print(state.note(f"{sys.argv[2]} {i}", who="w"), flush=True)
"""


def test_processes_write_together(tmp_path: Path) -> None:
    runs = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, str(w), "30"], stdout=subprocess.PIPE)
        for w in range(3)
    ]
    ids = sorted(int(n) for run in runs for n in run.communicate()[0].split())
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert sorted(e.id for e in State(tmp_path).events()) == ids
    assert len(set(ids)) == 90


def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    run = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, "w", "100000"], stdout=subprocess.PIPE)
    assert run.stdout is not None
    told = [int(run.stdout.readline()) for _ in range(20)]
    os.kill(run.pid, signal.SIGKILL)
    told += [int(line) for line in run.stdout.read().splitlines()]
    run.wait()
    events = State(tmp_path).events()
    assert set(told) <= {e.id for e in events}
    assert all(e.text == f"w {i}" for i, e in enumerate(events))
    State(tmp_path).note("and it goes on", who="x")
