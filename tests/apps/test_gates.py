"""`workbench gates`: a cruise gated again as a run, written back to files and read again; killed, it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.catalog.test_gates import FIRST, SECOND, catalog, shifted
from tests.record.seaflow_cruise import files, same, tables
from workbench.apps.gates import regate, save, write
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.errors import WorkbenchError
from workbench.readers.parameter_files import read_parameters
from workbench.record.record import Record
from workbench.record.runs import Runs


@pytest.fixture
def path(data: Path, tmp_path: Path) -> Path:
    return catalog(data, tmp_path)


@pytest.fixture
def cruise(path: Path) -> Cruise:
    return open_cruise(path)


def counts(out: Path) -> dict[tuple[str, str, float], int]:
    with closing(sqlite3.connect(out / "cruise.db")) as connection:
        return {(f, p, q): n for f, p, q, n in connection.execute("select file, pop, quantile, count from vct")}


def product(cruise: Cruise) -> dict[tuple[str, str, float], int]:
    found = cruise["populations"].open()["n_count"]
    names = cruise["populations"].open()["file_id"].values
    return {
        (str(name), str(p), float(q)): int(found.values[i, j, k])
        for i, name in enumerate(names) for j, p in enumerate(found["population"].values)
        for k, q in enumerate(found["quantile"].values) if found.values[i, j, k] > 0
    }  # fmt: skip


def test_gated_again_equals_the_product_to_the_particle_and_back_again(cruise, tmp_path):
    out = cruise.folder / "particles"
    told: list[int] = []
    assert regate(cruise, who="A", done=lambda n, of: told.append(of)).processed == 8
    assert told == [8] * 8
    shutil.copytree(out, tmp_path / "old")
    assert sum(counts(out).values()) == 1878 and counts(out) == product(cruise)
    entry = cruise.gates.save(shifted(cruise), start=FIRST, who="Francois", note="drift")
    assert counts(out) != product(cruise)
    assert regate(cruise, who="Francois").processed == 1  # the second entry of the file takes over 3 minutes later
    assert counts(out) == product(cruise)
    with closing(sqlite3.connect(out / "cruise.db")) as connection:
        assert {i for (i,) in connection.execute("select gating_id from vct")} >= {entry.id}
    cruise.gates.withdraw(entry.id, who="Francois")
    regate(cruise)
    same(out, tmp_path / "old")

    runs = Runs(cruise.folder).find()
    assert [(run.state, run.rows) for run in runs] == [("ok", 8), ("ok", 1), ("ok", 1)]
    assert [run.inputs.split(",")[0] for run in runs] == [f"as changed by {n}" for n in (0, 1, 2)]
    kinds = [(event.kind, event.who) for event in Record(cruise.folder).events.events()]
    assert kinds == [("gates", "A"), *[("gates", "Francois")] * 3, ("gates", "workbench")]


def test_since_leaves_earlier_files_as_they_are(cruise):
    out = cruise.folder / "particles"
    regate(cruise)
    before = counts(out)
    cruise.gates.save(shifted(cruise), start=SECOND, who="A")
    assert regate(cruise, since="2014-07-04T01:00").processed == 3
    early = {key: n for key, n in counts(out).items() if "T00-" in key[0]}
    assert early == {key: n for key, n in before.items() if "T00-" in key[0]}
    assert regate(cruise).processed == 4
    assert counts(out) == product(cruise)


def test_a_failed_run_is_told_and_done_again(cruise, monkeypatch):
    from workbench.apps import gates

    def fail(*_, **__):
        raise WorkbenchError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(gates, "work_on", fail)
        with pytest.raises(WorkbenchError, match="disk"):
            regate(cruise)
    (run,) = Runs(cruise.folder).find()
    assert run.state == "failed" and "disk is full" in run.error
    regate(cruise)
    (run,) = Runs(cruise.folder).find()
    assert (run.state, run.attempt, run.rows) == ("ok", 2, 8)


@pytest.mark.parametrize("to", ["new.db", "tsv/TN413"])
def test_written_back_and_read_again_it_is_the_same_plan(cruise, tmp_path, to):
    entry = cruise.gates.save(shifted(cruise), start="2014-07-04T00:01", who="A")
    held = cruise.gates.parameters()
    for _ in range(2):  # again over what is there
        write(cruise, str(tmp_path / to), who="A")
        found = read_parameters(tmp_path / to)
        assert found.filters == held.filters
        assert found.gatings == held.gatings
        assert found.gatings is not None and found.gatings.id_at(entry.start) == entry.id
    assert not list((tmp_path / to).parent.glob(".*.tsv.*"))


def test_written_into_its_own_database_an_entry_is_there_once(data, tmp_path):
    path = catalog(data, tmp_path)
    own = tmp_path / "own.db"
    params = data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db"
    shutil.copyfile(params, own)
    path.write_text(path.read_text().replace(f'url: "{params}", size_table', f'url: "{own}", size_table'))
    cruise = open_cruise(path)
    expected = cruise["populations"].open().load()
    entry = cruise.gates.save(shifted(cruise), start=FIRST, who="A")
    changed = cruise["populations"].open().load()
    write(cruise, str(own), who="A")
    assert [e.id for e in cruise.gates.history()].count(entry.id) == 1
    assert cruise["populations"].open().load()["n_count"].identical(changed["n_count"])
    with closing(sqlite3.connect(own)) as connection:  # what else is in it stays
        assert connection.execute("select count(*) from sfl").fetchone()[0] > 0
        assert connection.execute("select count(*) from vct").fetchone()[0] == 47
    cruise.gates.withdraw(entry.id, who="A")
    left = cruise["populations"].open().load()
    assert left["n_count"].isel(time=slice(1, None)).identical(expected["n_count"].isel(time=slice(1, None)))
    assert entry.id not in cruise["plan"].open()["gating_id"].values


def test_a_database_that_is_none_is_refused_and_left(cruise, tmp_path):
    place = tmp_path / "x.db"
    place.write_text("no database at all")
    with pytest.raises(WorkbenchError, match="not a popcycle database"):
        write(cruise, str(place))
    assert place.read_text() == "no database at all"


def test_saved_from_a_file(cruise, data):
    other = data / "seaflow" / "testcruise" / "params" / "testcruise_full_one_param.db"
    expected = read_parameters(other)
    entry = save(cruise, str(other), start=SECOND, who="A", note="from R")
    assert entry.value.gates == next(iter(expected.gatings.sets.values())).gates
    entry = save(cruise, str(other), start=SECOND, who="A", filters=True)
    assert entry.value.table == next(iter(expected.filters.sets.values())).table


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "workbench", "gates", *words], capture_output=True, text=True, timeout=100, check=False
    )  # fmt: skip


def test_the_commands(cruise, path, tmp_path, data, capsys):
    from workbench.cli import main

    def said(*words: str, code: int = 0) -> str:
        assert main(["gates", words[0], str(path), *words[1:]]) == code
        both = capsys.readouterr()
        return both.out + both.err

    other = str(data / "seaflow" / "testcruise" / "params" / "testcruise_full_one_param.db")
    assert said("list").count("of the file") == 2
    assert "takes over" in said("save", "--from", other, "--start", "2014-07-04T00:01", "--who", "A", "--note", "why")
    listed = json.loads(said("list", "--json"))
    (own,) = [entry for entry in listed if not entry["from_file"]]
    assert (own["who"], own["note"], own["counts"]) == ("A", "why", True)
    assert "beads: fsc_small by pe" in said("show", own["id"]) and own["id"] in said("show", "2014-07-04T00:02")
    assert "changed: " in said("diff", SECOND, own["id"]) and "cells/uL" in said(
        "diff", FIRST, SECOND, "--window", "2014-07-04..2014-07-05"
    )
    assert "8 files processed" in said("apply") and "8 were up to date" in said("apply")
    assert "new.db" in said("write", "--to", str(tmp_path / "new.db"))
    assert "withdrawn by B" in said("withdraw", own["id"], "--who", "B")
    assert "already" in said("withdraw", own["id"], "--who", "B", code=1)
    assert "bubbles" in said("exclude", "d/f", "--who", "G", "--reason", "bubbles")
    assert "0 files" in said("exclude", "d/f", "--who", "G", "--back")
    assert "beads" not in said("show", FIRST, "--filters")


def test_status_and_json_say_who_changed_what(cruise, path, capsys):
    from workbench.cli import main

    entry = cruise.gates.save(shifted(cruise), start=FIRST, who="Francois", note="drift")
    cruise.excluded.add("d/f", who="Ginger", reason="bubbles")
    main(["status", str(path)])
    said = capsys.readouterr().out
    assert f"gates: Francois saved {entry.id}, from 2014-07-04T00:00:02Z" in said and "drift" in said
    assert "excluded: Ginger excluded d/f: bubbles" in said
    main(["status", str(path), "--json"])
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert [(change["kind"], change["who"]) for change in changes] == [("gates", "Francois"), ("excluded", "Ginger")]


def test_while_another_run_writes_it_is_waited_for(cruise):
    from workbench.record import seaflow_run

    out = cruise.folder / "particles"
    regate(cruise)
    cruise.gates.save(shifted(cruise), start=SECOND, who="A")
    told: list[str] = []
    alone = seaflow_run._alone(out)
    alone.__enter__()

    def wait(text: str) -> None:
        told.append(text)
        alone.__exit__(None, None, None)  # the other one ends

    assert regate(cruise, waiting=wait).processed == 7
    assert len(told) == 1 and "another run" in told[0]
    assert counts(out) == product(cruise)


@pytest.mark.fault
def test_killed_while_gating_again_the_old_result_stands_and_it_goes_on(cruise, path, tmp_path):
    out = cruise.folder / "particles"
    regate(cruise)
    shutil.copytree(out, tmp_path / "old")
    cruise.gates.save(shifted(cruise), start="2014-07-03", who="A")
    cruise.gates.save(shifted(cruise), start=FIRST, who="A")
    cruise.gates.save(shifted(cruise), start=SECOND, who="A")
    regate(cruise, out=tmp_path / "new" / "particles")
    for wait in (1.5, 2.5, 3.0, 3.5, 4.0):
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "gates", "apply", str(path), "--workers", "1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        old = files(out) == files(tmp_path / "old") and tables(out) == tables(tmp_path / "old")
        assert old or (files(out) == files(tmp_path / "new" / "particles"))
    done = run("apply", str(path))
    assert done.returncode == 0, done.stderr
    assert files(out) == files(tmp_path / "new" / "particles")
    assert tables(out) == tables(tmp_path / "new" / "particles")
    assert {r.state for r in Runs(cruise.folder).find()} == {"ok"}
