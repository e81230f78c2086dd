"""Cruises of other shapes than the test cruise: reduced Parquet EVT, other instruments, names with -00-00, old names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.record.seaflow_cruise import files, tables
from workbench.cli import main
from workbench.core.errors import ReaderError
from workbench.readers.seaflow_evt import SeaflowEvt

CHANNELS = ["D1", "D2", "fsc_small", "pe", "chl_small"]


@pytest.fixture
def cruise(data):
    return data / "seaflow" / "testcruise"


def run(capsys, *words: object) -> dict:
    assert main(["seaflow", *map(str, words), "--workers", "1", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def reduced(cruise: Path, folder: Path) -> Path:
    """The whole files of the test cruise as Parquet EVT."""
    for path in SeaflowEvt().files(cruise / "evt_v2"):
        try:
            codes = SeaflowEvt().columns(path, CHANNELS)
        except ReaderError:
            continue
        place = folder / "2014_185" / f"{path.name.removesuffix('.gz')}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({name: values.astype(np.float32) for name, values in codes.items()}), place)
    return folder


def test_parquet_evt_is_as_raw_evt(cruise, data, tmp_path, capsys):
    options = ["--params", cruise / "params" / "testcruise_full_plan.db",
               "--size-table", data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv"]  # fmt: skip
    run(capsys, cruise / "evt_v2", *options, "--out", tmp_path / "raw")
    run(capsys, reduced(cruise, tmp_path / "evt"), *options, "--out", tmp_path / "parquet")
    a, b = tables(tmp_path / "raw"), tables(tmp_path / "parquet")
    for name in ("opp", "vct", "abundance", "stat"):
        left, right = (
            pd.DataFrame([r for r in t[name] if not any(f"T00-{m}-02" in str(r) for m in ("06", "09", "12"))])
            for t in (a, b)
        )
        pd.testing.assert_frame_equal(left, right, rtol=1e-12)
    assert list(files(tmp_path / "raw")) == list(files(tmp_path / "parquet"))


@pytest.mark.parametrize(("instrument", "spread"), [("751", True), ("130", False), ("989", True)])
def test_other_instruments(cruise, data, tmp_path, capsys, instrument, spread):
    report = run(
        capsys, cruise / "evt_v2", "--params", cruise / "params" / "testcruise_full_plan.db", "--instrument", instrument,
        "--size-table", data / "seaflow" / "calibrated-mie.current.csv", "--out", tmp_path,
    )  # fmt: skip
    assert report["instrument"] == instrument
    found = tables(tmp_path)
    assert found["metadata"] == [("testcruise", instrument)]
    rows = found["abundance"]
    assert len(rows) == 47 and all(row[4] > 0 for row in rows)
    assert all((row[5] is not None and row[5] > 0) == spread for row in rows), (
        "NULL where one calibration tells no spread"
    )
    assert all(value is not None and value > 0 for row in rows for value in row[6:])


def test_names_that_end_in_minus_00_00(cruise, data, tmp_path, capsys):
    evt = tmp_path / "evt" / "2014_185"
    shutil.copytree(cruise / "evt_v2" / "2014_185", evt)
    for path in list(evt.iterdir()):
        path.rename(path.with_name(path.name.replace("+00-00", "-00-00")))
    text = (cruise / "testcruise_740.sfl").read_text().replace("+00-00\t", "-00-00\t")
    (tmp_path / "minus_740.sfl").write_text(text)
    options = ["--params", cruise / "params" / "testcruise_full_plan.db"]
    found = run(capsys, evt.parent, *options, "--sfl", tmp_path / "minus_740.sfl", "--out", tmp_path / "a")
    wanted = run(capsys, cruise / "evt_v2", *options, "--sfl", cruise / "testcruise_740.sfl", "--out", tmp_path / "b")
    assert (found["files"], found["opp"]) == (wanted["files"], wanted["opp"])
    assert all("-00-00" in row[0] for row in tables(tmp_path / "a")["opp2"])


def test_old_names_get_their_time_from_the_sfl(cruise, tmp_path, capsys):
    evt = tmp_path / "evt" / "2014_185"
    evt.mkdir(parents=True)
    raw = cruise / "evt_v1" / "2014_185" / "2014-07-04T00-00-02+00-00"
    lines = ["FILE\tDATE\tFILE DURATION\tLAT\tLON\tSTREAM PRESSURE\tEVENT RATE"]
    for number in (2, 10):
        shutil.copy(raw, evt / f"{number}.evt")
        lines.append(f"2014_185/{number}.evt\t2014-07-04T00:{number:02d}:02+00:00\t180\t20\t-150\t12\t5000")
    (tmp_path / "old_740.sfl").write_text("\n".join(lines) + "\n")
    params = cruise / "params" / "testcruise_full_one_param.db"
    report = run(capsys, evt.parent, "--params", params, "--sfl", tmp_path / "old_740.sfl", "--out", tmp_path / "o")
    assert report["processed"] == 2
    assert [row[0] for row in sorted(tables(tmp_path / "o")["opp2"])] == ["2014_185/10.evt", "2014_185/2.evt"]
    (name,) = [name for name in files(tmp_path / "o") if name.startswith("opp")]
    assert sorted(set(pq.read_table(tmp_path / "o" / name)["file_id"].to_pylist())) == [
        "2014_185/10.evt",
        "2014_185/2.evt",
    ]


def test_auto_gates_are_kept_and_listed(cruise, tmp_path, capsys):
    import sqlite3

    params = tmp_path / "auto.db"
    shutil.copy(cruise / "params" / "testcruise_full_one_param.db", params)
    params.chmod(0o644)
    with sqlite3.connect(params) as connection:
        connection.execute("UPDATE gating SET method = 'auto', gate1 = 1.5, scale = 0.95 WHERE pop = 'prochloro'")
        connection.execute("DELETE FROM poly WHERE pop = 'prochloro'")
    connection.close()
    report = run(capsys, cruise / "evt_v2", "--params", params, "--out", tmp_path / "o")
    assert [line.split(": ")[1] for line in report["not_evaluated"]] == ["prochloro"]
    found = tables(tmp_path / "o")
    assert {row[1] for row in found["vct"]} == {"beads", "synecho", "unknown"}
    kept = next(row for row in found["gating"] if row[3] == "prochloro")
    assert (kept[4], kept[7], kept[11]) == ("auto", 1.5, 0.95)
