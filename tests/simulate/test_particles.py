"""Particles: the codes of the real instrument, and counts that are exactly the truth."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.filters import FilterParameters
from workbench.products.seaflow.filter import focus
from workbench.simulate.cruise import Parameters, Simulation
from workbench.simulate.particles import columns
from workbench.simulate.populations import CHANNELS, POPULATIONS, Truth

Columns = dict[str, npt.NDArray[np.uint16]]


@cache
def one(index: int, particles: int = 20_000, seed: int = 7) -> tuple[Columns, Truth]:
    cruise = Simulation(Parameters(seed, particles, "2025-01-14T20:00:00"))
    truth = cruise.files(np.array([index])).truth
    return columns(seed, index, truth, 0), truth


@given(seed=st.integers(0, 2**63), index=st.integers(0, 50_000), particles=st.integers(100, 3000))
def test_counts_are_exact_and_codes_are_those_of_the_instrument(seed: int, index: int, particles: int) -> None:
    cruise = Simulation(Parameters(seed, particles, "2025-01-14T20:00:00"))
    truth = cruise.files(np.array([index])).truth
    seen = columns(seed, index, truth, 0)
    assert {c.dtype.name for c in seen.values()} == {"uint16"}
    assert {len(c) for c in seen.values()} == {truth.particles[0]}
    for name in ("D1", "D2", "fsc_small"):
        assert not (seen[name] % 16).any()
    for name in ("pe", "chl_small"):
        assert np.isin(seen[name] % 16, (0, 5, 11)).all()
    noise = (seen["fsc_small"] <= 1) & (seen["D1"] <= 1) & (seen["D2"] <= 1)
    saturated = (seen["D1"] == seen["D1"].max()) | (seen["D2"] == seen["D2"].max())
    assert (noise.sum(), saturated.sum()) == (truth.noise[0], truth.saturated[0])


def test_a_file_does_not_depend_on_its_neighbours() -> None:
    cruise = Simulation(Parameters(7, 500, "2025-01-14T20:00:00"))
    many = cruise.files(np.arange(100, 140))
    for row in (0, 17, 39):
        alone = cruise.files(np.array([100 + row]))
        assert alone.names[0] == many.names[row]
        for name, values in alone.sfl.items():
            np.testing.assert_array_equal(np.asarray(values)[0], np.asarray(many.sfl[name])[row])
        one_way, other = columns(7, 100 + row, alone.truth, 0), columns(7, 100 + row, many.truth, row)
        assert all(np.array_equal(one_way[name], other[name]) for name in one_way)


def test_it_looks_like_the_real_instrument(data: Path) -> None:
    path = data / "seaflow" / "testcruise" / "evt_v2" / "2014_185" / "2014-07-04T00-00-02+00-00"
    rows = np.frombuffer(path.read_bytes(), "<u2", offset=8).reshape(-1, 7)
    real = dict(zip(("pulse_width", "chl_small", "D1", "D2", "fsc_small", "pe", "evt_rate"), rows.T, strict=True))
    seen, _ = one(300, 40_000)
    for name in CHANNELS:
        for q in (0.25, 0.5, 0.75, 0.95):
            assert np.quantile(seen[name], q) == pytest.approx(np.quantile(real[name], q), rel=0.2, abs=600), (name, q)
        assert set(np.unique(seen[name] % 16)) == set(np.unique(real[name] % 16))
    assert (seen["fsc_small"] == 0).mean() == pytest.approx((real["fsc_small"] == 0).mean(), abs=0.06)
    assert (seen["pe"] == 0).mean() == pytest.approx((real["pe"] == 0).mean(), abs=0.05)
    for x, y in (("fsc_small", "pe"), ("fsc_small", "chl_small"), ("D1", "D2")):
        planes = [np.histogram2d(d[x], d[y], bins=16, range=[[0, 65536]] * 2)[0] / len(d[x]) for d in (real, seen)]
        assert np.abs(planes[0] - planes[1]).sum() / 2 < 0.12  # total variation


def _filter(truth: Truth) -> FilterParameters:
    """As from the bead cloud: both lines through it, the upper one with the slopes of instrument 740."""
    d1, d2, fsc = truth.medians[0, POPULATIONS.index("beads")][:3] + np.array([900, 900, 0])
    row = (fsc, d1, d2, 5000, d1 / fsc, d2 / fsc, 1.635, 1.632, 0, 0, d1 - 1.635 * fsc, d2 - 1.632 * fsc)
    return FilterParameters("truth", (row, row, row))


@pytest.mark.parametrize("index", [200, 900])
def test_the_filter_finds_the_populations_of_the_truth(index: int) -> None:
    seen, truth = one(index, 200_000)
    kept = focus(seen["D1"], seen["D2"], seen["fsc_small"], _filter(truth)).index
    assert kept.size == pytest.approx(truth.focused.sum(), rel=0.15)
    for p, name in enumerate(POPULATIONS):
        medians = dict(zip(CHANNELS, truth.medians[0, p], strict=True))
        width = {"prochloro": 6000, "synecho": 7000, "picoeuk": 9000, "croco": 6500, "beads": 2500}[name]
        near = np.ones(kept.size, dtype=bool)
        for channel in ("fsc_small", "pe", "chl_small"):
            near &= np.abs(seen[channel][kept].astype(float) - medians[channel]) < width
        expected = truth.focused[0, p]
        assert near.sum() == pytest.approx(expected, rel=0.25, abs=4 * expected**0.5 + 10), name
        if expected > 200:
            for channel in ("fsc_small", "pe", "chl_small"):
                assert np.median(seen[channel][kept][near]) == pytest.approx(medians[channel], abs=900), (name, channel)


def test_two_million_particles_fit() -> None:
    seen, truth = one(100, 2_000_000)
    assert len(seen["D1"]) == truth.particles[0] > 1_500_000
