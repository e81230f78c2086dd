"""What happens on a ship, done to a real `workbench engine`: disks, clocks, feeds and a broker that misbehave."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from tests.faults.engine_load import Killable, line
from tests.services.broker import Broker
from workbench.apps import status as light
from workbench.core.clock import Clock
from workbench.live.journal import Journal
from workbench.record.record import Record

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

CATALOG = """\
metadata: {{cruise: {{id: F}}}}
sources:
  post: {{driver: workbench, args: {{reader: nmea_log, listen: "http:"}}}}
  mad: {{driver: workbench, args: {{reader: nmea_log, listen: "tcp+listen://127.0.0.1:0"}}}}
  burst: {{driver: workbench, args: {{reader: nmea_log, listen: "udp://127.0.0.1:0"}}}}
  silent: {{driver: workbench, args: {{reader: nmea_log, listen: "udp://127.0.0.1:0"}}}}
{more}"""
TOPIC = '  topic: {{driver: workbench, args: {{reader: nmea_log, listen: "mqtt://127.0.0.1:{port}/ship/#?qos=1"}}}}\n'


@contextmanager
def engine(folder: Path, *args: str, more: str = "", **env: str) -> Iterator[Killable]:
    """An engine whose cruise folder is ``folder/F.cruise``; it is told to stop at the end."""
    catalog = folder / "f.yaml"
    if not catalog.exists():
        catalog.write_text(CATALOG.format(more=more))
    made = Killable(catalog, Path(os.environ.get("TMPDIR", "/tmp")) / f"engine-{os.getpid()}.log", **env)
    made.log.unlink(missing_ok=True)
    made.start(*args)
    try:
        yield made
        assert made.stop() == 0
    finally:
        assert made.process is not None
        if made.process.is_running():
            made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


def until(true: Callable[[], object], limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def feed(made: Killable, name: str) -> dict:
    said = made.status()
    assert said is not None
    return next(each for each in said["feeds"] if each["name"] == name)


def recorded(folder: Path, table: str = "post") -> list[int]:
    record = Record(folder / "F.cruise")
    return record.open(table)["speed"].values.astype(int).tolist() if table in record.tables() else []


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip(f"no disk can be made here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Leave no room for a byte."""
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"x" * 4096)


def test_a_full_disk(tmp_path: Path) -> None:
    """The user sees the feed's fault, in `workbench status` and on the board; posts are refused (503), not lost.

    When there is room again everything goes on by itself; every line that was acknowledged is in the record once.
    """
    with small_disk(tmp_path / "disk", "6m") as disk, engine(disk) as made:
        said = [i for i in range(1, 21) if made.post("post", line(i))]
        assert said == list(range(1, 21))
        until(lambda: len(recorded(disk)) == 20)
        fill(disk)
        body = b"".join(line(0) for _ in range(2000))
        until(lambda: not made.post("post", body))
        until(lambda: any("post: " in each for each in light.down(light.status(disk / "F.cruise"))))
        told = light.status(disk / "F.cruise")
        assert told["engine"]["up"] and "is full: make room" in told["disk"]["fault"]
        said += [i for i in range(100, 120) if made.post("post", line(i))]
        (disk / "filler").unlink()
        until(lambda: made.post("post", line(500)))
        until(lambda: 500 in recorded(disk))
        until(lambda: feed(made, "post")["fault"] is None)
        there = [i for i in recorded(disk) if i]
        assert there == [*said, 500]


def test_a_disk_that_is_full_at_the_start(tmp_path: Path) -> None:
    """The user reads which folder has no room; `workbench up` tries again, ever later. What was kept is there."""
    with small_disk(tmp_path / "disk", "6m") as disk:
        with engine(disk) as made:
            assert made.post("post", line(1))
            until(lambda: recorded(disk) == [1])
        fill(disk)
        with pytest.raises(AssertionError, match=r"F\.cruise: nothing can be written there.*Make room"):
            made.start()
        assert made.process is not None
        assert made.process.wait(30) == 1
        assert "Traceback" not in made.log.read_text()
        (disk / "filler").unlink()
        with engine(disk) as made:
            assert made.post("post", line(3))
            until(lambda: recorded(disk) == [1, 3])


def test_a_disk_that_is_read_only(tmp_path: Path) -> None:
    """Started on it, the engine says so in a sentence and ends; `workbench up` tries again, ever later.

    The user sees "the engine is not running" and the pages as they were. Once it can be written to, all is there.
    """
    with small_disk(tmp_path / "disk", "20m") as disk:
        with engine(disk) as made:
            assert made.post("post", line(1))
            until(lambda: recorded(disk) == [1])
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert any("read-only: mount it" in each for each in light.down(light.status(disk / "F.cruise")))
        with pytest.raises(AssertionError, match=r"[Rr]ead-only"):
            made.start()
        assert made.process is not None
        assert made.process.wait(30) == 1
        assert "Traceback" not in made.log.read_text()
        assert recorded(disk) == [1]
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        with engine(disk) as made:
            assert made.post("post", line(3))
            until(lambda: recorded(disk) == [1, 3])


