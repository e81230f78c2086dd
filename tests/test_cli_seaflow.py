"""`workbench seaflow sfl`: verbs beside `workbench seaflow EVT_DIR`; statuses, files and words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench import cli
from workbench.cli.options import Parser


def run(*words: object) -> int:
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture
def shared(data: Path) -> Path:
    return data / "seaflow" / "testcruise"


@pytest.mark.parametrize("verb", [(), ("sfl",), ("sfl", "validate"), ("sfl", "fix"), ("sfl", "manifest")])
def test_every_verb_has_help_with_an_example_that_parses(verb, capsys):
    assert run("seaflow", *verb, "--help") == 0
    text = capsys.readouterr().out
    example = next(line for line in text.splitlines() if line.startswith("example: "))
    args = cli.parser().parse_args(example.removeprefix("example: workbench ").split())
    assert callable(args.run)


def test_the_verbs_are_named_in_the_help_of_the_command(capsys):
    run("seaflow", "--help")
    assert "workbench seaflow sfl: check and repair an SFL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sfl"], "say which: validate, fix, manifest"),
        (["sfl", "validat"], "'validat' is not one of validate, fix, manifest; did you mean 'validate'?"),
        (["sfl", "validate"], "FILE"), (["sfl", "fix", "a", "--in-place", "--out", "b"], "not allowed with"),
        (["evt"], "--params"),
    ],
)  # fmt: skip
def test_misuse_is_told(words, said, capsys):
    assert run("seaflow", *words) == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_folder_that_is_called_like_a_verb_is_still_a_folder():
    args = cli.parser().parse_args(["seaflow", "./sfl", "--params", "p", "--out", "o"])
    assert (args.evt, args.params, args.out) == ("./sfl", "p", "o")


def test_options_may_stand_before_the_folder():
    args = cli.parser().parse_args(["seaflow", "--params", "p", "evt", "--out", "o"])
    assert (args.evt, args.params, args.out) == ("evt", "p", "o")


def test_a_verb_added_by_another_module_stands_beside_them():
    parser = Parser(prog="workbench seaflow", epilog="example: ...")
    parser.add_argument("evt")
    parser.verb("beads", "propose parameters", "workbench seaflow beads evt/", lambda _: 7).add_argument("evt")
    args = parser.parse_args(["beads", "evt/"])
    assert args.run(args) == 7 and parser.parse_args(["evt/"]).evt == "evt/"


# validate


@pytest.mark.parametrize(
    ("name", "status", "levels"), [("testcruise_740", 0, ["warning"]), ("testcruise-bad-lat", 1, ["error", "warning"])]
)
def test_validate_tells_errors_and_warnings(shared, capsys, name, status, levels):
    path = shared / f"{name}.sfl"
    assert run("seaflow", "sfl", "validate", path, "--json") == status
    found = json.loads(capsys.readouterr().out)
    assert [row["level"] for row in found] == levels
    assert set(found[0]) == {"file", "level", "line", "column", "value", "message", "cure"}
    assert run("seaflow", "sfl", "validate", path) == status
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{path}: {levels.count('error')} error{'' if status else 's'}, 1 warning"


def test_validate_tells_each_kind_once_and_how_often(data, capsys):
    path = data / "seaflow" / "sfl" / "KM1906_740.sfl"
    assert run("seaflow", "sfl", "validate", path) == 0
    assert "and 279 more like it" in capsys.readouterr().out
    run("seaflow", "sfl", "validate", path, "--all")
    assert len(capsys.readouterr().out.splitlines()) == 281


def test_what_is_no_sfl_is_one_clear_line(shared, capsys):
    assert run("seaflow", "sfl", "validate", shared / "params" / "testcruise_bare.db") == 1
    assert "not an SFL header" in capsys.readouterr().err


# fix


def test_fix_writes_a_new_file_and_says_every_change(shared, tmp_path, capsys):
    source = tmp_path / "cruise_740.sfl"
    source.write_bytes((shared / "testcruise-bad-lat.sfl").read_bytes())
    assert run("seaflow", "sfl", "fix", source) == 0
    assert "line 2, LAT 'nnnnnnn' -> 'NA': not a number" in capsys.readouterr().out
    made = tmp_path / "cruise_740.fixed.sfl"
    assert source.read_bytes() == (shared / "testcruise-bad-lat.sfl").read_bytes()
    assert made.read_text() == source.read_text().replace("nnnnnnn", "NA")
    assert run("seaflow", "sfl", "fix", source) == 1
    assert "exists already" in capsys.readouterr().err
    assert run("seaflow", "sfl", "fix", source, "--out", source) == 1
    assert "--in-place" in capsys.readouterr().err
    assert run("seaflow", "sfl", "fix", source, "--in-place", "--json") == 0
    assert json.loads(capsys.readouterr().out)["changes"][0]["before"] == "nnnnnnn"
    assert source.read_bytes() == made.read_bytes()


def test_fix_makes_one_curated_file_of_the_instruments(shared, tmp_path, capsys):
    days = tmp_path / "evt"
    for day in (185, 186):
        folder = days / f"2014_{day}"
        folder.mkdir(parents=True)
        raw = next((shared / "evt_v1" / "2014_185").glob("*.sfl")).read_bytes()
        (folder / f"2014-07-{day - 181:02d}T00-00-00+00-00.sfl").write_bytes(
            raw.replace(b"2014-07-04T", f"2014-07-{day - 181:02d}T".encode())
        )
    assert run("seaflow", "sfl", "fix", days) == 1
    assert "say which with --out" in capsys.readouterr().err
    out = tmp_path / "one.sfl"
    assert run("seaflow", "sfl", "fix", days, "--evt", shared / "evt_v1", "--out", out) == 0
    lines = out.read_text().splitlines()
    assert len(lines) == 19 and lines[10].startswith(
        "2014_186/2014-07-05T00-00-02+00-00\t2014-07-05T00:00:02+00:00\t180.062\t"
    )
    assert lines[1].endswith("\t222.1457") and lines[10].endswith("\t0.00")
    assert run("seaflow", "sfl", "validate", out) == 0


def test_fix_fails_when_something_is_left(tmp_path, capsys):
    source = tmp_path / "a.sfl"
    source.write_text("FILE\tDATE\tFILE DURATION\tLAT\tLON\tSTREAM PRESSURE\tEVENT RATE\n"
                      "2014_185/2014-07-04T00-00-02+00-00\t2014-07-04T00:00:02+00:00\tlong\t1\t2\t0\t5\n")  # fmt: skip
    assert run("seaflow", "sfl", "fix", source) == 1
    said = capsys.readouterr().out
    assert "STREAM PRESSURE '0' -> '0.0001'" in said and "still wrong: error: line 2, FILE DURATION 'long'" in said


def test_manifest_lists_both_leftovers(shared, capsys):
    words = ("seaflow", "sfl", "manifest", shared / "testcruise_740.sfl", shared / "evt_v2")
    assert run(*words) == 0
    assert "8 on both sides, 1 only in the SFL, 2 only on disk" in capsys.readouterr().out
    assert run(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["only_sfl"] == ["2014_185/2014-07-04T01-24-02+00-00"]
