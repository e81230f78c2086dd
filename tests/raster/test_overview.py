"""A cruise of series in fixed memory: however the rows came, the bins are the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.window import MAX, MIN, Window
from workbench.raster.overview import Overview

T0 = np.datetime64("2024-03-01T00:00:00", "ns")


def bins(overview: Overview, name: str = "a", start=MIN, stop=MAX, points=None):
    return overview.bins(name, start, stop, points)


def same(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    for key in a:
        if key == "mean":
            np.testing.assert_allclose(a[key], b[key], rtol=1e-12, atol=1e-9)
        else:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)


@given(
    seconds=st.lists(st.integers(-(10**6), 10**6), unique=True, min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    order=st.randoms(),
    missing=st.integers(1, 9),
    capacity=st.integers(2, 40),
)
def test_any_split_and_order_gives_the_same_bins(seconds, cuts, order, missing, capacity) -> None:
    time = T0 + np.array(seconds).astype("timedelta64[s]")
    value = np.where(np.arange(time.size) % missing == 0, np.nan, np.sin(np.arange(time.size) * 7.0) * 100)
    whole, pieces = Overview(["a"], capacity), Overview(["a"], capacity)
    whole.append(time, {"a": value})
    edges = sorted({0, time.size, *(c for c in cuts if c < time.size)})
    parts = [slice(i, j) for i, j in pairwise(edges)]
    order.shuffle(parts)
    for part in parts:
        pieces.append(time[part], {"a": value[part]})
    assert whole.width == pieces.width and whole.nbytes == pieces.nbytes
    spans = [(MIN, MAX), *((time.max() - np.timedelta64(back, "s"), MAX) for back in (1, 100, 5000))]
    for start, stop in spans:
        same(bins(whole, start=start, stop=stop), bins(pieces, start=start, stop=stop))
        same(bins(whole, start=start, stop=stop, points=3), bins(pieces, start=start, stop=stop, points=3))
    assert whole.first == time.min() and whole.last == time.max()


@given(st.lists(st.integers(0, 3_000_000), unique=True, min_size=1, max_size=50), st.integers(2, 64))
def test_nothing_is_lost_or_made_up(seconds, capacity) -> None:
    time = T0 + np.array(seconds).astype("timedelta64[s]")
    value = np.cos(np.array(seconds) * 1.0)
    overview = Overview(["a"], capacity)
    overview.append(time, {"a": value})
    got = bins(overview)
    assert got["count"].sum() == time.size and got["time"].size <= capacity
    assert got["min"].min() == value.min() and got["max"].max() == value.max()
    assert got["last"][-1] == value[np.argmax(time)]
    np.testing.assert_allclose((got["mean"] * got["count"]).sum(), value.sum(), atol=1e-9)
    few = bins(overview, points=5)
    assert few["time"].size <= 5 and few["count"].sum() == time.size


def test_each_bin_is_what_its_rows_say() -> None:
    time = T0 + np.arange(0, 86400 * 3).astype("timedelta64[s]")
    value = np.random.default_rng(1).normal(size=time.size)
    overview = Overview(["a"], 1000)
    for part in np.array_split(np.arange(time.size), 37):
        overview.append(time[part], {"a": value[part]})
    assert overview.width == np.timedelta64(512, "s")
    got = bins(overview)
    number = time.astype(np.int64) // (512 * 10**9)
    for i, one in enumerate(np.unique(number)):
        rows = value[number == one]
        assert got["count"][i] == rows.size and got["min"][i] == rows.min() and got["max"][i] == rows.max()
        assert got["last"][i] == rows[-1]
        np.testing.assert_allclose(got["mean"][i], rows.mean(), atol=1e-12)


def test_the_last_hour_stays_fine() -> None:
    time = T0 + np.arange(0, 86400 * 20, 10).astype("timedelta64[s]")
    overview = Overview(["a"], 1024)
    overview.append(time, {"a": np.arange(time.size)})
    for back, width in ((600, 1), (3600, 8), (86400, 512)):
        got = bins(overview, start=time[-1] - np.timedelta64(back, "s"))
        assert got["width"][0] == np.timedelta64(width, "s")
        assert got["count"].sum() >= back // 10
    assert overview.width == np.timedelta64(2048, "s")


def test_memory_is_fixed() -> None:
    overview = Overview(["a", "b"], 256)
    sizes = []
    for day in range(400):
        time = T0 + np.timedelta64(day, "D") + np.arange(0, 86400, 60).astype("timedelta64[s]")
        overview.append(time, {"a": np.ones(time.size), "b": np.ones(time.size)})
        sizes.append(overview.nbytes)
    row = 2 * 256 * 6 * 8
    assert max(sizes) <= 8 * row and bins(overview, "b")["count"].sum() == overview.rows


def test_a_row_with_a_wrong_year_does_not_widen_the_bins() -> None:
    overview = Overview(["a"], within=Window(T0, T0 + np.timedelta64(1, "D")))
    overview.append(np.array([T0, np.datetime64("1994-12-16", "ns"), np.datetime64("NaT")]), {"a": [1.0, 2.0, 3.0]})
    assert overview.rows == 1 and overview.outside == 2 and overview.width == np.timedelta64(1, "s")
    assert bins(overview)["last"].tolist() == [1.0]


def test_nothing_yet_and_nothing_there() -> None:
    overview = Overview(["a"])
    assert bins(overview)["time"].size == 0
    overview.append(np.array([T0]), {"a": [np.nan]})
    assert bins(overview)["time"].size == 0 and bins(overview, start=T0 + np.timedelta64(1, "D"))["time"].size == 0


def test_mistakes_teach() -> None:
    overview = Overview(["salinity"])
    with pytest.raises(KeyError, match="Did you mean 'salinity'"):
        overview.append(np.array([T0]), {"salinty": [1.0]})
    with pytest.raises(ValueError, match="shape"):
        overview.append(np.array([T0]), {"salinity": [1.0, 2.0]})
