"""One engine a folder, and how much disk it may take."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workbench.core.errors import WorkbenchError
from workbench.record import lock
from workbench.record.budget import Budget, size
from workbench.record.lock import EngineLock

HOLDER = """
import sys, time
from workbench.record.lock import EngineLock
lock = EngineLock(sys.argv[1]).take()
print("held", flush=True)
time.sleep(600)
"""


def test_another_engine_is_refused_by_name_until_the_first_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    assert EngineLock(tmp_path).holder() is not None
    with pytest.raises(WorkbenchError, match=rf"pid {holder.pid} .*stop that one first"):
        EngineLock(tmp_path).take()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert EngineLock(tmp_path).holder() is None
    with EngineLock(tmp_path) as held:
        assert held.holder()["pid"] == os.getpid()  # type: ignore[index]
        with pytest.raises(WorkbenchError):
            EngineLock(tmp_path).take()
    with EngineLock(tmp_path):
        pass


def test_who_only_looks_refuses_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`workbench status`, say, in the moment in which an engine begins."""
    monkeypatch.setattr(lock, "GLANCE", 60.0)
    looking = os.open(tmp_path / lock.FILE, os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, [looking]).start()
    with EngineLock(tmp_path) as mine:
        assert mine.holder() is not None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkbenchError, match="writable"):
        EngineLock(tmp_path / "file").take()


def fill(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(count))


def test_bytes_by_kind(tmp_path: Path) -> None:
    assert Budget(tmp_path / "none").use().used == 0
    fill(tmp_path / "raw/a/2024.bin", 40_960)
    fill(tmp_path / "series/t/x.parquet", 81_920)
    fill(tmp_path / "particles/x", 4096)
    fill(tmp_path / "state.db", 4096)
    (tmp_path / "series/elsewhere").symlink_to("/usr", target_is_directory=True)
    use = Budget(tmp_path).use()
    assert use.kinds == {"raw": 40_960, "series": 81_920, "particles": 4096, "inbox": 0, "other": 4096}
    assert use.used == 131_072
    assert use.warning is None


@pytest.mark.parametrize(
    ("limit", "warned", "full"), [(200_000, False, False), (120_000, True, False), (100_000, True, True)]
)
def test_it_warns_at_80_percent_and_refuses_what_is_derived_when_full(
    tmp_path: Path, limit: int, warned: bool, full: bool
) -> None:
    fill(tmp_path / "raw/a", 102_400)
    budget = Budget(tmp_path, limit)
    use = budget.use()
    assert (use.warning is not None, use.full) == (warned, full)
    budget.require("raw", 10**15)
    for kind in ("series", "particles"):
        if full:
            with pytest.raises(WorkbenchError, match=f"{kind} are not written"):
                budget.require(kind)
        else:
            budget.require(kind, use.room)
            with pytest.raises(WorkbenchError):
                budget.require(kind, use.room + 1)


def test_a_budget_above_nothing(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="above 0"):
        Budget(tmp_path, 0)


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_340_000_000, "2.34 GB")])
def test_sizes_as_people_read_them(count: int, text: str) -> None:
    assert size(count) == text
