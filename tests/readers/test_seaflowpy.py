"""What we write is read by seaflowpy 15.1.3 in its own environment, and what it writes is read by us."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests import oracle
from workbench import cli
from workbench.readers.parameter_files import read_parameters, write_csv, write_tsv
from workbench.readers.popcycle import TABLES
from workbench.readers.seaflow_sfl import write_sfl

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module", autouse=True)
def _environment(data: Path) -> Path:
    return oracle.seaflowpy()


@pytest.fixture(scope="module", params=["plan", "one_param"])
def cruise(request, data, tmp_path_factory) -> Path:
    """What ``workbench seaflow`` makes of the test cruise."""
    root = data / "seaflow" / "testcruise"
    out = tmp_path_factory.mktemp(request.param) / "out"
    words = ["seaflow", root / "evt_v2", "--params", root / "params" / f"testcruise_full_{request.param}.db", "--size-table",
             data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv", "--out", out, "--json"]  # fmt: skip
    assert cli.main([str(word) for word in words]) == 0
    return out


TABLES_OF = """
import json, sys
from seaflowpy import db
path = sys.argv[1]
db.create_db(path)
tables = {name: getattr(db, f"get_{name}_table")(path) for name in
          ("filter", "filter_plan", "gating", "gating_plan", "poly", "opp", "opp2", "vct", "outlier", "sfl")}
