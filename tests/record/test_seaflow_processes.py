"""A SeaFlow run in processes: killed at any moment, on a Dask cluster, by its command. Same bytes."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zstandard

from tests.record.seaflow_cruise import files, same, tables

STAMP = "2014-07-04T00-03-02+00-00"


class Command:
    """`workbench seaflow` on the test cruise."""

    def __init__(self, data: Path, kind: str = "plan") -> None:
        self.root = data / "seaflow" / "testcruise"
        self.evt = self.root / "evt_v2"
        self.options = [
            "--params", str(self.root / "params" / f"testcruise_full_{kind}.db"), "--workers", "1", "--json",
            "--size-table", str(data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv"),
        ]  # fmt: skip

    def words(self, out: Path, *more: str, evt: Path | None = None) -> list[str]:
        return ["seaflow", str(evt or self.evt), *self.options, "--out", str(out), *more]

    def run(self, out: Path, *more: str, evt: Path | None = None) -> dict:
        done = subprocess.run(self._python(out, more, evt), capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, out: Path, *more: str, evt: Path | None = None) -> subprocess.Popen:
        return subprocess.Popen(self._python(out, more, evt), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _python(self, out: Path, more: tuple[str, ...], evt: Path | None) -> list[str]:
        return [sys.executable, "-m", "workbench", *self.words(out, *more, evt=evt)]


@pytest.fixture
def command(data):
    return Command(data)


def run(words: list[str], capsys) -> dict:
    from workbench.cli import main

    assert main(words) == 0
    return json.loads(capsys.readouterr().out)


def test_plain_gzip_and_zstandard_are_one_file(command, tmp_path, capsys):
    whole = run(command.words(tmp_path / "whole"), capsys)
    evt = tmp_path / "evt"
    shutil.copytree(command.evt, evt)
    day = evt / "2014_185"
    raw = gzip.decompress((day / f"{STAMP}.gz").read_bytes())
    (day / STAMP).write_bytes(raw)
    (day / f"{STAMP}.zst").write_bytes(zstandard.compress(raw))
    thrice = run(command.words(tmp_path / "thrice", evt=evt), capsys)
    assert thrice == whole
    (day / STAMP).unlink()
    (day / f"{STAMP}.gz").unlink()
    packed = run(command.words(tmp_path / "packed", evt=evt), capsys)
    assert packed == whole
    same(tmp_path / "whole", tmp_path / "thrice")
    same(tmp_path / "whole", tmp_path / "packed")


def test_a_broken_plain_file_beside_a_whole_compressed_one_is_passed_over(command, tmp_path, capsys):
    evt = tmp_path / "evt"
    shutil.copytree(command.evt, evt)
    raw = gzip.decompress((evt / "2014_185" / f"{STAMP}.gz").read_bytes())
    (evt / "2014_185" / STAMP).write_bytes(raw[:-100])  # still being unpacked
    report = run(command.words(tmp_path / "b", evt=evt), capsys)
    run(command.words(tmp_path / "a"), capsys)
    assert not any(STAMP in row["file"] for row in report["flagged"])
    same(tmp_path / "a", tmp_path / "b")


def test_since_processes_what_is_new_and_keeps_what_is_there(command, tmp_path, capsys):
    later = run(command.words(tmp_path / "a", "--since", "2014-07-04T01:00"), capsys)
    assert (later["files"], later["processed"]) == (3, 3)
    assert all("T01-" in name for name in files(tmp_path / "a"))
    rest = run(command.words(tmp_path / "a"), capsys)
    assert (rest["files"], rest["processed"]) == (8, 5)
    again = run(command.words(tmp_path / "a", "--since", "2014-07-04T01:00"), capsys)
    assert again["processed"] == 0
    run(command.words(tmp_path / "b"), capsys)
    same(tmp_path / "a", tmp_path / "b")


def test_without_an_sfl_names_tell_the_time(command, data, tmp_path, capsys):
    csv = data / "seaflow" / "filter" / "reference_filter_params_740.csv"
    words = ["seaflow", str(command.evt), "--params", str(csv), "--instrument", "740", "--out", str(tmp_path), "--json"]
    report = run(words, capsys)
    assert report["files"] == 10  # 01-21 and 01-27 too: nobody says they do not belong
    assert {row["file"][-14:-6]: row["flag"] for row in report["flagged"]}["01-21-02"] == 1
    assert any("times come from file names, abundance is left out" in note for note in report["notes"])
    found = tables(tmp_path)
    assert found["abundance"] == [] and found["stat"] == [] and found["vct"] == []
    assert len(found["opp2"]) == 10
    assert {row[0] for row in found["opp2"]} == {f"2014_185/{row[0].split('/')[1]}" for row in found["opp2"]}


def test_an_sfl_that_is_named_wins_over_the_database(command, tmp_path, capsys):
    run(command.words(tmp_path, "--sfl", str(command.root / "testcruise_740.sfl")), capsys)
    rows = tables(tmp_path)["abundance"]
    np.testing.assert_allclose([sum(r[i] for r in rows) for i in (3, 4, 5)], [1878, 43.5544, 2.04763], rtol=5e-6)


def test_limits_by_option(command, tmp_path, capsys):
    run(command.words(tmp_path / "a", "--max-particles", "1"), capsys)
    rows = sorted(tables(tmp_path / "a")["opp2"])
    assert [row[-1] for row in rows] == [2, 2, 1, 1, 1, 2, 2, 2]
    assert [row[1] for row in rows] == [40000, 40000, 0, 0, 0, 40000, 40000, 40000]
    run(command.words(tmp_path / "a", "--max-opp", "400"), capsys)  # other limits: all are done again
    assert [row[-1] for row in sorted(tables(tmp_path / "a")["opp2"])] == [3, 0, 1, 1, 1, 4, 0, 0]
    run(command.words(tmp_path / "b", "--max-opp", "400"), capsys)
    same(tmp_path / "a", tmp_path / "b")


def test_every_broken_sibling_is_listed_with_its_reason(command, tmp_path, capsys):
    report = run(command.words(tmp_path), capsys)
    reasons = {row["file"][-14:-6]: (row["flag"], row["reason"]) for row in report["flagged"]}
    assert {name: flag for name, (flag, _) in reasons.items()} == {
        "00-06-02": 1, "00-09-02": 1, "00-12-02": 1, "01-15-02": 4
    }  # fmt: skip
    assert all(why for _, why in reasons.values())
    assert not any(str(command.root) in why for _, why in reasons.values()), "no path of a machine in the outputs"
    assert {row["file"][-14:-6] for row in report["left_out"]} == {"01-21-02", "01-24-02", "01-27-02"}


def many(command: Command, folder: Path, hours: int = 12) -> tuple[Path, Path]:
    """Copies of the first real file, one every 20 minutes, and their SFL."""
    from workbench.readers.seaflow_files import file_name
    from workbench.readers.seaflow_sfl import write_sfl

    raw = (command.evt / "2014_185" / "2014-07-04T00-00-02+00-00").read_bytes()
    start = np.datetime64("2014-07-04T00:00:02", "s")
    times = start + np.arange(3 * hours) * np.timedelta64(1200, "s")
    for one in times:
        path = folder / "evt" / file_name(one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    columns = {"file_id": [file_name(t) for t in times], "time": times, "stream_pressure": np.full(len(times), 12.0)}
    write_sfl(folder / "many_740.sfl", columns | {"file_duration": np.full(len(times), 180.0)})
    return folder / "evt", folder / "many_740.sfl"


@pytest.mark.fault
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_again_and_again_then_finished(command, tmp_path, workers):
    evt, sfl = many(command, tmp_path, hours=30)
    whole = command.run(tmp_path / "whole", "--sfl", str(sfl), evt=evt)
    assert whole["processed"] == 90
    out, rng, done = tmp_path / "killed", np.random.default_rng(3), []
    for _ in range(8):
        process = command.start(out, "--sfl", str(sfl), "--workers", workers, evt=evt)
        while process.poll() is None and not (out / "run.db").exists():
            time.sleep(0.002)
        seen = len(list(out.rglob("*.parquet")))
        while process.poll() is None and len(list(out.rglob("*.parquet"))) <= seen:
            time.sleep(0.001)
        time.sleep(float(rng.uniform(0, 0.06)))
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        done.append(len(list(out.rglob("*.parquet"))))
    assert len(done) > 2 and done[0] < 60, done
    command.run(out, "--sfl", str(sfl), "--workers", workers, evt=evt)
    same(tmp_path / "whole", out)
    assert not [path for path in out.rglob(".*") if path.is_file()], "no half file is left"


def test_one_run_a_folder(command, tmp_path, capsys):
    import fcntl

    from workbench.cli import main

    out = tmp_path / "out"
    out.mkdir()
    handle = os.open(out, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert main(command.words(out)) == 1
    assert "another run writes here" in capsys.readouterr().err
    os.close(handle)
    run(command.words(out), capsys)


def test_what_a_killed_run_left_half_written_goes(command, tmp_path, capsys):
    left = tmp_path / "vct" / ".2014-07-04T00-00-00+00-00.1H.vct.parquet.4242"
    left.parent.mkdir()
    left.write_bytes(b"half")
    run(command.words(tmp_path), capsys)
    assert not left.exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["plan", "one_param"])
def test_on_a_cluster_of_two_workers(data, tmp_path, capsys, kind):
    distributed = pytest.importorskip("distributed")
    command = Command(data, kind)
    run(command.words(tmp_path / "whole"), capsys)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", protocol="tcp", dashboard_address=None
    ) as cluster:
        assert cluster.scheduler_address.startswith("tcp://")
        report = run(command.words(tmp_path / "cluster", "--scheduler", cluster.scheduler_address), capsys)
    assert report["processed"] == 8
    same(tmp_path / "whole", tmp_path / "cluster")


def test_a_cluster_that_is_not_there_is_said(command, tmp_path, capsys, monkeypatch):
    from workbench.apps import seaflow
    from workbench.cli import main

    monkeypatch.setattr(seaflow, "PATIENCE", "1s", raising=True)
    assert main(command.words(tmp_path, "--scheduler", "tcp://127.0.0.1:9")) == 1
    assert "tcp://127.0.0.1:9" in capsys.readouterr().err
