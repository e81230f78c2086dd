"""One variable against another: densities as tabled, legs turned where the ship turned, points as they were given."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.views.against import Axes, Cloud, density, draw, legs

START = np.datetime64("2025-01-01", "ns")


def times(count: int) -> np.ndarray:
    return START + np.arange(count) * np.timedelta64(60_000_000_000, "ns")


@pytest.mark.parametrize(
    ("salinity", "temperature", "wanted"),
    [(0, 5, 999.96675), (0, 25, 997.04796), (35, 5, 1027.67547), (35, 25, 1023.34306)],
)
def test_density_is_that_of_the_unesco_tables(salinity: float, temperature: float, wanted: float) -> None:
    assert float(density(salinity, temperature)) == pytest.approx(wanted, abs=1e-5)


@given(st.lists(st.sampled_from([-2.0, -1.0, 1.0, 2.0]), min_size=1, max_size=6))
def test_every_row_has_one_leg_and_legs_go_their_way(strokes: list[float]) -> None:
    edges = np.concatenate([[0.0], np.cumsum(strokes)])
    latitude = np.concatenate([np.linspace(a, b, 40, endpoint=False) for a, b in pairwise(edges)])
    parts = legs(times(latitude.size), latitude)
    assert np.array_equal(sum(mask.astype(int) for _, mask in parts), np.ones(latitude.size, int))
    slope = np.sign(np.gradient(latitude))
    for name, mask in parts:
        way = {"northbound": 1, "southbound": -1}[name]
        assert (slope[mask] == way).mean() > 0.9


def test_a_ship_that_stays_has_no_legs() -> None:
    assert [name for name, _ in legs(times(50), np.full(50, 3.0))] == [""]


def test_points_without_values_are_left_out() -> None:
    cloud = Cloud("", times(3), np.array([1.0, np.nan, 3.0]), np.array([1.0, 2.0, 5.0]))
    plot = draw([cloud], Axes("x", "y"))
    (points,) = (r for r in plot.renderers if r.name == "cloud")
    assert points.data_source.data["x"].tolist() == [1.0, 3.0]
    assert plot.x_range.start < 1 and plot.x_range.end > 3
    assert len(Cloud("", times(99), np.arange(99.0), np.arange(99.0)).columns(10)["x"]) <= 10


def test_nothing_to_draw_is_no_mistake() -> None:
    nothing = Cloud("", times(0), np.empty(0), np.empty(0))
    assert draw([nothing], Axes("x", "y", isopycnals=True)) is not None
