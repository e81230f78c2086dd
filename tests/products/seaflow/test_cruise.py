"""The product `seaflow`: the numbers of the test cruise, and laws of windows, order and growth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from workbench.core.codes import linear
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Plan
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import plan_dataset
from workbench.products.seaflow.background import background
from workbench.products.seaflow.cruise import seaflow
from workbench.products.seaflow.drift import bead_drift
from workbench.readers.parameter_files import read_parameters
from workbench.readers.size_table import read_size_table

SUMS = {"plan": (1878, 43.5544, 2.04763), "one_param": (2042, 34.3968, 1.61702)}


@pytest.fixture(scope="module")
def folder(data):
    return data / "seaflow" / "testcruise"


@pytest.fixture(scope="module")
def sfl(folder):
    return xr.open_dataset(folder / "testcruise_740.sfl", engine="seaflow_sfl").load()


@pytest.fixture(scope="module")
def plans(data, folder):
    table = read_size_table(data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv", "740")
    return {
        kind: plan_dataset(read_parameters(folder / "params" / f"testcruise_full_{kind}.db"), table) for kind in SUMS
    }


@pytest.fixture(scope="module", params=["evt_v1", "evt_v2"])
def evt(folder, request):
    return xr.open_dataset(folder / request.param, engine="seaflow_evt", chunks={})


@pytest.mark.parametrize("kind", SUMS)
def test_the_sums_of_the_test_cruise(evt, plans, sfl, kind):
    ds = seaflow(evt, plans[kind], sfl)
    found = [float(ds[name].sum()) for name in ("n_count", "abundance", "abundance_se")]
    np.testing.assert_allclose(found, SUMS[kind], rtol=5e-6)
    assert ds["file_flag"].to_numpy().tolist() == {"plan": [0, 0, 4, 0, 0], "one_param": [0, 0, 4, 4, 0]}[kind]
    assert ds["population"].to_numpy().tolist() == ["beads", "prochloro", "synecho", "unknown"]
    first = ds.sel(quantile=50.0).isel(time=0)
    assert float(first["abundance"].sel(population="prochloro")) == pytest.approx(2.467424, rel=1e-6)
    assert [line.split(": ")[0][-14:-6] for line in ds.attrs["left_out"].splitlines()] == [
        "00-06-02", "00-09-02", "00-12-02", "01-24-02"
    ]  # fmt: skip
    assert float(first["background"]) == pytest.approx(100 * 8 / 107)


def test_a_flagged_file_counts_nothing_and_an_absent_population_zero(evt, plans, sfl):
    ds = seaflow(evt, plans["plan"], sfl)
    flagged = ds["file_flag"] > 0
    for name in ("n_count", "abundance", "abundance_se", "diameter", "carbon_quota", "biomass"):
        assert np.isnan(ds[name].where(flagged, drop=True)).all(), name
    good = ds.where(~flagged, drop=True)
    assert np.isfinite(good["n_count"]).all() and np.isfinite(good["abundance"]).all()
    assert (np.isnan(good["diameter"]) == (good["n_count"] == 0)).all()
    assert ((good["biomass"] == 0) == (good["n_count"] == 0)).all() and (good["n_count"] == 0).any()


def test_after_the_last_file_live_and_at_once_are_equal_and_earlier_rows_are_restated(evt, plans, sfl):
    whole = seaflow(evt, plans["plan"], sfl)
    evt = evt.load()
    restated = set()
    for files in range(1, evt.sizes["file"] + 1):
        rows = int(evt["row_size"][:files].sum())
        live = seaflow(evt.isel(file=slice(files), particle=slice(rows)), plans["plan"], sfl)
        restated.add(float(live["abundance"].isel(time=0).sel(population="synecho", quantile=50.0)))
    xr.testing.assert_identical(live.drop_attrs(), whole.drop_attrs())
    assert len(restated) > 1


def test_the_order_of_sfl_rows_and_of_chunks_does_not_matter(evt, plans, sfl):
    whole = seaflow(evt, plans["plan"], sfl)
    xr.testing.assert_identical(seaflow(evt.load(), plans["plan"], sfl.isel(time=slice(None, None, -1))), whole)


def test_of_a_gate_that_is_not_evaluated_nobody_knows_the_cells(evt, folder, plans, sfl):
    """Its particles are unknown (it is asked last): there may be many, or none."""
    made = read_parameters(folder / "params" / "testcruise_full_plan.db")
    assert made.gatings is not None
    sets = {
        name: replace(gating, gates=tuple(replace(g, method="auto") if g.population == "prochloro" else g for g in gating.gates))
        for name, gating in made.gatings.sets.items()
    }  # fmt: skip
    kept = {}
    for _ in range(2):
        ds = seaflow(evt, plan_dataset(replace(made, gatings=Plan(made.gatings.entries, sets))), sfl, kept=kept)
        assert np.isnan(
            ds.sel(population="prochloro")[["n_count", "abundance", "abundance_se", "biomass"]].to_array()
        ).all()
    whole = seaflow(evt, plans["plan"], sfl)
    xr.testing.assert_equal(ds["n_count"].sel(population="synecho"), whole["n_count"].sel(population="synecho"))
    more = whole["n_count"].sel(population="prochloro") + whole["n_count"].sel(population="unknown")
    xr.testing.assert_equal(ds["n_count"].sel(population="unknown").drop_vars("population"), more)
    xr.testing.assert_allclose(ds["background"], 100 * more / whole["n_count"].sum("population", skipna=False))
    xr.testing.assert_allclose(background(ds)["background"], ds["background"])


def test_before_its_first_gate_nobody_knows_a_population(evt, folder, sfl):
    """The same gates from 01:00 on, without prochloro before 00:03, and none at all before."""
    made = read_parameters(folder / "params" / "testcruise_full_one_param.db")
    assert made.gatings is not None
    (gating,) = made.gatings.sets.values()
    few = replace(gating, id="few", gates=tuple(gate for gate in gating.gates if gate.population != "prochloro"))
    entries = (np.datetime64("2014-07-04T00:03", "ns"), "few"), (np.datetime64("2014-07-04T01:00", "ns"), gating.id)
    ds = seaflow(evt, plan_dataset(replace(made, gatings=Plan(entries, {"few": few, gating.id: gating}))), sfl)
    known = np.isfinite(ds["n_count"].isel(quantile=0, time=[0, 1, 4]))
    assert known.sel(population="prochloro").values.tolist() == [False, False, True]
    assert known.sel(population="synecho").values.tolist() == [False, True, True]
    assert known.sel(population="unknown").values.all()
    assert float(ds["background"][0, 0]) == 100


def test_without_a_size_table_nobody_knows_the_biomass(evt, folder, sfl):
    bare = plan_dataset(read_parameters(folder / "params" / "testcruise_full_plan.db"))
    ds = seaflow(evt, bare, sfl)
    assert np.isnan(ds["biomass"]).all() and (ds["abundance"] == 0).any()


def test_without_an_sfl_abundance_is_left_out_and_said_so(evt, plans):
    ds = seaflow(evt, plans["one_param"])
    assert "abundance" not in ds and "volume" not in ds
    assert "abundance is left out" in ds.attrs["notes"]
    assert float(ds["n_count"].sum()) == 2042


def test_one_calibration_gives_no_error_never_zero(evt, plans, sfl):
    ds = seaflow(evt, plans["plan"], sfl, instrument="130")
    assert np.isnan(ds["abundance_se"]).all() and np.isnan(ds["flow_rate_sd"]).all()
    assert np.isfinite(ds["abundance"].isel(time=0)).all()


def test_the_refractive_index_is_chosen_by_population(evt, plans, sfl):
    each = {name: seaflow(evt, plans["plan"], sfl, index=name) for name in ("lwr", "mid", "upr")}
    mixed = seaflow(evt, plans["plan"], sfl, index={"prochloro": "upr", "synecho": "lwr"})
    for population, name in (("prochloro", "upr"), ("synecho", "lwr"), ("beads", "mid")):
        for variable in ("diameter", "carbon_quota", "biomass"):
            a, b = (ds[variable].sel(population=population) for ds in (mixed, each[name]))
            xr.testing.assert_equal(a, b)
    with pytest.raises(WorkbenchError, match="'low' is no refractive index"):
        seaflow(evt, plans["plan"], sfl, index="low")


def test_limits_flag_files(evt, plans, sfl):
    ds = seaflow(evt, plans["plan"], sfl, max_particles=1)
    assert ds["file_flag"].to_numpy().tolist() == [2] * 5
    assert ds["all_count"].to_numpy().tolist() == [40000] * 5
    assert np.isnan(ds["evt_count"]).all()
    ds = seaflow(evt, plans["plan"], sfl, max_opp=400)
    assert ds["file_flag"].to_numpy().tolist() == [3, 0, 4, 0, 0]


def test_the_columns_handed_on_are_those_of_the_sfl(evt, plans, sfl):
    ds = seaflow(evt, plans["plan"], sfl)
    row = sfl.isel(time=sfl["file_id"].to_numpy() == str(ds["file_id"][0].item()))
    for name in ("latitude", "par", "stream_pressure"):
        assert float(ds[name][0]) == float(row[name][0])


def test_what_is_kept_changes_nothing(evt, plans, sfl, monkeypatch):
    """Files that were worked on are not worked on again; what comes out is the same."""
    from workbench.products.seaflow import process as home

    wanted, kept, worked = seaflow(evt, plans["plan"], sfl), {}, []
    process = home.process
    monkeypatch.setattr(home, "process", lambda *args, **given: worked.append(1) or process(*args, **given))
    xr.testing.assert_identical(seaflow(evt, plans["plan"], sfl, kept=kept), wanted)
    first = len(worked)
    assert first > 0
    xr.testing.assert_identical(seaflow(evt, plans["plan"], sfl, kept=kept), wanted)
    assert len(worked) == first
    seaflow(evt, plans["plan"], sfl, kept=kept, max_opp=400)
    assert len(worked) == 2 * first


def test_linear_particles_come_to_the_same(evt, plans, sfl):
    xr.testing.assert_identical(seaflow(linear(evt), plans["plan"], sfl), seaflow(evt, plans["plan"], sfl))


def test_an_input_of_another_kind_is_refused_rather_than_counted(evt, plans, sfl, folder):
    vct = xr.open_dataset(folder / "vct_plan", engine="seaflow_vct")
    for given, said in (
        ((vct, plans["plan"], sfl), "in focus"),
        ((sfl, plans["plan"], sfl), "no variable 'row_size'"),
        ((evt, sfl, sfl), "not a plan"),
        ((evt, plans["plan"], evt), "not an SFL"),
    ):
        with pytest.raises(WorkbenchError, match=said):
            seaflow(*given)
    with pytest.raises(WorkbenchError, match="there are no filter parameters in the plan yet"):
        seaflow(evt, plan_dataset(Parameters(Plan((), {}))), sfl)
    with pytest.raises(WorkbenchError, match="no variable 'row_size'"):
        bead_drift(sfl, plans["plan"])
