"""Several datasets on one time axis."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.cruise import open_cruise
from workbench.core.angles import is_angle
from workbench.core.errors import WorkbenchError
from workbench.core.variables import VARIABLES
from workbench.core.window import ALWAYS, Window
from workbench.products.align import align

S = np.timedelta64(1_000_000_000, "ns")


def series(seconds, **columns):
    time = np.array([np.timedelta64("NaT") if s is None else s * S for s in seconds], "m8[ns]").view("M8[ns]")
    return xr.Dataset({n: ("time", np.asarray(v)) for n, v in columns.items()}, {"time": time})


moments = st.lists(st.one_of(st.integers(0, 60), st.none()), max_size=25)


@given(moments, moments, st.integers(0, 20))
def test_nearest_is_the_nearest(first, other, seconds):
    a = series(first, a=np.arange(float(len(first))))
    b = series(other, b=np.arange(float(len(other))) + 100)
    out = align({"a": a, "b": b}, tolerance=seconds * S)
    xr.testing.assert_equal(out["a"].drop_attrs(), a["a"])
    matched = 0
    for at, value in zip(first, out["b"].values, strict=True):
        near = [abs(at - o) for o in other if at is not None and o is not None and abs(at - o) <= seconds]
        assert bool(near) == np.isfinite(value)
        if near:
            matched += 1
            assert abs(other[int(value) - 100] - at) == min(near)
    assert out["b"].attrs["matched"] == matched
    assert out["b"].attrs["unmatched"] == len(first) - matched
    assert out.attrs["b_rows"] == len(other)
    assert out.attrs["b_unused"] == len(other) - len(set(out["b"].values[np.isfinite(out["b"].values)]))


@given(st.lists(st.integers(0, 60), max_size=20), st.lists(st.integers(0, 60), max_size=20), st.integers(0, 60))
def test_linear_is_on_the_line_between(first, other, seconds):
    other = sorted(set(other))
    b = series(other, b=3.0 * np.array(other) + 1)
    out = align({"a": series(first), "b": b}, tolerance=seconds * S, method="interpolate")["b"].values
    for at, value in zip(first, out, strict=True):
        before = [o for o in other if o <= at]
        after = [o for o in other if o >= at]
        good = at in other or (before and after and at - before[-1] <= seconds and after[0] - at <= seconds)
        assert bool(good) == np.isfinite(value)
        if good:
            assert value == pytest.approx(3 * at + 1)


@given(moments, moments, st.integers(0, 20))
def test_means_hold_every_row_once(first, other, seconds):
    """A row counts for one time, the nearest; where the times are different, sums of means times counts are whole."""
    first = list(dict.fromkeys(first))
    numbers = np.arange(1.0, len(other) + 1)
    b = series(other, b=numbers, one=np.ones(len(other)))
    out = align({"a": series(first), "b": b}, tolerance=seconds * S, method="mean")
    wanted: dict[int, list[float]] = {}
    times = [t for t in first if t is not None]
    for o, number in zip(other, numbers, strict=True):
        near = min((abs(t - o) for t in times), default=None) if o is not None else None
        if near is not None and near <= seconds:
            wanted.setdefault(min(t for t in times if abs(t - o) == near), []).append(number)
    assert out.attrs["b_unused"] == len(other) - sum(map(len, wanted.values()))
    for at, value in zip(first, out["b"].values, strict=True):
        assert (at in wanted) == np.isfinite(value)
        if at in wanted:
            assert value == pytest.approx(np.mean(wanted[at]))


@given(st.floats(0, 360), st.floats(-170, 170), st.floats(0, 1))
def test_angles_go_the_short_way(start, turn, share):
    b = series([0, 100], heading=np.array([start % 360, (start + turn) % 360]))
    b["heading"].attrs = VARIABLES["heading"].attrs()
    at = round(share * 100)
    value = float(align({"a": series([at]), "b": b}, method="interpolate", tolerance="1h")["heading"].values[0])
    away = (value - (start + turn * at / 100) + 180) % 360 - 180
    assert away == pytest.approx(0, abs=1e-6)
    assert 0 <= value < 360 + 1e-9


def test_circular_means_and_vectors():
    b = series([0, 1], heading=[350.0, 20.0], longitude=[179.0, -179.0], wind_speed=[10.0, 10.0],
               wind_direction=[0.0, 90.0], temperature=[1.0, 3.0])  # fmt: skip
    for name, unit in (("heading", "degree"), ("longitude", "degrees_east"), ("wind_direction", "degree")):
        b[name].attrs["units"] = unit
    out = align({"a": series([0]), "b": b}, method="mean", tolerance="5s")
    assert float(out["heading"][0]) == pytest.approx(5)
    assert abs(float(out["longitude"][0])) == pytest.approx(180)
    assert float(out["wind_speed"][0]) == pytest.approx(10 / np.sqrt(2))
    assert float(out["wind_direction"][0]) == pytest.approx(45)
    assert float(out["temperature"][0]) == 2


def test_names_that_meet_text_times_and_flags():
    a = series([0, 100], depth=[1.0, 2.0], depth_qc=np.array([1, 1], np.int8))
    b = series([0, 2, 50], depth=[5.0, 6.0, 7.0], depth_qc=np.array([1, 4, 1], np.int8), note=["x", "y", "z"],
               count=[1, 2, 3], time_instrument=np.array([0, 1, 2], "M8[s]").astype("M8[ns]"))  # fmt: skip
    b["depth"].attrs["ancillary_variables"] = "depth_qc"
    out = align({"a": a, "b": b}, tolerance="10s")
    assert out["b_depth"].values.tolist()[0] == 5 and np.isnan(out["b_depth"].values[1])
    assert out["b_depth"].attrs["ancillary_variables"] == "b_depth_qc"
    assert out["b_depth_qc"].values.tolist() == [1, 9]
    assert out["note"].values.tolist() == ["x", ""]
    assert np.isnan(out["count"].values[1]) and np.isnat(out["time_instrument"].values[1])
    assert out["depth"].attrs["source"] == "a" and out["note"].attrs["source"] == "b"
    mean = align({"a": a, "b": b}, tolerance="10s", method="mean")
    assert mean["b_depth_qc"].values.tolist() == [4, 9]
    assert mean["b_depth"].values[0] == 5.5


def test_what_cannot_be_aligned_is_said():
    with pytest.raises(WorkbenchError, match="name one source or more"):
        align({})
    with pytest.raises(WorkbenchError, match=r"'neerest' is not a way to align\. Did you mean 'nearest'"):
        align({"a": series([0])}, method="neerest")
    with pytest.raises(WorkbenchError, match="'b' has no time"):
        align({"a": series([0]), "b": xr.Dataset({"x": ("y", [1])})})


def test_windows_widen():
    day = Window(np.datetime64("2020-01-01"), np.datetime64("2020-01-02"))
    assert day.widened(np.timedelta64(1, "h")) == Window(np.datetime64("2019-12-31T23"), np.datetime64("2020-01-02T01"))
    assert ALWAYS.widened(np.timedelta64(1, "h")) == ALWAYS
    assert Window(day.start).widened(np.timedelta64(1, "h")) == Window(np.datetime64("2019-12-31T23"))


def test_the_real_test_cruise(root, data):
    cruise = open_cruise(root / "catalogs" / "testcruise.yaml", data=data)
    out = cruise.align(["seaflow", "sfl"], tolerance="10s")
    assert out.sizes["time"] == cruise["seaflow"].open().sizes["file"]
    sfl = cruise["sfl"].open()
    on_disk = set(out["time"].values)
    assert out["stream_pressure"].attrs["matched"] == len(on_disk & set(sfl["time"].values))
    assert out.attrs["sfl_unused"] == len(set(sfl["time"].values) - on_disk)
    part = cruise.align(["seaflow", "sfl"], "2014-07-04T00:00..2014-07-04T00:05", tolerance="10s")
    xr.testing.assert_identical(part.drop_attrs(), out.isel(time=slice(0, part.sizes["time"])).drop_attrs())


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("lon", {"units": "degrees_east"}), ("lon", {"units": "degree_E"}), ("longitude", {}), ("heading", {}),
        ("heading_gyro", {"units": "deg"}), ("gps_course", {"units": "\u00b0"}), ("wind_direction", {"units": "deg_true"}),
    ],
)  # fmt: skip
def test_angles_are_known_by_what_other_people_write(name: str, attrs: dict[str, str]) -> None:
    """Half way from 359 to 1 is north, not south; half way from 179.9 to -179.9 is the antimeridian, not Greenwich."""
    times = np.array(["2024-01-01T00:00:00", "2024-01-01T00:01:00"], "datetime64[ns]")
    base = xr.Dataset({"a": ("time", [1.0])}, {"time": times[:1] + np.timedelta64(30, "s")})
    for method in ("interpolate", "mean"):
        low, high = (179.9, -179.9) if name.startswith("lon") else (359.0, 1.0)
        other = xr.Dataset({name: ("time", [low, high], attrs)}, {"time": times})
        found = float(align({"a": base, "b": other}, method=method, tolerance="1min")[name][0])
        assert abs(found) == pytest.approx(180.0) if name.startswith("lon") else np.cos(np.radians(found)) > 0.999


def test_a_temperature_is_no_angle() -> None:
    for units in ("degree_Celsius", "degrees_C", "degC", "degF", "deg_C"):
        assert not is_angle("intake_direction_temperature", {"units": units})


@pytest.mark.parametrize("method", ["nearest", "interpolate", "mean"])
def test_durations_that_find_no_row_are_no_time(method):
    a, b = series([0, 1, 2]), series([2], lasted=np.array([7], "m8[s]"))
    out = align({"a": a, "b": b}, tolerance=0 * S, method=method)["lasted"].values
    assert np.isnat(out).tolist() == [True, True, False]
    assert out[2] == np.timedelta64(7, "s")
