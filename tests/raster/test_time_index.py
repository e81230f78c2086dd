"""The index along time: any range, zoom and population equals the raw count, however it was built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.viewport import Viewport
from workbench.raster import tiles, time_index
from workbench.raster.count import count_by, count_codes
from workbench.raster.memory_store import MemoryStore
from workbench.raster.plane import snap
from workbench.raster.tiles import Layer, layers, pack_tile, unpack_tile
from workbench.raster.time_index import Contents, count_files
from workbench.raster.time_index_build import NewFile, append, extended

#: Levels and steps small enough for laws; tiles of 256 cells on the finer ones.
LAYERS = tuple(
    Layer("x", "y", by, level, step) for by in ("", "pop") for level, step in ((64, 300), (512, 500), (1024, 700))
)
NAMES = ("one", "two", "three")


@dataclass(frozen=True)
class Cruise:
    """Files in memory, counted the plain way."""

    files: tuple[NewFile, ...]

    def count(self, viewport: Viewport, first: int, last: int, by: bool) -> np.ndarray:
        shape = (len(NAMES), viewport.height, viewport.width) if by else (viewport.height, viewport.width)
        out = np.zeros(shape, np.uint32)
        for file in self.files[first:last]:
            x, y, label = (np.asarray(file.columns[name]) for name in ("x", "y", "pop"))
            good = (x >= 0) & (x < 65536) & (y >= 0) & (y < 65536)
            x, y = x[good].astype(np.uint16), y[good].astype(np.uint16)
            if by:
                count_by(x, y, label[good], viewport, len(NAMES), out)
            else:
                count_codes(x, y, viewport, out)
        return out


@st.composite
def cruises(draw: st.DrawFn) -> Cruise:
    """Files of very different lengths; some hold log values with gaps instead of codes."""
    sizes = draw(st.lists(st.integers(0, 600), min_size=1, max_size=12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.sampled_from([3.0, 300.0, 30000.0]))
    files = []
    for i, size in enumerate(sizes):
        x, y = np.clip(rng.normal(rng.uniform(0, 65535, (2, 1)), spread, (2, size)), 0, 65535)
        if draw(st.booleans()):
            x[:: draw(st.integers(1, 50))] = rng.choice([np.nan, -1.0, np.inf, 65536.0])
            columns = {"x": x.astype(np.float32), "y": y.astype(np.uint16)}
        else:
            columns = {"x": x.astype(np.uint16), "y": y.astype(np.uint16)}
        label = rng.choice(np.array([0, 1, 2, 255], np.uint8), size)
        files.append(NewFile(i + 1, i, {**columns, "pop": label}))
    return Cruise(tuple(files))


@st.composite
def viewports(draw: st.DrawFn) -> Viewport:
    edges = [draw(st.integers(0, 65536)) for _ in range(4)]
    if draw(st.booleans()):
        edges = [0, 65536, 0, 65536]
    return snap(*edges, draw(st.sampled_from([16, 64, 128, 512])))


def built(files: tuple[NewFile, ...], cuts: list[int] | None = None) -> tuple[Contents, MemoryStore]:
    store, contents = MemoryStore(), Contents(LAYERS)
    edges = [0, *sorted(c % (len(files) + 1) for c in cuts or []), len(files)]
    for first, last in pairwise(edges):
        contents = append(contents, store, files[first:last], NAMES)
    return contents, store


@pytest.fixture(autouse=True)
def _nothing_is_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are used however few particles there are."""
    monkeypatch.setattr(time_index, "FEW", 0)


@settings(deadline=None)
@given(cruises(), viewports(), st.booleans(), st.data())
def test_any_range_zoom_and_population_equals_the_raw_count(
    cruise: Cruise, viewport: Viewport, by: bool, data: st.DataObject
) -> None:
    contents, store = built(cruise.files, data.draw(st.lists(st.integers(0, 12), max_size=4)))
    first = data.draw(st.integers(0, len(cruise.files)))
    last = data.draw(st.integers(first, len(cruise.files)))
    got = count_files(contents, store, "x", "y", "pop" if by else "", viewport, first, last)
    assert np.array_equal(got, cruise.count(viewport, first, last, by))


@settings(deadline=None, max_examples=25)
@given(cruises(), st.lists(st.integers(0, 12), max_size=6))
def test_appends_in_any_split_make_the_same_checkpoints(cruise: Cruise, cuts: list[int]) -> None:
    (a, left), (b, right) = built(cruise.files), built(cruise.files, cuts)
    assert {layer: [p.files for p in points] for layer, points in a.checkpoints.items()} == {
        layer: [p.files for p in points] for layer, points in b.checkpoints.items()
    }
    assert np.array_equal(a.starts, b.starts)
    for layer, points in a.checkpoints.items():
        for one, other in zip(points, b.checkpoints[layer], strict=True):
            want = time_index.tiles_of(left, layer, one)[..., 1]
            assert np.array_equal(want, time_index.tiles_of(right, layer, other)[..., 1])


