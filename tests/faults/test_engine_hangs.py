"""An engine whose event loop stands still says where and ends, so that it is started again; one that is idle does not.

What the user sees: `SAYS NOTHING` for some minutes, then a new engine. What is lost: nothing that was acknowledged.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.record.lock import EngineLock

pytestmark = pytest.mark.fault

CATALOG = """\
metadata: {cruise: {id: F}}
sources:
  post: {driver: workbench, args: {reader: nmea_log, listen: "http:"}}
"""
ENGINE = """
import asyncio, sys, time
from workbench.apps import engine
engine.HANGS, engine.STANDS = 3.0, 0.5
listen = engine.listen
def then(*given):
    if sys.argv[2] == "hangs":
        asyncio.get_running_loop().call_later(1, this_never_ends)
    return listen(*given)
def this_never_ends():
    time.sleep(600)
engine.listen = then
sys.exit(engine.serve(sys.argv[1], port=0))
"""


def start(folder: Path, how: str) -> subprocess.Popen[str]:
    catalog = folder / "f.yaml"
    catalog.write_text(CATALOG)
    (folder / "engine.py").write_text(ENGINE)
    command = [sys.executable, str(folder / "engine.py"), str(catalog), how]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_one_that_hangs_says_where_and_ends(tmp_path: Path) -> None:
    engine = start(tmp_path, "hangs")
    _, said = engine.communicate(timeout=60)
    assert engine.returncode != 0, "who ends well might be meant to"
    assert "Timeout" in said and "this_never_ends" in said
    with EngineLock(tmp_path / "F.cruise"):
        pass  # the next one may begin at once


def test_one_that_has_nothing_to_do_stays(tmp_path: Path) -> None:
    engine = start(tmp_path, "idle")
    with pytest.raises(subprocess.TimeoutExpired):
        engine.wait(12)  # several times as long as it may hang
    engine.send_signal(signal.SIGTERM)
    _, said = engine.communicate(timeout=60)
    assert engine.returncode == 0 and "Timeout" not in said
