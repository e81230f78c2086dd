"""The way of the ship: continuous, at a ship's speed, across the antimeridian, over water."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.raster.coastline import rings
from workbench.simulate.route import WAYPOINTS, Track

TRACK = Track(7, 121)
#: Islands near the way: latitude, longitude east, and how far from their middle a ship stays, in degrees.
ISLANDS = {
    "Funafuti": (-8.52, 179.12, 0.25), "Nukufetau": (-8.0, 178.4, 0.3), "Nukulaelae": (-9.37, 179.85, 0.3),
    "Howland": (0.81, 183.38, 0.5), "Baker": (0.2, 183.52, 0.5), "McKean": (-3.6, 185.88, 0.5),
    "Kanton": (-2.8, 188.3, 0.5), "Palmyra": (5.88, 197.9, 0.5), "Kingman": (6.4, 197.6, 0.5),
    "Johnston": (16.73, 190.47, 0.5), "Oahu": (21.46, 202.02, 0.2), "Kauai": (22.05, 200.45, 0.5),
    "Niihau": (21.9, 199.85, 0.4), "Kaula": (21.65, 199.45, 0.4),
}  # fmt: skip


@given(second=st.floats(0, 120 * 86400))
def test_it_moves_like_a_ship(second: float) -> None:
    t = second + np.arange(0, 120, 5.0)
    latitude, longitude = TRACK.position(t)
    speed, course = TRACK.motion(t)
    assert (speed < 11.2).all() and ((course >= 0) & (course < 360)).all()
    way = np.hypot(np.diff(latitude) * 60, np.diff(longitude) * 60 * np.cos(np.radians(latitude[1:])))
    assert (way * 3600 / 5 < 11.3).all()  # knots


def test_segments_follow_each_other() -> None:
    for before, after in zip(TRACK.segments, TRACK.segments[1:], strict=False):
        assert before.stop == after.start and before.target == pytest.approx(after.origin)
    assert TRACK.segments[-1].stop >= 121 * 86400


def test_it_stops_at_stations_and_sails_between() -> None:
    t = np.arange(0, 12 * 86400, 30.0)
    speed, _ = TRACK.motion(t)
    station = TRACK.on_station(t)
    assert 0.1 < station.mean() < 0.3
    assert speed[station].max() < 1.0
    assert 10.0 < np.median(speed[~station]) < 11.0


@pytest.mark.parametrize("seed", [7, 1, 2**63])
def test_it_crosses_the_antimeridian_within_six_hours_and_back(seed: int) -> None:
    crossings = Track(seed, 4).crossings("longitude", 180.0, 3 * 86400)
    assert len(crossings) == 3 and crossings[0] < 6 * 3600


def test_twelve_days_end_off_honolulu() -> None:
    latitude, longitude = TRACK.position([12 * 86400.0])
    assert (latitude[0], longitude[0]) == pytest.approx(WAYPOINTS[-1][:2], abs=0.01)


def test_no_island_is_run_over() -> None:
    latitude, longitude = TRACK.position(np.arange(0, 24 * 86400, 60.0))
    for name, (lat, lon, away) in ISLANDS.items():
        nearest = np.hypot(latitude - lat, (longitude - lon) * np.cos(np.radians(lat))).min()
        assert nearest > away, f"{name}: {nearest:.2f} degrees"


def test_no_land_of_the_map_is_run_over() -> None:
    latitude, longitude = TRACK.position(np.arange(0, 13 * 86400, 600.0))
    for ring in rings(170, 210, -15, 30, 190.0, "50m"):
        (x0, y0), (x1, y1) = ring.T[:, :, None], np.roll(ring, -1, axis=0).T[:, :, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            hits = ((y0 > latitude) != (y1 > latitude)) & (longitude < (x1 - x0) * (latitude - y0) / (y1 - y0) + x0)
        assert not (hits.sum(axis=0) % 2).any(), ring.mean(axis=0)
