"""Night bands from PAR."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.products.night import DARK, nights

MINUTE = 60


def at(minutes: np.ndarray) -> np.ndarray:
    return (np.asarray(minutes) * MINUTE).astype("M8[s]").astype("M8[ns]")


def test_three_days() -> None:
    minutes = np.arange(0, 3 * 1440, 3)
    par = np.maximum(0, 2000 * np.sin(2 * np.pi * (minutes / 1440 - 0.25)))
    par[(minutes > 700) & (minutes < 720)] = 0  # a shadow at noon
    par[(minutes > 1430) & (minutes < 1450)] = 300  # a lamp at midnight
    par[::7] = np.nan
    found = nights(at(minutes), par)
    hours = found.astype("M8[m]").astype(int) / 60
    np.testing.assert_allclose(hours, [[0, 6], [18, 30], [42, 54], [66, 72]], atol=0.25)


def test_what_was_not_measured_is_not_called_night() -> None:
    minutes = np.concatenate([np.arange(0, 120, 3), np.arange(600, 720, 3)])
    assert len(nights(at(minutes), np.zeros(minutes.size))) == 2
    assert nights(at(np.arange(0)), np.zeros(0)).shape == (0, 2)


@given(st.lists(st.tuples(st.integers(1, 200), st.sampled_from([0.0, 3.0, 10.0, np.nan])), max_size=60))
def test_nights_are_long_apart_and_begin_and_end_in_the_dark(steps: list[tuple[int, float]]) -> None:
    minutes = np.cumsum([step for step, _ in steps])
    par = np.array([value for _, value in steps])
    found = nights(at(minutes), par).astype("M8[m]").astype(int)
    assert ((found[:, 1] - found[:, 0]) >= 60).all()
    assert (found[1:, 0] > found[:-1, 1]).all()
    dark = set(minutes[np.isfinite(par) & (par < DARK)].tolist()) if steps else set()
    assert set(found.ravel().tolist()) <= dark