@pytest.mark.parametrize("back", [False, True])
def test_a_cruise_folder_that_is_taken_away(tmp_path: Path, back: bool) -> None:
    """Moved, or on a disk that is taken out: the engine says so and ends; started again (by `up`), it goes on there.

    It went on for an hour in the folder that nobody saw, and `status` said that nothing had run yet.
    """
    with engine(tmp_path) as made:
        assert made.post("post", line(1))
        until(lambda: recorded(tmp_path) == [1])
        (tmp_path / "F.cruise").rename(tmp_path / "away")
        assert made.process is not None
        assert made.process.wait(60) == 1
        assert "F.cruise was moved or removed, or its disk taken out" in made.log.read_text()
        if back:
            shutil.rmtree(tmp_path / "F.cruise", ignore_errors=True)
            (tmp_path / "away").rename(tmp_path / "F.cruise")
        made.start()
        assert made.post("post", line(2))
        until(lambda: recorded(tmp_path) == ([1, 2] if back else [2]))
        until(lambda: light.status(tmp_path / "F.cruise")["engine"]["up"])


@pytest.mark.parametrize("hours", [-1.0, 24.0])
def test_a_clock_that_is_set(tmp_path: Path, hours: float) -> None:
    """Set back an hour or forward a day while nobody looks: rows have the times that the clock said; none is lost.

    The user sees rows of the hour that came twice among the others, in the order of time.
    """
    start = np.datetime64("2024-05-01T12:00:00", "ns")
    for step, first in ((0.0, 1), (hours, 11)):
        moment = start + np.timedelta64(int(step * 3600 + first), "s")
        Clock(moment, 1.0, time.time()).save(tmp_path)
        with engine(tmp_path, WORKBENCH_CLOCK=str(tmp_path / "clock.json")) as made:
            for i in range(first, first + 10):
                assert made.post("post", line(i))
            until(lambda upto=first + 9: upto in recorded(tmp_path))
    wanted = [*range(1, 11), *range(11, 21)] if hours > 0 else [*range(11, 21), *range(1, 11)]
    assert recorded(tmp_path) == wanted
    times = Record(tmp_path / "F.cruise").open("post")["time"].values
    assert (np.diff(times) >= np.timedelta64(0)).all()
    assert [int(entry.body.split(b",")[5]) for entry in Journal(tmp_path / "F.cruise/raw").read("post")] == [
        *range(1, 21)
    ]


def test_mad_and_silent_feeds(tmp_path: Path) -> None:
    """A burst of 1 kHz, binary garbage and a line of 10 MB beside a feed that says nothing: the others do not notice.

    The user sees counts (``unread``) of the mad one, and no age of the silent one. Nothing is lost: a line too long to
    be one is in the journal.
    """
    with engine(tmp_path) as made:
        host, port = feed(made, "mad")["bound"].rsplit(":", 1)
        with socket.create_connection((host, int(port))) as mad:
            mad.sendall(os.urandom(1 << 20) + b"\n" + b"x" * 10_000_000 + b"\n" + line(7))
        host, port = feed(made, "burst")["bound"].rsplit(":", 1)
        begun = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for i in range(3000):
                out.sendto(line(i), (host, int(port)))
                if i % 10 == 9:
                    time.sleep(max(0.0, begun + i / 1000 - time.monotonic()))
                if i % 100 == 0:
                    assert made.post("post", line(i))
        until(lambda: len(recorded(tmp_path, "burst")) + feed(made, "burst")["dropped"] == 3000)
        until(lambda: recorded(tmp_path, "mad")[-1:] == [7])
        until(lambda: recorded(tmp_path) == list(range(0, 3000, 100)))
        assert feed(made, "mad")["unread"] >= 1
        assert feed(made, "silent")["age_s"] is None
        assert made.process is not None
        print(f"memory of the engine: {made.process.memory_info().rss / 1e6:.0f} MB")
    size = sum(len(entry.body) for entry in Journal(tmp_path / "F.cruise/raw").read("mad"))
    assert size == (1 << 20) + 1 + 10_000_001 + len(line(7))


def test_a_broker_that_is_started_again(tmp_path: Path) -> None:
    """The user sees the feed's fault while there is no broker. Nothing that the broker acknowledged is lost."""
    from paho.mqtt import publish

    with Broker(tmp_path / "broker") as broker:

        def say(first: int) -> None:
            messages = [("ship/gps", line(i), 1, False) for i in range(first, first + 10)]
            publish.multiple(messages, "127.0.0.1", broker.port)

        with engine(tmp_path, more=TOPIC.format(port=broker.port)) as made:
            until(lambda: feed(made, "topic")["fault"] is None)
            time.sleep(1)
            say(0)
            until(lambda: len(recorded(tmp_path, "topic")) == 10)
            broker.stop()
            until(lambda: feed(made, "topic")["fault"])
            broker.start()
            say(10)
            until(lambda: set(recorded(tmp_path, "topic")) == set(range(20)))
            until(lambda: feed(made, "topic")["fault"] is None)
