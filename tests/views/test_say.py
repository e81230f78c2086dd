"""Numbers, times, places and ages, as people read them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.views import say


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.0, "12.00"), (12.004, "12.00"), (1234.5, "1\u2009234"), (0.0, "0"), (-0.5, "\u22120.500"), (105.13, "105.1"),
        (1e9, "1.00×10⁹"), (0.00012, "1.20×10⁻⁴"), (float("nan"), "–"), (None, "–"), (float("inf"), "–"),
    ],
)  # fmt: skip
def test_number(value: float | None, text: str) -> None:
    assert say.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(11.5, "11.5"), (12.0, "12"), (18000, "18\u2009000"), (-10, "\u221210")])
def test_a_limit_is_written_as_it_was_declared(value: float, text: str) -> None:
    assert say.plain(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99, "99 s"), (100, "2 min"), (5999, "100 min"), (6000, "1 h 40"), (172_800, "2 d")],
)
def test_age(seconds: int, text: str) -> None:
    assert say.age(np.timedelta64(seconds, "s")) == text


def test_place_is_degrees_and_decimal_minutes() -> None:
    assert say.place(21.30333, -157.87683) == "21°18.20′N 157°52.61′W"
    assert say.place(-0.5, 181.0) == "00°30.00′S 179°00.00′W"
    assert say.place(59.99999, 0.0) == "60°00.00′N 000°00.00′E"


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_places_never_show_sixty_minutes(latitude: float, longitude: float) -> None:
    assert "60.00′" not in say.place(latitude, longitude)


def test_period_says_the_day_once() -> None:
    a, b = np.datetime64("2014-07-04T00:00"), np.datetime64("2014-07-04T01:30")
    assert say.period(a, b) == "2014-07-04 00:00 – 01:30"
    assert say.period(a, b + np.timedelta64(1, "D")) == "2014-07-04 00:00 – 2014-07-05 01:30"


def test_units_and_names_are_for_people() -> None:
    assert say.unit("degree_Celsius") == "°C"
    assert say.unit("1") == ""
    assert say.name("sea_water_temperature") == "Sea water temperature"
    assert say.name("abundance_prochloro") == "Abundance of Prochlorococcus"
    assert say.name("abundance_se_croco") == "Abundance (standard error) of Crocosphaera"
    assert say.name("n_count_beads") == "Count of Beads"
    assert say.name("opp_evt_ratio") == "OPP/EVT ratio" and say.name("evt_count") == "EVT count"
    assert say.name("my_count") == "My count"
