"""Gates on channels that OPP does not carry (fsc_perp, fsc_big, chl_big): v1 has them, v2 and Parquet do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.apps.seaflow import Inputs, bring_up_to_date
from workbench.core.gates import Gating, Plan
from workbench.core.plan_dataset import plan_dataset
from workbench.products.seaflow.classify import UNKNOWN, asked
from workbench.products.seaflow.cruise import seaflow
from workbench.products.seaflow.process import CHANNELS, lacking, others, process
from workbench.readers.parameter_files import read_parameters, write_tsv
from workbench.readers.size_table import read_size_table
from workbench.record import seaflow_hour

OTHERS = ("fsc_perp", "fsc_big", "chl_big")


@pytest.fixture(scope="module")
def folder(data):
    return data / "seaflow" / "testcruise"


@pytest.fixture(scope="module")
def parameters(folder):
    return read_parameters(folder / "params" / "testcruise_full_one_param.db")


@pytest.fixture(scope="module")
def table(data):
    return read_size_table(data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv", "740")


@pytest.fixture(scope="module")
def first(folder):
    """The first file of the test cruise, as v1 has it."""
    path = folder / "evt_v1" / "2014_185" / "2014-07-04T00-00-02+00-00"
    ds = xr.open_dataset(path, engine="seaflow_evt").load()
    return {name: ds[name].to_numpy() for name in (*CHANNELS, *OTHERS)}


def moved(gating: Gating, axis: str, to: str) -> Gating:
    """Gates that ask for `to` where they asked for `axis`."""
    gates = tuple(
        replace(gate, x=to if gate.x == axis else gate.x, y=to if gate.y == axis else gate.y) for gate in gating.gates
    )
    return Gating(f"{gating.id}-{axis}-{to}", gates, gating.date)


def with_gates(parameters, axis: str, to: str):
    (entry,) = parameters.gatings.sets.values()
    gating = moved(entry, axis, to)
    return replace(parameters, gatings=Plan(((np.datetime64("2014-01-01", "ns"), gating.id),), {gating.id: gating}))


def same(one, two) -> None:
    np.testing.assert_array_equal(one.label, two.label)
    assert one.summary.keys() == two.summary.keys() and one.flag == two.flag
    for key, (n, numbers) in one.summary.items():
        assert n == two.summary[key][0]
        np.testing.assert_array_equal(numbers, two.summary[key][1])


@settings(max_examples=20, deadline=None)
@given(axis=st.sampled_from(["pe", "chl_small", "fsc_small"]), to=st.sampled_from(OTHERS), pieces=st.integers(1, 5))
def test_a_gate_looks_at_the_channel_that_it_names(parameters, table, first, axis, to, pieces):
    """Where another channel has the same numbers, gates on it give the same populations, however a file comes."""
    (gating,), (filter_,) = parameters.gatings.sets.values(), parameters.filters.sets.values()
    codes = first | {to: first[axis]}
    cuts = np.array_split(np.arange(len(codes["D1"])), pieces)
    parts = [{name: column[some] for name, column in codes.items()} for some in cuts]
    changed = moved(gating, axis, to)
    assert to in others(changed) and to in asked(changed)
    found = process(parts, filter_, changed, table)
    same(found, process([first], filter_, gating, table))
    assert tuple(found.codes) == CHANNELS, "OPP carries no more"


@pytest.mark.parametrize("to", OTHERS)
def test_where_the_channel_is_missing_all_are_unknown_and_it_is_said(parameters, table, first, to):
    (gating,), (filter_,) = parameters.gatings.sets.values(), parameters.filters.sets.values()
    reduced = {name: first[name] for name in CHANNELS}
    found = process([reduced], filter_, moved(gating, "pe", to), table)
    assert lacking(moved(gating, "pe", to), iter(CHANNELS)).startswith(f"gates ask for {to}, which")
    assert found.flag == 0 and set(np.unique(found.label)) == {-1, UNKNOWN}
    assert to in found.message and "unknown" in found.message
    without = process([reduced], filter_, None, table)
    assert {q: n for (q, _), (n, _) in found.summary.items()} == {q: n for (q, _), (n, _) in without.summary.items()}


@pytest.mark.parametrize("layout", ["evt_v1", "evt_v2"])
def test_of_a_cruise(folder, parameters, table, data, tmp_path, layout):
    """The command and the product agree; the command says which files have no populations, and why."""
    changed = with_gates(parameters, "pe", "fsc_perp")
    write_tsv(tmp_path / "made", changed)
    size = data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv"
    sfl = folder / "testcruise_740.sfl"
    inputs = Inputs(folder / layout, tmp_path / "made", tmp_path / "out", sfl, size, instrument="740")
    outcome = bring_up_to_date(inputs)
    assert outcome.processed == 8
    evt = xr.open_dataset(folder / layout, engine="seaflow_evt", chunks={})
    ds = seaflow(evt, plan_dataset(changed, table), xr.open_dataset(sfl, engine="seaflow_sfl").load(), instrument="740")
    counts = ds["n_count"].sel(quantile=50).sum("time").to_series().astype(int)
    written = xr.open_dataset(tmp_path / "out" / "vct", engine="seaflow_vct").load()
    here = written["pop_q50"].to_numpy()[written["q50"].to_numpy()].astype(str)
    assert {name: n for name, n in counts.items() if n} == dict(zip(*np.unique(here, return_counts=True), strict=True))
    if layout == "evt_v1":
        assert (counts.drop("unknown") > 0).any() and "fsc_perp" not in ds.attrs["notes"]
    else:
        assert (counts.drop("unknown") == 0).all() and counts["unknown"] > 0
        assert ds["n_count"].drop_sel(population="unknown").isnull().all(), "nobody could ask for them"
        assert "fsc_perp" in ds.attrs["notes"]


def test_the_reason_stands_in_opp2(parameters, first):
    """``opp2.message`` of a file that is not flagged says why nothing in it has a population."""
    from workbench.record.seaflow_work import Task

    (gating,), (filter_,) = parameters.gatings.sets.values(), parameters.filters.sets.values()
    gating = moved(gating, "pe", "chl_big")
    result = process([{name: first[name] for name in CHANNELS}], filter_, gating, None)
    task = Task(("a",), "2014_185/a", np.datetime64("2014-07-04", "ns"), filter_, gating, "key")
    (row,) = seaflow_hour.database_rows(task, result)["opp2"]
    assert row[-1] == 0 and "chl_big" in row[-2]
