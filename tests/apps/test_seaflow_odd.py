"""`workbench seaflow` on what archives of instruments 751 and 130 hold: mixed layouts, odd names, cells that are no numbers."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tests import oracle
from workbench import cli
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.products.seaflow.parameters import derive
from workbench.readers import popcycle
from workbench.readers.seaflow_evt import write_evt
from workbench.simulate import cruise, particles

CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")
#: How the files of the cruise stand, in turn.
KINDS = ("v2", "parquet", "v2.gz", "double", "cut", "nothing", "no rows")


def write(path: Path, kind: str, codes: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind in ("parquet", "double", "no rows"):
        dtype, rows = (np.float64 if kind == "double" else np.float32), slice(0 if kind == "no rows" else None)
        table = pa.table({name: codes[name][rows].astype(dtype) for name in CHANNELS})
        pq.write_table(
            table, f"{path}.parquet", row_group_size=1000, compression="gzip" if kind == "double" else "none"
        )
        return
    write_evt(path, codes)
    raw = path.read_bytes()
    if kind == "v2.gz":
        Path(f"{path}.gz").write_bytes(gzip.compress(raw))
        path.unlink()
    elif kind != "v2":
        path.write_bytes(raw[:-5] if kind == "cut" else b"")


class Made:
    """A cruise over midnight, a file every three minutes, its names ending as `zone` says; the filter changes at midnight."""

    def __init__(self, folder: Path, instrument: str, zone: str, files: int = 21) -> None:
        self.evt, self.database = folder / "evt", folder / "p.db"
        sim = cruise.Simulation(cruise.Parameters(int(instrument), 12_000, "2025-01-14T23:00:00"))
        index = sim.numbers(0, files + 20)[9 : 9 + files]
        known = sim.files(index)
        self.names = [name[:-6] + zone for name in known.names]
        for row, (number, name) in enumerate(zip(index.tolist(), self.names, strict=True)):
            write(
                self.evt / name, KINDS[row % len(KINDS)], particles.columns(int(instrument), number, known.truth, row)
            )
        # codes are multiples of 16: 0.3 keeps them off the lines, where the peer, in float32, rounds otherwise
        one, two = (
            derive((33408, 33632, 33856), (19856 + by, 19344 + by, 18816 + by), (19928, 19392, 18864), instrument,
                   width=2500.0, min_d1=0.3, min_d2=0.3, date="2025-01-14")
            for by in (0, 150)
        )  # fmt: skip
        starts = [np.datetime64("2025-01-01", "ns"), np.datetime64("2025-01-15", "ns")]
        plan = Plan(((starts[0], one.id), (starts[1], two.id)), {one.id: one, two.id: two})
        gate = Gate("prochloro", "fsc_small", "chl_small", ((1.0, 1.0), (50.0, 1.0), (50.0, 3000.0), (1.0, 3000.0)))
        gates = Plan(((starts[0], "one"),), {"one": Gating("one", (gate,), "2025-01-14")})
        with closing(popcycle.open_database(self.database)) as database:
            popcycle.put_parameters(database, Parameters(plan, gates, "ODD", instrument))
            popcycle.put(database, "sfl", [
                {"file": name, "date": f"{time}+00:00", "file_duration": 180.0, "stream_pressure": 12.0}
                for name, time in zip(self.names, known.sfl["time"], strict=True)
            ])  # fmt: skip

    def change(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def run(self, out: Path, capsys, *more: object) -> dict:
        words = ["seaflow", self.evt, "--params", self.database, "--out", out, "--workers", "2", "--json", *more]
        assert cli.main([*map(str, words)]) == 0
        return json.loads(capsys.readouterr().out)


OPP2 = """SELECT file, all_count, evt_count, opp_count, opp_evt_ratio, noise_count, saturated_count, filter_id,
CASE WHEN all_count = 0 THEN 1 ELSE file_flag END FROM opp2 ORDER BY file"""  # it flags no rows of Parquet 4
OPP = (
    "SELECT file, quantile, all_count, opp_count, evt_count, opp_evt_ratio, filter_id FROM opp ORDER BY file, quantile"
)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("instrument", "zone"), [("751", "+00-00"), ("130", "-00-00")])
def test_as_seaflowpy_has_it(tmp_path, capsys, instrument, zone):
    oracle.seaflowpy()
    made = Made(tmp_path, instrument, zone)
    shutil.copy(made.database, tmp_path / "theirs.db")
    report = made.run(tmp_path / "ours", capsys)
    assert report["processed"] == 21 and report["opp"] > 500
    oracle.run("filter", "-e", made.evt, "-d", tmp_path / "theirs.db", "-o", tmp_path / "opp")
    for asked in (OPP2, OPP):
        paths = (tmp_path / "ours" / "cruise.db", tmp_path / "theirs.db")
        ours, theirs = ([*sqlite3.connect(path).execute(asked)] for path in paths)
        assert ours == [pytest.approx(row) for row in theirs]
    ours, theirs = (
        xr.open_dataset(path, engine="seaflow_opp").load() for path in (tmp_path / "ours" / "opp", tmp_path / "opp")
    )
    for name in ("file_id", "filter_id", "row_size", "time", "q2.5", "q50", "q97.5"):
        np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
    for name in CHANNELS:
        np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-5, err_msg=name)  # theirs are float32


def test_files_that_hold_nothing_are_flagged_each_with_its_reason(tmp_path, capsys):
    report = Made(tmp_path, "751", "+00-00", files=7).run(tmp_path / "out", capsys)
    said = [row["reason"] for row in report["flagged"]]
    assert [row["flag"] for row in report["flagged"]] == [1, 1, 1]
    for words, reason in zip(("ends before the last row", "no room for a header", "0 particles"), said, strict=True):
        assert words in reason


def test_a_date_that_cannot_be_read_leaves_out_its_file_alone(tmp_path, capsys):
    made = Made(tmp_path, "130", "-00-00", files=4)
    first, second, third, _ = made.names
    made.change(
        f"UPDATE sfl SET date = 'yesterday' WHERE file = '{first}'",
        f"UPDATE sfl SET date = NULL WHERE file = '{second}'",
    )
    report = made.run(tmp_path / "out", capsys)
    assert report["files"] == 2
    assert report["left_out"] == [{"file": name, "reason": "no time in the SFL"} for name in (first, second)]
    assert third not in {row["file"] for row in report["left_out"]}


def test_numbers_that_stand_as_text_and_na(tmp_path, capsys):
    made = Made(tmp_path, "130", "-00-00", files=4)
    first, second, *_ = made.names
    made.change(f"UPDATE sfl SET stream_pressure = 'NA' WHERE file = '{first}'")
    made.change(f"UPDATE sfl SET stream_pressure = ' 12.0', lat = '21.5' WHERE file = '{second}'")
    report = made.run(tmp_path / "out", capsys)
    assert any("without stream pressure" in note and note.endswith(": 1") for note in report["notes"])
    with closing(sqlite3.connect(tmp_path / "out" / "cruise.db")) as connection:
        asked = "SELECT file, abundance, abundance_se FROM abundance WHERE quantile = 50 ORDER BY file"
        found = {file: (cells, se) for file, cells, se in connection.execute(asked)}
        stands = dict(connection.execute("SELECT file, stream_pressure FROM sfl"))
    assert found[first] == (None, None) and stands[first] is None
    assert found[second][0] > 0 and stands[second] == 12.0
    assert all(se is None for _, se in found.values()), "instrument 130 has one detectable region: no error is known"
