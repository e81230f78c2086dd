"""One clock: everything that asks for the time asks it."""

from __future__ import annotations

import ast
import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core import clock
from workbench.core.clock import Clock
from workbench.core.errors import WorkbenchError

START = np.datetime64("2023-01-12T00:00:00", "ns")
SECOND = np.timedelta64(1_000_000_000, "ns")
moments = st.integers(-(2**62), 2**62).map(lambda n: np.datetime64(n, "ns"))


@given(start=moments, warp=st.floats(0, 1e5), wall=st.floats(0, 4e9))
def test_saved_and_loaded_it_is_the_same_clock(tmp_path_factory, start, warp, wall):
    made = Clock(start, warp, wall)
    assert Clock.load(made.save(tmp_path_factory.mktemp("clock"))) == made


def test_a_warped_clock_runs_as_told(monkeypatch):
    wall = [1000.0]
    monkeypatch.setattr(time, "time", lambda: wall[0])
    running = Clock(START, 60.0, 1000.0)
    assert running.now() == START
    wall[0] += 2.5
    assert running.now() == START + 150 * SECOND
    assert running.seconds(120) == 2.0
    assert Clock(START, 0.0, 1000.0).seconds(1) == float("inf")
    assert Clock(START, 0.0, 0.0).now() == START


def test_the_cruise_folder_decides_and_the_environment_wins(tmp_path, monkeypatch):
    assert clock.follow(tmp_path) is None
    before = np.datetime64(time.time_ns(), "ns")
    assert before <= clock.now() <= np.datetime64(time.time_ns(), "ns")
    Clock(START, 0.0, 0.0).save(tmp_path)
    clock.follow(tmp_path)
    assert clock.now() == START
    named = Clock(START + SECOND, 0.0, 0.0).save(tmp_path / "other")
    monkeypatch.setenv("WORKBENCH_CLOCK", str(named))
    assert clock.now() == START + SECOND
    monkeypatch.delenv("WORKBENCH_CLOCK")
    assert clock.now() == START


def test_a_clock_of_another_cruise_is_not_kept(tmp_path):
    clock.follow(Clock(START, 0.0, 0.0).save(tmp_path).parent)
    clock.follow(tmp_path / "another")
    assert clock.current() is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"start": "x", "warp": 1, "wall": 0}', '{"start": "2023-01-12", "warp": -1, "wall": 0}',
     '{"start": "2023-01-12", "warp": "NaN", "wall": 0}', '{"start": "2023-01-12", "warp": 1, "wall": Infinity}',
     '{"start": "9999-01-01", "warp": 1, "wall": 0}'],
)  # fmt: skip
def test_a_broken_clock_is_refused_with_its_path(tmp_path, text):
    path = tmp_path / clock.FILE
    path.write_text(text)
    with pytest.raises(WorkbenchError, match=r"clock\.json"):
        clock.follow(tmp_path)


def test_a_clock_file_appears_whole(tmp_path):
    Clock(START, 1.0, 0.0).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [clock.FILE]
    assert set(json.loads((tmp_path / clock.FILE).read_text())) == {"start", "warp", "wall"}


def test_a_finished_cruise_is_seen_from_its_end():
    clock.use(Clock(START, 0.0, 0.0))
    before, after = START - SECOND, START + SECOND
    assert clock.as_of(before) == before
    assert clock.finished(before)
    assert clock.as_of(after) == clock.as_of(None) == START
    assert not clock.finished(after)
    assert not clock.finished(None)


def test_a_date_alone_ends_with_its_day_and_starts_with_it():
    assert clock.end_of("2023-02-20") == np.datetime64("2023-02-21T00:00", "ns")
    assert clock.end_of(" 2023-02-20T12:00Z ") == np.datetime64("2023-02-20T12:00", "ns")
    assert clock.start_of("2023-02-20") == np.datetime64("2023-02-20T00:00", "ns")
    assert clock.end_of(None) is None
    assert clock.start_of(None) is None


@given(moments)
def test_times_are_read_as_they_are_written(moment):
    text = str(moment)
    if "1678" <= text[:4] < "2262":
        assert clock.parse(text) == clock.parse(text + "Z") == clock.parse(text.replace("T", " ")) == moment


@pytest.mark.parametrize(
    "text", ["", "now", "NaT", "today", "2023", "2023-01", "2023-13-01", "2023-01-12T25:00", "2023-01-12T10:00+02:00",
             "9999-01-01", "1200-01-01", "２０２３-01-01", "2023-01-12T10"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a time|too far away"):
        clock.parse(text)


def test_nobody_else_asks_for_the_time(root):
    """Ages, schedules and receipt stamps all come from the clock: only it may ask the machine."""
    guilty = []
    for path in sorted((root / "workbench").rglob("*.py")):
        if path.relative_to(root).as_posix() in (
            "workbench/core/clock.py",
            "workbench/apps/demo.py",
            "workbench/apps/status.py",
        ):  # it sets the clock
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                asked = f"{node.value.id}.{node.attr}"
                if asked in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"):
                    guilty.append(f"{path.relative_to(root)}:{node.lineno}: {asked}")
    assert not guilty, "\n".join(guilty)
