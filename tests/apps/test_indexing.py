"""Who builds the picture index: the command, the engine, a board without one; each the same."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench import cli
from workbench.apps import indexing
from workbench.apps.indexing import building, feed_of, follow, index_cruise
from workbench.apps.online import Online
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.errors import WorkbenchError
from workbench.live.engine import Engine
from workbench.live.feeds import Feeds
from workbench.live.journal import Journal
from workbench.record.lock import EngineLock
from workbench.record.record import Record


@pytest.fixture
def cruise(simulated: Path, tmp_path: Path) -> Cruise:
    return open_cruise(simulated, record=tmp_path / "c.cruise")


def covered(cruise: Cruise, name: str = "seaflow") -> int:
    feed = feed_of(cruise, name)
    feed.poll()
    assert feed.index is not None
    return feed.index.covered(feed.table)


def test_a_whole_cruise_once(cruise: Cruise) -> None:
    done, made = index_cruise(cruise)
    assert done.source == "seaflow" and done.files == 119 and done.indexed == done.particles == covered(cruise)
    assert (made.source, made.files, made.particles) == ("vct", 0, 0), "no engine has written any"
    again, _ = index_cruise(cruise)
    assert again.files == 0 and again.nbytes == done.nbytes
    (anew,) = index_cruise(cruise, ["seaflow"], again=True)
    assert anew.files == 119 and anew.indexed == done.indexed


def test_after_the_populations_the_pictures(simulated: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("WORKBENCH_RECORD", str(tmp_path / "c.cruise"))
    ran: list[object] = []
    monkeypatch.setattr("workbench.apps.seaflow.run", lambda inputs, **_: ran.append(inputs) or len(ran) - 1)
    words = ["seaflow", "evt", "--params", "p", "--out", str(tmp_path / "out"), "--index"]
    assert cli.main([*words, str(tmp_path / "nowhere.yaml")]) == 1 and not ran, "told before the work, not after it"
    capsys.readouterr()
    assert cli.main([*words, str(simulated)]) == 0
    particles = covered(open_cruise(simulated))
    assert particles and f"{particles} of {particles} particles indexed" in capsys.readouterr().out
    assert cli.main([*words, str(simulated)]) == 1, "what failed is not indexed"
    assert "indexed" not in capsys.readouterr().out


def test_a_source_that_is_none_is_told(cruise: Cruise) -> None:
    with pytest.raises(WorkbenchError, match="Did you mean 'seaflow'"):
        index_cruise(cruise, ["seaflwo"])
    with pytest.raises(WorkbenchError, match="no source of particles 'sfl'"):
        index_cruise(cruise, ["sfl"])


def test_the_command(simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--record", str(tmp_path / "c.cruise")]
    assert cli.main(["index", str(simulated), *place]) == 0
    assert "seaflow: 119 files now" in capsys.readouterr().out
    assert cli.main(["index", str(simulated), *place, "--source", "seaflow", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["files"] == 0 and told["indexed"] == told["particles"] > 0


def test_a_folder_that_cannot_be_written_is_told(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.cruise").write_text("")
    assert cli.main(["index", str(simulated), "--record", str(tmp_path / "c.cruise")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_what_came_since(cruise: Cruise) -> None:
    assert follow(cruise, 0.0), "a little at a time"
    assert not follow(cruise)
    assert covered(cruise) > 0


def test_a_board_without_an_engine_builds_it(cruise: Cruise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "LOOK", 0.05)
    monkeypatch.setattr("workbench.live.index_builder.MANY", 1000)
    feeds = Feeds(cruise)
    feeds.poll()
    with EngineLock(cruise.folder), building(feeds, cruise):
        time.sleep(0.5)
    assert covered(cruise) == 0, "an engine does it"
    with building(feeds, cruise):
        until = time.monotonic() + 60
        while covered(cruise) == 0 and time.monotonic() < until:
            time.sleep(0.05)
    assert covered(cruise) > 0


def test_a_board_whose_disk_was_full_for_a_while_builds_it_later(
    cruise: Cruise, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(indexing, "LOOK", 0.05)
    monkeypatch.setattr("workbench.live.index_builder.MANY", 1000)
    update, tried = indexing.update_index, list[int]()

    def full(*args: Any, **options: Any) -> Any:
        tried.append(1)
        if len(tried) < 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return update(*args, **options)

    monkeypatch.setattr(indexing, "update_index", full)
    feeds = Feeds(cruise)
    feeds.poll()
    with building(feeds, cruise):
        until = time.monotonic() + 60
        while covered(cruise) == 0 and time.monotonic() < until:
            time.sleep(0.05)
    assert covered(cruise) > 0
    told = [record for record in caplog.records if record.name == indexing.log.name and record.exc_info]
    assert len(told) == 1, "once"


CATALOG = """\
metadata:
  cruise: {id: O1}
  board: [{view: cytogram, source: evt, x: fsc_small, y: chl_small}]
