"""`workbench influx write` into a real InfluxDB 1.6: all rows, through outages and kills, none twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.services.influx import Influxd
from workbench import cli
from workbench.catalog.cruise import open_cruise
from workbench.live.mirror.influx import Mirror
from workbench.live.mirror.queue import Queue, file_of
from workbench.readers.influxdb import InfluxDB
from workbench.readers.influxdb_http import Server
from workbench.readers.influxdb_place import Place

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

READER = InfluxDB()
HEAD = "met\nTN413\na table\nNA\tNA\tNA\ntime\tfloat\tcategory\nNA\tNA\tNA\ntime\tpar\tside\n"


@pytest.fixture
def influxd(tmp_path: Path) -> Iterator[Influxd]:
    with Influxd(tmp_path / "influxd") as server:
        server.create("cruise")
        yield server


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A cruise of one TSDATA file, to which `add` adds rows."""
    (tmp_path / "met.tsdata").write_text(HEAD)
    path = tmp_path / "catalog.yaml"
    path.write_text(
        "metadata: {cruise: {id: X1}}\nsources:\n"
        "  met: {driver: workbench, args: {reader: tsdata, url: '{{ CATALOG_DIR }}/met.tsdata'}}\n"
        "  copy: {driver: workbench, args: {reader: influxdb, url: 'influxdb://127.0.0.1:1/cruise/met'}}\n"
    )
    return path


def add(catalog: Path, begin: int, end: int) -> None:
    start = np.datetime64("2024-01-01", "ms")
    rows = (f"{start + i // 2 * 100}Z\t{i}.5\t{'ab'[i % 3 == 0]}\n" for i in range(begin, end))
    with (catalog.parent / "met.tsdata").open("a") as file:
        file.writelines(rows)


def check(influxd: Influxd, rows: int) -> None:
    ds = READER.open_dataset(influxd.url("cruise", "met")).load()
    assert sorted(ds["par"].values.tolist()) == [i + 0.5 for i in range(rows)]
    assert set(ds["side"].values.tolist()) == {"a", "b"} and ds["cruise"].item() == "TN413"


def write(catalog: Path, influxd: Influxd, *more: str) -> int:
    return cli.main(["influx", "write", str(catalog), "met", "--to", influxd.url("cruise", "")[:-1], *more])


def test_all_of_it_and_then_what_came(catalog: Path, influxd: Influxd, capsys: pytest.CaptureFixture[str]) -> None:
    add(catalog, 0, 25_000)
    assert write(catalog, influxd, "--batch", "1000") == 0
    check(influxd, 25_000)
    assert "25,000 rows written" in capsys.readouterr().err
    add(catalog, 25_000, 25_010)
    assert write(catalog, influxd) == 0
    assert "10 rows written" in capsys.readouterr().err
    check(influxd, 25_010)
    assert write(catalog, influxd) == 0
    assert "influx write: 0 rows written" in capsys.readouterr().err


def test_the_server_is_away(catalog: Path, influxd: Influxd, capsys: pytest.CaptureFixture[str]) -> None:
    """What was read waits on disk, and goes with the next command."""
    influxd.stop()
    add(catalog, 0, 5000)
    assert write(catalog, influxd, "--patience", "0") == 1
    said = capsys.readouterr().err
    assert "5,000 rows wait" in said and "does not answer" in said
    (catalog.parent / "met.tsdata").unlink()  # what is queued needs its source no more
    (catalog.parent / "met.tsdata").write_text(HEAD)
    influxd.start()
    assert write(catalog, influxd) == 0
    check(influxd, 5000)


def test_outages_while_following(catalog: Path, influxd: Influxd) -> None:
    """Rows come while the server goes and comes; none is lost, none is twice."""
    cruise = open_cruise(catalog)
    place = Place.parse(influxd.url("cruise", "met"))
    said: list[str] = []
    step = 0

    def sleep(_: float) -> None:
        nonlocal step
        step += 1
        add(catalog, 100 * (step - 1), 100 * step)
        if step in (3, 9):
            influxd.kill()
        if step in (6, 12):
            influxd.start()
        if step == 16:
            raise KeyboardInterrupt

    with Queue(file_of(cruise.folder, "met", "x")) as queue:
        mirror = Mirror(cruise["met"], Server(place), queue, told=said.append, sleep=sleep, batch=70)
        with pytest.raises(KeyboardInterrupt):
            mirror.run(follow=True)
    with Queue(file_of(cruise.folder, "met", "x")) as queue:
        Mirror(cruise["met"], Server(place), queue).run()
    check(influxd, 1600)
    assert (
        sum("does not answer" in text for text in said) == 2
        and sum("again" in text.rsplit(";", 1)[0] for text in said) >= 2
    )


def test_killed_at_any_moment(catalog: Path, influxd: Influxd) -> None:
    """Killed again and again, then run to its end: every row once, and nothing sent that was not read."""
    add(catalog, 0, 60_000)
    command = [sys.executable, "-m", "workbench", "influx", "write", str(catalog), "met", "--batch", "500",
               "--to", influxd.url("cruise", "")[:-1]]  # fmt: skip
    killed = 0
    for wait in (0.9, 1.1, 1.3, 1.5, 1.8, 2.1):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        time.sleep(wait)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed
    assert (
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False).returncode == 0
    )
    check(influxd, 60_000)


