"""Long sources are read and worked out in parts; the report says what it says of the whole."""

from __future__ import annotations

import numpy as np
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.variables import FAIL, GOOD
from workbench.core.window import ALWAYS
from workbench.products.track import track
from workbench.reports import reading
from workbench.reports.rules import way
from workbench.reports.voyage import way_of


def voyage(seed: int, rows: int) -> xr.Dataset:
    """A row a second at 10 kn, with bad fixes, some of them in runs, and a gap."""
    rng = np.random.default_rng(seed)
    time = np.datetime64("2025-01-14T20:00:00", "ns") + np.arange(rows) * np.timedelta64(1, "s")
    time[rows // 2 :] += np.timedelta64(600, "s")
    lat, lon = -5 + np.arange(rows) * 4.6e-5, 178 + np.arange(rows) * 1e-5
    for start in rng.integers(0, rows, 6):
        lat[start : start + rng.integers(1, 5)] += rng.uniform(0.5, 3)
    return xr.Dataset({"latitude": ("time", lat), "longitude": ("time", lon)}, {"time": time})


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(100, 1500), st.integers(60, 400))
def test_a_way_worked_out_in_pieces_is_that_of_the_whole(seed, rows, piece):
    ds = voyage(seed, rows)
    whole, found = track(ds), way_of(ds, piece)
    good = whole["position_qc"].values == GOOD
    assert found.attrs["good"] == good.sum()
    spikes = [each["time"].values[each["position_qc"].values == FAIL] for each in (whole, found)]
    np.testing.assert_array_equal(*spikes)
    same = whole.sel(time=found["time"])
    np.testing.assert_array_equal(found["position_qc"], same["position_qc"])
    np.testing.assert_allclose(found["distance"], same["distance"], rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(found["segment"], same["segment"])
    assert [f.text for f in way.told(found, "gps")] == [f.text for f in way.told(whole, "gps")]


def test_days_at_a_time_tell_what_all_at_once_tells(faulty, monkeypatch):
    """Sentences about the demo's one-a-second positions, read whole, and read as a long source is."""
    wanted = reading.shown(faulty, "underway")
    once, clock = reading.rows_of(faulty["underway"], ALWAYS, wanted)
    assert clock is None and once.sizes["time"] > 100_000
    monkeypatch.setattr(reading, "MANY", 1000)
    monkeypatch.setattr(reading, "PART", 5000)
    monkeypatch.setattr(reading, "DAYS", np.timedelta64(6, "h").astype("m8[ns]"))
    assert len(reading._spells(faulty["underway"], ALWAYS)) > 3
    parts, clock = reading.rows_of(faulty["underway"], ALWAYS, wanted)
    assert set(parts.data_vars) == wanted & set(once.data_vars) and {"latitude", "speed"} <= set(parts.data_vars)
    for name in parts.variables:
        np.testing.assert_array_equal(parts[name], once[name], err_msg=name)
    for name in ("rows", "unchecked", "other", "refused"):
        assert parts.attrs[name] == once.attrs[name], name
    told = [str(ds.attrs["bad"]).partition(" (")[0] for ds in (parts, once)]
    assert told[0] == told[1] and "checksum" in told[0]
    assert set(clock["time"].values) <= set(once["time"].values) and clock.sizes["time"] > 1000
