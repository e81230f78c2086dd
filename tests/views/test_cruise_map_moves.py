"""A map that was opened before anything was sailed, or that the ship leaves, moves where the ship is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views.cruise_map import CruiseMap, draw
from workbench.views.track import Voyage


def voyage(*places: tuple[float, float]) -> Voyage:
    lon, lat = np.array(places, float).reshape(-1, 2).T
    time = np.datetime64("2025-01-14T20:00", "ns") + np.arange(len(lon)) * np.timedelta64(60_000_000_000, "ns")
    track = xr.Dataset({"latitude": ("time", lat), "longitude": ("time", lon)}, {"time": time})
    return Voyage(track, track)


@pytest.fixture
def moved(simulated, monkeypatch):
    """`moved(before, after)`: the map opened with the one and renewed with the other."""
    from workbench.catalog.cruise import open_cruise

    def moved(before: Voyage, after: Voyage) -> CruiseMap:
        view = CruiseMap(Session(Feeds(open_cruise(simulated))), "underway")
        monkeypatch.setattr(view, "voyage", lambda: before)
        view.card()
        monkeypatch.setattr(view, "voyage", lambda: after)
        view._renew()
        return view

    return moved


def across(view: CruiseMap) -> float:
    x = np.asarray(view._sources["whole"].data["x"], float)
    return float(np.ptp(x[np.isfinite(x)]))


def test_a_track_over_the_date_line_is_whole(moved) -> None:
    view = moved(voyage(), voyage((179.5, -8.0), (179.9, -7.9), (-179.9, -7.8), (-179.5, -7.7)))
    assert across(view) == pytest.approx(1.0)
    west, south, east, north = view.stage.fine
    assert west < 179.5 - 360 < east or west < 179.5 < east
    assert len(view._sources["fine"].data["x"]) and south < -8.0 < north
    low, high = view.figure.x_range.bounds
    assert low < view._sources["whole"].data["x"][0] < high


def test_the_fine_coast_follows_the_ship(moved) -> None:
    began = voyage((-158.0, 21.0), (-157.9, 21.1))
    view = moved(began, voyage((-158.0, 21.0), (-150.0, 10.0), (-140.0, 0.0)))
    west, south, east, north = view.stage.fine
    assert west < -158.0 and south < 0.0 and east > -140.0 and north > 21.0
    held = view._sources["land"].data
    view._renew()
    assert view._sources["land"].data is held, "nothing is made anew where the map reaches far enough"


def test_a_range_without_values_has_no_colour_bar(moved) -> None:
    """A bar from 0 to 1 beside an empty sea would tell temperatures that nobody measured."""
    sailed = voyage((-158.0, 21.0), (-157.9, 21.1), (-157.8, 21.2))
    warm = replace(sailed, track=sailed.track.assign(warmth=("time", [20.0, 22.0, 26.0])), colour="warmth")
    empty = replace(warm, track=warm.track.isel(time=slice(0)))
    view = moved(warm, empty)
    assert not view._bar.visible
    low, high = view._mapper.low, view._mapper.high
    assert low > 20 and high > 23, "the colours stay what they were"
    assert moved(warm, warm)._bar.visible
    for unknown in (empty, replace(warm, track=warm.track.assign(warmth=("time", [np.nan] * 3)))):
        assert not draw(unknown, label="warmth").right[0].visible, "nor where the map is opened on it"
    assert draw(warm, label="warmth").right[0].visible
