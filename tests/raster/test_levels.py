"""Counts to levels."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.raster.levels import levels

COUNTS = hnp.arrays(np.uint32, (6, 9), elements=st.integers(0, 2**32 - 1) | st.integers(0, 5))
HOW = st.sampled_from(["eq_hist", "log", "linear"])


@given(COUNTS, HOW)
def test_levels_keep_the_order_of_counts(counts, how) -> None:
    got = levels(counts, how)
    assert got.dtype == np.uint8 and got.shape == counts.shape
    order = np.argsort(counts, axis=None, kind="stable")
    assert (np.diff(got.ravel()[order].astype(int)) >= 0).all()
    np.testing.assert_array_equal(got > 0, counts > 0)
    used = counts[counts > 0]
    if used.size:
        assert got[counts == used.min()].max() == 1
        if used.max() >= used.min() * 1.001 + 1:
            assert got.max() == 255


@given(COUNTS, HOW)
def test_the_same_counts_give_the_same_levels(counts, how) -> None:
    np.testing.assert_array_equal(levels(counts, how), levels(counts.copy(order="F"), how))


def test_linear_and_log_are_what_they_say() -> None:
    counts = np.array([[0, 1, 10, 100, 1000]], np.uint32)
    assert levels(counts, "log").tolist() == [[0, 1, 86, 170, 255]]
    assert levels(counts, "linear").tolist() == [[0, 1, 3, 26, 255]]
    assert levels(counts, "eq_hist").tolist() == [[0, 1, 86, 170, 255]]


def test_a_named_array_stays_named() -> None:
    got = levels(xr.DataArray(np.array([[0, 3]], np.uint32), dims=("y", "x"), coords={"x": [1.5, 2.5]}))
    assert got.dims == ("y", "x") and got.x.values.tolist() == [1.5, 2.5] and got.dtype == np.uint8


def test_an_unknown_way_names_the_known() -> None:
    with pytest.raises(ValueError, match="eq_hist, log, linear"):
        levels(np.zeros((2, 2), np.uint32), "sqrt")


def test_what_is_not_counts_is_refused() -> None:
    with pytest.raises(TypeError, match="counts"):
        levels(np.array([[0.5]]))


def test_the_order_is_datashaders() -> None:
    from datashader.transfer_functions import eq_hist

    rng = np.random.default_rng(1)
    for top in (3, 50, 5000, 60_000):
        counts = np.floor(rng.lognormal(0, 3, (128, 128))).clip(0, top).astype(np.uint32)
        theirs = np.asarray(eq_hist(counts, mask=counts == 0)[0]).ravel()
        ours = levels(counts).ravel()
        there = counts.ravel() > 0
        order = np.argsort(theirs[there], kind="stable")
        assert (np.diff(ours[there][order].astype(int)) >= 0).all()
        share = (theirs[there] - theirs[there].min()) / np.ptp(theirs[there])
        assert np.abs(ours[there] - (1 + share * 254)).max() <= 1.0
