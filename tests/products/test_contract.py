"""First-party products keep the contract of products, by the public suite."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import plan_dataset
from workbench.core.plugins import names
from workbench.core.variables import describe
from workbench.products.contract import CRUISE, product
from workbench.products.seaflow.cruise import seaflow
from workbench.testing import products

BEADS = (34000.0, 20000.0, 20000.0, 5000.0, 0.6, 0.6, 1.635, 1.632, 0.0, 0.0, -35590.0, -35488.0)
START = np.datetime64("2024-01-01T00:50:02", "ns")


def evt(files: int = 6, rows: int = 400) -> xr.Dataset:
    rng = np.random.default_rng(5)
    codes = {
        "D1": rng.integers(16, 22000, files * rows), "D2": rng.integers(16, 22000, files * rows),
        "fsc_small": rng.integers(15000, 40000, files * rows), "pe": rng.integers(0, 56000, files * rows),
        "chl_small": rng.integers(0, 50000, files * rows),
    }  # fmt: skip
    time = START + np.arange(files) * np.timedelta64(180, "s")
    variables = {name: ("particle", values.astype(np.uint16)) for name, values in codes.items()}
    ids = [f"2024_001/{str(t)[:19].replace(':', '-')}+00-00" for t in time]
    return describe(xr.Dataset({**variables, "file_id": ("file", ids), "row_size": ("file", np.full(files, rows))}, {"time": ("file", time)}))  # fmt: skip


def plan() -> xr.Dataset:
    box = tuple((float(x), float(y)) for x, y in ((1, 1), (3000, 1), (3000, 300), (1, 300)))
    gating = Gating("g", (Gate("synecho", "fsc_small", "pe", box),))
    one = FilterParameters("f", (BEADS, BEADS, BEADS))
    return plan_dataset(Parameters(Plan((), {"f": one}), Plan((), {"g": gating}), "C", "740"))


def sfl(files: int = 6) -> xr.Dataset:
    raw = evt(files)
    n = raw.sizes["file"]
    columns = {
        "file_id": raw["file_id"].to_numpy(),
        "stream_pressure": np.full(n, 12.0),
        "file_duration": np.full(n, 180.0),
    }
    return describe(xr.Dataset({name: ("time", values) for name, values in columns.items()}, {"time": raw["time"].to_numpy()}))  # fmt: skip


class TestSeaflow(products.ProductTests):
    product = "seaflow"

    def inputs(self):
        return {"evt": evt(), "plan": plan(), "sfl": sfl()}


class TestBeadDrift(products.ProductTests):
    product = "bead_drift"

    def inputs(self):
        return {"evt": evt(), "plan": plan()}


class TestBackground(products.ProductTests):
    product = "background"

    def inputs(self):
        return {"populations": seaflow(evt(), plan(), sfl())}


class TestTrack(products.ProductTests):
    product = "track"

    def inputs(self):
        time = START + np.arange(40) * np.timedelta64(20, "s")
        lat, lon = 20 + np.arange(40) * 1e-3, -150 + np.arange(40) * 1e-3
        return {
            "positions": describe(xr.Dataset({"latitude": ("time", lat), "longitude": ("time", lon)}, {"time": time}))
        }


class TestClockOffset(products.ProductTests):
    product = "clock_offset"

    def inputs(self):
        rng = np.random.default_rng(2)
        time = START + np.arange(60) * np.timedelta64(240, "s")
        told = time - (rng.normal(3.5, 0.1, 60) * 1e9).astype("timedelta64[ns]")
        return {"feed": xr.Dataset({"time_instrument": ("time", told)}, {"time": time})}


def test_every_registered_product_is_tested_here():
    tested = {cls.product for cls in products.ProductTests.__subclasses__() if isinstance(cls.product, str)}
    assert set(names("workbench.products")) <= tested


def test_the_suite_finds_a_product_that_reaches_further_than_it_says():
    @product(reach=np.timedelta64(0, "ns"), provides=[s for s in seaflow.provides if s.name in ("time", "opp_count")])
    def total(populations: xr.Dataset) -> xr.Dataset:
        """The sum so far."""
        return populations[["opp_count"]].fillna(0).cumsum("time").assign_coords(time=populations["time"])

    class Suite(products.ProductTests):
        product = total

        def inputs(self):
            return {"populations": seaflow(evt(), plan(), sfl())[["opp_count"]]}

    suite = Suite()
    with pytest.raises(AssertionError):
        suite.test_window(suite.inputs())
    total.reach = CRUISE
    with pytest.raises(pytest.skip.Exception):
        suite.test_window(suite.inputs())


def test_a_clock_offset_is_that_of_its_hour():
    ds = TestClockOffset().make(TestClockOffset().inputs())
    assert ds["rows"].to_numpy().tolist() == [3, 15, 15, 15, 12]
    np.testing.assert_allclose(ds["offset"], 3.5, atol=0.2)


def test_beads_drift_against_the_filter():
    raw = evt(30, 400)
    raw["D1"][:] = np.where(raw["time"].to_numpy().repeat(400) < np.datetime64("2024-01-01T01:00"), 20000, 21000)
    raw["D2"][:], raw["fsc_small"][:] = 20000, 33660
    raw["pe"][::2] = 40000
    ds = TestBeadDrift().make({"evt": raw, "plan": plan()})
    np.testing.assert_allclose(ds["D1_drift"], [0, 5, 5])
    np.testing.assert_allclose(ds["fsc_small_drift"], -1)
    assert (ds["beads"] < 200 * 20).all()
    raw["D1"][:] = 36000  # out of focus: none are beads
    ds = TestBeadDrift().make({"evt": raw, "plan": plan()})
    assert (ds["beads"] == 0).all() and np.isnan(ds["D1_drift"]).all()
    assert len(FIELDS) == len(BEADS)
