"""Files as columns, and curves of them: gaps open, envelopes hold every value, settings stay until they are set again."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.window import Window
from workbench.views.by_file import by_file, curve, held, points

T0 = np.datetime64("2024-05-01T00:00:00", "ns")
MINUTE = np.timedelta64(60_000_000_000, "ns")


def times(*minutes: float) -> np.ndarray:
    return np.array([T0 + np.timedelta64(round(m * 60e9), "ns") for m in minutes], "M8[ns]")


def around(time: np.ndarray) -> Window:
    return Window(time[0], time[-1] + MINUTE)


def breaks(columns: dict) -> int:
    return int(np.isnan(columns["mean"][1:-1]).sum())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=300), st.integers(2, 60))
def test_an_envelope_holds_every_value(steps: list[int], most: int) -> None:
    time = times(*np.cumsum(steps).tolist())
    values = np.sin(np.arange(len(time)) * 1.7) * 100
    drawn = curve(time, values, around(time), most)
    good = np.isfinite(drawn["mean"])
    assert good.sum() <= most
    assert drawn["low"][good].min() == values.min()
    assert drawn["high"][good].max() == values.max()
    assert (np.diff(drawn["time"]) >= 0).all()
    assert (drawn["low"][good] <= drawn["mean"][good] + 1e-9).all()
    assert (drawn["mean"][good] <= drawn["high"][good] + 1e-9).all()


@given(st.lists(st.sampled_from([3, 3, 3, 6, 9]), min_size=3, max_size=60))
def test_of_three_minute_files_one_that_is_missing_breaks_the_line(steps: list[int]) -> None:
    time = times(0, *np.cumsum(steps).tolist())
    drawn = curve(time, np.ones(len(time)), around(time), usual=3 * MINUTE)
    assert breaks(drawn) == sum(step > 4 for step in steps)


def test_a_value_that_is_missing_breaks_the_line_too() -> None:
    time = times(0, 3, 6, 9, 12)
    assert breaks(curve(time, np.array([1, 1, np.nan, 1, 1.0]), around(time), usual=3 * MINUTE)) == 1


def test_hourly_rows_are_one_line() -> None:
    time = times(*range(0, 600, 60))
    assert breaks(curve(time, np.ones(10), around(time))) == 0
    gone = np.delete(time, [4, 5, 6])
    assert breaks(curve(gone, np.ones(7), around(gone))) == 1


def test_from_afar_no_gap_is_invented() -> None:
    time = times(*range(0, 30 * 1440, 3))
    assert breaks(curve(time, np.ones(len(time)), around(time), usual=3 * MINUTE)) == 0
    with_gap = np.concatenate([time[:5000], time[5200:]])
    assert breaks(curve(with_gap, np.ones(len(with_gap)), around(with_gap), usual=3 * MINUTE)) == 1


def test_nothing_in_view_still_has_a_time_axis() -> None:
    window = Window(T0, T0 + MINUTE)
    drawn = curve(np.empty(0, "M8[ns]"), np.empty(0), window)
    assert drawn["time"].tolist() == [t.astype(np.int64) / 1e6 for t in (window.start, window.stop)]
    assert np.isnan(drawn["mean"]).all()


def test_a_setting_holds_until_it_is_set_again() -> None:
    time, values = times(0, 10, 10, 20), np.array([1.0, 1.0, 2.0, 3.0])
    drawn = held(time, values, Window(*times(5, 30)), times(25)[0])
    minutes = (drawn["time"] - T0.astype(np.int64) / 1e6) / 60_000
    assert list(zip(minutes, drawn["mean"], strict=True)) == [(5, 1), (10, 1), (10, 2), (20, 2), (20, 3), (25, 3)]


def test_before_it_was_ever_set_nothing_is_drawn() -> None:
    assert np.isnan(held(times(50), np.ones(1), Window(*times(0, 30)), times(30)[0])["mean"]).all()


def test_files_by_name_and_time() -> None:
    flag = xr.DataArray(
        np.array([2, 0, 0], np.int8), dims="time",
        attrs={"flag_values": np.array([0, 2], np.int8), "flag_meanings": "ok too_many_events"},
    )  # fmt: skip
    ds = xr.Dataset(
        {"file_id": ("time", ["b", "a", "c"]), "opp_count": ("time", [2, 1, 3]), "file_flag": flag},
        {"time": times(3, 0, 6)},
    )
    files = by_file(ds)
    assert files.names.tolist() == ["a", "b", "c"]
    assert files.column("opp_count").tolist() == [1, 2, 3]
    assert files.place("b") == 1
    assert files.place("") == files.place("x") == -1
    assert files.nearest(times(4)[0]) == 1
    assert files.among({"a": 1, "c": 1}).tolist() == [True, False, True]
    assert files.flagged().tolist() == [1]
    assert files.meaning(1) == "too many events"
    assert files.meaning(0) == ""
    chosen = points(files.time, files.column("opp_count"), files.among(["b"]), around(files.time))
    assert chosen["value"].tolist() == [2]
    assert np.isnan(files.column("nothing")).all()


def test_particles_count_as_files() -> None:
    ds = xr.Dataset({"row_size": ("file", [10, 20]), "file_id": ("file", ["a", "b"])}, {"time": ("file", times(0, 3))})
    assert by_file(ds).column("all_count").tolist() == [10, 20]


@pytest.mark.parametrize(
    "ds", [xr.Dataset(), xr.Dataset({"x": ("time", np.empty(0))}, {"time": np.empty(0, "M8[ns]")})]
)
def test_no_rows_are_no_files(ds: xr.Dataset) -> None:
    assert len(by_file(ds)) == 0
    assert by_file(ds).nearest(T0) == -1
