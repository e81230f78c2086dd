"""Land on maps around any longitude."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.raster import coastline
from workbench.raster.coastline import middle, rings, unwrap

LAND = {  # (longitude, latitude)
    "Suva": (178.25, -17.90), "Hilo": (-155.30, 19.60), "Cherskii, west of 180": (178.0, 68.0),
    "Chukotka, east of 180": (-175.0, 67.0), "South Pole": (0.0, -89.0), "McMurdo ice, 180": (180.0, -86.0),
    "Denver": (-105.0, 39.7), "Paris": (2.35, 48.85), "Nairobi": (36.8, -1.3), "Baku, shore of the Caspian": (48.5, 40.0),
}  # fmt: skip
SEA = {
    "mid Pacific": (-150.0, 0.0), "Station ALOHA": (-158.0, 22.75), "Date Line, equator": (180.0, 0.0),
    "Gulf of Guinea": (0.0, 0.0), "Ross Sea": (180.0, -75.0), "Bering Strait": (-169.0, 65.8), "North Pole": (0.0, 89.0),
    "Caspian Sea": (50.5, 42.0), "Koro Sea": (179.6, -17.9), "NBP1406 in 2014": (-22.0, -17.95),
}  # fmt: skip
SMALL = {"Ross Island, McMurdo": (167.5, -77.5), "Taveuni, on 180": (-179.97, -16.85), "Honolulu": (-157.86, 21.33)}
MIDDLES = (0.0, 180.0, -180.0, 90.0, -157.5, 33.3)


def area(polygons: list[np.ndarray]) -> float:
    x_y = ((p[:, 0], p[:, 1]) for p in polygons)
    return sum(abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2 for x, y in x_y)


def inside(polygons: list[np.ndarray], lon: float, lat: float) -> bool:
    """Even-odd: a ray to the east crosses the shores an odd number of times."""
    crossed = 0
    for p in polygons:
        a, b = p, np.roll(p, -1, axis=0)
        spans = (a[:, 1] > lat) != (b[:, 1] > lat)
        a, b = a[spans], b[spans]
        crossed += int((a[:, 0] + (lat - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0]) > lon).sum())
    return crossed % 2 == 1


@pytest.mark.parametrize("resolution", ["110m", "50m"])
@pytest.mark.parametrize("lon0", MIDDLES)
def test_land_is_land_and_sea_is_sea_around_any_longitude(resolution, lon0) -> None:
    world = rings(lon0 - 180, lon0 + 180, -90, 90, lon0, resolution)
    assert all(p.shape[1] == 2 and len(p) > 2 and np.isfinite(p).all() for p in world)
    assert min(p[:, 0].min() for p in world) >= lon0 - 180 and max(p[:, 0].max() for p in world) <= lon0 + 180
    land = LAND | SMALL if resolution == "50m" else LAND
    wrong = [name for name, (lon, lat) in land.items() if not inside(world, float(unwrap(lon, lon0)) + 1e-6, lat)]
    wrong += [name for name, (lon, lat) in SEA.items() if inside(world, float(unwrap(lon, lon0)) + 1e-6, lat)]
    assert wrong == []


@given(st.floats(-360, 360))
def test_the_same_land_whatever_the_middle(lon0) -> None:
    got = area(rings(lon0 - 180, lon0 + 180, -90, 90, lon0, "110m"))
    assert got == pytest.approx(area(rings(-180, 180, -90, 90, 0, "110m")), rel=1e-9)


@given(st.floats(-179, 179), st.floats(-89, 89), st.sampled_from(MIDDLES))
def test_windows_side_by_side_hold_the_same_land(lon, lat, lon0) -> None:
    west, east, cut = lon0 - 180, lon0 + 180, lon0 + lon
    parts = [(west, cut, -90, lat), (cut, east, -90, lat), (west, cut, lat, 90), (cut, east, lat, 90)]
    got = sum(area(rings(*part, lon0, "110m")) for part in parts)
    assert got == pytest.approx(area(rings(west, east, -90, 90, lon0, "110m")), rel=1e-9)


def test_the_land_of_the_world() -> None:
    """Land is 149 million km2 (29 % of the Earth's 510 million)."""
    world = rings(-180, 180, -90, 90, 0, "50m")
    total = 0.0
    for p in world:  # area on the sphere: integral of sin(latitude) d longitude
        x, y = np.radians(p[:, 0]), np.radians(p[:, 1])
        total += abs(np.sum((np.roll(x, -1) - x) * (np.sin(y) + np.sin(np.roll(y, -1))) / 2)) * 6371.0**2
    assert total / 1e6 == pytest.approx(148, rel=0.02)


def test_islands_cut_at_180_degrees_are_whole() -> None:
    for resolution in ("110m", "50m"):
        for p in rings(170, 190, -20, 72, 180, resolution):
            along = (np.abs(p[:, 0] - 180) < 1e-9) & (np.abs(np.roll(p[:, 0], -1) - 180) < 1e-9)
            assert not along.any()


def test_a_window_without_land_or_width_is_empty() -> None:
    assert rings(-151, -149, -1, 1, 180 - 360, "50m") == []
    assert rings(10, 10, -10, 10) == [] and rings(400, 500, -10, 10) == []


def test_an_unknown_resolution_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="110m and 50m"):
        rings(0, 1, 0, 1, 0, "10m")


@given(st.floats(-720, 720), st.floats(-360, 360))
def test_unwrapped_longitudes_are_the_same_place_near_the_middle(lon, lon0) -> None:
    got = float(unwrap(lon, lon0))
    assert lon0 - 180 - 1e-9 <= got <= lon0 + 180 + 1e-9
    assert abs((got - lon + 180) % 360 - 180) < 1e-9


def test_the_middle_of_a_track_does_not_cut_it() -> None:
    assert middle([170, -170]) == -180 and middle([-158, 178]) == -170 and middle([-22.0, -21.9]) == -22
    assert middle([]) == 0 and middle([np.nan, 10]) == 10 and middle([350, 10, 0]) == 0


def test_the_file_is_small() -> None:
    assert Path(coastline.__file__).with_name("coastline.npz").stat().st_size < 700_000
