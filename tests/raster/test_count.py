"""Counts of points in cells, against the plainest way to count."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.core.viewport import Viewport
from workbench.raster import accumulate
from workbench.raster.count import combine, count, count_by, count_codes
from workbench.raster.scatter import drain

WHOLE = Viewport(0, 65536, 0, 65536, 512, 512)
U16 = hnp.arrays(np.uint16, st.shared(st.integers(0, 3000), key="n"), elements=st.integers(0, 65535), fill=st.just(7))


@st.composite
def viewports(draw) -> Viewport:
    """Whole edges anywhere near the plane, 2**k codes a cell."""
    edges = []
    for _ in "xy":
        cell, cells = 2 ** draw(st.integers(0, 10)), draw(st.integers(1, 70))
        start = draw(st.integers(-300, 65536))
        edges.append((start, start + cell * cells, cells))
    (x0, x1, w), (y0, y1, h) = edges
    return Viewport(x0, x1, y0, y1, w, h)


def plainly(x: np.ndarray, y: np.ndarray, v: Viewport) -> np.ndarray:
    """One particle after the other."""
    out = np.zeros((v.height, v.width), np.uint32)
    x, y = np.asarray(x, float), np.asarray(y, float)
    keep = (x >= v.x0) & (x < v.x1) & (y >= v.y0) & (y < v.y1)
    column = np.floor((x[keep] - v.x0) / v.cell_x).astype(int)
    row = np.floor((y[keep] - v.y0) / v.cell_y).astype(int)
    np.add.at(out, (np.minimum(row, v.height - 1), np.minimum(column, v.width - 1)), 1)
    return out


def test_a_particle_lands_in_the_cell_of_its_code() -> None:
    x, y = np.array([[0, 127, 128, 65535], [0, 0, 0, 65535]], np.uint16)
    counts = count_codes(x, y, WHOLE)
    assert counts.dtype == np.uint32 and counts.shape == (512, 512)
    assert counts[0, 0] == 2 and counts[0, 1] == 1 and counts[511, 511] == 1 and counts.sum() == 4


@given(U16, U16, viewports())
def test_codes_are_counted_as_one_would_by_hand(x, y, viewport) -> None:
    np.testing.assert_array_equal(count_codes(x, y, viewport), plainly(x, y, viewport))


@given(st.integers(0, 65535), st.integers(0, 65535), st.integers(1, 20_000), st.floats(0, 1))
def test_a_crowded_cell_is_counted_whole(a, b, n, share) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.integers(0, 65536, (2, n)).astype(np.uint16)
    crowd = rng.random(n) < share
    x[crowd], y[crowd] = a, b
    for viewport in (WHOLE, Viewport(16384, 49152, 0, 65536, 256, 128)):
        np.testing.assert_array_equal(count_codes(x, y, viewport), plainly(x, y, viewport))


def test_strided_columns_of_rows_count_the_same() -> None:
    rows = np.random.default_rng(1).integers(0, 65536, (9999, 7)).astype(np.uint16)
    rows.flags.writeable = False
    want = plainly(rows[:, 4], rows[:, 1], WHOLE)
    np.testing.assert_array_equal(count_codes(rows[:, 4], rows[:, 1], WHOLE), want)
    np.testing.assert_array_equal(count_codes(rows[::-1, 4], np.ascontiguousarray(rows[::-1, 1]), WHOLE), want)
    label = rows[:, 6].astype(np.uint8)
    beside = count_by(np.ascontiguousarray(rows[:, 4]), np.ascontiguousarray(rows[:, 1]), label, WHOLE, 256)
    np.testing.assert_array_equal(count_by(rows[:, 4], rows[:, 1], label, WHOLE, 256), beside)


def test_counts_add_into_what_is_there() -> None:
    x, y = np.random.default_rng(2).integers(0, 65536, (2, 5000)).astype(np.uint16)
    out = count_codes(x[:2000], y[:2000], WHOLE)
    assert count_codes(x[2000:], y[2000:], WHOLE, out) is out
    np.testing.assert_array_equal(out, count_codes(x, y, WHOLE))


def test_nothing_is_written_beside_the_picture() -> None:
    """The kept scratch picture is larger than the next one needs: whatever strays is found there."""
    x, y = np.random.default_rng(6).integers(0, 65536, (2, 1000)).astype(np.uint16)
    count_codes(x, y, Viewport(0, 65536, 0, 65536, 1024, 1024))
    edges = np.array([0, 15, 16, 17, 1040, 1103, 1104, 1105, 65535], np.uint16)
    x, y = (np.repeat(axis.ravel(), 300) for axis in np.meshgrid(edges, edges))
    for viewport in (Viewport(16, 1104, 16, 1104, 17, 68), Viewport(16, 1104, 16, 1104, 1088, 34)):
        for values in (x, x.astype(float)):
            got = count(xr.Dataset({"a": ("row", values), "b": ("row", y)}), "a", "b", viewport).values
            np.testing.assert_array_equal(got, plainly(x, y, viewport))
            assert accumulate._kept and not any(flat.any() for flat, _ in accumulate._kept)
        count_by(x, y, np.full(x.size, 3, np.uint8), viewport, 3)
        assert accumulate._kept and not any(flat.any() for flat, _ in accumulate._kept)


def test_two_threads_add_one_after_the_other(monkeypatch) -> None:
    def slowly(flat, stride, notes, sign, out) -> None:
        sum_so_far = out.copy()
        time.sleep(0.05)
        drain(flat, stride, notes, sign, sum_so_far)
        out[:] = sum_so_far

    x = np.zeros(1000, np.uint16)
    monkeypatch.setattr(accumulate, "THREADED", 10)
    monkeypatch.setattr(accumulate, "cores", lambda: 2)
    monkeypatch.setattr(accumulate, "PIECE", 300)
    monkeypatch.setattr(accumulate, "drain", slowly)
    assert count_codes(x, x, WHOLE)[0, 0] == 1000


def test_two_threads_count_the_same(monkeypatch) -> None:
    x, y = np.random.default_rng(3).integers(0, 65536, (2, 100_000)).astype(np.uint16)
    want = count_codes(x, y, WHOLE)
    monkeypatch.setattr(accumulate, "THREADED", 10)
    monkeypatch.setattr(accumulate, "cores", lambda: 2)
    monkeypatch.setattr(accumulate, "PIECE", 10_000)
    for _ in range(20):
        np.testing.assert_array_equal(count_codes(x, y, WHOLE), want)


@pytest.mark.slow
def test_any_processor_counts_the_same(tmp_path) -> None:
    """One without vectors of 16 codes: what they do in one step is done in two."""
    code = """