sources:
  evt: {driver: workbench, args: {reader: seaflow_evt, listen: "folder:{{ CATALOG_DIR }}/evt"}}
"""


def test_the_engine_indexes_each_file_as_it_comes(tmp_path: Path, simulated: Path) -> None:
    (tmp_path / "evt").mkdir()
    (tmp_path / "c.yaml").write_text(CATALOG)
    cruise = open_cruise(tmp_path / "c.yaml")
    files = sorted(path for path in (simulated.parent / "evt").rglob("*") if path.is_file())[:4]

    async def live() -> None:
        with EngineLock(cruise.folder), Journal(cruise.folder / "raw") as journal:
            record = Record(cruise.folder)
            online = Online(cruise, journal, record)
            engine = Engine(cruise, journal, record, arrived=online.arrived)
            await engine.start()
            online.start()
            feed = feed_of(cruise, "evt")
            assert feed.index is not None
            async with asyncio.timeout(100):
                for path in files:
                    shutil.copyfile(path, tmp_path / "evt" / path.name)
                    feed.poll()
                    while len(feed.table) == 0 or feed.index.lacking(feed.table):
                        await asyncio.sleep(0.1)
                        feed.poll()
            await online.stop()
            await engine.stop()
            record.close()

    asyncio.run(live())
    opened = feed_of(cruise, "evt").index.folder.read()  # type: ignore[union-attr]
    assert opened is not None and len(opened.contents) == 4
    assert {(layer.x, layer.y) for layer in opened.contents.layers} == {("fsc_small", "chl_small")}
    assert (np.diff(opened.contents.times) > 0).all()


@pytest.mark.slow
def test_the_command_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    """Ctrl-C is no harm: what was done counts, and the rest is done the next time."""
    from workbench.simulate.cruise import write

    catalog = write(tmp_path / "sim", days=0.5, particles=200_000)
    record = tmp_path / "c.cruise"
    command = [sys.executable, "-m", "workbench", "index", str(catalog), "--record", str(record)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ})
    contents = record / "particles" / "index" / "seaflow" / "contents.npz"
    until = time.monotonic() + 120
    while not contents.exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) in (130, 0)
    assert b"Traceback" not in running.communicate()[1]
    cruise = open_cruise(catalog, record=record)
    there = covered(cruise)
    assert there > 0
    done, _ = index_cruise(cruise)
    assert done.indexed == done.particles


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed, who may not be less gentle than before")
def test_a_board_that_is_gentle_already_indexes(tmp_path: Path) -> None:
    """Started with nice by who is not root, it said nothing of it and never indexed."""
    code = (
        "import os; from workbench.apps.indexing import GENTLY, _be_gentle\n"
        "os.nice(19); os.setuid(65534); assert os.getpriority(os.PRIO_PROCESS, 0) > GENTLY; _be_gentle()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
