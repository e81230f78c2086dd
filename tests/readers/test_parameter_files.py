"""Filter and gating parameters: every kind of file, and what is said of bad ones."""

from __future__ import annotations

import csv
import sqlite3

import numpy as np
import pytest

from workbench.core.errors import ReaderError
from workbench.core.filters import FIELDS
from workbench.readers.parameter_files import read_parameters


@pytest.fixture(scope="module")
def params(data):
    return data / "seaflow" / "testcruise" / "params"


def test_a_popcycle_database(params):
    found = read_parameters(params / "testcruise_full_plan.db")
    assert (found.cruise, found.instrument) == ("testcruise", "740")
    first, second = found.filters
    assert first == (np.datetime64("2014-07-04T00:00:02", "ns"), "2414efe1-a4ff-46da-a393-9180d6eab149")
    assert found.filters.at(second[0]).array[2, FIELDS.index("notch_large_D2")] == 1.627
    gating = found.gatings.at(first[0])
    assert [(g.population, g.x, g.y, len(g.vertices)) for g in gating.gates] == [
        ("beads", "fsc_small", "pe", 8),
        ("synecho", "fsc_small", "pe", 10),
        ("prochloro", "fsc_small", "chl_small", 13),
    ]


def test_a_real_cruise_with_six_gatings(data):
    found = read_parameters(data / "seaflow" / "realtime-dbs" / "TN412_740.db")
    assert len(found.gatings.entries) == 6
    assert found.gatings.at(np.datetime64("2023-02-14")).gates[0].x == "pe"  # channels in the file's own order
    assert found.gatings.at(np.datetime64("2022-12-31")) is None


def test_tsv_exports_by_prefix_and_by_folder(params):
    by_prefix = read_parameters(params / "testcruise.filter_params")
    by_folder = read_parameters(params)
    assert by_prefix.filters.entries == by_folder.filters.entries
    assert by_prefix.gatings is None
    populations = by_folder.gatings.at(np.datetime64("2014-07-05")).populations
    assert populations == ("beads", "synecho", "croco", "prochloro", "picoeuk")


def test_the_reference_csv_with_dots_or_underscores(data, tmp_path):
    source = data / "seaflow" / "filter" / "reference_filter_params_740.csv"
    head, *rows = source.read_text().splitlines()
    dotted = tmp_path / "reference.csv"
    dotted.write_text("\n".join([head.replace("_", "."), *rows]))
    a, b = (read_parameters(p).filters.sets["reference"] for p in (source, dotted))
    wanted = ["beads_fsc_small", "notch_small_D1"]
    assert (a.array == b.array).all()
    assert a.array[:, [FIELDS.index(w) for w in wanted]].tolist() == [[57728, 0.767], [58784, 0.72], [59792, 0.671]]


def test_auto_gates_are_kept_as_they_stand(params, tmp_path):
    path = tmp_path / "auto.db"
    path.write_bytes((params / "testcruise_full_plan.db").read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE gating SET method = 'auto', gate1 = 1.5, scale = 0.95 WHERE pop = 'synecho'")
        connection.execute("DELETE FROM poly WHERE pop = 'synecho'")
    gating = read_parameters(path).gatings.at(np.datetime64("2014-07-04T01:00"))
    assert gating.not_evaluated == ("synecho",)
    assert dict(gating.gates[1].extra) == {"gate1": 1.5, "scale": 0.95}


def break_quantile(rows):
    del rows[1]


def break_number(rows):
    rows[0]["width"] = "wide"


def break_column(rows):
    for row in rows:
        row["widht"] = row.pop("width")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (break_quantile, "has quantiles"),
        (break_number, "width: 'wide' is not a number"),
        (break_column, "no column 'width'. Did you mean 'widht'"),
    ],
)
def test_what_is_said_of_a_spoilt_table(data, tmp_path, spoil, words):
    with (data / "seaflow" / "filter" / "reference_filter_params_740.csv").open() as file:
        rows = list(csv.DictReader(file))
    spoil(rows)
    path = tmp_path / "spoilt.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(ReaderError) as error:
        read_parameters(path)
    assert words in str(error.value)


def test_other_files_are_refused(data, tmp_path):
    with pytest.raises(ReaderError, match="not a parameter file"):
        read_parameters(data / "seaflow" / "SFlog.txt")
    with pytest.raises(ReaderError, match="no filter parameters here"):
        read_parameters(tmp_path)
    cut = tmp_path / "cut.db"
    cut.write_bytes((data / "seaflow" / "testcruise" / "params" / "testcruise_bare.db").read_bytes()[:5000])
    with pytest.raises(ReaderError):
        read_parameters(cut)
