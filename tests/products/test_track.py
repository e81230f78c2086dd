"""The track of NBP1406, and of ships whose receivers fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.products.geodesic import distance
from workbench.products.track import KNOT, NOISE, track

START = np.datetime64("2023-01-12T00:00:00", "ns")


def ship(n: int = 600, *, knots: float = 12.0, step: float = 1.0, lon: float = -157.0, lat: float = 21.0) -> xr.Dataset:
    """A ship that goes north-east, a fix every `step` seconds."""
    seconds = np.arange(n) * step
    degrees = knots * KNOT * seconds / 111_000 / np.sqrt(2)
    return fixes(seconds, lat + degrees, lon + degrees / np.cos(np.radians(lat)))


def fixes(seconds: Any, lat: Any, lon: Any, **more: Any) -> xr.Dataset:
    time = START + (np.asarray(seconds) * 1e9).astype("timedelta64[ns]")
    return xr.Dataset(
        {"latitude": ("time", np.asarray(lat, float)), "longitude": ("time", np.asarray(lon, float)), **more},
        {"time": time},
    )


def spiked(ds: xr.Dataset, rows: Any, lat: float = 1.0, lon: float = 1.0) -> xr.Dataset:
    """`ds` with some fixes moved."""
    out = ds.copy(deep=True)
    out["latitude"].values[rows] += lat
    out["longitude"].values[rows] += lon
    return out


def bad(ds: xr.Dataset) -> list[int]:
    return np.flatnonzero(ds["position_qc"].values == 4).tolist()


def test_s330(data: Path) -> None:
    """The geodesic track is 3034.6 m in 624 s, GGA and RMC telling each fix once."""
    raw = data / "underway" / "NBP1406" / "s330" / "raw"
    ds = xr.open_dataset(next(raw.iterdir()), engine="nmea_log")
    out = track(ds)
    assert out.sizes["time"] == 625
    assert float(out["distance"][-1]) == pytest.approx(3034.6, rel=1e-4)
    assert (out["time"][-1] - out["time"][0]).values == np.timedelta64(624, "s")
    assert bad(out) == []
    assert set(out["segment"].values.tolist()) == {0}
    assert float(out["speed_made_good"].median()) == pytest.approx(float(ds["speed"].median()), abs=0.15)
    for sentence in ("GGA", "RMC"):
        one = track(ds.isel(time=ds["sentence"].values == sentence))
        assert float(one["distance"][-1]) == pytest.approx(float(out["distance"][-1]), rel=1e-9)


def test_three_receivers_at_once(data: Path) -> None:
    """Antennas stand some metres apart: no spikes."""
    out = track(xr.open_dataset(data / "underway" / "NBP1406", engine="nmea_log"))
    assert bad(out) == []


def test_what_comes_out() -> None:
    out = track(ship().assign(note=("time", np.arange(600))))
    assert out["position_qc"].dtype == np.int8
    assert out["segment"].dtype == np.int64
    assert out["distance"].attrs["units"] == "m"
    assert out["speed_made_good"].attrs["units"] == "kn"
    assert out["latitude"].attrs["ancillary_variables"] == "position_qc"
    assert out["latitude"].attrs["units"] == "degrees_north"
    np.testing.assert_array_equal(out["note"], np.arange(600))
    np.testing.assert_allclose(out["speed_made_good"], 12.0, rtol=5e-3)
    np.testing.assert_allclose(np.diff(out["distance"]), 12 * KNOT, rtol=5e-3)


def test_it_changes_nothing() -> None:
    ds = spiked(ship(), [5])
    before = ds.copy(deep=True)
    track(ds)
    xr.testing.assert_identical(ds, before)


@pytest.mark.parametrize(
    "rows",
    [
        [300], [0], [599], [0, 1, 2], [597, 598, 599], [10, 11, 12, 13], list(range(100, 250)), [1, 3, 5, 7, 9],
        [0, 599], list(range(0, 600, 3)), list(range(250)),
    ],
)  # fmt: skip
def test_spikes(rows: list[int]) -> None:
    """One bad fix or a run of them, wherever it stands: exactly these are flagged, and the others are a track."""
    clean = track(ship())
    out = track(spiked(ship(), rows))
    assert bad(out) == rows
    good = out["position_qc"].values == 1
    assert np.isnan(out["distance"].values[~good]).all()
    assert np.isnan(out["speed_made_good"].values[~good]).all()
    np.testing.assert_allclose(
        np.diff(out["distance"].values[good]), np.diff(clean["distance"].values[good]), rtol=1e-4
    )
    assert (out["speed_made_good"].values[good] < 12.5).all()


def test_nonsense_for_minutes() -> None:
    """A receiver that says something else each second: the track before and after is joined over it."""
    rng = np.random.default_rng(3)
    ds = ship(1000)
    rows = np.arange(300, 700)
    ds["latitude"].values[rows] = rng.uniform(-80, 80, 400)
    ds["longitude"].values[rows] = rng.uniform(-180, 180, 400)
    assert bad(track(ds)) == rows.tolist()


def test_null_island() -> None:
    ds = ship()
    ds["latitude"].values[200:210] = 0
    ds["longitude"].values[200:210] = 0
    assert bad(track(ds)) == list(range(200, 210))


@pytest.mark.parametrize("lon", [-180.02, 179.99, 359.99])
def test_the_antimeridian(lon: float) -> None:
    """Crossing it is no spike, and no way around the world."""
    ds = ship(lon=lon)
    ds["longitude"].values[:] = (ds["longitude"].values + 180) % 360 - 180
    out, inland = track(ds), track(ship())
    assert bad(out) == []
    np.testing.assert_allclose(out["distance"], inland["distance"], rtol=1e-9)
    np.testing.assert_allclose(out["speed_made_good"], inland["speed_made_good"], rtol=1e-9)
    assert bad(track(spiked(ds, [50]))) == [50]


def test_gaps() -> None:
    """A segment ends where the ship was silent; speed is not taken across."""
    seconds = np.concatenate([np.arange(60), np.arange(400, 460), np.arange(460 + 240, 760 + 240), [5000]])
    whole = ship(5001, knots=10.0)
    ds = whole.isel(time=seconds)
    out = track(ds, max_gap="4min")
    lengths = np.unique(out["segment"].values, return_counts=True)[1].tolist()
    assert lengths == [60, 60 + 0, 300, 1]
    assert np.isnan(out["speed_made_good"].values[-1])
    assert float(out["distance"][-1]) == pytest.approx(5000 * 10 * KNOT, rel=5e-3)
    assert track(ds, max_gap=np.timedelta64(2, "h"))["segment"].values.max() == 0
    edge = fixes([0, 240, 481], [0, 0.001, 0.002], [0, 0, 0])
    assert track(edge)["segment"].values.tolist() == [0, 0, 1]


def test_a_spike_in_a_gap() -> None:
    """A bad fix does not bridge a gap, and belongs to what was before it."""
    ds = fixes([0, 1, 180, 360, 361], [0, 0, 5, 0, 0], [0, 0, 0, 0, 0])
    out = track(ds)
    assert bad(out) == [2]
    assert out["segment"].values.tolist() == [0, 0, 0, 1, 1]


def test_a_spike_that_time_makes_possible() -> None:
    """A bad fix before a gap could be reached from afterwards; the longer track without it is taken."""
    ds = ship(700).isel(time=np.concatenate([np.arange(301), np.arange(400, 700)]))
    assert bad(track(spiked(ds, [300], lat=0.007, lon=0))) == [300]


def test_repetitions() -> None:
    """Of one time the first row; of a fix told twice the first; what is no fix is left out."""
    told = START + np.array([0, 0, 1, 1, 2], "timedelta64[s]")
    ds = fixes([0.2, 0.5, 1.2, 1.2, 2.2], [0, 0, 1e-5, 9e-5, np.nan], [0, 0, 0, 0, 0], time_instrument=("time", told))
    out = track(ds)
    assert out["latitude"].values.tolist() == [0, 1e-5]
    assert out["time"].values.tolist() == ds["time"].values[[0, 2]].tolist()
    moored = fixes(
        np.arange(10), np.zeros(10), np.zeros(10), time_instrument=("time", START + np.arange(10).astype("m8[s]"))
    )
    assert track(moored).sizes["time"] == 10
    assert track(moored)["speed_made_good"].values.tolist() == [0] * 10


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_fixes(n: int) -> None:
    out = track(ship(n))
    assert out.sizes["time"] == n
    assert out["distance"].values.tolist() == pytest.approx([0.0, 12 * KNOT][:n], rel=1e-2)
    assert np.isnan(out["speed_made_good"].values).all() == (n < 2)


def test_what_it_needs() -> None:
    with pytest.raises(WorkbenchError, match=r"needs 'latitude'. Did you mean 'latitud'"):
        track(ship().rename(latitude="latitud"))
    with pytest.raises(WorkbenchError, match="along time"):
        track(ship().swap_dims(time="row").reset_coords("time"))


@given(st.permutations(range(40)), st.floats(-180, 180), st.sets(st.integers(0, 39), max_size=9))
def test_laws(order: list[int], lon: float, rows: set[int]) -> None:
    """The order of rows does not matter, nor where the globe begins; spikes are those that were planted."""
    ds = spiked(ship(40, step=60.0), sorted(rows))
    out = track(ds, max_gap="1h")
    assert bad(out) == sorted(rows)
    xr.testing.assert_identical(track(ds.isel(time=list(order)), max_gap="1h"), out)
    turned = ds.assign(longitude=(ds["longitude"] + lon + 180) % 360 - 180)
    np.testing.assert_array_equal(track(turned, max_gap="1h")["position_qc"], out["position_qc"])
    np.testing.assert_allclose(track(turned, max_gap="1h")["distance"], out["distance"], rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 60.0, 180.0]), st.floats(0.0, 0.3))
def test_planted_spikes_of_any_size(seed: int, step: float, share: float) -> None:
    """Fixes that no ship could have sailed to and from are flagged, and no good one beside them."""
    rng = np.random.default_rng(seed)
    ds = ship(200, step=step)
    rows = np.flatnonzero(rng.random(200) < share)
    ds["latitude"].values[rows] += rng.choice([-1, 1], len(rows)) * rng.uniform(5, 60, len(rows))
    assert bad(track(ds, max_gap="1h")) == rows.tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 200))
def test_a_chain_can_be_sailed(seed: int, n: int, knots: int) -> None:
    """Whatever the fixes are: the good ones follow each other at possible speeds, and no fix alone could be added."""
    rng = np.random.default_rng(seed)
    ds = fixes(np.cumsum(rng.uniform(1, 600, n)), rng.uniform(-0.2, 0.2, n), rng.uniform(179.8, 180.2, n))
    out = track(ds, max_speed=knots)
    good = out.isel(time=out["position_qc"].values == 1)
    assert reachable(good, knots, 1.01)
    for row in np.flatnonzero(out["position_qc"].values == 4):
        keep = np.sort(np.append(np.flatnonzero(out["position_qc"].values == 1), row))
        assert not reachable(out.isel(time=keep), knots, 0.99)


def reachable(ds: xr.Dataset, knots: float, margin: float) -> bool:
    lat, lon, time = (ds[name].values for name in ("latitude", "longitude", "time"))
    metres = distance(lat[:-1], lon[:-1], lat[1:], lon[1:])
    return bool((metres <= margin * (knots * KNOT * np.diff(time) / np.timedelta64(1, "s") + NOISE)).all())
