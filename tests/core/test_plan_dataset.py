"""Parameters survive the way through a dataset, and through netCDF."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import parameters_in, plan_dataset, size_table_in
from workbench.core.sizes import SizeTable

numbers = st.floats(-1e5, 1e5)
rows = st.tuples(*[st.tuples(*[numbers] * len(FIELDS))] * 3)
gates = st.builds(
    lambda corners, auto, pop: (
        Gate(pop, "fsc_small", "pe", (), "auto", {"gate1": 1.5})
        if auto
        else Gate(pop, "fsc_small", "pe", tuple(corners))
    ),
    st.lists(st.tuples(numbers, numbers), min_size=3, max_size=6),
    st.booleans(),
    st.sampled_from(["beads", "synecho", "croco"]),
)
times = st.integers(0, 10**9).map(lambda s: np.datetime64(s, "s").astype("datetime64[ns]"))


@st.composite
def parameters(draw):
    filters = {f"f{i}": FilterParameters(f"f{i}", t, "2020") for i, t in enumerate(draw(st.lists(rows, min_size=1, max_size=3)))}  # fmt: skip
    one_each = st.lists(gates, min_size=1, max_size=3, unique_by=lambda g: g.population)
    gatings = {f"g{i}": Gating(f"g{i}", tuple(g), "2021") for i, g in enumerate(draw(st.lists(one_each, max_size=2)))}
    plans = [
        Plan(tuple((draw(times), name) for name in sets) if len(sets) > 1 else (), sets) for sets in (filters, gatings)
    ]
    return Parameters(plans[0], plans[1] if gatings else None, "TN1", "740", ("a note",))


def same_plan(a: Plan | None, b: Plan | None) -> None:
    """The same sets, and the same of them at, before and after every start."""
    assert (a is None) == (b is None)
    if a is None or b is None:
        return
    assert dict(a.sets) == dict(b.sets)
    for moment in [np.datetime64("1960-01-01", "ns"), *(start for start, _ in (*a, *b))]:
        for step in (-1, 0, 1):
            at = moment + np.timedelta64(step, "ns")
            assert a.id_at(at) == b.id_at(at)


@given(parameters(), st.booleans())
def test_there_and_back(found, sized):
    table = SizeTable("740", np.array([0.1, 0.2, 0.4]), np.arange(18.0).reshape(3, 6)) if sized else None
    ds = plan_dataset(found, table)
    again, size = parameters_in(ds), size_table_in(ds)
    assert (again.cruise, again.instrument, again.notes) == ("TN1", "740", ("a note",))
    same_plan(again.filters, found.filters)
    same_plan(again.gatings, found.gatings)
    if found.gatings is not None and again.gatings is not None:
        assert [dict(g.extra) for s in again.gatings.sets.values() for g in s.gates] == [
            dict(g.extra) for s in found.gatings.sets.values() for g in s.gates
        ]
    assert (size is None) == (table is None)
    if size is not None and table is not None:
        assert size.instrument == "740"
        np.testing.assert_array_equal(size.values, table.values)


def test_it_can_be_saved(tmp_path):
    row = (1.0,) * len(FIELDS)
    ds = plan_dataset(Parameters(Plan((), {"a": FilterParameters("a", (row, row, row))})))
    ds.to_netcdf(tmp_path / "plan.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "plan.nc", engine="h5netcdf") as saved:
        assert parameters_in(saved).filters.sets == {"a": FilterParameters("a", (row, row, row))}


def test_what_is_no_plan_is_refused_by_name():
    with pytest.raises(WorkbenchError, match="no variable 'filter_id'"):
        parameters_in(xr.Dataset())
