"""`workbench seaflow`: what it says when something is missing, wrong or odd, before hours of work and after them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench import cli

MIE = "calibrated-mie.de77773.2020-10-23.csv"


@pytest.fixture
def cruise(data: Path) -> Path:
    return data / "seaflow" / "testcruise"


def run(*words: object) -> int:
    return cli.main(["seaflow", *map(str, words)])


def ways(cruise: Path, tmp_path: Path) -> dict[str, tuple[list[object], str]]:
    """Something wrong each, and words of what is said."""
    plan, evt, out = cruise / "params" / "testcruise_full_plan.db", cruise / "evt_v2", tmp_path / "out"
    filters = cruise.parent / "filter"
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "file").write_text("")
    return {
        "no files": ([empty, "--params", plan, "--out", out], "no EVT files. They are called such as"),
        "no folder": ([tmp_path / "nowhere", "--params", plan, "--out", out], "no such file or folder"),
        "misspelt": ([evt, "--params", plan.with_name("testcruise_full_pln.db"), "--out", out], "Did you mean"),
        "no place": ([evt, "--params", tmp_path / "a" / "b", "--out", out], f"There is no folder {tmp_path / 'a'}"),
        "several": ([evt, "--params", filters, "--out", out], "Name one of its files: reference_filter_params_130.csv"),
        "instrument": ([evt, "--params", plan, "--instrument", "741", "--out", out], "Did you mean '751'?"),
        "sizes": ([evt, "--params", plan, "--size-table", tmp_path / "nope.csv", "--out", out], "nope.csv: no such file"),
        "a file": ([evt, "--params", plan, "--out", tmp_path / "file"], "is a file. Name a folder: --out DIR"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "way", ["no files", "no folder", "misspelt", "no place", "several", "instrument", "sizes", "a file"]
)
def test_what_is_wrong_is_told_before_anything_is_written(cruise, tmp_path, capsys, way):
    words, said = ways(cruise, tmp_path)[way]
    assert run(*words) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_a_run_went_without_is_told(cruise, data, tmp_path, capsys):
    options = ["--params", data / "seaflow" / "filter" / "reference_filter_params_740.csv", "--out", tmp_path / "out"]
    assert run(cruise / "evt_v2", *options, "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [
        "no SFL: times come from file names, abundance is left out",
        "no gates: particles have no population, vct/ is left out",
    ]
    assert not (tmp_path / "out" / "vct").exists()
    assert run(cruise / "evt_v2", *options, "--since", "2015-01-01") == 1
    assert "no file since 2015-01-01" in capsys.readouterr().out


def test_odd_lines_of_the_sfl_are_told(cruise, data, tmp_path, capsys):
    head, *lines = (cruise / "testcruise_740.sfl").read_text().splitlines()
    at = head.split("\t").index("STREAM PRESSURE")
    rows = [line.split("\t") for line in lines]
    for row, pressure in zip(rows, ("NA", "0"), strict=False):
        row[at] = pressure
    sfl = tmp_path / "odd_740.sfl"
    sfl.write_text("\n".join([head, *("\t".join(row) for row in [*rows, rows[-1]])]) + "\n")
    options = ["--params", cruise / "params" / "testcruise_full_plan.db", "--size-table", data / "seaflow" / MIE]
    assert run(cruise / "evt_v2", "--sfl", sfl, *options, "--out", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [
        "lines that repeat a file in the SFL: 1; the last one counts",
        "files without stream pressure or duration in the SFL, and so without abundance: 2",
    ]


def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path):
    from workbench.simulate import cruise as simulation

    simulation.write(tmp_path / "sim", days=1, particles=20_000)
    words = [
        tmp_path / "sim" / "evt", "--params", tmp_path / "sim" / "plan", "--instrument", "740", "--out", tmp_path / "out",
        "--workers", "1",
    ]  # fmt: skip
    command = [sys.executable, "-m", "workbench", "seaflow", *map(str, words)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("out/opp/*.parquet"))) < 2 and child.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130, error
    assert (
        error.strip() == f"stopped; what is done stays in {tmp_path / 'out'}, and the same command goes on from there"
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    files, now = (int(word) for word in done.stdout.split(" processed")[0].replace(" files,", "").split())
    assert 0 < now < files


def test_who_stops_listening_is_told_nothing_more(cruise):
    """As `head` does after its lines: no trace of Python, and no word of a broken pipe."""
    command = [sys.executable, "-m", "workbench", "seaflow", "sfl", "validate", "--all"]
    child = subprocess.Popen(
        [*command, str(cruise.parent / "sfl" / "KM1906_740.sfl")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(60) == 141
