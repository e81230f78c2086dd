"""Angles that go round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.angles import is_angle, mean, median

near = st.lists(st.integers(-80, 80), min_size=1, max_size=20)


@given(near, st.integers(0, 359), st.booleans())
def test_wherever_they_point_to_the_same_comes_out(off, to, west):
    """What lies within a right angle has the median of plain numbers, and a mean between the least and the most."""
    angles = (np.array(off, float) + to) % 360
    angles = np.where(angles > 180, angles - 360, angles) if west else angles
    back = [(found - to + 180) % 360 - 180 for found in (mean(angles), median(angles))]
    assert min(off) - 1e-9 <= back[0] <= max(off) + 1e-9
    assert back[1] == pytest.approx(np.median(off))


def test_around_north_and_across_the_antimeridian():
    assert mean(np.array([359.0, 1.0, 0.0])) % 360 == pytest.approx(0, abs=1e-9)
    assert median(np.array([350.0, 10.0, 20.0])) == pytest.approx(10)
    assert mean(np.array([179.0, -177.0])) == pytest.approx(-179)
    assert np.isnan(mean(np.array([0.0, 180.0]))) and np.isnan(median(np.array([0.0, 180.0])))


def test_a_direction_is_known_by_its_standard_name():
    assert is_angle("waves", {"standard_name": "sea_surface_wave_from_direction"})
    assert not is_angle("spectrum", {"standard_name": "sea_surface_wave_directional_variance_spectral_density"})
