"""A SeaFlow run gives the same bytes however it was cut into pieces, and the numbers of the test cruise."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.apps.seaflow_rows import cells, read_sfl
from workbench.core.errors import WorkbenchError
from workbench.core.parameters import Parameters, parse_time
from workbench.readers import popcycle, seaflow_hourly
from workbench.readers.parameter_files import read_parameters
from workbench.readers.size_table import SizeTable, read_size_table
from workbench.record import seaflow_cruise, seaflow_run
from workbench.record.seaflow_work import Limits, plan_work


class Cruise:
    """The test cruise with one of its parameter sets, run into a folder."""

    def __init__(self, data: Path, kind: str, layout: str = "evt_v2") -> None:
        self.root = data / "seaflow" / "testcruise"
        self.database = self.root / "params" / f"testcruise_full_{kind}.db"
        self.parameters: Parameters = read_parameters(self.database)
        self.table: SizeTable = read_size_table(data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv", "740")
        self.sfl = read_sfl(None, self.database) or []
        self.evt = self.root / layout

    def run(self, out: Path, *, evt: Path | None = None, parameters: Parameters | None = None, limits: Limits | None = None,
            rows: list | None = None, **options) -> tuple[int, object]:  # fmt: skip
        parameters, limits, rows = parameters or self.parameters, limits or Limits(), self.sfl if rows is None else rows
        times = {row["file"]: parse_time(row["date"]) for row in rows}
        work = plan_work(str(evt or self.evt), parameters, sfl=times, table=self.table, limits=limits)
        count = seaflow_run.run(work, out, parameters=parameters, table=self.table, limits=limits, **options)
        database = popcycle.open_database(out / "cruise.db")
        seaflow_cruise.put_sfl(database, cells(rows))
        seaflow_cruise.put_abundance(database, "740")
        database.close()
        return count, work


@pytest.fixture(params=["plan", "one_param"])
def cruise(data, request):
    return Cruise(data, request.param)


def tables(out: Path) -> dict[str, list]:
    with sqlite3.connect(out / "cruise.db") as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        found = {name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names}
    connection.close()
    return found


def files(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.parquet"))}


def same(a: Path, b: Path) -> None:
    assert files(a) == files(b)
    assert tables(a) == tables(b)


@pytest.mark.parametrize("layout", ["evt_v1", "evt_v2"])
@pytest.mark.parametrize("kind", ["plan", "one_param"])
def test_the_expected_particles_populations_and_stat(data, tmp_path, kind, layout):
    cruise = Cruise(data, kind, layout)
    cruise.run(tmp_path)
    for what, schema in (("opp", seaflow_hourly.OPP), ("vct", seaflow_hourly.VCT)):
        for path in sorted((cruise.root / f"{what}_{kind}").glob("*.parquet")):
            found, wanted = pd.read_parquet(tmp_path / what / path.name), pd.read_parquet(path)
            assert list(found.columns) == list(wanted.columns) == schema.names
            for name in wanted:
                if wanted[name].dtype == np.float64:
                    np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9)
                elif name == "date":
                    assert (found[name] == wanted[name]).all()
                else:
                    assert (found[name].astype(str).fillna("") == wanted[name].astype(str).fillna("")).all()
    with sqlite3.connect(f"file:{cruise.database}?mode=ro&immutable=1", uri=True) as expected:
        for table in ("opp", "vct", "stat", "filter", "filter_plan", "sfl", "outlier"):
            wanted = pd.read_sql(f"SELECT * FROM {table}", expected)
            with sqlite3.connect(tmp_path / "cruise.db") as connection:
                found = pd.read_sql(f"SELECT * FROM {table}", connection)
            connection.close()
            keys = [k for k in ("id", "file", "pop", "quantile", "start_date") if k in wanted]
            a, b = (f.sort_values(keys).reset_index(drop=True)[list(wanted.columns)] for f in (found, wanted))
            pd.testing.assert_frame_equal(a, b, rtol=1e-9, check_dtype=False)
    expected.close()


SUMS = {"plan": (1878, 43.6686, 2.05291), "one_param": (2042, 34.512002, 1.622355)}


def test_abundance_of_the_whole_cruise(cruise, tmp_path):
    cruise.run(tmp_path)
    kind = "plan" if "plan" in cruise.database.name else "one_param"
    rows = tables(tmp_path)["abundance"]
    totals = [sum(row[i] for row in rows) for i in (3, 4, 5)]
    np.testing.assert_allclose(totals, SUMS[kind], rtol=2e-6)
    pro = next(row[4] for row in rows if row[0].endswith("00-00-02+00-00") and row[1:3] == ("prochloro", 50.0))
    assert pro == pytest.approx(2.467424, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "limits", "flags"),
    [
        ("plan", Limits(events=1), [2, 2, 1, 1, 1, 2, 2, 2]),
        ("plan", Limits(opp=400), [3, 0, 1, 1, 1, 4, 0, 0]),
        ("one_param", Limits(opp=400), [3, 3, 1, 1, 1, 4, 4, 3]),
        ("plan", Limits(), [0, 0, 1, 1, 1, 4, 0, 0]),
    ],
)
def test_flags_as_listed(data, tmp_path, kind, limits, flags):
    Cruise(data, kind).run(tmp_path, limits=limits)
    assert [row[-1] for row in sorted(tables(tmp_path)["opp2"])] == flags


def test_what_is_left_over_on_either_side_is_listed(cruise, tmp_path):
    _, work = cruise.run(tmp_path)
    assert [(name.split("T")[1][:8], why) for name, why in work.left_out] == [
        ("01-21-02", "on disk, not in the SFL"),
        ("01-24-02", "in the SFL, not on disk"),
        ("01-27-02", "on disk, not in the SFL"),
    ]


def test_file_by_file_and_in_threads_give_the_same_bytes(cruise, tmp_path):
    whole, steps, threads = tmp_path / "whole", tmp_path / "steps", tmp_path / "threads"
    cruise.run(whole)
    growing = tmp_path / "evt" / "2014_185"
    growing.mkdir(parents=True)
    paths = sorted((cruise.evt / "2014_185").glob("2014*[!l]"), key=lambda p: p.name[::-1])  # not in order of time
    for at, path in enumerate(paths):
        shutil.copy2(path, growing / path.name)
        if at % 2:
            count, _ = cruise.run(steps, evt=growing.parent)
            assert count <= 2
    cruise.run(steps, evt=growing.parent)
    cruise.run(threads, workers=3)
    same(whole, steps)
    same(whole, threads)


def test_a_run_that_is_done_does_nothing(cruise, tmp_path):
    assert cruise.run(tmp_path)[0] == 8
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}
    assert cruise.run(tmp_path)[0] == 0
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("moment", ["write", "commit"])
def test_killed_in_an_hour_and_run_again(cruise, tmp_path, monkeypatch, moment, workers):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    cruise.run(whole)

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    target = (popcycle, "put_rows") if moment == "commit" else (os, "replace")
    with monkeypatch.context() as patch:
        if moment == "commit":
            real, seen = popcycle.put_rows, []

            def put(connection, table, rows):
                seen.append(table)
                if seen.count("vct") == 2:  # the second hour
                    die()
                real(connection, table, rows)

            patch.setattr(popcycle, "put_rows", put)
        else:
            patch.setattr(*target, die)
        with pytest.raises(Killed):
            cruise.run(killed, workers=workers)
    assert not list(killed.rglob(".*parquet*"))
    cruise.run(killed)
    same(whole, killed)


def test_changing_the_plan_recomputes_only_what_it_touches(data, tmp_path):
    plan, one = Cruise(data, "plan"), Cruise(data, "one_param")
    plan.run(tmp_path / "a")
    count, _ = plan.run(tmp_path / "a", parameters=one.parameters)
    assert count == 7  # the first file had these parameters already
    one.run(tmp_path / "b")
    same(tmp_path / "a", tmp_path / "b")


def test_a_file_that_leaves_the_sfl_leaves_the_results(cruise, tmp_path):
    cruise.run(tmp_path / "a")
    fewer = [row for row in cruise.sfl if "00-03-02" not in row["file"]]
    cruise.run(tmp_path / "a", rows=fewer)
    cruise.run(tmp_path / "b", rows=fewer)
    same(tmp_path / "a", tmp_path / "b")


def test_after_the_last_file_live_and_at_once_have_one_virtual_core(cruise, tmp_path):
    whole, live = tmp_path / "whole", tmp_path / "live"
    cruise.run(whole)
    for n in range(1, len(cruise.sfl) + 1):
        cruise.run(live, rows=cruise.sfl[:n])
    same(whole, live)


def test_without_a_known_instrument_the_known_are_named(cruise, tmp_path):
    cruise.run(tmp_path)
    database = popcycle.open_database(tmp_path / "cruise.db")
    with pytest.raises(WorkbenchError, match="Known: 130, 740, 751, 989"):
        seaflow_cruise.put_abundance(database, "747")
    database.close()
