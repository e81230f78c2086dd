"""A board that answers nobody any more, under ``workbench up``: it says where it stands and is started again.

What the user sees: pages that stand still for five minutes, then come back by themselves. What is lost: nothing, the
engine goes on meanwhile.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.apps.standing import boards

pytestmark = pytest.mark.fault

CATALOG = """\
metadata: {cruise: {id: F}}
sources:
  post: {driver: workbench, args: {reader: nmea_log, listen: "http:"}}
"""
UP = """
import sys
from workbench.apps import up
from workbench.catalog.cruise import open_cruise
up.ASKED, up.SILENT = 0.5, 4
given = [sys.argv[1], "--port", "0"]
sys.exit(up.run(given, given, check=lambda: open_cruise(sys.argv[1])))
"""
#: Taken in by every Python of the test: a signal has it hang.
HANGS = """
import signal, time
def this_never_ends(*_):
    time.sleep(600)
signal.signal(signal.SIGUSR1, this_never_ends)
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Of an `up` that asks every half second."""
    (tmp_path / "f.yaml").write_text(CATALOG)
    (tmp_path / "up.py").write_text(UP)
    (tmp_path / "sitecustomize.py").write_text(HANGS)
    command = [sys.executable, str(tmp_path / "up.py"), str(tmp_path / "f.yaml")]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with (tmp_path / "log").open("wb") as out:
        up = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=env)
    try:
        yield tmp_path / "log"
    finally:
        up.terminate()
        assert up.wait(60) == 0


def board(log: Path, other: int = 0) -> int:
    """The pid of a board that answers, and is not the `other` one."""

    def there() -> int | None:
        return next((one["pid"] for one in boards(log.parent / "F.cruise") if one["up"] and one["pid"] != other), None)

    found: int = comes(there, log)
    return found


def comes(look: Callable[[], Any], log: Path) -> Any:
    until = time.monotonic() + 90
    while not (found := look()):
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)
    return found


def test_one_that_hangs_says_where_and_is_started_again(log: Path) -> None:
    first = board(log)
    time.sleep(4)  # several times as long as one may be silent
    assert board(log) == first, log.read_text()
    os.kill(first, signal.SIGUSR1)
    board(log, first)
    said = log.read_text()
    assert "the board has not answered" in said
    assert "this_never_ends" in said
    assert f"the board ended with -{signal.SIGABRT.value}; started again" in said
    assert "the engine ended" not in said


def test_one_that_does_not_even_hear_that_is_killed(log: Path) -> None:
    first = board(log)
    os.kill(first, signal.SIGSTOP)
    board(log, first)
    assert f"the board ended with -{signal.SIGKILL.value}; started again" in log.read_text()
