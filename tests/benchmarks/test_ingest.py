"""A whole cruise from EVT to populations and picture index, by its command (``make bench-all``).

115 M particles (a smoke run: a few): five files of 2 M an hour for twelve hours, the files of `seaflow_peer` under other
names. What starting costs is measured beside it and taken off.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import statistics
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.benchmarks import seaflow_peer
from tests.benchmarks.test_seaflow import _PEAK, big, cache, small, table
from tests.record.seaflow_cruise import same
from workbench.readers.seaflow_files import file_name

__all__ = ["big", "cache", "small", "table"]

pytestmark = pytest.mark.timeout(1800)

START = np.datetime64("2025-01-14T20:00:00", "s")
PER_HOUR, HOURS = 5, 12
EACH = np.timedelta64(3600 // PER_HOUR, "s")
CATALOG = """
metadata:
  cruise: {id: INGEST, title: Ingest, start: 2025-01-14, end: 2025-01-17}
  board: [{view: cytogram, source: evt, x: fsc_small, y: pe}]
sources:
  evt: {driver: workbench, description: Events., args: {reader: seaflow_evt, url: "{{ CATALOG_DIR }}/evt"}}
"""
NS = "ns/particle"


@dataclass(frozen=True)
class Whole:
    """A cruise on disk, and its command."""

    folder: Path
    table: Path
    particles: int
    sources: tuple[Path, ...]

    def words(self, out: Path, *more: str, workers: int = 1, fresh: bool = True) -> list[str]:
        """Its populations; what an earlier run left is taken away, unless it is to go on."""
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        return [
            sys.executable, "-m", "workbench", "seaflow", str(self.folder / "evt"), "--params",
            str(self.folder / "parameters.db"), "--size-table", str(self.table), "--out", str(out),
            "--workers", str(workers), *more,
        ]  # fmt: skip

    def took(self, start: Whole, out: Path, repeats: int, *more: str, workers: int = 1) -> tuple[float, float]:
        """Wall and processor seconds beyond those of `start`, a small one: medians, in turn."""
        found: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        for _ in range(repeats):
            for one, times in zip((start, self), found, strict=True):
                times.append(seaflow_peer.timed(one.words(out, *more, workers=workers)))
        less, all_ = (np.median(times, axis=0) for times in found)
        return tuple(np.maximum(all_ - less, 1e-6).tolist())


@pytest.fixture(scope="module")
def whole(big: seaflow_peer.Cruise, table: Path, smoke: bool, tmp_path_factory) -> Whole:
    folder = tmp_path_factory.mktemp("ingest")
    sources = sorted(path for path in big.evt("v2").rglob("*-*") if path.is_file())
    times = START + np.arange(PER_HOUR * (2 if smoke else HOURS)) * EACH
    names = [file_name(time) for time in times]
    for at, name in enumerate(names):
        (folder / "evt" / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(sources[at % len(sources)], folder / "evt" / name)
    seaflow_peer._database(folder / "parameters.db", names, times)
    (folder / "c.yaml").write_text(CATALOG)
    particles = sum(sources[at % len(sources)].stat().st_size // 14 for at in range(len(names)))
    return Whole(folder, table, particles, tuple(sources))


@pytest.fixture(scope="module")
def few(whole: Whole, small: seaflow_peer.Cruise, tmp_path_factory) -> Whole:
    """One small file: what starting costs."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "evt").symlink_to(small.evt("v2").absolute())
    (folder / "parameters.db").write_bytes(small.database.read_bytes())
    return Whole(folder, whole.table, small.particles, ())


def cold(paths: tuple[Path, ...]) -> float:
    """Nanoseconds to read a particle's 14 bytes from the disk."""
    found = []
    for _ in range(3):
        read, begun = 0, 0.0
        for path in paths:
            with path.open("rb", buffering=0) as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                start = time.perf_counter()
                while piece := file.read(1 << 20):
                    read += len(piece)
                begun += time.perf_counter() - start
        found.append(begun / read * 14e9)
    return statistics.median(found)


