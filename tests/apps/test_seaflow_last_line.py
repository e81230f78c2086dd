"""`workbench seaflow --sfl FILE`: the last line of a finished SFL counts without its line break; of one that grows, never."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from workbench.apps.seaflow_rows import PATIENCE, read_sfl
from workbench.core import clock

LAST = "2014_185/2014-07-04T01-30-02+00-00"


@pytest.fixture
def sfl(data: Path, tmp_path: Path) -> Path:
    """The SFL of the test cruise, without its last line break."""
    path = tmp_path / "testcruise_740.sfl"
    path.write_text((data / "seaflow" / "testcruise" / "testcruise_740.sfl").read_text().removesuffix("\n"))
    return path


def _aged(path: Path, seconds: float) -> Path:
    os.utime(path, (clock.wall() - seconds,) * 2)
    return path


@pytest.mark.parametrize(
    ("age", "named", "there"),
    [(0, True, False), (PATIENCE - 20, True, False), (PATIENCE + 20, True, True), (10 * PATIENCE, False, False)],
)
def test_which_last_line_counts(sfl, age, named, there):
    rows = read_sfl(_aged(sfl, age), sfl, named=named)
    assert (LAST in {row["file"] for row in rows}) is there


@pytest.mark.parametrize(("age", "there"), [(0, False), (10 * PATIENCE, True)])
def test_by_command(data, sfl, tmp_path, capsys, age, there):
    from workbench.cli import main

    root = data / "seaflow" / "testcruise"
    evt = tmp_path / "evt" / "2014_185"
    evt.mkdir(parents=True)
    for path in (root / "evt_v2" / "2014_185").glob("*T01-30-02*"):
        shutil.copy(path, evt)
    words = ["seaflow", str(evt.parent), "--params", str(root / "params" / "testcruise_full_plan.db"), "--json"]
    code = main([*words, "--sfl", str(_aged(sfl, age)), "--out", str(tmp_path / "out")])
    report = json.loads(capsys.readouterr().out)
    assert (code, report["files"]) == ((0, 1) if there else (1, 0))
    left = {row["file"]: row["reason"] for row in report["left_out"]}
    assert left.get(LAST) == (None if there else "on disk, not in the SFL")