@settings(deadline=None, max_examples=40)
@given(cruises(), viewports(), st.booleans(), st.data())
def test_after_a_rewritten_file_it_goes_on_from_the_checkpoint_before(
    cruise: Cruise, viewport: Viewport, by: bool, data: st.DataObject
) -> None:
    """The files after it are not read again: their codes are there, and no longer in one piece."""
    contents, store = built(cruise.files)
    at = data.draw(st.integers(0, len(cruise.files) - 1))
    other = replace(data.draw(cruises()).files[0], id=999, time=at)
    again = append(contents.cut(at), store, [other], NAMES)
    rest = slice(at + 1, None)
    again = extended(again, store, *(getattr(contents, n)[rest] for n in ("ids", "times", "starts", "sizes")), NAMES)
    changed = Cruise((*cruise.files[:at], other, *cruise.files[at + 1 :]))
    first = data.draw(st.integers(0, len(cruise.files)))
    last = data.draw(st.integers(first, len(cruise.files)))
    name = "pop" if by else ""
    got = count_files(again, store, "x", "y", name, viewport, first, last)
    assert np.array_equal(got, changed.count(viewport, first, last, by))
    old = count_files(contents, store, "x", "y", name, viewport, first, last)
    assert np.array_equal(old, cruise.count(viewport, first, last, by)), "who still holds the old one gets its answers"


def test_the_coarsest_layer_that_fits_is_asked() -> None:
    contents = Contents(layers("x", "y"))
    level = {v: (found.level if (found := contents.layer_for("x", "y", "", v)) else None) for v in (
        snap(0, 65536, 0, 65536), snap(0, 65536, 0, 65536, 256), snap(0, 65536, 0, 65536, 1024),
        snap(0, 16384, 0, 65536), snap(20000, 26000, 20000, 26000), snap(1000, 2000, 1000, 2000),
    )}  # fmt: skip
    assert list(level.values()) == [512, 512, 2048, 2048, 4096, None]
    assert contents.layer_for("y", "x", "", snap(0, 65536, 0, 65536)) is None


def test_checkpoints_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range that begins and ends at checkpoints reads no particle."""
    rng = np.random.default_rng(1)
    files = tuple(
        NewFile(i, i, {"x": x, "y": y, "pop": np.zeros(100, np.uint8)})
        for i, (x, y) in enumerate(rng.integers(0, 65536, (60, 2, 100)).astype(np.uint16))
    )
    contents, store = built(files)
    monkeypatch.setattr(store, "column", None)
    got = count_files(contents, store, "x", "y", "", snap(0, 65536, 0, 65536, 64), 3, 57)
    assert got.sum() == 5400


def test_what_the_memory_held_before_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of populations of which nobody came in between, or ever."""
    x, y = np.random.default_rng(1).integers(0, 65536, (2, 100)).astype(np.uint16)
    files = tuple(NewFile(i, i, {"x": x, "y": y, "pop": np.full(100, i == 0, np.uint8)}) for i in range(60))
    contents, store = built(files)
    monkeypatch.setattr(np, "empty", lambda *args: np.full(args[0], 7, *args[1:]))
    for by, want in (("pop", [5400, 0, 0]), ("", 5400)):
        got = count_files(contents, store, "x", "y", by, snap(0, 65536, 0, 65536, 64), 3, 57)
        assert got.sum(axis=(-2, -1)).tolist() == want


def test_an_unchanged_tile_is_not_kept_twice() -> None:
    rng = np.random.default_rng(1)
    busy = [{"x": rng.integers(0, 1000, 900).astype(np.uint16)} for _ in range(20)]
    files = tuple(NewFile(i, i, {**c, "y": c["x"], "pop": np.zeros(900, np.uint8)}) for i, c in enumerate(busy))
    contents, store = built(files)
    layer = LAYERS[2]
    tables = [time_index.tiles_of(store, layer, point) for point in contents.checkpoints[layer]]
    assert len(tables) == 20
    assert all((table[0, :, :, 1] > 0).sum() == 1 for table in tables)


@pytest.mark.parametrize("spoil", [lambda d: d[:10], lambda d: b"\0" * len(d), lambda d: d[:-9]])
def test_a_broken_tile_is_refused(spoil) -> None:
    counts = np.arange(64 * 64, dtype=np.uint32).reshape(64, 64)
    packed = pack_tile(counts)
    out = np.empty_like(counts)
    unpack_tile(packed, out)
    assert np.array_equal(out, counts)
    with pytest.raises(ValueError, match="no tile"):
        unpack_tile(spoil(packed), out)


def test_a_tile_in_blocks_of_another_size_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an index that was built before."""
    counts = np.random.default_rng(1).integers(0, 300, (512, 512)).astype(np.uint32)
    now = pack_tile(counts)
    monkeypatch.setattr(tiles, "_BLOCK", 1 << 18)
    before = pack_tile(counts)
    assert before != now
    out = np.empty_like(counts)
    unpack_tile(before, out)
    assert np.array_equal(out, counts)
