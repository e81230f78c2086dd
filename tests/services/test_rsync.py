"""A real rsync (and cp) brings files into a folder that is listened to: each is taken once, and only whole."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from workbench.live.listeners import open_listener
from workbench.live.listeners.arrivals import Arrival
from workbench.live.listeners.folder import Folder, arrived
from workbench.readers.seaflow_evt import V2, write_evt
from workbench.testing.listeners import Desk, until

pytestmark = pytest.mark.service

NAME = "2023_012/2023-01-12T03-00-00+00-00"
SIZE = 100_000  # rows: 1.6 MB


@pytest.fixture(autouse=True)
def _rsync() -> None:
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed: sudo apt-get install -y rsync")


def _source(folder: Path, rows: int = SIZE) -> Path:
    chance = np.random.default_rng(7)
    path = folder / "source" / NAME
    path.parent.mkdir(parents=True)
    write_evt(path, {name: chance.integers(0, 65536, rows) for name in V2})
    return path


def _begin(*options: str, source: Path, target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["rsync", "-rt", *options, f"{source.parent.parent}/", f"{target}/"])


def _under_way(target: Path) -> bool:
    """Something of the file is there, under the hidden name that rsync gives it."""
    return any(path.stat().st_size for path in (target / NAME).parent.glob(".*"))


def _run(tmp_path: Path, work: Callable[[Folder, Desk, Path], Awaitable[None]], more: str = "") -> list[Arrival]:
    """Listen to a folder while `work` brings the file there; the arrivals."""
    source, target = _source(tmp_path), tmp_path / "incoming"
    target.mkdir()

    async def run() -> list[Arrival]:
        desk = Desk()
        listener = open_listener("evt", f"folder:{target}?settle=0.2{more}", desk, reader="seaflow_evt")
        assert isinstance(listener, Folder)
        await listener.start()
        await asyncio.sleep(0.3)
        await work(listener, desk, source)
        await asyncio.sleep(1)
        await listener.stop()
        found = [arrival for arrival in map(arrived, desk.bodies) if arrival]
        whole = source.read_bytes()
        assert [(each.path, each.size, each.sha256) for each in found] == [
            (NAME, len(whole), hashlib.sha256(whole).hexdigest())
        ]
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("more", ["", "&poll=0.1"], ids=["told", "polling"])
@pytest.mark.parametrize("options", [[], ["--inplace"], ["--delay-updates"], ["--append"], ["--whole-file", "-z"]])
def test_rsync(tmp_path: Path, options: list[str], more: str) -> None:
    """Slowly enough that the listener sees the file half many times."""

    async def work(listener: Folder, desk: Desk, source: Path) -> None:
        process = _begin("--bwlimit=1500", *options, source=source, target=Path(listener.root))
        await until(lambda: process.poll() is not None, 30)
        assert process.returncode == 0
        await until(lambda: len(desk.taken) == 1, 60)

    _run(tmp_path, work, more)


@pytest.mark.fault
def test_rsync_partial_cut_off_and_run_again(tmp_path: Path) -> None:
    """What is cut off stands there under the final name, dated 1970; nothing is taken before the second run ends."""

    async def work(listener: Folder, desk: Desk, source: Path) -> None:
        target = Path(listener.root)
        process = _begin("--partial", "--bwlimit=500", source=source, target=target)
        await until(lambda: _under_way(target), 60)
        process.send_signal(signal.SIGTERM)
        process.wait()
        await until((target / NAME).exists, 60)  # its other half, which writes, ends a moment later
        left = (target / NAME).stat()
        assert 0 < left.st_size < source.stat().st_size and left.st_mtime < 1  # with nanoseconds left
        await asyncio.sleep(1.5)
        assert desk.taken == []
        process = _begin("--partial", source=source, target=target)
        await until(lambda: process.poll() is not None, 30)
        await until(lambda: len(desk.taken) == 1, 60)

    _run(tmp_path, work)


@pytest.mark.fault
def test_rsync_killed(tmp_path: Path) -> None:
    """kill -9 leaves a hidden file; the second run brings the whole one."""

    async def work(listener: Folder, desk: Desk, source: Path) -> None:
        process = _begin("--bwlimit=500", source=source, target=Path(listener.root))
        await until(lambda: _under_way(Path(listener.root)), 60)
        process.kill()
        process.wait()
        await asyncio.sleep(1)
        assert desk.taken == []
        assert _begin(source=source, target=Path(listener.root)).wait() == 0
        await until(lambda: len(desk.taken) == 1, 60)

    _run(tmp_path, work)


def test_cp_that_stops_in_the_middle(tmp_path: Path) -> None:
    """Written under the final name, in pieces, with a pause longer than files must stay as they are."""

    async def work(listener: Folder, desk: Desk, source: Path) -> None:
        whole = source.read_bytes()
        path = Path(listener.root) / NAME
        path.parent.mkdir()
        with path.open("wb", buffering=0) as file:
            for begin in range(0, len(whole), 400_000):
                file.write(whole[begin : begin + 400_000])
                await asyncio.sleep(0.5)
                assert desk.taken == [] or begin + 400_000 >= len(whole)
        await until(lambda: len(desk.taken) == 1, 60)

    _run(tmp_path, work)
