"""A changed plan: the old result stands, whole, until the new one is whole; killed at any moment, it goes on."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.record.test_seaflow_run import Cruise, files, same, tables
from workbench.apps.seaflow_rows import cells
from workbench.core.draft import Draft
from workbench.core.gates import Plan
from workbench.core.parameters import Excluded, Parameters, parse_time
from workbench.readers import popcycle
from workbench.record import seaflow_cruise, seaflow_next, seaflow_run
from workbench.record.seaflow_work import Limits, plan_work

FILE = "2014_185/2014-07-04T00-03-02+00-00"


@pytest.fixture
def cruise(data: Path) -> Cruise:
    return Cruise(data, "plan")


def redrawn(parameters: Parameters) -> Parameters:
    """With another polygon for every gating."""
    gatings = parameters.gatings
    assert gatings is not None
    sets = {}
    for name, gating in gatings.sets.items():
        draft = Draft(gating)
        draft.move("synecho", 100.0, 0.0)
        sets[name] = replace(draft.gating, id=name)
    return replace(parameters, gatings=Plan(gatings.entries, sets))


def run(cruise: Cruise, out: Path, parameters: Parameters) -> int:
    """As `workbench seaflow` does it."""
    times = {row["file"]: parse_time(row["date"]) for row in cruise.sfl}
    work = plan_work(str(cruise.evt), parameters, sfl=times, table=cruise.table, limits=Limits())

    def finish(database):
        seaflow_cruise.put_sfl(database, cells(cruise.sfl))
        seaflow_cruise.put_abundance(database, "740")

    return seaflow_run.run(work, out, parameters=parameters, table=cruise.table, limits=Limits(), finish=finish)


def beside(out: Path) -> list[str]:
    return sorted(path.name for path in out.parent.iterdir())


class Killed(BaseException):
    pass


def killed_at(monkeypatch, moment: str) -> None:
    """Die at a moment of the second half."""

    def die(*_):
        raise Killed

    if moment == "exchange":
        monkeypatch.setattr(seaflow_next, "exchange", die)
    elif moment == "clear":
        real = shutil.rmtree
        monkeypatch.setattr(
            seaflow_next.shutil, "rmtree", lambda path, **k: die() if Path(path).exists() else real(path, **k)
        )
    elif moment == "copy":
        monkeypatch.setattr(seaflow_next, "_copied", die)
    else:
        real_put, seen = popcycle.put_rows, []

        def put(connection, table, rows):
            seen.append(table)
            if seen.count("vct") == (1 if moment == "first hour" else 2):
                die()
            real_put(connection, table, rows)

        monkeypatch.setattr(popcycle, "put_rows", put)


@pytest.mark.parametrize("moment", ["copy", "first hour", "second hour", "exchange"])
def test_killed_the_old_result_stands_to_the_byte_and_the_next_run_goes_on(cruise, tmp_path, monkeypatch, moment):
    out, old, new = tmp_path / "out", tmp_path / "old", tmp_path / "new"
    changed = redrawn(cruise.parameters)
    run(cruise, out, cruise.parameters)
    run(cruise, old, cruise.parameters)
    run(cruise, new, changed)
    with monkeypatch.context() as patch:
        killed_at(patch, moment)
        with pytest.raises(Killed):
            run(cruise, out, changed)
    same(out, old)
    assert run(cruise, out, changed) == {"copy": 8, "first hour": 8, "second hour": 3, "exchange": 0}[moment]
    same(out, new)
    assert beside(out) == ["new", "old", "out"]


def test_killed_after_the_exchange_the_new_result_stands(cruise, tmp_path, monkeypatch):
    out, new = tmp_path / "out", tmp_path / "new"
    changed = redrawn(cruise.parameters)
    run(cruise, out, cruise.parameters)
    run(cruise, new, changed)
    with monkeypatch.context() as patch:
        killed_at(patch, "clear")
        with pytest.raises(Killed):
            run(cruise, out, changed)
    same(out, new)
    assert run(cruise, out, changed) == 0
    assert beside(out) == ["new", "out"]


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_where_folders_cannot_be_exchanged_a_cut_is_mended(cruise, tmp_path, monkeypatch, cut):
    """Three renames, cut after each of them: what stands is whole, old or new."""
    out, old, new = tmp_path / "out", tmp_path / "old", tmp_path / "new"
    changed = redrawn(cruise.parameters)
    run(cruise, out, cruise.parameters)
    run(cruise, old, cruise.parameters)
    run(cruise, new, changed)
    monkeypatch.setattr(seaflow_next, "_exchanged", lambda *_: False)
    real, made = os.rename, []
    with monkeypatch.context() as patch:

        def rename(a, b):
            if "fresh" not in str(a):
                if len(made) == cut:
                    raise Killed
                made.append(a)
            real(a, b)

        patch.setattr(seaflow_next.os, "rename", rename)
        if cut < 3:
            with pytest.raises(Killed):
                run(cruise, out, changed)
        else:
            run(cruise, out, changed)
    seaflow_next.recover(out)
    same(out, old if cut == 0 else new)
    run(cruise, out, changed)
    same(out, new)
    assert beside(out) == ["new", "old", "out"]


def test_back_to_the_old_plan_is_the_old_result(cruise, tmp_path):
    out, old = tmp_path / "out", tmp_path / "old"
    run(cruise, out, cruise.parameters)
    run(cruise, old, cruise.parameters)
    assert run(cruise, out, redrawn(cruise.parameters)) == 8
    assert run(cruise, out, cruise.parameters) == 8
    same(out, old)


def test_files_that_a_later_entry_does_not_touch_keep_their_bytes(cruise, tmp_path):
    out = tmp_path / "out"
    run(cruise, out, cruise.parameters)
    before = files(out)
    gatings = cruise.parameters.gatings
    other = redrawn(cruise.parameters).gatings
    late = Plan((*gatings.entries, (parse_time("2014-07-04T01:00:00Z"), "late")),
                {**gatings.sets, "late": replace(next(iter(other.sets.values())), id="late")})  # fmt: skip
    assert run(cruise, out, replace(cruise.parameters, gatings=late)) == 3
    kept = [name for name in before if "T00-00-00" in name]
    assert kept and all(files(out)[name] == before[name] for name in kept)


def test_behind_a_link_the_link_stays(cruise, tmp_path):
    (tmp_path / "disk" / "particles").mkdir(parents=True)
    out, new = tmp_path / "out", tmp_path / "new"
    out.symlink_to(tmp_path / "disk" / "particles")
    run(cruise, out, cruise.parameters)
    run(cruise, out, redrawn(cruise.parameters))
    run(cruise, new, redrawn(cruise.parameters))
    same(out, new)
    assert out.is_symlink() and beside(tmp_path / "disk" / "particles") == ["particles"]


def test_while_a_run_works_another_is_refused(cruise, tmp_path):
    out = tmp_path / "out"
    run(cruise, out, cruise.parameters)
    with seaflow_run._alone(out), pytest.raises(seaflow_run.Busy, match="another run"):
        run(cruise, out, redrawn(cruise.parameters))


def test_excluded_files_are_outliers_and_have_no_abundance(cruise, tmp_path):
    out, plain = tmp_path / "out", tmp_path / "plain"
    run(cruise, out, cruise.parameters)
    run(cruise, plain, cruise.parameters)
    who = Excluded(FILE, "bubbles", "Ginger", parse_time("2014-07-05"))
    assert run(cruise, out, replace(cruise.parameters, excluded=(who,))) == 0
    found = tables(out)
    assert [row for row in found["outlier"] if row[1]] == [(FILE, 1)]
    assert {row[0] for row in found["abundance"]} == {row[0] for row in tables(plain)["abundance"]} - {FILE}
    assert found["vct"] == tables(plain)["vct"]
    run(cruise, out, cruise.parameters)
    same(out, plain)


def test_what_others_flagged_stays_flagged(cruise, tmp_path):
    out = tmp_path / "out"
    run(cruise, out, cruise.parameters)
    database = popcycle.open_database(out / "cruise.db")
    third = "2014_185/2014-07-04T00-00-02+00-00"
    popcycle.put(database, "outlier", [{"file": "other", "flag": 2}, {"file": third, "flag": 3}])
    database.close()
    who = tuple(Excluded(name, "bubbles", "Ginger", parse_time("2014-07-05")) for name in (FILE, third))
    run(cruise, out, replace(cruise.parameters, excluded=who))
    assert [row for row in tables(out)["outlier"] if row[1]] == [(third, 3), (FILE, 1), ("other", 2)]
    run(cruise, out, cruise.parameters)
    assert [row for row in tables(out)["outlier"] if row[1]] == [(third, 3), ("other", 2)]


def test_what_others_flagged_stays_flagged_when_the_file_is_worked_on_again(cruise, tmp_path):
    """As with popcycle, which flags a file once: who looked at its particles in R has not to look again."""
    out = tmp_path / "out"
    run(cruise, out, cruise.parameters)
    with closing(popcycle.open_database(out / "cruise.db")) as database:
        popcycle.put(database, "outlier", [{"file": FILE, "flag": 2}])
    assert run(cruise, out, redrawn(cruise.parameters)) == 8
    found = tables(out)
    assert [row for row in found["outlier"] if row[1]] == [(FILE, 2)]
    assert FILE not in {row[0] for row in found["abundance"]}
