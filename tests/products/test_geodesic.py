"""Distances against Vincenty's inverse formula, written independently, and against published lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.products.geodesic import distance


def vincenty(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """T. Vincenty, "Direct and inverse solutions of geodesics on the ellipsoid" (1975)."""
    a, f = 6378137.0, 1 / 298.257223563
    b = a * (1 - f)
    u1, u2 = (math.atan((1 - f) * math.tan(math.radians(lat))) for lat in (lat1, lat2))
    turn = math.radians(lon2 - lon1)
    lam = turn
    for _ in range(200):
        sin_s = math.hypot(
            math.cos(u2) * math.sin(lam), math.cos(u1) * math.sin(u2) - math.sin(u1) * math.cos(u2) * math.cos(lam)
        )
        if sin_s == 0:
            return 0.0
        cos_s = math.sin(u1) * math.sin(u2) + math.cos(u1) * math.cos(u2) * math.cos(lam)
        sigma = math.atan2(sin_s, cos_s)
        sin_a = math.cos(u1) * math.cos(u2) * math.sin(lam) / sin_s
        cos2 = 1 - sin_a**2
        mid = cos_s - 2 * math.sin(u1) * math.sin(u2) / cos2 if cos2 else 0.0
        c = f / 16 * cos2 * (4 + f * (4 - 3 * cos2))
        before = lam
        lam = turn + (1 - c) * f * sin_a * (sigma + c * sin_s * (mid + c * cos_s * (-1 + 2 * mid**2)))
        if abs(lam - before) < 1e-13:
            break
    u = cos2 * (a**2 - b**2) / b**2
    big_a = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    big_b = u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))
    delta = big_b * sin_s * (
        mid + big_b / 4 * (cos_s * (-1 + 2 * mid**2) - big_b / 6 * mid * (-3 + 4 * sin_s**2) * (-3 + 4 * mid**2))
    )  # fmt: skip
    return b * big_a * (sigma - delta)


def test_a_degree() -> None:
    assert distance(0, 0, 0, 1) == pytest.approx(111319.491, abs=0.01)
    assert distance(0, 0, 1, 0) == pytest.approx(110574.389, rel=1e-5)
    assert distance(89, 0, 90, 0) == pytest.approx(111693.865, rel=1e-5)


def test_flinders_peak_to_buninyong() -> None:
    """The line of the Geocentric Datum of Australia's manual: 54 972.271 m (GRS80, which is WGS84 to 0.1 mm)."""
    first = (-(37 + 57 / 60 + 3.72030 / 3600), 144 + 25 / 60 + 29.52440 / 3600)
    last = (-(37 + 39 / 60 + 10.15610 / 3600), 143 + 55 / 60 + 35.38390 / 3600)
    assert distance(*first, *last) == pytest.approx(54972.271, rel=1e-5)


def test_it_is_elementwise_and_keeps_what_is_missing() -> None:
    out = distance([0, 1, np.nan], 0, [0, 1, 2], [0, 1, 1])
    assert out.shape == (3,)
    assert out[0] == 0
    assert np.isnan(out[2])
    assert distance(10, 20, 10, 20) == 0


latitudes, longitudes = st.floats(-89.9, 89.9), st.floats(-180, 180)


@given(latitudes, longitudes, latitudes, longitudes)
def test_vincenty_agrees(lat1: float, lon1: float, lat2: float, lon2: float) -> None:
    turn = (lon2 - lon1 + 180) % 360 - 180
    far = math.hypot(lat1 + lat2, (abs(turn) - 180) * math.cos(math.radians(lat1)))  # degrees from the antipode
    assume(math.hypot(lat1 + lat2, abs(turn) - 180) > 2)  # near the antipode Vincenty does not converge
    wanted = pytest.approx(vincenty(lat1, 0, lat2, turn), rel=1e-5 if far > 25 else 2e-4, abs=1e-3)
    assert float(distance(lat1, lon1, lat2, lon2)) == wanted
    assert float(distance(lat2, lon2, lat1, lon1)) == wanted
    assert float(distance(lat1, lon1 + 360, lat2, lon2)) == wanted


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(0, 2 * math.pi), st.floats(0.1, 1000))
def test_short_steps(lat: float, lon: float, course: float, metres: float) -> None:
    """A second of a ship: to a millimetre and 1 in 100,000."""
    north = metres * math.cos(course) / 111_000
    east = metres * math.sin(course) / 111_000 / math.cos(math.radians(lat))
    wanted = vincenty(lat, 0, lat + north, east)
    assert float(distance(lat, lon, lat + north, lon + east)) == pytest.approx(wanted, rel=2e-5, abs=1e-3)
