"""Water and light: known values of the formulas, and a front that is a step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.simulate import sea


def test_conductivity_of_standard_sea_water() -> None:
    assert sea.conductivity(np.array([35.0]), np.array([15 / 1.00024])) == pytest.approx(4.2914, abs=1e-4)


def test_conductivity_is_what_a_thermosalinograph_says(data: Path) -> None:
    path = next((data / "underway" / "NBP1406" / "tsg1" / "raw").iterdir())
    rows = [line.split(maxsplit=1)[1].split(",") for line in path.read_text().splitlines()]
    temperature, conductivity, salinity = np.array([[float(cell) for cell in row[:3]] for row in rows]).T
    assert np.abs(sea.conductivity(salinity, temperature) - conductivity).max() < 2e-4


def test_the_sun_stands_overhead_at_noon_on_the_equator_in_march() -> None:
    time = np.array(["2025-03-20T12:07:30", "2025-03-20T00:07:30"], dtype="datetime64[s]")
    up, down = sea.sun(time, np.zeros(2), np.zeros(2))
    assert up == pytest.approx(1.0, abs=1e-3) and down == pytest.approx(-1.0, abs=1e-3)


def test_growth_lags_the_light_by_some_hours() -> None:
    time = np.datetime64("2025-01-15T00:00", "s") + np.arange(0, 86400, 600).astype("timedelta64[s]")
    where = np.zeros(len(time))
    light, grown = sea.sun(time, where, where + 180), sea.growth(time, where, where + 180)
    lag = (np.argmax(grown) - np.argmax(light)) * 600 / 3600
    assert 1.5 < lag < 3.5 and grown.min() < 0.05 and 0.4 < grown.max() < 1


def test_the_front_is_a_step_of_a_few_files() -> None:
    latitude = np.array([-5.6, -5.3, -5.2, -5.1, -4.8])
    water = sea.water(7, np.zeros(5), latitude, np.zeros(5))
    assert water.upwelling[[0, 1]].max() < 0.01 and water.upwelling[[3, 4]].min() > 0.99
    assert water.temperature[1] - water.temperature[3] == pytest.approx(2.2, abs=0.05)
    assert water.salinity[3] - water.salinity[1] == pytest.approx(0.95, abs=0.05)
