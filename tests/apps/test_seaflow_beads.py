"""`workbench seaflow beads`: a filter is proposed, kept and used."""

from __future__ import annotations

import json

import pytest

from workbench.cli import main
from workbench.readers.parameter_files import read_parameters


@pytest.fixture(scope="module")
def evt(data):
    return str(data / "seaflow" / "testcruise" / "evt_v2")


@pytest.mark.parametrize("name", ["found.csv", "TN.filter.tsv"])
def test_a_filter_is_proposed_and_can_be_used(evt, tmp_path, capsys, name):
    out = tmp_path / name
    assert main(["seaflow", "beads", evt, "--instrument", "740", "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    kept = read_parameters(out if name.endswith("csv") else tmp_path / "TN")
    (one,) = kept.filters.sets.values()
    for row, told in zip(one.table, said["filter"], strict=True):
        assert row == pytest.approx([told[field] for field in list(told)[1:]], rel=1e-11)
    assert abs(one.beads_fsc[1] - 33656) < 400
    if name.endswith("tsv"):
        assert one.id == said["id"]
    assert {row["file"][-14:-6] for row in said["refused"]} == {
        "00-06-02",
        "00-09-02",
        "00-12-02",
        "01-21-02",
        "01-27-02",
    }
    run = [
        "seaflow",
        evt,
        "--params",
        str(out if name.endswith("csv") else tmp_path / "TN"),
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*run, "--instrument", "740", "--workers", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["opp"] > 100
    assert any("abundance is left out" in note for note in report["notes"])


def test_the_table_is_for_people(evt, capsys):
    assert main(["seaflow", "beads", evt, "--instrument", "740"]) == 0
    text = capsys.readouterr().out
    assert "2014_185/2014-07-04T00-03-02+00-00" in text
    assert "none found" in text and "refused: " in text and "offset_large_D1" in text


def test_mistakes_are_said(evt, tmp_path, capsys):
    assert main(["seaflow", "beads", evt, "--instrument", "741"]) == 1
    assert "Known: 130, 740, 751, 989" in capsys.readouterr().err
    assert main(["seaflow", "beads", str(tmp_path), "--instrument", "740"]) == 1
    assert "no EVT files" in capsys.readouterr().err
    assert main(["seaflow", "beads", evt, "--instrument", "740", "--since", "2015-01-01"]) == 1
    assert "since 2015-01-01" in capsys.readouterr().err
