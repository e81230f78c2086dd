"""The journal when the process is killed, the disk is full, or may not be written.

What the user sees: a fault that says why, and counts; after it, the feed as before. What is lost: nothing that was
acknowledged (what came while it could not be kept is counted by the listener, or waits at the other end).
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from workbench.live.journal import Journal, NotKept

pytestmark = pytest.mark.fault
START = np.datetime64("2023-01-12T03:04:05", "ns")

_WRITER = """
import os, sys
import numpy as np
from workbench.live.journal import Journal
journal, number, step = Journal(sys.argv[1], fsync=0.05), int(sys.argv[2]), int(sys.argv[3])
time = np.datetime64("2023-01-12T03", "ns")
while True:
    body = b"%d " % number * (number * 7919 % 400)
    journal.append("ship", body, "me", time + np.timedelta64(number * step, "ms"))
    os.write(1, b"%d\\n" % number)
    number += 1
"""


@pytest.mark.parametrize("step", [1, 60_000], ids=["one segment", "a segment every 60 entries"])
def test_kill_9_at_chance_moments(tmp_path: Path, step: int) -> None:
    """20 kills under full load: everything acknowledged is there once, in order; no repair; a restart takes no time."""
    chance, acknowledged, restarts = random.Random(step), 0, []
    for _ in range(20):
        began = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, tmp_path, str(acknowledged), str(step)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            said = writer.stdout.readline()
            restarts.append(time.monotonic() - began)
            time.sleep(0.15 * chance.random())
            os.kill(writer.pid, signal.SIGKILL)
            said += writer.stdout.read()
        last = int(said.rsplit(b"\n", 2)[-2])
        journal = Journal(tmp_path)
        numbers = [int(entry.body.split()[0]) for entry in journal.read("ship") if entry.body]
        assert numbers == sorted(set(numbers)) or len(numbers) - len(set(numbers)) <= 1
        assert {number for number in range(last + 1) if number * 7919 % 400} <= set(numbers)
        assert max(numbers) <= last + 1, "at most one entry that was not acknowledged any more"
        assert journal.damage.bad == 0
        acknowledged = max([last, *numbers]) + 1
    print(f"{acknowledged} entries, torn ends {journal.damage.torn}, restarts {max(restarts):.2f} s at most")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", where], capture_output=True)
    if done.returncode:
        pytest.skip(f"a small disk needs root: {done.stderr.decode().strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", where], check=True)


def _append(journal: Journal, number: int) -> None:
    journal.append("ship", b"%06d " % number * 100, "me", START)


def _numbers(journal: Journal) -> list[int]:
    return [int(entry.body[:6]) for entry in journal.read("ship")]


def test_a_full_disk(small_disk: Path) -> None:
    with Journal(small_disk / "raw", fsync=0.01) as journal:
        kept, refused, said = [], 0, ""
        for number in range(3000):
            try:
                _append(journal, number)
                kept.append(number)
            except NotKept as error:
                refused, said = refused + 1, str(error)
        assert "No space left" in said and "goes on by itself" in said
        assert refused > 1000 and len(kept) > 1000
        assert journal.failures == refused and "No space left" in journal.faults["ship"]
        assert _numbers(journal) == kept, "whole entries only"
        with pytest.raises(NotKept):
            journal.append("other", b"x" * 10_000, "", START)
        assert list(journal.faults) == ["ship", "other"]
        (oldest,) = (small_disk / "raw" / "ship").iterdir()
        before = oldest.stat().st_size
        subprocess.run(["mount", "-o", "remount,size=2m", small_disk], check=True)
        for number in range(3000, 3100):
            _append(journal, number)
            kept.append(number)
        assert "ship" not in journal.faults and journal.failures == refused + 1
        assert _numbers(journal) == kept and journal.damage.bad == journal.damage.torn == 0
        assert oldest.stat().st_size > before, "the same segment goes on"


def test_a_full_disk_that_is_killed_and_started_again(small_disk: Path) -> None:
    """A process that dies on a full disk leaves no half entry in the way of the next."""
    journal, kept = Journal(small_disk / "raw"), 0
    with contextlib.suppress(NotKept):
        while kept < 3000:
            _append(journal, kept)
            kept += 1
    assert 1000 < kept < 3000
    subprocess.run(["mount", "-o", "remount,size=2m", small_disk], check=True)
    with Journal(small_disk / "raw") as second:
        _append(second, kept)
        assert _numbers(second) == list(range(kept + 1))
    journal.close()


def test_a_disk_that_may_not_be_written(small_disk: Path) -> None:
    with Journal(small_disk / "raw", fsync=1000) as journal:
        _append(journal, 0)
        journal.close()  # else the open file keeps the disk from being set read-only
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        with pytest.raises(NotKept, match="Read-only file system"):
            _append(journal, 1)
        assert _numbers(journal) == [0]
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        _append(journal, 2)
        assert _numbers(journal) == [0, 2]


def test_no_room_to_compress(small_disk: Path) -> None:
    """Compressing waits for room; the plain segment stays."""
    noise = np.random.default_rng(7).bytes(400_000)
    with Journal(small_disk / "raw", fsync=1000) as journal:
        journal.append("ship", noise, "", START)
        journal.append("ship", noise, "", START + np.timedelta64(1, "h"))
        journal.tend()
        names = sorted(path.name for path in (small_disk / "raw" / "ship").iterdir())
        assert len(names) == 2 and all(name.endswith(".journal") for name in names), names
        subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
        journal.tend()
        assert [entry.body for entry in journal.read("ship")] == [noise, noise]
        assert any(path.suffix == ".zst" for path in (small_disk / "raw" / "ship").iterdir())


def test_a_disk_that_fails_to_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written since the last sync may be lost in a power cut: that is told, and another segment begun."""
    with Journal(tmp_path, fsync=1000) as journal:
        _append(journal, 0)

        def broken(handle: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", broken)
            journal.tend()
            assert "Input/output error" in journal.faults["ship"]
        _append(journal, 1)
        assert not journal.faults and _numbers(journal) == [0, 1]
        assert len(list((tmp_path / "ship").iterdir())) == 2


def test_an_entry_whose_sync_failed_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``fsync=0``: it was not acknowledged, and when it is tried again it stands there once."""
    with Journal(tmp_path, fsync=0) as journal:
        _append(journal, 0)

        def broken(handle: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", broken)
            with pytest.raises(NotKept):
                _append(journal, 1)
        _append(journal, 1)
        assert _numbers(journal) == [0, 1]