def test_to_populations_from_the_disk(whole: Whole, few: Whole, tmp_path: Path, row, smoke) -> None:
    """On both cores no slower than the disk gives the files."""
    wall, cpu = whole.took(few, tmp_path / "out", 1 if smoke else 5, workers=2)
    disk = cold(whole.sources)
    row("ingest: EVT to populations, two cores", NS, 1e9 * wall / whole.particles, limit=disk, at_most=disk)
    row("ingest: the same, of processor", f"{NS} CPU", 1e9 * cpu / whole.particles)
    written = sorted((tmp_path / "out").rglob("*.parquet"))
    assert written
    for path in written:
        groups = pq.ParquetFile(path).metadata
        assert {groups.row_group(0).column(at).compression for at in range(groups.num_columns)} <= {"ZSTD"}, path


def test_to_populations_and_index(whole: Whole, tmp_path: Path, row) -> None:
    """Both in one command: its memory, and that it says how far it is."""
    words = whole.words(tmp_path / "out", "--index", str(whole.folder / "c.yaml"), workers=2)
    shutil.rmtree(whole.folder / "INGEST.cruise", ignore_errors=True)
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", _PEAK, *words[3:]], capture_output=True, text=True, check=True)
    wall = time.monotonic() - begun
    peak = int(done.stderr.rpartition("PEAK ")[2]) / 1024
    row("ingest: EVT to populations and index of one plane", NS, 1e9 * wall / whole.particles)
    row("ingest: its memory", "MB", peak, at_most=1000)
    taken = sum(path.stat().st_size for path in (whole.folder / "INGEST.cruise").rglob("*") if path.is_file())
    row("ingest: the index on disk, codes included", "byte/particle", taken / whole.particles)
    shutil.rmtree(whole.folder / "INGEST.cruise")
    said = _in_a_terminal(whole.words(tmp_path / "out", "--index", str(whole.folder / "c.yaml"), workers=2))
    assert "100%" in said and "file" in said, said[-500:]


def _in_a_terminal(words: list[str]) -> str:
    """What a command shows a person."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # as a terminal says that nobody writes any more
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait(60) == 0, said[-500:]
    return said.decode(errors="replace")


def test_killed_and_gone_on(whole: Whole, tmp_path: Path, row, smoke) -> None:
    """What was done is not done again, and the bytes are those of one go."""
    subprocess.run(whole.words(tmp_path / "whole"), check=True, capture_output=True)
    out = tmp_path / "killed"
    process = subprocess.Popen(whole.words(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while process.poll() is None and len(list(out.rglob("*.parquet"))) < (2 if smoke else HOURS):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hours = len(list((out / "vct").glob("*.parquet"))) if (out / "vct").exists() else 0
    again = subprocess.run(whole.words(out, "--json", fresh=False), check=True, capture_output=True, text=True)
    told = json.loads(again.stdout)
    same(tmp_path / "whole", out)
    twice = told["processed"] - (told["files"] - PER_HOUR * hours)
    row("ingest: killed and gone on, files done again", "files", max(0, twice), at_most=2 * PER_HOUR)


def test_on_a_cluster(whole: Whole, few: Whole, tmp_path: Path, row, smoke) -> None:
    """Two workers: the same bytes, in less time than on one core."""
    distributed = pytest.importorskip("distributed")
    repeats = 1 if smoke else 3
    one, _ = whole.took(few, tmp_path / "one", repeats)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", protocol="tcp", dashboard_address=None
    ) as cluster:
        on = ("--scheduler", cluster.scheduler_address)
        subprocess.run(whole.words(tmp_path / "warm", *on), check=True, capture_output=True)  # workers import, once
        two, _ = whole.took(few, tmp_path / "cluster", repeats, *on)
    same(tmp_path / "one", tmp_path / "cluster")
    row("ingest: on a Dask cluster of two workers", "s", two, peer=one, peer_name="on one core", least_ratio=1.3)
