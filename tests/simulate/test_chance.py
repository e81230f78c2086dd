"""Chance by index: the same number whoever asks for it, with whatever else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.simulate.chance import normal, uniform, wander

SEEDS = st.integers(-(2**70), 2**70)


@given(seed=SEEDS, index=st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_a_number_does_not_depend_on_its_neighbours(seed: int, index: list[int]) -> None:
    together = uniform(seed, "x", index)
    assert ((together >= 0) & (together < 1)).all()
    assert [float(uniform(seed, "x", i)) for i in index] == together.tolist()
    assert [float(normal(seed, "x", i)) for i in index] == normal(seed, "x", index).tolist()


@given(seed=SEEDS)
def test_names_and_seeds_tell_numbers_apart(seed: int) -> None:
    index = np.arange(100)
    assert not np.array_equal(uniform(seed, "x", index), uniform(seed, "y", index))
    assert not np.array_equal(uniform(seed, "x", index), uniform(seed + 1, "x", index))


def test_they_are_spread_as_they_should_be() -> None:
    index = np.arange(200_000)
    u, z = uniform(7, "u", index), normal(7, "z", index)
    assert abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.001
    assert abs(z.mean()) < 0.01 and abs(z.var() - 1) < 0.01
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01


@given(seed=SEEDS)
def test_a_curve_is_smooth(seed: int) -> None:
    t = np.arange(0, 40_000, 10.0)
    curve = wander(seed, "c", t, (3000, 9000))
    assert np.abs(np.diff(curve)).max() < 0.1
    assert np.array_equal(curve[100:200], wander(seed, "c", t[100:200], (3000, 9000)))
