"""Nights by the sun: as long as almanacs say, at the time they say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.products.night import by_sun, elevation

MINUTE = np.timedelta64(60, "s")


def minutes(start: str, days: float) -> np.ndarray:
    return (np.datetime64(start, "s") + MINUTE * np.arange(round(days * 1440))).astype("M8[ns]")


def test_sunset_and_sunrise_in_honolulu() -> None:
    """Almanac: 12 January 2023, sunset 18:08, sunrise 07:12 of the next day (HST, UTC-10)."""
    time = minutes("2023-01-12T20:00", 1)
    (night,) = by_sun(time, np.full(time.size, 21.31), np.full(time.size, -157.86))
    told = np.array(["2023-01-13T04:08", "2023-01-13T17:12"], "M8[ns]")
    assert (np.abs(night - told) <= 2 * MINUTE).all()


@given(st.floats(-180, 180))
def test_at_an_equinox_day_and_night_are_about_as_long(longitude: float) -> None:
    time = minutes("2024-03-19T00:00", 3)
    nights = by_sun(time, np.zeros(time.size), np.full(time.size, longitude))
    whole = [night for night in nights if night[0] > time[0] and night[1] < time[-1]]
    assert whole
    for start, stop in whole:
        assert abs((stop - start) / np.timedelta64(1, "h") - 11.88) < 0.1


@given(st.floats(-89, 89), st.floats(-180, 179), st.integers(0, 20_000))
def test_the_sun_is_lowest_half_a_day_after_it_is_highest(latitude: float, longitude: float, day: int) -> None:
    time = (np.datetime64("2000-01-01", "s") + np.timedelta64(day, "D") + 10 * MINUTE * np.arange(145)).astype("M8[ns]")
    height = elevation(time, np.full(145, latitude), np.full(145, longitude))
    assert (np.abs(height) <= 90).all()
    daily = (height - np.linspace(0, height[-1] - height[0], 145))[:-1]  # without the season: near the poles it is much
    assert abs((int(daily.argmax()) - int(daily.argmin())) % 144 - 72) <= 3


def test_at_midsummer_in_the_north_there_is_no_night() -> None:
    time = minutes("2024-06-20T00:00", 2)
    assert len(by_sun(time, np.full(time.size, 80.0), np.zeros(time.size))) == 0
    missing = by_sun(time, np.full(time.size, np.nan), np.zeros(time.size))
    assert len(missing) == 0
