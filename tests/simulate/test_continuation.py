"""The cruise goes on: in a process that ends with the one that began it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from workbench.core import clock
from workbench.core.clock import Clock
from workbench.core.errors import WorkbenchError
from workbench.simulate import continuation, voice
from workbench.simulate.continuation import Continuation
from workbench.simulate.cruise import ID, begin, planned_end, write

HOUR = np.timedelta64(1, "h")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "cruise", days=0.02, particles=100, length=0.1).parent


def follow(folder: Path, warp: float) -> subprocess.Popen[bytes]:
    with Continuation(folder) as cruise:
        newest = cruise.newest
    record = folder / f"{ID}.cruise"
    Clock(newest, warp, time.time()).save(record)
    command = [sys.executable, "-m", "workbench.simulate.continuation", str(folder), str(record)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(what: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def files(folder: Path) -> int:
    return len(list(folder.glob("evt/*/2*")))


def test_a_file_appears_when_it_is_full_and_a_line_when_it_is_received(folder: Path) -> None:
    with Continuation(folder) as cruise:
        begun = files(folder)
        end = cruise.start + np.timedelta64((begun + 1) * 180 + 2, "s")
        cruise.until(end - np.timedelta64(1, "s"))
        assert files(folder) == begun
        text = max((folder / "underway").iterdir()).read_text()
        assert text.splitlines()[-1][:19] == str(end - np.timedelta64(2, "s")) and text.endswith("\n")
        cruise.until(end)
        assert files(folder) == begun + 1
        assert len((folder / "sfl" / f"{ID}.sfl").read_text().splitlines()) == begun + 2
        assert cruise.newest == end
        cruise.until(end - HOUR)
        assert files(folder) == begun + 1 and cruise.newest == end


def test_it_can_be_stopped_between_hours(folder: Path) -> None:
    with Continuation(folder) as cruise:
        cruise.until(cruise.start + 9 * HOUR, stop=lambda: True)
        assert cruise.newest == cruise.start + HOUR


def test_only_one_process_writes(folder: Path) -> None:
    with Continuation(folder), pytest.raises(WorkbenchError, match="another process is writing this cruise"):
        Continuation(folder)
    Continuation(folder).close()


def test_a_folder_without_a_cruise_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="workbench simulate"):
        Continuation(tmp_path)


def test_following_the_clock_ends_with_the_cruise(folder: Path) -> None:
    child = follow(folder, warp=20_000)
    assert child.wait(60) == 0, child.stderr.read()
    with Continuation(folder) as cruise:
        assert cruise.newest == cruise.start + np.timedelta64(8640, "s")
    assert files(folder) == 47


def test_what_became_due_while_the_last_files_were_written_is_written_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = planned_end(folder)
    Clock(end, 1, time.time() - 10).save(folder / f"{ID}.cruise")
    written, until = [], Continuation.until
    monkeypatch.setattr(Continuation, "until", lambda *args, **more: written.append(until(*args, **more)))
    monkeypatch.setattr(clock, "as_of", lambda _: end if written else end - np.timedelta64(20, "s"))
    monkeypatch.setattr(continuation, "return_now_and_then", lambda: None)
    monkeypatch.setattr(continuation, "_alone", lambda _: False)
    assert continuation.follow(folder, folder / f"{ID}.cruise") == 0
    with Continuation(folder) as cruise:
        assert cruise.newest == end


def test_what_is_due_when_the_ship_falls_silent_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last positions of a cruise: whoever writes it ends as soon as the clock is there."""
    end, looks = planned_end(folder), list[int]()
    monkeypatch.setattr(voice, "TICK", 3600.0)
    monkeypatch.setattr(
        clock, "as_of", lambda _: looks.append(1) or (end if len(looks) > 1 else end - np.timedelta64(20, "s"))
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard, Continuation(folder) as cruise:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(60)
        record, bound = folder / f"{ID}.cruise", f"127.0.0.1:{heard.getsockname()[1]}"
        record.mkdir(exist_ok=True)
        (record / "engine.json").write_text(json.dumps({"feeds": [{"name": "ship", "bound": bound}]}))
        with voice.Voice(cruise.cruise, record, end):
            wait_for(lambda: looks)
        second = int((end - cruise.start) / np.timedelta64(1, "s"))
        text = cruise._lines(second - 20, second)
        assert text
        assert [heard.recv(1 << 16) for _ in text.splitlines()] == [
            line.partition(b" ")[2] + b"\r\n" for line in text.splitlines()
        ]


def test_following_the_clock_ends_when_nobody_listens(folder: Path) -> None:
    child = follow(folder, warp=60)
    begun = files(folder)
    wait_for(lambda: files(folder) > begun)
    child.send_signal(signal.SIGINT)  # the terminal's Ctrl-C is the parent's business
    time.sleep(0.3)
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(60) == 0
    assert child.stderr.read() == b""


def test_the_child_ends_when_the_parent_is_killed(folder: Path) -> None:
    record = folder / f"{ID}.cruise"
    with Continuation(folder) as cruise:
        Clock(cruise.newest, 60, time.time()).save(record)
    code = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-m', 'workbench.simulate.continuation', {str(folder)!r}, {str(record)!r}], "
        "stdin=subprocess.PIPE); print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    begun = files(folder)
    wait_for(lambda: files(folder) > begun)
    parent.kill()
    parent.wait()
    wait_for(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" not in status.read_text()


def test_a_process_without_a_cruise_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workbench.simulate.continuation", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "holds no simulated cruise" in done.stderr


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Only what is made here counts: threads that other tests left go on in this process."""
    import tracemalloc

    mine = [tracemalloc.Filter(True, f"*/workbench/{layer}/*") for layer in ("simulate", "readers", "core")]
    begin(tmp_path, days=1, seed=7, particles=100)
    with Continuation(tmp_path) as cruise:
        cruise.until(cruise.start + 2 * HOUR)
        tracemalloc.start()
        try:
            held = []
            for hour in (8, 14, 20):
                cruise.until(cruise.start + hour * HOUR)
                held.append(tracemalloc.take_snapshot().filter_traces(mine))
        finally:
            tracemalloc.stop()
    few, _, many = (sum(trace.size for trace in snapshot.traces) for snapshot in held)
    assert few and many - few < 100_000, held[2].compare_to(held[0], "lineno")[:3]
