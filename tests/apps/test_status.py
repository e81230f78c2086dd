"""What `workbench status` says of boards: whether they are there, where, and when one is missed."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server import free_port
from workbench.apps import standing
from workbench.apps import status as light
from workbench.apps.standing import UP, Standing
from workbench.catalog.cruise import open_cruise
from workbench.core.errors import WorkbenchError
from workbench.record.lock import EngineLock

ENGINE = {"engine": {"at": 0}, "feeds": [], "disk": {}}


def told(folder: Path) -> list[str]:
    """What is down of a cruise whose engine is up."""
    with EngineLock(folder):
        (folder / "engine.json").write_text(json.dumps(ENGINE | {"engine": {"at": time.time()}}))
        return light.down(light.status(folder))


def test_a_disk_that_fills_needs_a_hand(tmp_path: Path) -> None:
    """The user's cron job hears of it (status ends with 1) before the disk is full."""
    said = {"used": 9, "budget": 10, "free": 10**9, "warning": "the cruise uses 90 %"}
    (tmp_path / "engine.json").write_text(json.dumps(ENGINE | {"engine": {"at": time.time()}, "disk": said}))
    with EngineLock(tmp_path):
        assert light.down(light.status(tmp_path)) == ["the cruise uses 90 %"]
        (tmp_path / "engine.json").write_text(json.dumps(ENGINE | {"engine": {"at": time.time() - 600}}))
        assert f"SAYS NOTHING since 10 min, pid {os.getpid()}" in light.said(light.status(tmp_path))


def test_an_engine_alone_misses_no_board(tmp_path: Path) -> None:
    """Nor does one whose board was killed: who started it by itself knows."""
    assert told(tmp_path) == []
    (tmp_path / standing.BOARDS).mkdir()
    (tmp_path / standing.BOARDS / "ship-1.json").write_text(json.dumps({"pid": 1, "parent": 1, "host": "x"}))
    assert told(tmp_path) == [] and light.status(tmp_path)["boards"] == []
    with standing.board(tmp_path, "http://localhost:1"):
        assert [path.name for path in (tmp_path / standing.BOARDS).iterdir()] == [
            f"{socket.gethostname()}-{os.getpid()}.json"
        ]


