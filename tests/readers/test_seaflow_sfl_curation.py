"""Curation of SFLs: findings with line, column and cure; repairs that are said, and that leave nothing to repair."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_sfl import CURATED
from workbench.readers.seaflow_sfl_cells import Cells, find_sfl, read_cells, write_cells
from workbench.readers.seaflow_sfl_counts import event_counts, manifest
from workbench.readers.seaflow_sfl_findings import NUMBERS, validate
from workbench.readers.seaflow_sfl_instrument import write_instrument_sfl
from workbench.readers.seaflow_sfl_repair import repair
from workbench.testing.strategies import sfl_columns

_START = np.datetime64("2014-07-04T00:00:02")


def good(rows: int = 4) -> dict[str, list[str]]:
    """The columns of a curated SFL without any fault."""
    times = [_START + i * np.timedelta64(180, "s") for i in range(rows)]
    return {
        "FILE": [file_name(t) for t in times], "DATE": [f"{t}+00:00" for t in times],
        **{name: [f"{10 + i}.5" for i in range(rows)] for name in NUMBERS},
    }  # fmt: skip


def cells(columns: dict[str, list[str]]) -> Cells:
    rows = len(columns["FILE"])
    return Cells({name: tuple(values) for name, values in columns.items()}, tuple(range(2, rows + 2)))


def test_a_good_sfl_has_no_findings_and_is_not_changed():
    assert validate(cells(good())) == []
    fixed, changes = repair(cells(good()))
    assert changes == [] and fixed.columns == cells(good()).columns


def _set(name, row, value):
    def spoil(columns):
        columns[name][row] = value

    return spoil


def _swap(columns):
    for values in columns.values():
        values[1], values[2] = values[2], values[1]


def _drop(name):
    return lambda columns: columns.pop(name)


@pytest.mark.parametrize(
    ("spoil", "line", "column", "words"),
    [
        (_set("LAT", 0, "nnnnnnn"), 2, "LAT", "not a number"),
        (_set("LAT", 1, "90.1"), 3, "LAT", "outside -90 to 90"),
        (_set("LON", 1, "-180.5"), 3, "LON", "outside -180 to 180"),
        (_set("LAT", 3, "2118.9043"), 5, "LAT", "outside -90 to 90"),
        (_set("STREAM PRESSURE", 2, "0"), 4, "STREAM PRESSURE", "outside 0.0001"),
        (_set("STREAM PRESSURE", 2, "NA"), 4, "STREAM PRESSURE", "needed, and missing"),
        (_set("EVENT RATE", 2, "-1"), 4, "EVENT RATE", "outside 0"),
        (_set("FILE DURATION", 2, ""), 4, "FILE DURATION", "needed, and missing"),
        (_set("SALINITY", 2, "34,1"), 4, "SALINITY", "not a number"),
        (_set("FILE", 1, "foo"), 3, "FILE", "not the name of an EVT file"),
        (_set("FILE", 1, "2014-07-04T00-03-02+00-00"), 3, "FILE", "day folder is missing"),
        (_set("DATE", 1, "2014-07-04 00:03:02+00:00"), 3, "DATE", "not a time in UTC"),
        (_set("DATE", 1, "2014-07-04T00:03:02Z"), 3, "DATE", "not a time in UTC"),
        (_set("DATE", 1, "2014-02-30T00:03:02+00:00"), 3, "DATE", "not a time in UTC"),
        (_set("DATE", 1, "2014-07-04T00:03:03+00:00"), 3, "DATE", "not the time in the name"),
        (_swap, 4, "FILE", "not in the order of time"),
        (_drop("PAR"), None, "PAR", "the column is missing"),
        (_drop("DATE"), None, "DATE", "the column is missing"),
    ],
)
def test_one_fault_is_one_error_with_its_place_and_a_cure(spoil, line, column, words):
    columns = good()
    spoil(columns)
    found = [finding for finding in validate(cells(columns)) if finding.level == "error"]
    assert [(f.line, f.column) for f in found] == [(line, column)]
    assert words in found[0].message and found[0].cure


def test_both_rows_of_a_duplicated_file_are_found_and_dropped():
    columns = good()
    for name in CURATED:
        columns[name][2] = columns[name][1]
    found = validate(cells(columns))
    assert [(f.line, f.message) for f in found] == [(n, "the file is there more than once") for n in (3, 4)]
    fixed, changes = repair(cells(columns))
    assert fixed.columns["FILE"] == tuple(good()["FILE"][i] for i in (0, 3))
    assert [change.line for change in changes] == [3, 4]


@pytest.mark.parametrize(
    ("cell", "degrees"),
    [("2118.9043", "21.3151"), ("-2118.9043", "-21.3151"), ("0000.0", "0.0000"), ("0012.0000", "0.2000"), ("21.9", "21.9"),
     ("2160.1", "2160.1"), ("9100.0", "9100.0")],
)  # fmt: skip
def test_gga_latitudes_become_degrees(cell, degrees):
    columns = good()
    columns["LAT"][0] = cell
    assert repair(cells(columns))[0].columns["LAT"][0] == degrees


@given(st.floats(0, 179.99), st.booleans(), st.sampled_from(["LAT", "LON"]))
def test_gga_of_any_place_is_that_place(degrees, negative, column):
    degrees = degrees / 2 if column == "LAT" else degrees
    whole, minutes = divmod(round(degrees * 60, 4), 60)
    text = f"{'-' if negative else ''}{int(whole):0{2 if column == 'LAT' else 3}d}{minutes:07.4f}"
    columns = good()
    columns[column][0] = text
    found = float(repair(cells(columns))[0].columns[column][0])
    assert abs(found - (-degrees if negative else degrees)) < 1e-4


def test_event_rates_are_events_by_duration():
    columns = good()
    names = columns["FILE"]
    columns["FILE DURATION"][1] = "0"
    columns["EVENT RATE"][0] = "NA"
    fixed, changes = repair(cells(columns), {names[0]: 40_000, names[1]: 10, "2014_185/other": 3})
    assert fixed.columns["EVENT RATE"][:3] == (f"{40_000 / 10.5:.4f}", "0.0000", "12.5")
    assert [change.line for change in changes] == [2, 3]


CELL = st.sampled_from(["NA", "", "1.5", "-3", "0", "nan", "wide", "2118.9", "15752.6", "-999999", "1e400", "9_9"])
FILE = st.sampled_from(
    [
        "2014-07-04T00-00-02+00-00",
        "2014_185/2014-07-04T00-03-02+00-00",
        "2014_1/2014-07-04T00-06-02-00-00",
        "2014_7/3.evt",
    ]
)


@given(st.data())
def test_what_was_repaired_needs_no_more_repair(data):
    rows = data.draw(st.integers(1, 5))
    names = data.draw(st.sets(st.sampled_from([*NUMBERS, "DATE", "CHL"])))
    columns = {name: data.draw(st.lists(CELL, min_size=rows, max_size=rows)) for name in names}
    columns["FILE"] = data.draw(st.lists(FILE, min_size=rows, max_size=rows))
    fixed, _ = repair(cells(columns))
    assert tuple(fixed.columns) == tuple(CURATED)
    again, changes = repair(fixed)
    assert again.columns == fixed.columns and changes == []
    left = {(f.column, f.message) for f in validate(fixed) if f.level == "error"}
    repairable = {"the day folder is missing", "the file is there more than once", "not in the order of time"}
    assert not {message for _, message in left} & repairable
    assert not {column for column, _ in left} & {"CONDUCTIVITY", "SALINITY", "OCEAN TEMP", "PAR", "BULK RED"}


def test_cells_are_written_and_read_alike(tmp_path: Path):
    write_cells(tmp_path / "a.sfl", cells(good()))
    assert read_cells([tmp_path / "a.sfl"]).columns == cells(good()).columns


def test_lines_that_are_no_rows_are_found_and_dropped(tmp_path: Path):
    write_cells(tmp_path / "a.sfl", cells(good()))
    with (tmp_path / "a.sfl").open("a") as file:
        file.write("2014_185/2014-07-04T00-12-02+00-00\t2014")
    found = validate(read_cells([tmp_path / "a.sfl"]))
    assert [(f.line, f.message) for f in found] == [(6, "line has 2 fields, not 12")]
    fixed, changes = repair(read_cells([tmp_path / "a.sfl"]))
    assert len(fixed) == 4 and [change.line for change in changes] == [6]


def test_other_files_are_refused(tmp_path: Path):
    (tmp_path / "a.sfl").write_text("what\never\n")
    with pytest.raises(ReaderError, match="not an SFL header"):
        read_cells([tmp_path / "a.sfl"])
    with pytest.raises(ReaderError, match="no such file"):
        find_sfl([str(tmp_path / "b.sfl")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReaderError, match="there is no SFL here"):
        find_sfl([str(tmp_path / "empty")])


# real files


def test_the_shared_sfls(data):
    counts = {}
    for path in [*(data / "seaflow" / "sfl").glob("*.sfl"), *(data / "seaflow" / "testcruise").glob("*.sfl")]:
        levels = [finding.level for finding in validate(read_cells([path]))]
        counts[path.name] = (levels.count("error"), levels.count("warning"))
    assert counts == {
        "HOT330_740.sfl": (0, 0), "KM1906_740.sfl": (0, 280), "TN397_740_740.sfl": (0, 65),
        "testcruise_740.sfl": (0, 1), "testcruise-bad-lat.sfl": (1, 1),
    }  # fmt: skip
    bad = validate(read_cells([data / "seaflow" / "testcruise" / "testcruise-bad-lat.sfl"]))[0]
    assert (bad.line, bad.column, bad.value) == (2, "LAT", "nnnnnnn")


@pytest.mark.parametrize("layout", ["evt_v1", "evt_v2"])
def test_the_instruments_day_file_becomes_a_curated_one(data, tmp_path, layout):
    evt = data / "seaflow" / "testcruise" / layout
    files = find_sfl([str(evt)])
    fixed, _ = repair(read_cells(files), event_counts(evt))
    write_cells(tmp_path / "made.sfl", fixed)
    made = xr.open_dataset(tmp_path / "made.sfl", engine="seaflow_sfl")
    theirs = xr.open_dataset(data / "seaflow" / "testcruise" / "testcruise_740.sfl", engine="seaflow_sfl")
    assert made["file_id"].to_numpy().tolist() == theirs["file_id"].to_numpy().tolist()
    for name in ("latitude", "longitude", "par", "stream_pressure", "file_duration", "sea_water_temperature"):
        np.testing.assert_allclose(made[name], theirs[name], atol=5.1e-5, err_msg=name)
    assert made["event_rate"][0].item() == pytest.approx(40_000 / 180.062, abs=1e-4)
    assert [f.level for f in validate(fixed)] == ["warning"]


def test_events_are_counted_from_a_database_too(data, tmp_path):
    path = data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db"
    counts = event_counts(path)
    assert counts["2014_185/2014-07-04T00-00-02+00-00"] == 40_000
    bare = data / "seaflow" / "testcruise" / "params" / "testcruise_bare.db"
    with pytest.raises(ReaderError, match="opp has no rows"):
        event_counts(bare)
    assert sqlite3.connect(path).execute("SELECT count(*) FROM opp").fetchone()[0] > 0


@pytest.mark.parametrize("layout", ["evt_v1", "evt_v2"])
def test_both_leftovers_of_the_test_cruise(data, layout):
    root = data / "seaflow" / "testcruise"
    found = manifest(read_cells([root / "testcruise_740.sfl"]), root / layout)
    assert found["only_sfl"] == ["2014_185/2014-07-04T01-24-02+00-00"]
    assert found["only_disk"] == [f"2014_185/2014-07-04T01-{minute}-02+00-00" for minute in (21, 27)]
    assert len(found["both"]) == 8


@given(sfl_columns())
def test_the_instruments_own_file_is_read_as_it_was_written(columns):
    columns["longitude"] = np.mod(columns["longitude"] + 180.0, 360.0) - 180.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.sfl"
        write_instrument_sfl(path, columns)
        with path.open("ab") as file:  # the line break that the instrument writes before its next line
            file.write(b"\r\n")
        ds = xr.open_dataset(path, engine="seaflow_sfl").load()
    assert ds["file_id"].to_numpy().tolist() == list(columns["file_id"])
    for name in ("latitude", "par", "stream_pressure", "event_rate", "salinity"):
        np.testing.assert_allclose(ds[name], columns[name], atol=5.1e-7, rtol=1e-12, err_msg=name)


def test_the_real_day_file_comes_back(data, tmp_path):
    source = next((data / "seaflow" / "testcruise" / "evt_v1" / "2014_185").glob("*.sfl"))
    theirs = xr.open_dataset(source, engine="seaflow_sfl").load()
    write_instrument_sfl(tmp_path / "made.sfl", theirs)
    ours = xr.open_dataset(tmp_path / "made.sfl", engine="seaflow_sfl").load()
    assert (tmp_path / "made.sfl").read_bytes().split(b"\r\n")[0] == source.read_bytes().split(b"\r\n")[0].split(b"\n")[
        0
    ]
    assert ours.sizes == theirs.sizes and set(ours.variables) == set(theirs.variables)
    for name in theirs.data_vars:
        if theirs[name].dtype.kind == "f":
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6, err_msg=name)
        elif name == "file_id":
            np.testing.assert_array_equal(ours[name], theirs[name])
