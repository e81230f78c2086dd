"""seaflow_plan: the laws of readers, and that a dataset says what the files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given

from tests.readers.test_parameter_round_trips import parameters, write_database
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import parameters_in, plan_dataset, size_table_in
from workbench.core.window import Window
from workbench.readers.parameter_files import read_parameters, write_tsv
from workbench.readers.seaflow_plan import holding
from workbench.readers.size_table import read_size_table
from workbench.testing import readers


def made(day: int) -> Parameters:
    start = np.datetime64("2023-01-10", "ns") + np.timedelta64(10 * day, "D")
    table = tuple(tuple(float(100 * day + 20 * q + i) for i in range(len(FIELDS))) for q in range(3))
    gates = (
        Gate("beads", "fsc_small", "pe", ((1.0, 2.0), (3.0, 4.0 + day), (5.5, 0.5))),
        Gate("prochloro", "fsc_small", "chl_small", (), "auto", {"scale": 0.95}),
    )
    return Parameters(
        Plan(((start, f"f{day}"),), {f"f{day}": FilterParameters(f"f{day}", table, "2023")}),
        Plan(
            ((start + np.timedelta64(1, "D"), f"g{day}"), (start + np.timedelta64(2, "D"), f"h{day}")),
            {name: Gating(name, gates) for name in (f"g{day}", f"h{day}")},
        ),
        "TN1", "740",
    )  # fmt: skip


class TestLaws(readers.ReaderTests):
    engine = "seaflow_plan"
    lazy = False

    def write(self, folder: Path) -> list[Path]:
        return [write_database(folder / f"{day}.db", made(day)) for day in range(3)]

    def between(self, ds: xr.Dataset, window: Window) -> xr.Dataset:
        """What holds within a window: the row before its start, too."""
        return ds.isel(time=holding(ds["time"].to_numpy(), window))

    def test_concatenation(self, files: list[Path]) -> None:
        """Tables one after the other; in time, what began before holds on."""
        together = parameters_in(self.open(list(reversed(files))))
        assert together.filters.entries == tuple(entry for day in range(3) for entry in made(day).filters)
        assert together.gatings.entries == tuple(entry for day in range(3) for entry in made(day).gatings)
        assert {**together.gatings.sets} == {name: g for day in range(3) for name, g in made(day).gatings.sets.items()}


def same(a: Parameters, b: Parameters) -> None:
    """The same sets, and at every moment the same of them."""
    assert (a.cruise, a.instrument) == (b.cruise, b.instrument)
    for mine, yours in ((a.filters, b.filters), (a.gatings, b.gatings)):
        assert (mine is None) == (yours is None)
        if mine is not None and yours is not None:
            assert dict(mine.sets) == dict(yours.sets)
            moments = [start for start, _ in (*mine, *yours)] + [np.datetime64("1971-01-01", "ns")]
            for moment in moments:
                for step in (-1, 0, 1):
                    at = moment + np.timedelta64(step, "ns")
                    assert mine.id_at(at) == yours.id_at(at)


@given(parameters())
def test_parameters_come_back_from_a_dataset(there):
    same(parameters_in(plan_dataset(there)), there)


def test_they_come_back_from_netcdf(tmp_path: Path):
    plan_dataset(made(1)).to_netcdf(tmp_path / "plan.nc", engine="h5netcdf")
    same(parameters_in(xr.open_dataset(tmp_path / "plan.nc", engine="h5netcdf")), made(1))


def test_a_database_tsvs_and_their_folder_say_the_same(data, tmp_path):
    path = data / "seaflow" / "realtime-dbs" / "TN412_740.db"
    there = read_parameters(path)
    files = write_tsv(tmp_path / "set" / "TN412", there)
    for named in (path, tmp_path / "set", tmp_path / "set" / "TN412", files[0], [files[0]]):
        same(parameters_in(xr.open_dataset(named, engine="seaflow_plan")), there)


def test_the_size_table_comes_along(data):
    root = data / "seaflow"
    table = root / "calibrated-mie.de77773.2020-10-23.csv"
    for named in (
        root / "testcruise" / "params" / "testcruise_full_plan.db",
        root / "filter" / "reference_filter_params_740.csv",
    ):
        ds = xr.open_dataset(named, engine="seaflow_plan", size_table=str(table))
        wanted = read_size_table(table, "740")
        found = size_table_in(ds)
        assert found.instrument == "740"
        np.testing.assert_array_equal(found.scatter, wanted.scatter)
        np.testing.assert_array_equal(found.values, wanted.values)
    assert size_table_in(xr.open_dataset(named, engine="seaflow_plan")) is None
    with pytest.raises(WorkbenchError, match="instrument '999'"):
        xr.open_dataset(named, engine="seaflow_plan", size_table=str(table), instrument="999")


def test_an_instrument_that_nobody_names_is_asked_for(data, tmp_path):
    source = data / "seaflow" / "filter" / "reference_filter_params_740.csv"
    (tmp_path / "mine.csv").write_bytes(source.read_bytes())
    with pytest.raises(ReaderError, match="instrument: '740'"):
        xr.open_dataset(
            tmp_path / "mine.csv",
            engine="seaflow_plan",
            size_table=str(data / "seaflow" / "calibrated-mie.current.csv"),
        )


def test_auto_gates_are_listed(data):
    ds = xr.open_dataset(data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db", engine="seaflow_plan")
    assert ds.attrs["not_evaluated"] == ""
    assert plan_dataset(made(0)).attrs["not_evaluated"] == "g0: prochloro, h0: prochloro"


def test_another_dataset_is_no_plan():
    with pytest.raises(WorkbenchError, match="seaflow_plan"):
        parameters_in(xr.Dataset())


@pytest.mark.parametrize(
    ("start", "stop", "rows"),
    [("01", "04", 3), ("02", "03", 1), ("02T12", "03", 1), ("02T12", "03T01", 2), ("03", "09", 1), ("01T01", "02", 1)],
)
def test_a_window_holds_what_began_before_it(start, stop, rows):
    time = np.array(["2023-01-01", "2023-01-02", "2023-01-03"], "datetime64[ns]")
    window = Window(np.datetime64(f"2023-01-{start}", "ns"), np.datetime64(f"2023-01-{stop}", "ns"))
    assert len(time[holding(time, window)]) == rows
