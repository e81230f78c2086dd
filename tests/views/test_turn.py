"""The turn-around: proposed where the ship was furthest, set by a person, and what lies on either side."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.views.turn import Turn, parts, propose

T0 = np.datetime64("2024-05-01T00:00:00", "ns")
HOUR = np.timedelta64(3600, "s")


def hours(n: int) -> np.ndarray:
    return T0 + HOUR * np.arange(n)


@given(st.integers(3, 80), st.integers(3, 80), st.booleans(), st.floats(-40, 40))
def test_there_and_back(out: int, back: int, north: bool, begin: float) -> None:
    way = np.concatenate([np.arange(out), out - 1 - np.arange(1, back)]) * (0.4 if north else -0.4) + begin
    turn = propose(hours(len(way)), way)
    ends_short = min(out, back) <= 2 or abs(way[out - 1] - way[-1]) < 0.5 or abs(way[out - 1] - way[0]) < 0.5
    if ends_short:
        return
    furthest = int(np.argmax(np.abs(way - way[0])))
    if furthest == out - 1:
        assert turn == Turn(hours(len(way))[out - 1], north)
        told = dict(parts(hours(len(way)), turn))
        first, second = ("northbound", "southbound") if north else ("southbound", "northbound")
        assert told[first].sum() == out - 1
        assert (told[first] ^ told[second]).all()


def test_a_ship_that_has_not_turned_has_one_way() -> None:
    turn = propose(hours(20), np.linspace(10, 20, 20))
    assert np.isnat(turn.time)
    assert turn.north_first
    assert [name for name, _ in parts(hours(20), turn)] == ["northbound"]
    assert [name for name, _ in parts(hours(20), propose(hours(20), np.linspace(20, 10, 20)))] == ["southbound"]


def test_missing_positions_do_not_matter() -> None:
    way = np.concatenate([np.linspace(0, 8, 9), np.linspace(7, 0, 8)])
    way[[0, 3, 16]] = np.nan
    assert propose(hours(17), way).time == hours(17)[8]
    assert np.isnat(propose(hours(3), np.full(3, np.nan)).time)
    assert np.isnat(propose(np.empty(0, "M8[ns]"), np.empty(0)).time)


def test_a_window_on_one_side_of_the_turn_has_one_kind() -> None:
    turn = Turn(T0 + 100 * HOUR, north_first=False)
    assert [name for name, _ in parts(hours(10), turn)] == ["southbound"]
    assert [name for name, _ in parts(hours(10) + 200 * HOUR, turn)] == ["northbound"]