import numpy as np
from tests.raster.test_count import WHOLE, plainly
from workbench.raster.count import count_by, count_codes
x, y = np.random.default_rng(8).integers(0, 65536, (2, 5000)).astype(np.uint16)
assert (count_codes(x, y, WHOLE) == plainly(x, y, WHOLE)).all()
assert (count_by(x, y, (x >> 15).astype(np.uint8), WHOLE, 2).sum(0) == plainly(x, y, WHOLE)).all()
"""
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **plain}, check=True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_counters_come_round_without_loss(share, threads, monkeypatch) -> None:
    """More points in a cell than a counter holds: busiest or not, outside or not, in pieces or not."""
    monkeypatch.setattr(accumulate, "THREADED", 10 if threads == 2 else 10**12)
    monkeypatch.setattr(accumulate, "cores", lambda: 2)
    monkeypatch.setattr(accumulate, "PIECE", 50_000)
    rng, n = np.random.default_rng(5), 3_000_000
    x, y = (rng.integers(0, 20, n, np.uint16) << np.uint16(7) for _ in range(2))
    x[rng.random(n) < share] = 0
    y[x == 0] = 0
    x[n // 2 : n // 2 + 200_000] = 5 << 7  # another one is the busiest for a while
    y[n // 2 : n // 2 + 200_000] = 6 << 7
    for v in (WHOLE, Viewport(128, 2176, 0, 2048, 16, 16)):
        cells = (x.astype(np.int64) - int(v.x0)) >> 7, (y.astype(np.int64) - int(v.y0)) >> 7
        good = (cells[0] >= 0) & (cells[0] < v.width) & (cells[1] < v.height)
        want = np.bincount((cells[1] * v.width + cells[0])[good], minlength=v.width * v.height)
        counts = count_codes(x, y, v)
        np.testing.assert_array_equal(counts.ravel(), want)
        assert not count_codes(x, y, v, counts.copy(), sign=-1).any()
        got = count_by(x, y, (x >> 7).astype(np.uint8), v, 2)
        np.testing.assert_array_equal(got[1], count_codes(x[x >> 7 == 1], y[x >> 7 == 1], v))
        np.testing.assert_array_equal(got[0], count_codes(x[x >> 7 == 0], y[x >> 7 == 0], v))


@given(U16, U16, hnp.arrays(np.uint8, st.shared(st.integers(0, 3000), key="n")), viewports(), st.integers(1, 7))
def test_populations_are_counted_apart(x, y, label, viewport, n) -> None:
    got = count_by(x, y, label, viewport, n)
    assert got.shape == (n, viewport.height, viewport.width)
    for i in range(n):
        np.testing.assert_array_equal(got[i], count_codes(x[label == i], y[label == i], viewport))


# -- datasets ------------------------------------------------------------------------------------------------------


def particles(x: np.ndarray, y: np.ndarray) -> xr.Dataset:
    return xr.Dataset({"fsc_small": ("particle", x, {"scale": "log"}), "pe": ("particle", y, {"units": "1"})})


def test_a_picture_says_what_it_shows() -> None:
    x, y = np.random.default_rng(4).integers(0, 65536, (2, 1000)).astype(np.uint16)
    got = count(particles(x, y), "fsc_small", "pe", WHOLE)
    assert got.dims == ("y", "x") and got.dtype == np.uint32 and got.x.long_name == "fsc_small"
    assert got.x.values[[0, -1]].tolist() == [64, 65472] and got.x.attrs["scale"] == "log"
    np.testing.assert_array_equal(got.values, plainly(x, y, WHOLE))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_log_values_are_drawn_by_the_code_they_fall_in(kind) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-500, 66000, (2, 20_000)).astype(kind)
    x[:6], y[6:9] = [np.nan, np.inf, -np.inf, -0.5, 65536, 65535.5], [np.nan, np.inf, -np.inf]
    y[:6] = 0
    ok = (x >= 0) & (x < 65536) & (y >= 0) & (y < 65536)
    want = plainly(np.floor(x[ok]), np.floor(y[ok]), WHOLE)
    np.testing.assert_array_equal(count(particles(x, y), "fsc_small", "pe", WHOLE).values, want)
    assert want[0, 511] == 1  # 65535.5


@given(
    hnp.arrays(np.float64, st.shared(st.integers(0, 400), key="m"), elements=st.floats(allow_nan=True, width=32)),
    hnp.arrays(np.float64, st.shared(st.integers(0, 400), key="m"), elements=st.floats(-10, 10)),
    st.floats(-5, 5), st.floats(0.01, 9), st.integers(1, 40),
)  # fmt: skip
def test_any_numbers_on_linear_axes(x, y, start, span, cells) -> None:
    viewport = Viewport(start, start + span, -2.0, 3.0, cells, 7)
    got = count(xr.Dataset({"a": ("row", x), "b": ("row", y)}), "a", "b", viewport)
    inside = (x >= viewport.x0) & (x < viewport.x1) & (y >= -2) & (y < 3)
    assert got.values.sum() == inside.sum()
    column = ((x[inside] - viewport.x0) * (cells / (viewport.x1 - viewport.x0))).astype(int)
    assert got.values.sum(axis=0).tolist() == np.bincount(np.minimum(column, cells - 1), minlength=cells).tolist()


def test_negative_whole_numbers_and_mixed_kinds() -> None:
    ds = xr.Dataset({"a": ("row", np.array([-3, -1, 0, 2], np.int16)), "b": ("row", np.array([0, 1, 2, 3], np.uint16))})
    got = count(ds, "a", "b", Viewport(-4, 4, 0, 4, 4, 2)).values
    assert got.tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize("kind", [">u2", ">f4", "<f2", "int8", ">i8", np.longdouble])
def test_numbers_of_any_make(kind) -> None:
    ds = xr.Dataset({"a": ("row", np.array([0, 3, 3, 100], kind)), "b": ("row", np.array([1, 0, 0, 1], kind))})
    got = count(ds, "a", "b", Viewport(0, 4, 0, 2, 4, 2)).values
    assert got.tolist() == [[0, 0, 0, 2], [1, 0, 0, 0]]


def test_more_dimensions_and_broadcast() -> None:
    ds = xr.Dataset({"t": (("time", "depth"), np.arange(6.0).reshape(2, 3)), "z": ("depth", [0.0, 1.0, 2.0])})
    for one in (ds, ds.chunk(time=1)):
        got = count(one, "t", "z", Viewport(0, 6, 0, 3, 6, 3)).values
        assert got.sum() == 6 and [got[int(z), int(t)] for t, z in ((0, 0), (4, 1), (5, 2))] == [1, 1, 1]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 900), max_size=5), st.integers(200, 900))
def test_dask_counts_the_same_however_it_is_cut(sizes, other) -> None:
    n = sum(sizes)
    x, y = np.random.default_rng(n).integers(0, 65536, (2, n)).astype(np.uint16)
    lazy = particles(da.from_array(x, chunks=(tuple(sizes) or (0,),)), da.from_array(y, chunks=other))
    np.testing.assert_array_equal(count(lazy, "fsc_small", "pe", WHOLE).values, plainly(x, y, WHOLE))


def test_a_long_dask_dataset_is_counted_in_little_memory(monkeypatch) -> None:
    monkeypatch.setattr("workbench.raster.count.ROWS", 3000)
    alive: set[int] = set()
    most = 0

    def chunk(block_info=None) -> np.ndarray:
        nonlocal most
        data = np.full(1000, block_info[None]["chunk-location"][0] % 65536, np.uint16)
        alive.add(id(data))
        weakref.finalize(data, alive.discard, id(data))
        most = max(most, len(alive))
        return data

    columns = [da.map_blocks(chunk, chunks=((1000,) * 300,), dtype=np.uint16) for _ in "xy"]
    got = count(particles(*columns), "fsc_small", "pe", Viewport(0, 65536, 0, 65536, 64, 64))
    gc.collect()
    assert got.values.sum() == 300_000
    assert most <= 60  # of 600


def test_what_is_lazy_without_dask_is_read_in_slices(monkeypatch) -> None:
    from xarray.backends import BackendArray
    from xarray.core import indexing

    asked = []

    class Column(BackendArray):
        shape, dtype = (10_000,), np.dtype(np.uint16)

        def __getitem__(self, key):
            return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

        def _read(self, key):
            rows = np.arange(*key[0].indices(10_000), dtype=np.uint16)
            asked.append(rows.size)
            return rows

    monkeypatch.setattr("workbench.raster.count.ROWS", 500)
    columns = [xr.Variable("particle", indexing.LazilyIndexedArray(Column())) for _ in "xy"]
    got = count(xr.Dataset({"a": columns[0], "b": columns[1]}), "a", "b", WHOLE)
    assert got.values.sum() == 10_000 and max(asked) == 1000 and len(asked) == 20


def test_combine_refuses_other_cells() -> None:
    x = np.zeros(3, np.uint16)
    a, b = (count(particles(x, x), "fsc_small", "pe", v) for v in (WHOLE, Viewport(0, 65536, 0, 65536, 256, 512)))
    assert combine(a, a).values[0, 0] == 6
    with pytest.raises(ValueError, match="different cells"):
        combine(a, b)


def test_mistakes_teach() -> None:
    x = np.zeros(3, np.uint16)
    ds = particles(x, x).assign(label=("particle", ["a", "b", "c"]))
    with pytest.raises(KeyError, match="Did you mean 'fsc_small'"):
        count(ds, "fsc_smal", "pe", WHOLE)
    with pytest.raises(TypeError, match="only numbers"):
        count(ds, "label", "pe", WHOLE)
    with pytest.raises(ValueError, match="1, 2, 4, 8"):
        count_codes(x, x, Viewport(0, 65536, 0, 65536, 100, 512))
    with pytest.raises(ValueError, match="whole edges"):
        count_codes(x, x, Viewport(0.5, 64.5, 0, 64, 64, 64))
    with pytest.raises(ValueError, match="same length"):
        count_codes(x, x[:2], WHOLE)
    with pytest.raises(TypeError, match="uint16"):
        count_codes(x.astype(float), x, WHOLE)
    with pytest.raises(ValueError, match="out must be"):
        count_codes(x, x, WHOLE, np.zeros((2, 2), np.uint32))
    with pytest.raises(ValueError, match="label"):
        count_by(x, x, np.zeros(2, np.uint8), WHOLE, 2)