print(json.dumps({
    "cruise": db.get_cruise(path), "serial": db.get_serial(path),
    "columns": {name: list(t.columns) for name, t in tables.items()},
    "rows": {name: len(t) for name, t in tables.items()},
    "sums": {name: {c: float(t[c].sum()) for c in t.select_dtypes("number").columns} for name, t in tables.items()},
}))
"""


def test_the_database_is_read_table_by_table(cruise):
    found = oracle.ask(TABLES_OF, cruise / "cruise.db")
    assert (found["cruise"], found["serial"]) == ("testcruise", "740")
    connection = sqlite3.connect(cruise / "cruise.db")
    for name in ("opp", "opp2", "outlier", "sfl"):
        assert found["columns"][name] == list(TABLES[name])
    assert found["columns"]["vct"] == [*TABLES["vct"], "date"]  # joined to the sfl
    for name, rows in found["rows"].items():
        assert rows == connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0], name
        assert rows > 0 or name.endswith("_plan"), name  # one set needs no plan
        for column, total in found["sums"][name].items():
            ours = connection.execute(f"SELECT total({column}) FROM {name}").fetchone()[0]
            assert total == pytest.approx(ours, rel=1e-12), (name, column)


def test_it_exports_the_parameters_that_we_wrote(cruise, tmp_path):
    for what in ("filter", "gating"):
        oracle.run("db", f"export-{what}-params", cruise / "cruise.db", tmp_path / "out")
    theirs, ours = read_parameters(tmp_path / "out"), read_parameters(cruise / "cruise.db")
    assert theirs.filters.sets == ours.filters.sets and theirs.gatings.sets == ours.gatings.sets
    moments = np.array(["2014-07-04T00:00:02", "2014-07-04T00:03:02", "2014-07-04T01:30:02"], "datetime64[ns]")
    for moment in moments:  # it makes a plan row where one set holds for the whole cruise
        assert theirs.filters.id_at(moment) == ours.filters.id_at(moment)
        assert theirs.gatings.id_at(moment) == ours.gatings.id_at(moment)


@pytest.mark.parametrize("name", ["testcruise/params/testcruise_full_plan.db", "realtime-dbs/TN412_740.db"])
def test_it_imports_the_tsvs_that_we_write(data, tmp_path, name):
    ours = read_parameters(data / "seaflow" / name)
    write_tsv(tmp_path / "made", ours)
    made = f"{tmp_path}/made"
    oracle.run("db", "create", ours.cruise, ours.instrument, tmp_path / "new.db")
    for what in ("filter", "gating"):
        oracle.run("db", f"import-{what}-params", made, tmp_path / "new.db")
    theirs = read_parameters(tmp_path / "new.db")
    assert theirs.filters == ours.filters and theirs.gatings.entries == ours.gatings.entries
    for gating, found in ((ours.gatings.sets[name], found) for name, found in theirs.gatings.sets.items()):
        assert [(g.population, g.x, g.y) for g in gating.gates] == [(g.population, g.x, g.y) for g in found.gates]
        for mine, yours in zip(gating.gates, found.gates, strict=True):  # pandas rounds the last digit of text
            np.testing.assert_allclose(mine.array, yours.array, rtol=1e-14)


CSV_OF = """
import json, sys
from seaflowpy import fileio
print(fileio.read_filter_params_csv(sys.argv[1]).to_json(orient="records"))
"""


@pytest.mark.parametrize("separator", ["_", "."])
def test_it_reads_the_csv_that_we_write(data, tmp_path, separator):
    ours = read_parameters(data / "seaflow" / "realtime-dbs" / "TN412_740.db")
    write_csv(tmp_path / "a.csv", ours, separator=separator)
    rows = oracle.ask(CSV_OF, tmp_path / "a.csv")
    (wanted,) = ours.filters.sets.values()
    assert [row["instrument"] for row in rows] == ["740"] * 3
    assert [[row["beads_fsc_small"], row["notch_large_D2"]] for row in rows] == wanted.array[:, [0, 7]].tolist()


OPP_OF = """
import json, sys
import pandas as pd
from seaflowpy import particleops, vct
opp = pd.concat([pd.read_parquet(path) for path in sys.argv[2:]])
print(json.dumps({
    "columns": list(opp.columns), "dtypes": [str(t) for t in opp.dtypes], "rows": len(opp),
    "D1": float(opp["D1"].sum()), "q50": int(particleops.select_focused(opp)["q50"].sum()) if sys.argv[1] == "opp" else 0,
    "curated": sum(len(vct.curate(path, "50", refracs="mid")) for path in sys.argv[2:]) if sys.argv[1] == "vct" else 0,
    "Qc": sum(float(vct.curate(path, "50", refracs="mid")["Qc"].sum()) for path in sys.argv[2:]) if sys.argv[1] == "vct" else 0,
}))
"""


@pytest.mark.parametrize("kind", ["opp", "vct"])
def test_it_reads_the_hourly_files_that_we_write(cruise, data, kind):
    files = sorted((cruise / kind).glob("*.parquet"))
    found = oracle.ask(OPP_OF, kind, *files)
    ours = xr.open_dataset(files, engine=f"seaflow_{kind}")
    assert found["rows"] == ours.sizes["particle"] and found["D1"] == pytest.approx(float(ours["D1"].sum()), rel=1e-12)
    theirs = data / "seaflow" / "testcruise" / f"{kind}_plan" / files[0].name
    one, other = (oracle.ask(OPP_OF, kind, path) for path in (files[0], theirs))
    assert one["columns"] == other["columns"] and one["dtypes"] == other["dtypes"]
    if kind == "opp":
        assert found["q50"] == int(ours["q50"].sum())
    else:
        assert found["curated"] == int(ours["q50"].sum())
        assert found["Qc"] == pytest.approx(float(ours["Qc_mid_q50"].sum()), rel=1e-9)


def test_its_filter_gives_the_particles_of_ours_and_we_read_them(cruise, data, tmp_path):
    evt = tmp_path / "evt"
    shutil.copytree(data / "seaflow" / "testcruise" / "evt_v2", evt)
    shutil.copy(cruise / "cruise.db", tmp_path / "a.db")
    with sqlite3.connect(tmp_path / "a.db") as connection:
        for table in ("opp", "opp2", "outlier"):
            connection.execute(f"DELETE FROM {table}")
        if not connection.execute("SELECT 1 FROM filter_plan").fetchone():
            connection.execute("INSERT INTO filter_plan SELECT '2014-07-04T00:00:02+00:00', id FROM filter LIMIT 1")
    connection.close()
    oracle.run("filter", "-e", evt, "-d", tmp_path / "a.db", "-o", tmp_path / "opp")
    theirs = xr.open_dataset(tmp_path / "opp", engine="seaflow_opp").load()
    ours = xr.open_dataset(cruise / "opp", engine="seaflow_opp").load()
    for name in ("file_id", "filter_id", "row_size", "time", "q2.5", "q50", "q97.5"):
        np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
    for name in ("D1", "D2", "fsc_small", "pe", "chl_small"):
        np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-5, err_msg=name)  # theirs are float32
    asked = "SELECT file, quantile, all_count, opp_count, evt_count, filter_id FROM opp WHERE opp_count > 0 ORDER BY file, quantile"
    rows = [sqlite3.connect(path).execute(asked).fetchall() for path in (tmp_path / "a.db", cruise / "cruise.db")]
    assert rows[0] == rows[1]


def test_it_validates_the_sfls_that_we_write(data, tmp_path):
    source = data / "seaflow" / "testcruise" / "evt_v1"
    fixed = tmp_path / "testcruise_740.sfl"
    assert cli.main(["seaflow", "sfl", "fix", str(source), "--evt", str(source), "--out", str(fixed)]) == 0
    written = tmp_path / "again_740.sfl"
    write_sfl(written, xr.open_dataset(fixed, engine="seaflow_sfl"))
    for path in (fixed, written):
        found = list(csv.DictReader(io.StringIO(oracle.run("sfl", "validate", path)), delimiter="\t"))
        assert [(row["column"], row["level"]) for row in found] == [("conductivity", "warning")]


@pytest.mark.parametrize("name", ["testcruise-bad-lat.sfl", "testcruise_740.sfl"])
def test_both_find_the_same_faults(data, name):
    from workbench.readers.seaflow_sfl_cells import read_cells
    from workbench.readers.seaflow_sfl_findings import validate

    path = data / "seaflow" / "testcruise" / name
    theirs = list(csv.DictReader(io.StringIO(oracle.run("sfl", "validate", "-a", path)), delimiter="\t"))
    ours = validate(read_cells([path]))
    assert sorted((row["level"], row["line (1-based)"]) for row in theirs) == sorted(
        (f.level, str(f.line)) for f in ours
    )