def test_a_board_says_where_it_is_while_it_lives(tmp_path: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with standing.board(tmp_path, address := f"http://localhost:{server.server_port}"):
        (found,) = light.status(tmp_path)["boards"]
        assert (found["pid"], found["address"], found["up"]) == (os.getpid(), address, True)
        assert told(tmp_path) == []
        server.shutdown()
        server.server_close()
        assert told(tmp_path) == [f"the board with pid {os.getpid()} does not answer"]
        assert "DOES NOT ANSWER" in light.said(light.status(tmp_path))
    assert told(tmp_path) == [] and not list((tmp_path / standing.BOARDS).iterdir())


def test_up_misses_its_own_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Standing(tmp_path / UP), standing.board(tmp_path, "http://localhost:1"):  # not started by it
        assert told(tmp_path)[0].startswith("the board is not running")
        assert "board   DOWN" in light.said(light.status(tmp_path))
    monkeypatch.setattr(os, "getppid", os.getpid)
    with Standing(tmp_path / UP), standing.board(tmp_path, "http://localhost:1"):
        assert not any("not running" in each for each in told(tmp_path))
    assert told(tmp_path) == [] and not (tmp_path / UP).exists()


def test_where_nothing_can_be_written_nothing_is_said(tmp_path: Path) -> None:
    with standing.board(tmp_path / "none", "http://localhost:1"):
        assert list(tmp_path.iterdir()) == []
    (tmp_path / standing.BOARDS).write_text("a file")
    with standing.board(tmp_path, "http://localhost:1"):
        assert [path.name for path in tmp_path.iterdir()] == [standing.BOARDS]


def declared(**metadata: object) -> str:
    """A catalog whose first `id:` is not the cruise's."""
    return json.dumps({"sources": {"s": {"driver": "workbench", "args": {"reader": "nmea_log", "listen": "http:"}}},
                       "metadata": metadata})  # fmt: skip


RECORDS = st.sampled_from(
    ["{{ CATALOG_DIR }}/kept", "{{CATALOG_DIR}}", "$WORKBENCH_DATA/kept", "/kept/./here", "kept", "$WORKBENCH_RECORD/x",
     "$HOME/x", "{{ x }}/y", "http://x/y", "", 3, ["/x"]]
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.from_regex(r"[A-Za-z0-9._/-]{1,12}", fullmatch=True) | st.sampled_from([3, None]),
    record=RECORDS | st.none(),
)
def test_the_folder_is_that_of_the_opened_catalog(tmp_path: Path, name: object, record: object) -> None:
    catalog = tmp_path / "c.yaml"
    catalog.write_text(declared(cruise={"id": name}, **({} if record is None else {"record": record})))
    told = []
    for call in (
        lambda: open_cruise(catalog, data="/data").folder,
        lambda: light.folder_of(str(catalog), "/data", None),
    ):
        try:
            told.append(os.fspath(call()))
        except WorkbenchError as error:
            told.append(str(error))
    assert told[0] == told[1]


@pytest.mark.parametrize("record", [None, "{{ CATALOG_DIR }}/kept"])
def test_nothing_heavy_is_loaded_before_a_cruise_that_has_no_folder_yet_is_told(
    tmp_path: Path, record: str | None
) -> None:
    (tmp_path / "c.yaml").write_text(declared(cruise={"id": "U1"}, **({"record": record} if record else {})))
    heavy = ("numpy", "pydantic", "intake", "xarray", "pandas", "workbench.catalog.cruise", "workbench.catalog.model")
    code = f"""import sys
class Out:
    def __init__(self): self.loaded = None
    def write(self, text):
        if self.loaded is None: self.loaded = [name for name in {heavy!r} if name in sys.modules]
        return sys.__stdout__.write(text)
    def flush(self): sys.__stdout__.flush()
from workbench.cli import main
sys.stdout = out = Out()
print(main(['status', {str(tmp_path / "c.yaml")!r}]), out.loaded)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, hint, start, last = done.stdout.strip().splitlines()
    assert first == f"engine  DOWN  {tmp_path / ('kept' if record else 'U1.cruise')}"
    assert "nothing has run yet" in hint and start.strip() == f"start it: workbench up {tmp_path / 'c.yaml'}"
    assert last == "1 []"


def test_a_faulty_catalog_that_nobody_has_started_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not only that nothing runs: why nothing could."""
    catalog = tmp_path / "c.yaml"
    catalog.write_text(declared(cruise={"id": "U1"}).replace("nmea_log", "nmea_lgo"))
    assert light.show(str(catalog)) == 1
    out = capsys.readouterr().out
    assert "nothing has run yet" in out and "catalog WRONG: 1 mistake; nothing can run before it is mended" in out
    assert f"! {catalog}:1: sources.s.args.reader: 'nmea_lgo'" in out and "did you mean 'nmea_log'?" in out
    assert "start it" not in out
    assert light.show(str(catalog), as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found["mistakes"]) == 1 and found["mistakes"][0] in light.down(found)

    (tmp_path / "U1.cruise").mkdir()  # what runs, or ran, is told as before
    assert light.show(str(catalog)) == 1
    out = capsys.readouterr().out
    assert "WRONG" not in out and "nothing has run" not in out


@pytest.mark.slow
def test_a_board_that_is_killed_under_up_is_told_and_comes_back(tmp_path: Path) -> None:
    """The user sees status end with 1 and name the board; a second or two later it is there again, at its address."""
    catalog, folder, port = tmp_path / "c.yaml", tmp_path / "U1.cruise", free_port()
    catalog.write_text(
        'metadata: {cruise: {id: U1}}\nsources:\n  ship: {driver: workbench, args: {reader: nmea_log, listen: "http:"}}\n'
    )
    command = [sys.executable, "-m", "workbench", "up", catalog, "--port", f"{port}", "--engine-port", "0"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*map(str, command)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        until(lambda: light.down(light.status(folder)) == [])
        (first,) = light.status(folder)["boards"]
        assert first["up"] and first["address"] == f"http://localhost:{port}"
        assert light.status(folder)["up"]["pid"] == process.pid
        os.kill(first["pid"], signal.SIGKILL)
        until(lambda: any("board is not running" in each for each in light.down(light.status(folder))), 60)
        assert light.show(str(catalog)) == 1
        until(lambda: light.show(str(catalog)) == 0)
        (again,) = light.status(folder)["boards"]
        assert again["pid"] != first["pid"] and again["address"] == first["address"]
        tasks = [each for each in Path(f"/proc/{process.pid}/task").iterdir() if each.name != str(process.pid)]
        other = next(each for each in tasks if "SigBlk:\t0000000000000000\n" in (each / "status").read_text())
        assert ctypes.CDLL(None).tgkill(process.pid, int(other.name), signal.SIGTERM) == 0, "any thread may be given it"
        assert process.wait(60) == 0
    finally:
        process.terminate()
        process.wait(60)
    found = light.status(folder)
    assert (found["boards"], found["up"]) == ([], None)
    assert light.down(found) == ["the engine is not running"]


def until(call: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not call():
        assert time.monotonic() < end
        time.sleep(0.1)