def waits(queue: Path) -> tuple[int, int]:
    """Number of the oldest batch that waits, and of the newest, as anybody can read them; zeros while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{queue}?mode=ro", uri=True, timeout=5)) as db:
            first, last = db.execute("select coalesce(min(id), 0), coalesce(max(id), 0) from batches").fetchone()
            return int(first), int(last)
    except sqlite3.OperationalError:  # not made yet
        return 0, 0


def until(true: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait for what the writer is about to do."""
    deadline = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, "the writer has ended"
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


def count(influxd: Influxd) -> int:
    """Points on the server, as it counts them."""
    (result,) = influxd.query('SELECT count("par") FROM "met"', "cruise")
    return int(result["series"][0]["values"][0][1]) if "series" in result else 0


def test_an_outage_and_a_kill_in_one_run(catalog: Path, influxd: Influxd) -> None:
    """The server is killed, then the writer with its queue full, then it again half way through: no row lost, or twice.

    Rows come all the time, two of them at each moment; what is waited for is seen in the queue and on the server.
    """
    command = [sys.executable, "-m", "workbench", "influx", "write", str(catalog), "met", "--batch", "100",
               "--to", influxd.url("cruise", "")[:-1]]  # fmt: skip
    place = Place.parse(influxd.url("cruise", "met"))
    queue = file_of(open_cruise(catalog).folder, "met", f"{place.server}/cruise/")
    rows, kills = 0, 0

    def more(several: int) -> None:
        nonlocal rows
        end = (rows + several) // 6 * 6 + 5  # between two rows of one moment and one side
        add(catalog, rows, end)
        rows = end

    def kill(process: subprocess.Popen[bytes]) -> None:
        nonlocal kills
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        kills += 1

    for _ in range(2):
        writer = _started(command)
        try:
            before = count(influxd)
            more(3_000)
            until(lambda before=before: count(influxd) > before, writer)
            influxd.kill()
            more(1_500)
            until(lambda: waits(queue)[0] > 0, writer)
            kill(writer)  # with a server that is away
            stood = waits(queue)
            assert stood[0] > 0, "what it had read waits on disk"
            more(700)
            writer = _started(command)
            until(lambda last=stood[1]: waits(queue)[1] > last, writer)  # reading goes on
            assert waits(queue)[0] == stood[0], "nothing is given up"
            influxd.start()
            until(lambda first=stood[0]: waits(queue)[0] != first, writer)
            kill(writer)  # while it sends
            more(300)
        finally:
            writer.kill()
            writer.wait()
    end = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False)
    assert end.returncode == 0, end.stderr.decode()
    assert kills == 4 and waits(queue) == (0, 0)
    assert count(influxd) == rows == open_cruise(catalog)["met"].open().sizes["time"]
    check(influxd, rows)


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    """The command, which follows its source from now on."""
    return subprocess.Popen([*command, "--follow"], stdin=subprocess.DEVNULL)


def test_what_the_server_will_not_take(catalog: Path, influxd: Influxd, capsys: pytest.CaptureFixture[str]) -> None:
    """Told, kept, status 1; the rest is stored."""
    influxd.write("cruise", ['met,side=a,cruise=TN413 par="text" 1704067200000000001'])
    add(catalog, 0, 10)
    assert write(catalog, influxd) == 1
    said = capsys.readouterr().err
    assert "field type conflict" in said and "refused" in said


def test_no_such_database(catalog: Path, influxd: Influxd, capsys: pytest.CaptureFixture[str]) -> None:
    add(catalog, 0, 10)
    influxd.query('DROP DATABASE "cruise"')
    assert write(catalog, influxd) == 1
    assert "database not found" in capsys.readouterr().err
    influxd.create("cruise")
    assert write(catalog, influxd) == 0
    check(influxd, 10)


def test_two_at_once(catalog: Path, influxd: Influxd, capsys: pytest.CaptureFixture[str]) -> None:
    cruise = open_cruise(catalog)
    place = Place.parse(influxd.url("cruise", "met"))
    with Queue(file_of(cruise.folder, "met", f"{place.server}/cruise/")):
        assert write(catalog, influxd) == 1
    assert "another process" in capsys.readouterr().err


def test_from_one_server_to_another_database(catalog: Path, influxd: Influxd) -> None:
    """A source that is InfluxDB itself, with its tags."""
    add(catalog, 0, 1000)
    assert write(catalog, influxd) == 0
    influxd.create("viz")
    text = catalog.read_text().replace("127.0.0.1:1/", f"127.0.0.1:{influxd.port}/")
    catalog.write_text(text)
    target = influxd.url("viz", "met")
    assert cli.main(["influx", "write", str(catalog), "copy", "--to", target]) == 0
    a, b = READER.open_dataset(influxd.url("cruise", "met")).load(), READER.open_dataset(target).load()
    np.testing.assert_array_equal(a["par"].to_numpy(), b["par"].to_numpy())
    np.testing.assert_array_equal(a["time"].to_numpy(), b["time"].to_numpy())
