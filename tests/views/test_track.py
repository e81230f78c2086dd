"""Tracks on a map: what is drawn, across the antimeridian too, and a variable along them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.raster.coastline import middle, unwrap
from workbench.views.cruise_map import draw, land_columns, limits
from workbench.views.track import Voyage, along, bounds, coloured, columns, line, segments

T0 = np.datetime64("2024-01-01T00:00:00", "ns")


def track(lon: list[float], lat: list[float] | None = None, **more: list[float]) -> xr.Dataset:
    n = len(lon)
    time = T0 + np.arange(n) * np.timedelta64(60, "s")
    data = {"longitude": lon, "latitude": lat if lat is not None else [0.1 * k for k in range(n)], **more}
    return xr.Dataset({name: ("time", np.array(v, float)) for name, v in data.items()}, {"time": time.astype("M8[ns]")})


def test_the_antimeridian_is_no_jump() -> None:
    ds = track([178.0, 179.5, -179.0, -178.0])
    lon0 = middle(ds["longitude"].values)
    x = line(ds, lon0)["x"]
    assert np.abs(np.diff(x)).max() < 2
    west, _, east, _ = bounds(ds, lon0)
    assert east - west < 6


@given(st.lists(st.floats(-180, 180), min_size=2, max_size=20), st.floats(-180, 180))
def test_segments_join_neighbours_and_nothing_else(lon: list[float], lon0: float) -> None:
    ds = track(lon)
    rows = segments(ds, None, lon0)
    assert len(rows["x0"]) == len(lon) - 1
    assert np.array_equal(rows["x0"], unwrap(np.array(lon), lon0)[:-1])
    assert np.array_equal(rows["y1"], ds["latitude"].values[1:])


def test_a_gap_is_not_drawn() -> None:
    ds = track([1.0, 1.1, np.nan, 1.3, 1.4])
    rows = segments(ds, None, 0.0)
    assert rows["x0"].tolist() == pytest.approx([1.0, 1.3])
    assert np.isnan(line(ds, 0.0)["x"][2])


def test_the_colour_of_a_segment_is_the_mean_of_its_ends() -> None:
    ds = track([0, 1, 2, 3], t=[10.0, 20.0, np.nan, np.nan])
    assert segments(ds, "t", 0.0)["value"].tolist()[:2] == [15.0, 20.0]
    assert np.isnan(segments(ds, "t", 0.0)["value"][2])


def test_nothing_sailed_is_a_map_all_the_same() -> None:
    empty = track([])
    data = columns(Voyage(empty, empty), 0.0)
    assert all(len(column) == 0 for source in data.values() for column in source.values())
    plot = draw(Voyage(empty, empty))
    assert plot.x_range.end - plot.x_range.start == 60


def test_newest_position_is_unwrapped_like_the_track() -> None:
    ds = track([179.0, 179.9])
    data = columns(Voyage(ds, ds, None, (-179.9, 0.5)), 180.0)
    assert data["newest"]["x"].tolist() == [pytest.approx(180.1)]


def rows_of(seconds: list[float], values: list[float]) -> xr.Dataset:
    time = T0 + (np.array(seconds) * 1e9).astype("timedelta64[ns]")
    return xr.Dataset({"t": ("time", np.array(values, float))}, {"time": time.astype("M8[ns]")})


def test_along_is_linear_between_rows() -> None:
    got = along(track([0, 1, 2, 3]), rows_of([0, 180], [10.0, 13.0]), "t")
    assert got.tolist() == [10.0, 11.0, 12.0, 13.0]


def test_a_heading_turns_the_short_way_round() -> None:
    rows = rows_of([0, 120, 240], [350.0, 10.0, 10.0])
    rows["t"].attrs.update(standard_name="platform_orientation", units="degree")
    ds = coloured(track([0, 1, 2, 3]), rows, "t")
    assert ds["t"].values.tolist() == pytest.approx([350.0, 0.0, 10.0, 10.0])
    assert segments(ds, "t", 0.0)["value"].tolist() == pytest.approx([355.0, 5.0, 10.0])


@given(st.lists(st.floats(0, 359.9), min_size=2, max_size=20))
def test_between_two_headings_no_other_way_is_pointed(values: list[float]) -> None:
    rows = rows_of([120.0 * k for k in range(len(values))], values)
    rows["t"].attrs.update(standard_name="platform_orientation", units="degree")
    ds = coloured(track([0.0] * (2 * len(values) - 1)), rows, "t")
    got = ds["t"].values
    assert np.all((got >= 0) & (got < 360 + 1e-9))
    off = np.abs((got[1::2] - np.array(values[:-1]) + 180) % 360 - 180)
    apart = np.abs((np.diff(values) + 180) % 360 - 180)
    assert np.all(off <= apart / 2 + 1e-6)


def test_along_does_not_carry_values_over_a_gap() -> None:
    ds = track([0.0] * 100)
    got = along(ds, rows_of([0, 60, 5400, 5460], [1.0, 1.0, 2.0, 2.0]), "t")
    assert got[0] == 1.0
    assert got[90] == 2.0
    assert np.isnan(got[45])


@given(st.lists(st.floats(-5, 40), min_size=1, max_size=30))
def test_along_never_leaves_the_range_of_the_values(values: list[float]) -> None:
    got = along(track([0.0] * 50), rows_of([60.0 * k for k in range(len(values))], values), "t")
    told = got[np.isfinite(got)]
    assert told.size
    assert told.min() >= min(values) - 1e-9
    assert told.max() <= max(values) + 1e-9


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=40))
def test_the_colour_bar_holds_the_values(values: list[float]) -> None:
    low, high = limits(np.array(values))
    a, b = np.percentile(values, (1, 99))
    assert low < high
    assert low <= a + 1e-9
    assert high >= b - 1e-9


def test_islands_are_one_patch_with_nothing_between_them() -> None:
    one, two = np.array([[0.0, 0], [1, 0], [1, 1]]), np.array([[5.0, 5], [6, 5], [6, 6], [5, 6]])
    data = land_columns([one, two])
    assert np.isnan(data["x"]).sum() == 2
    assert data["x"][:3].tolist() == [0, 1, 1]
    assert land_columns([])["x"].size == 0


def test_drawing_is_pure() -> None:
    ds = track([178.0, 179.5, -179.0, -178.0], t=[1.0, 2.0, 3.0, 4.0])
    voyage = Voyage(ds, ds, "t", (-178.0, 0.3))
    plots = [draw(voyage, label="T [°C]", land=[np.array([[0.0, 0], [1, 0], [1, 1]])]) for _ in range(2)]
    sources = [{r.name: r.data_source.data for r in p.renderers} for p in plots]
    for name in sources[0]:
        for column in sources[0][name]:
            assert np.array_equal(sources[0][name][column], sources[1][name][column], equal_nan=True)
    assert {"land", "fine", "whole", "track", "ring", "newest"} <= set(sources[0])
    assert plots[0].right[0].title == "T [°C]"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_carries_both_themes(theme: str) -> None:
    ds = track([1.0, 2.0])
    plot = draw(Voyage(ds, ds), theme=theme)  # type: ignore[arg-type]
    noted = next(tag["paint"] for tag in plot.tags if "paint" in tag)
    assert set(noted) == {"light", "dark"}
    assert plot.background_fill_color == noted[theme]["background_fill_color"]
