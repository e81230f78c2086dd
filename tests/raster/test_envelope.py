"""Long series in few points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.raster.envelope import breaks, envelope, gaps

T0 = np.datetime64("2024-03-01T00:00:00", "ns")


def at(*seconds: float) -> np.ndarray:
    return T0 + np.round(np.array(seconds) * 1e9).astype("timedelta64[ns]")


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6) | st.just(float("nan"))), max_size=300),
    st.integers(1, 50),
)
def test_an_envelope_keeps_extremes_ends_and_counts(rows, points) -> None:
    rows.sort(key=lambda row: row[0])
    time = at(*(second for second, _ in rows)) if rows else np.array([], "datetime64[ns]")
    value = np.array([v for _, v in rows], float)
    got = envelope(time, value, points)
    good = ~np.isnan(value)
    assert len({column.size for column in got.values()}) == 1
    assert got["time"].size <= points and got["count"].sum() == good.sum()
    assert (np.diff(got["time"]) >= np.timedelta64(0)).all() and (got["count"] > 0).all()
    if good.any():
        assert got["min"].min() == value[good].min() and got["max"].max() == value[good].max()
        assert got["last"][-1] == value[good][-1] and got["time"][-1] == time[good][-1]
        np.testing.assert_allclose((got["mean"] * got["count"]).sum(), value[good].sum(), rtol=1e-9, atol=1e-3)
        assert (got["min"] <= got["last"]).all() and (got["last"] <= got["max"]).all()


def test_bins_are_of_equal_duration() -> None:
    time = at(*range(100))
    got = envelope(time, np.arange(100.0), 10)
    assert got["count"].tolist() == [10] * 10
    assert got["min"].tolist() == list(range(0, 100, 10)) and got["last"].tolist() == list(range(9, 100, 10))


def test_a_short_series_comes_back_as_it_is() -> None:
    got = envelope(at(0, 5, 6), [1.0, np.nan, 3.0], 10)
    assert got["time"].tolist() == at(0, 6).tolist() and got["mean"].tolist() == [1.0, 3.0]


def test_a_line_breaks_where_nothing_was_measured() -> None:
    time = at(0, 1, 2, 300, 301)
    assert gaps(time, np.timedelta64(4, "m")).tolist() == [2]
    got = breaks({"time": time, "t": np.arange(5), "label": at(*range(5))}, np.timedelta64(4, "m"))
    np.testing.assert_array_equal(got["t"], [0, 1, 2, np.nan, 3, 4])
    assert got["time"][3] == at(151)[0] and np.isnat(got["label"][3])
    columns = {"time": time, "t": np.arange(5)}
    assert breaks(columns, np.timedelta64(1, "h")) is columns


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="in order"):
        envelope(at(1, 0), [1.0, 2.0], 5)
    with pytest.raises(ValueError, match="same length"):
        envelope(at(1), [1.0, 2.0], 5)
    with pytest.raises(ValueError, match="needs points"):
        envelope(at(1), [1.0], 0)
