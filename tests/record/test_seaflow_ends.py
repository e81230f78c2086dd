"""Hours get to the disk while the next is worked on; none is entered before its files stand, and none is lost."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.record.test_seaflow_run import Cruise, same
from workbench.record import seaflow_run
from workbench.record.seaflow_ends import Ends


class Hour:
    """Stands in for an hour: says what happens to it, and may fail."""

    def __init__(self, name: int, said: list[tuple[str, int]], broken: bool) -> None:
        self.name, self.said, self.broken = name, said, broken

    def end(self) -> None:
        if self.broken:
            raise OSError("no space left on device")
        self.said.append(("placed", self.name))

    def leave(self) -> None:
        self.said.append(("left", self.name))


@settings(max_examples=200, deadline=None)
@given(
    together=st.booleans(), broken=st.lists(st.booleans(), max_size=6), stops=st.none() | st.integers(0, 6),
    asks=st.lists(st.booleans(), min_size=6, max_size=6),
)  # fmt: skip
def test_each_hour_is_entered_once_in_order_after_it_is_placed_and_none_after_one_that_failed(
    together, broken, stops, asks
):
    said: list[tuple[str, int]] = []

    class Stopped(BaseException):
        pass

    def enter(tasks, rows) -> None:
        assert threading.current_thread() is threading.main_thread(), "SQLite wants the thread that opened it"
        said.append(("entered", tasks[0]))

    failed = None
    try:
        with Ends(enter, together=together) as ends:
            for at, bad in enumerate(broken):
                if at == stops:
                    raise Stopped
                ends.end(Hour(at, said, bad), [at], {})
                ends.settle(ready=asks[at])
    except (OSError, Stopped) as error:
        failed = error
    first = broken.index(True) if True in broken else len(broken)
    reached = min(first, len(broken) if stops is None else stops)
    assert [name for what, name in said if what == "entered"] == list(range(reached))
    for name in range(reached):
        assert said.index(("placed", name)) < said.index(("entered", name))
    stopped = stops is not None and stops < len(broken)
    assert (failed is not None) == (first < len(broken) or stopped)


@pytest.fixture
def cruise(data):
    return Cruise(data, "plan")


def test_files_of_the_next_hour_are_worked_on_while_an_hour_waits_for_the_disk(cruise, tmp_path, monkeypatch):
    cruise.run(tmp_path / "whole")
    real, entered, waited = os.fsync, threading.Event(), []
    result = seaflow_run.seaflow_hour.database_rows

    def fsync(handle: int) -> None:
        if not waited:  # the first hour: nothing of it is on disk until a file of the second was added
            waited.append(entered.wait(60))
        real(handle)

    def rows(task, *rest):
        if "T01-" in task.file_id:
            entered.set()
        return result(task, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        patch.setattr(seaflow_run.seaflow_hour, "database_rows", rows)
        cruise.run(tmp_path / "threads", workers=2)
    assert waited[0] is True
    same(tmp_path / "whole", tmp_path / "threads")


def _done(out: Path) -> set[str]:
    with sqlite3.connect(out / "run.db") as connection:
        found = {name for (name,) in connection.execute("SELECT file FROM done")}
    connection.close()
    return found


def test_an_hour_that_cannot_be_filled_does_not_cost_the_one_before(cruise, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    cruise.run(whole)
    result = seaflow_run.seaflow_hour.database_rows

    def rows(task, *rest):
        if "T01-" in task.file_id:
            raise OSError("no space left on device")
        return result(task, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(seaflow_run.seaflow_hour, "database_rows", rows)
        with pytest.raises(OSError, match="no space"):
            cruise.run(broken, workers=2)
    assert _done(broken) == {name for name in _done(whole) if "T00-" in name}
    assert not list(broken.rglob(".*parquet*"))
    cruise.run(broken, workers=2)
    same(whole, broken)


def test_no_hour_is_entered_whose_file_did_not_get_to_the_disk(cruise, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    cruise.run(whole)
    real = os.replace

    def replace(source, target):
        if str(target).endswith("T00-00-00+00-00.1H.vct.parquet"):
            raise OSError("no space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(OSError, match="no space"):
            cruise.run(broken, workers=2)
    assert not any("T00-" in name for name in _done(broken))
    cruise.run(broken, workers=2)
    same(whole, broken)
