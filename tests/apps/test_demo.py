"""`workbench demo`: one command that simulates, goes on, serves, and leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.apps import demo
from workbench.catalog.cruise import open_cruise
from workbench.core.errors import WorkbenchError
from workbench.simulate.continuation import Continuation
from workbench.simulate.cruise import ID

SMALL = {"days": 0.02, "seed": 7, "particles": 100, "host": "127.0.0.1", "port": 0}


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def runs(pid: int | None) -> bool:
    try:
        os.kill(pid or 2**22, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def test_a_taken_port_is_told_before_anything_is_written(taken: int, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=rf"port {taken} of 127\.0\.0\.1 is in use.*--port {taken + 1}"):
        demo.run(str(tmp_path / "d"), **{**SMALL, "port": taken})
    assert not (tmp_path / "d").exists()


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(WorkbenchError, match=r"cannot listen on 192\.0\.2\.1 port 5006"):
        demo.free("192.0.2.1", 5006)


def test_it_serves_a_cruise_that_goes_on_and_ends_with_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, object] = {}
    started: list[demo.Supervisor] = []

    def rows(record: Path) -> int:
        """Positions that came over the socket and are in the record."""
        return open_cruise(tmp_path / "d" / "catalog.yaml", record=record)["ship"].count()

    def serve(catalog: Path, record: Path, host: str, port: int, then: object) -> int:
        assert then is None  # a new cruise: nothing is recorded yet, and engine and writer run already
        begun = len(list((tmp_path / "d").glob("evt/*/2*")))
        seen["clock"] = json.loads((record / "clock.json").read_text())
        seen["catalog"] = catalog.is_file()
        wait_for(lambda: len(list((tmp_path / "d").glob("evt/*/2*"))) > begun)
        seen["pids"] = [each.pid for each in started]
        wait_for(lambda: rows(record) > 3)
        raise KeyboardInterrupt

    class Seen(demo.Supervisor):
        def __init__(self, command: list[str], **given) -> None:
            super().__init__(command, **given)
            started.append(self)

    monkeypatch.setattr(demo, "serve_board", serve)
    monkeypatch.setattr(demo, "Supervisor", Seen)
    assert demo.run(str(tmp_path / "d"), warp=600, **SMALL) == 0
    assert seen["catalog"] and seen["clock"]["warp"] == 600
    assert seen["clock"]["start"] == "2025-01-14T20:28:48.000000000"
    assert [each.name for each in started] == ["the engine", "the cruise's writer"]
    assert not any(runs(pid) for pid in seen["pids"])
    assert "Simulating 0.02 days" in capsys.readouterr().out

    # the second run goes on where the data stand
    with Continuation(tmp_path / "d") as cruise:
        stands = cruise.newest
    started.clear()

    def serve_again(catalog: Path, record: Path, host: str, port: int, then: Callable[[], None]) -> int:
        assert not any(each.pid for each in started)  # what is recorded is shown first
        then()
        wait_for(lambda: all(each.pid for each in started))
        return 0

    monkeypatch.setattr(demo, "serve_board", serve_again)
    assert demo.run(str(tmp_path / "d"), warp=0, **SMALL) == 0
    assert len(started) == 2 and not any(each.pid for each in started)
    clock = json.loads((tmp_path / "d" / f"{ID}.cruise" / "clock.json").read_text())
    assert np.datetime64(clock["start"]) == stands
    said = capsys.readouterr().out
    assert "Simulating" not in said and "stands still (--warp 0) until 2025-01-26 20:00 UTC" in said


def test_ctrl_c_while_simulating_says_that_it_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Continuation, "until", stop)
    assert demo.run(str(tmp_path / "d"), **SMALL) == 130
    assert "the next run completes it" in capsys.readouterr().out


def test_another_demo_in_the_same_folder_is_told(tmp_path: Path) -> None:
    demo.prepare(tmp_path, days=0.01, seed=7, particles=100)
    with Continuation(tmp_path), pytest.raises(WorkbenchError, match="another process is writing this cruise"):
        demo.run(str(tmp_path), **SMALL)


def test_a_cruise_that_has_ended_is_said_to(tmp_path: Path) -> None:
    end = np.datetime64("2025-01-26T20:00")
    assert demo._standing(tmp_path, end, end, 60).startswith("This cruise ended on 2025-01-26 20:00 UTC.")


def test_a_child_that_fails_is_started_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    count = tmp_path / "count"
    code = f"open({str(count)!r}, 'a').write('x'); raise SystemExit(3)"
    with demo.Supervisor([sys.executable, "-c", code], pause=0.01):
        wait_for(lambda: count.exists() and len(count.read_text()) >= 3)
    assert "ended with 3; started again in 0.01 s" in capfd.readouterr().err
    times = len(count.read_text())
    time.sleep(0.3)
    assert len(count.read_text()) == times


def test_a_child_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The machine may have no room for one more process when the engine is to be started again."""
    count, begin, tried = tmp_path / "count", subprocess.Popen, list[int]()

    def popen(*args: Any, **options: Any) -> Any:
        tried.append(1)
        if len(tried) < 3:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return begin(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    code = f"open({str(count)!r}, 'a').write('x')"
    with demo.Supervisor([sys.executable, "-c", code], name="engine", pause=0.01):
        wait_for(lambda: count.exists() and count.read_text() == "x")
    assert (
        "engine cannot be started (Resource temporarily unavailable); tried again in 0.01 s" in capfd.readouterr().err
    )


def test_a_child_whose_work_is_done_is_left_alone(tmp_path: Path) -> None:
    count = tmp_path / "count"
    with demo.Supervisor([sys.executable, "-c", f"open({str(count)!r}, 'a').write('x')"], pause=0.01) as child:
        wait_for(count.exists)
        wait_for(lambda: child.pid is None)
        time.sleep(0.2)
    assert count.read_text() == "x"


def test_a_server_that_somebody_ended_is_started_again(tmp_path: Path) -> None:
    """Who ends the engine or the board alone, by the pid that status tells, gets it back."""
    count = tmp_path / "count"
    code = f"open({str(count)!r}, 'a').write('x')"
    with demo.Supervisor([sys.executable, "-c", code], pause=0.01, piped=False):
        wait_for(lambda: count.exists() and len(count.read_text()) >= 3)


def test_a_ctrl_c_on_the_terminal_reaches_no_child(tmp_path: Path) -> None:
    """It would end by itself, and be started again, while this process thinks of ending it."""
    with demo.Supervisor([sys.executable, "-c", "import time; time.sleep(600)"], piped=False) as child:
        wait_for(lambda: child.pid)
        assert child.pid is not None and os.getpgid(child.pid) == child.pid


def test_a_child_is_started_again_when_nothing_can_be_said(tmp_path: Path) -> None:
    """The log lies on the disk that is full, or the terminal is gone."""
    count = tmp_path / "count"
    child = f"open({str(count)!r}, 'a').write('x'); raise SystemExit(3)"
    code = (
        "import sys, time; from workbench.apps.supervisor import Supervisor\n"
        f"with Supervisor([sys.executable, '-c', {child!r}], pause=0.01): time.sleep(600)"
    )
    with open("/dev/full", "w") as full:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=full, stderr=full)
    try:
        wait_for(lambda: count.exists() and len(count.read_text()) >= 3)
    finally:
        process.kill()
        process.wait()


def test_a_child_that_does_not_listen_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = demo.Supervisor([sys.executable, "-c", code])
    with child:
        wait_for(lambda: child.pid)
        pid = child.pid
        child.stop(wait=0.2)
    assert not runs(pid)


def test_sigterm_of_the_command_leaves_no_orphan(tmp_path: Path) -> None:
    code = (
        "import sys, time; from workbench.apps import demo; from workbench import cli; "
        "demo.serve_board = lambda *a: print('serving', flush=True) or time.sleep(600); "
        f"sys.exit(cli.main(['demo', {str(tmp_path / 'd')!r}, '--days', '0.02', '--particles', '100', '--port', '0']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: "serving" in process.stdout.readline())
    wait_for(lambda: any("continuation" in _command(pid) for pid in _children(process.pid)))
    pids = _children(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    wait_for(lambda: not any(runs(pid) for pid in pids))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
