"""Any range of time of a hundred million particles out of the index on disk, against drawing them anew.

``make bench`` has 1e8 particles, SCALE=1 1e9 besides (the same files ten times over, which the index does not know); a
plain pytest has 1e7. datashader gets pandas and linear axes over codes, which it is fastest at; on log axes it takes 3
to 6 times as long. All counts are compared to its own before anything is timed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datashader
import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import columns
from tests.benchmarks.rows import MODE
from workbench.core.viewport import Viewport
from workbench.raster.memory_store import MemoryStore
from workbench.raster.plane import snap
from workbench.raster.tiles import Layer, layers
from workbench.raster.time_index import Contents, count_files
from workbench.raster.time_index_build import extended
from workbench.record.picture_index import Extent, IndexFolder
from workbench.record.picture_index_update import Listing, bring_up_to_date
from workbench.record.picture_index_writer import FolderWriter

pytestmark = pytest.mark.timeout(900)

X, Y, BY = "fsc_small", "chl_small", "pop"
FILE = 35_000  # particles of a file
WHOLE = snap(0, 65536, 0, 65536)
#: Level -> the bar in ms, and how much of an axis is seen there at 512 pixels.
BARS = {512: 2.0, 2048: 5.0, 4096: 6.0}
SEEN = {512: 65536, 2048: 16384, 4096: 8192}
POPULATIONS = ("prochloro", "synecho", "picoeuk", "croco", "beads")
MS = "ms"


@dataclass
class Cruise:
    """Columns on disk, and the same in memory for the peer."""

    folder: Path
    frame: pd.DataFrame
    contents: Contents
    writer: FolderWriter

    @property
    def files(self) -> int:
        return len(self.contents)

    def with_layers(self, *wanted: Layer) -> Contents:
        c = self.contents
        names = POPULATIONS if any(layer.by for layer in wanted) else ()
        return extended(Contents(wanted), self.writer, c.ids, c.times, c.starts, c.sizes, names)

    def again(self, times: int) -> Contents:
        """The same files several times over: no bytes more."""
        c = self.contents
        n = len(c) * times
        ids = np.arange(n, dtype=np.uint64)
        return Contents((), ids, ids.astype(np.int64), np.tile(c.starts, times), np.tile(c.sizes, times))


@pytest.fixture(scope="module", params=["simulated", "real"])
def cruise(request, size, tmp_path_factory) -> Iterator[Cruise]:
    n = max(2000, size(1e8 if MODE in ("bench", "all") else 1e7))
    real = request.param == "real"
    codes = columns.real(request.getfixturevalue("data"), n) if real else columns.simulated(n)
    label = np.random.default_rng(3).integers(0, 5, n).astype(np.uint8)
    label[(codes[X] < 4000) | (codes[Y] < 4000)] = 255
    folder = tmp_path_factory.mktemp("index")
    writer = FolderWriter(folder, Extent())
    for start in range(0, n, 1 << 24):
        part = slice(start, start + (1 << 24))
        writer.extend({X: codes[X][part], Y: codes[Y][part], BY: label[part]}, {})
    per = min(FILE, n // 20)
    starts = np.arange(n // per) * per
    ids = np.arange(len(starts), dtype=np.uint64)
    contents = Contents((), ids, starts, starts, np.full(len(starts), per))
    pop = pd.Categorical.from_codes(np.minimum(label, 5).astype(np.int8), (*POPULATIONS, "nobody"))
    yield Cruise(folder, pd.DataFrame({"x": codes[X], "y": codes[Y], "pop": pop}), contents, writer)
    writer.close()


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """Nothing is compiled or loaded while it is timed."""
    rng, store = np.random.default_rng(0), MemoryStore()
    x, y = rng.integers(0, 65536, (2, 4_200_000)).astype(np.uint16)
    start = store.extend({X: x, Y: y, BY: (x & 3).astype(np.uint8)}, {})
    one = np.zeros(1, np.int64)
    wanted = Contents((*layers(X, Y), *layers(X, Y, BY)))
    c = extended(wanted, store, one.astype(np.uint64), one, one + start, one + x.size, POPULATIONS)
    for by in ("", BY):
        for level in BARS:
            count_files(c, store, X, Y, by, view(level, 30_000, 30_000), 0, 1)


def view(level: int, x: float, y: float) -> Viewport:
    """What is seen around a point."""
    if level == 512:
        return WHOLE
    half = SEEN[level] / 2
    x, y = (min(max(centre, half), 65536 - half) for centre in (x, y))
    return snap(x - half, x + half, y - half, y + half)


def canvas(v: Viewport) -> datashader.Canvas:
    return datashader.Canvas(v.width, v.height, (v.x0, v.x1), (v.y0, v.y1))


def drawn(cruise: Cruise, v: Viewport, first: int, last: int, by: bool, *, exact: bool = False) -> np.ndarray:
    """By datashader, which takes a point on the far edge for one inside; not with `exact`."""
    per = int(cruise.contents.sizes[0])
    part = cruise.frame.iloc[first * per : last * per]
    if exact and v != WHOLE:  # no code lies beyond the whole plane
        part = part[(part.x < v.x1) & (part.y < v.y1)]
    if not by:
        return canvas(v).points(part, "x", "y").values
    return canvas(v).points(part, "x", "y", datashader.count_cat("pop")).values.transpose(2, 0, 1)[:5]


def timed(call: Callable[[int], object], repeats: int) -> np.ndarray:
    """Milliseconds of each call."""
    took = []
    for i in range(repeats):
        start = time.perf_counter()
        call(i)
        took.append(1000 * (time.perf_counter() - start))
    return np.array(took)


def opened(cruise: Cruise, contents: Contents):
    """As another process reads it."""
    cruise.writer.commit(contents)
    found = IndexFolder(cruise.folder).read()
    assert found is not None
    return found


@pytest.mark.parametrize("level", BARS)
@pytest.mark.parametrize("by", ["", BY], ids=["plain", "by population"])
def test_any_range(cruise: Cruise, level: int, by: str, row, request, smoke) -> None:
    kind = request.node.callspec.params["cruise"]
    if MODE == "bench" and ((by and kind == "real") or (level == 2048 and (by or kind == "real"))):
        pytest.skip("make bench-all has it")
    layer = next(each for each in layers(X, Y, by) if each.level == level)
    seen = cruise.frame.iloc[:: max(1, len(cruise.frame) // 10_000)]
    v, bar = view(level, seen.x.median(), seen.y.median()), 6.0 if by else BARS[level]
    begun, before = time.process_time(), cruise.writer.extent.counts
    contents = cruise.with_layers(layer)
    build = (time.process_time() - begun) / contents.particles * 1e9
    size = (cruise.writer.extent.counts - before) / contents.particles
    index = opened(cruise, contents)
    name = f"index {kind}, {level}{', by population' if by else ''}"
    first = level == 512 and not by
    row(f"{name}: build (CPU)", "ns/particle", build, at_most=3 if first else None)
    row(f"{name}: size", "byte/particle", size, at_most=0.6 if first else None)

    def ours(a: int, b: int) -> np.ndarray:
        return count_files(index.contents, index.store, X, Y, by, v, a, b)

    assert index.contents.layer_for(X, Y, by, v) == layer
    rng, n = np.random.default_rng(level), cruise.files
    for share, least in ((0.1, 10 if by or level > 512 else 30), (1.0, 500 if first else 100)):
        length = max(1, round(n * share))
        at = rng.integers(0, n - length + 1, 60)
        for a in at[: 1 if share == 1.0 else 2]:
            np.testing.assert_array_equal(ours(a, a + length), drawn(cruise, v, a, a + length, bool(by), exact=True))
        least = least if MODE in ("bench", "all") else least / 20
        peer, times = [], []
        for turn in range(1 if smoke else 5):
            peer.append(timed(lambda i, t=turn, k=length, a=at: drawn(cruise, v, a[t], a[t] + k, bool(by)), 1)[0])
            times.append(timed(lambda i, t=turn, k=length, a=at: ours(a[12 * t + i], a[12 * t + i] + k), 12))
        took = np.concatenate(times)
        what = f"{name}: {share:.0%} of {index.contents.particles:.0e}"
        row(
            what,
            MS,
            statistics.median(took),
            peer=statistics.median(peer),
            peer_name="datashader",
            least_ratio=least,
            at_most=bar,
        )
        row(f"{what}, p95", MS, np.quantile(took, 0.95), at_most=3 * bar)


def test_flat_in_length(cruise: Cruise, row, scale, size, request) -> None:
    """The same time for a thousandth of the cruise and for all of it, and for a cruise a thousand times as long."""
    kind = request.node.callspec.params["cruise"]
    wanted = Contents(layers(X, Y)[:1])
    all_of = cruise.again(10 if scale else 1)
    per, rng = int(all_of.sizes[0]), np.random.default_rng(1)
    lengths = {
        n: min(round(size(n) / per), len(all_of)) for n in (1e6, 1e7, 1e8, 1e9) if size(n) < 1.01 * all_of.particles
    }

    def first(files: int) -> Contents:
        """An index of the cruise's first files."""
        each = (column[:files] for column in (all_of.ids, all_of.times, all_of.starts, all_of.sizes))
        return extended(wanted, cruise.writer, *each)

    def median(index: Any, files: int) -> float:
        """Of any so many files in turn."""
        at = rng.integers(0, len(index.contents) - files + 1, 80)

        def ask(i: int) -> object:
            return count_files(index.contents, index.store, X, Y, "", WHOLE, int(at[i]), int(at[i]) + files)

        return statistics.median(timed(ask, 80))

    c = first(len(all_of))
    index = opened(cruise, c)
    for particles, files in lengths.items():
        row(f"index {kind}, 512: any {particles:.0e} of {c.particles:.0e}", MS, median(index, files), at_most=2)
    for particles, files in lengths.items():
        took = median(opened(cruise, first(files)), max(1, files // 2))
        row(f"index {kind}, 512: any half of a cruise of {particles:.0e}", MS, took, at_most=2)
    if scale:
        tenth = len(c) // 10
        got = count_files(index.contents, index.store, X, Y, "", WHOLE, 0, len(c))
        one = count_files(index.contents, index.store, X, Y, "", WHOLE, 0, tenth)
        np.testing.assert_array_equal(got, 10 * one)


def test_append(tmp_path: Path, size, row, measure) -> None:
    """One more file of two million particles, until it is on disk and counts."""
    n, codes = size(2e6), columns.simulated(size(2e6))
    pair = {X: codes[X], Y: codes[Y]}
    index, layer, took = IndexFolder(tmp_path / "i"), layers(X, Y)[:1], []
    for files in range(1, 14):
        listing = Listing(np.arange(files, dtype=np.uint64), np.arange(files), np.full(files, n), lambda i: pair)
        begun = time.perf_counter()
        assert bring_up_to_date(index, layer, listing) == 1
        took.append(1000 * (time.perf_counter() - begun))
    row("index, append a file of 2e6, fsync included", MS, statistics.median(took[3:]), at_most=50)


def test_all_of_the_demo_board(tmp_path: Path, size, row) -> None:
    """Two planes at three levels: what all of it takes, codes included."""
    n = size(2e7)
    codes = columns.simulated(n)
    per = min(FILE, n // 20)
    names = ("fsc_small", "pe", "chl_small")
    files = n // per
    listing = Listing(
        np.arange(files, dtype=np.uint64), np.arange(files), np.full(files, per),
        lambda i: {name: codes[name][i * per : (i + 1) * per] for name in names},
    )  # fmt: skip
    index = IndexFolder(tmp_path / "i")
    begun = time.process_time()
    bring_up_to_date(index, (*layers("fsc_small", "pe"), *layers("fsc_small", "chl_small")), listing)
    took = (time.process_time() - begun) / (files * per)
    row("index, the demo's board: build of all (CPU)", "ns/particle", took * 1e9)
    found = index.read()
    assert found is not None
    row("index, the demo's board: pictures", "byte/particle", found.store.extent.counts / (files * per))
    row("index, the demo's board: with codes", "byte/particle", index.nbytes / (files * per))
