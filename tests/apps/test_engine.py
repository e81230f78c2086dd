"""The engine: what comes over real sockets is journalled, recorded and told of; nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.netutil import bind_sockets

from tests.live.test_recorder import fix
from workbench.apps import status as light
from workbench.apps.engine import listen, serve
from workbench.apps.journal import replay
from workbench.catalog.cruise import open_cruise
from workbench.core import clock
from workbench.core.clock import Clock
from workbench.core.errors import WorkbenchError
from workbench.live.access import Access, Token
from workbench.live.engine import FILE, Engine
from workbench.live.journal import Journal
from workbench.live.receipt import Receipt
from workbench.live.recorder import Recorder
from workbench.readers.nmea_log import NmeaLog
from workbench.record.budget import Budget
from workbench.record.lock import EngineLock
from workbench.record.record import Record
from workbench.record.seen import Files

CATALOG = """\
metadata: {cruise: {id: E1}, kpis: {speed: {source: ship, variable: latitude, reduce: last, over: 1min}}}
sources:
  ship: {driver: workbench, args: {reader: nmea_log, listen: "udp://127.0.0.1:0"}}
  wire: {driver: workbench, args: {reader: nmea_log, listen: "tcp+listen://127.0.0.1:0"}}
  post: {driver: workbench, args: {reader: nmea_log, listen: "http:", longest: 1000}}
  files: {driver: workbench, args: {reader: seaflow_sfl, listen: "folder:{{ CATALOG_DIR }}/in"}}
"""
SECRET = Token("post", "feed", hashlib.sha256(b"secret").hexdigest())


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(CATALOG)
    (tmp_path / "in").mkdir()
    return path


async def until(call: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not call():
            await asyncio.sleep(0.05)


def run(catalog: Path, work: Callable[[Engine], object], **given: object) -> Record:
    """An engine while `work` runs."""

    async def live() -> None:
        cruise = open_cruise(catalog)
        with Journal(cruise.folder / "raw") as journal:
            engine = Engine(cruise, journal, Record(cruise.folder), **given)
            await engine.start()
            try:
                await until(
                    lambda: all(
                        each.bound or each.address.scheme in ("http", "folder") for each in engine.listeners.values()
                    )
                )
                await work(engine)
            finally:
                await engine.stop()

    asyncio.run(live())
    return Record(open_cruise(catalog).folder)


def test_datagrams_and_streams_become_rows(catalog: Path) -> None:
    async def work(engine: Engine) -> None:
        host, port = engine.listeners["ship"].bound.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for i in range(20):
                sender.sendto(fix(i), (host, int(port)))
        host, port = engine.listeners["wire"].bound.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        whole = b"".join(fix(i) for i in range(20))
        for a in range(0, len(whole), 50):
            writer.write(whole[a : a + 50])
            await writer.drain()
            await asyncio.sleep(0.001)
        writer.close()
        await until(lambda: engine.recorders["ship"].kept.rows == engine.recorders["wire"].kept.rows == 20)

    record = run(catalog, work)
    for table in ("ship", "wire"):
        ds = record.open(table).load()
        np.testing.assert_allclose(ds["latitude"], [21 + i / 60 for i in range(20)])
    cruise = open_cruise(catalog)
    assert cruise["ship"].count() == 20
    assert cruise["ship"].variables()["latitude"].unit == "degrees_north"
    assert cruise["ship"].open("last 1h").sizes["time"] == 20


def test_what_is_read_first_is_read_by_one_thread(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries come in with the first rows; threads that import at once may wait for each other for ever."""
    under_way, together, imported = [0], [0], threading.Event()
    real = Recorder.step

    def step(recorder: Recorder) -> int:
        if not (imported.is_set() or recorder.kept.rows):  # one that has rows may look again meanwhile
            under_way[0] += 1
            together[0] = max(together[0], under_way[0])
            time.sleep(0.2)
            under_way[0] -= 1
        return real(recorder)

    async def work(engine: Engine) -> None:
        for name in engine.recorders:
            engine._door.take([Receipt(name, fix(1), "x", clock.now())])
        await until(lambda: all(each.kept.rows for each in engine.recorders.values()), 90)
        imported.set()

    monkeypatch.setattr(Recorder, "step", step)
    run(catalog, work)
    assert together == [1]


def test_what_is_posted_is_on_disk_before_it_is_acknowledged(catalog: Path) -> None:
    async def work(engine: Engine) -> None:
        doors = bind_sockets(0, address="127.0.0.1")
        server, port = listen(engine, Access("127.0.0.1", (), (SECRET,)), doors), doors[0].getsockname()[1]
        client, url = AsyncHTTPClient(), f"http://127.0.0.1:{port}/api/v1"

        async def post(name: str, body: bytes, token: str | None = "secret") -> int:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            try:
                return (await client.fetch(f"{url}/feed/{name}", method="POST", body=body, headers=headers)).code
            except HTTPClientError as error:
                return error.code

        assert await post("post", fix(1)) == 200
        assert [entry.body for entry in engine.journal.read("post")] == [fix(1)]
        assert await post("post", fix(1), token=None) == 401
        assert await post("post", fix(1), token="wrong") == 403
        assert await post("pots", fix(1)) == 404
        assert await post("ship", fix(1)) == 404
        assert await post("post", b"x" * 2000) == 413
        await until(lambda: engine.recorders["post"].kept.rows == 1)
        said = json.loads((await client.fetch(f"{url}/status")).body)
        (feed,) = [feed for feed in said["feeds"] if feed["name"] == "post"]
        assert (feed["received"], feed["refused"] >= 3) == (1, True)
        server.stop()

    run(catalog, work)


BEARER = b"Authorization: Bearer secret\r\n"


@pytest.mark.parametrize(("request_", "status", "told"), [
    (b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, 413, "5000 bytes are too many for 'post'; at most 1000"),
    (b"Content-Length: 99000000\r\n\r\nx", 413, "99000000 bytes are too many"),
    (b"Transfer-Encoding: chunked\r\n\r\n" + b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"1\r\nx\r\n0\r\n\r\n", 413, "too many"),
    (b"Content-Length: lots\r\n\r\nx", 400, ""),
    (b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz", 415, "a body packed as 'gzip' would be kept and never read"),
    (b"Content-Length: 1000\r\n\r\n" + b"x" * 1000, 200, '"bytes": 1000'),
])  # fmt: skip
def test_who_posts_what_is_not_kept_hears_why(catalog: Path, request_: bytes, status: int, told: str) -> None:
    """Before its body is kept, however it says how long it is; and it is counted."""

    async def work(engine: Engine) -> None:
        doors = bind_sockets(0, address="127.0.0.1")
        server = listen(engine, Access("127.0.0.1", (), (SECRET,)), doors)
        reader, writer = await asyncio.open_connection(*doors[0].getsockname()[:2])
        host = b"Host: 127.0.0.1:%d\r\n" % doors[0].getsockname()[1]
        writer.write(b"POST /api/v1/feed/post HTTP/1.1\r\n" + host + BEARER + b"Connection: close\r\n" + request_)
        said = (await asyncio.wait_for(reader.read(), 60)).decode()
        assert said.startswith(f"HTTP/1.1 {status} ") and told in said, said
        counters = engine.listeners["post"].counters
        assert (counters.refused, counters.received) == (int(status in (413, 415)), int(status == 200))
        writer.close()
        server.stop()

    run(catalog, work)


def test_half_a_post_whose_sender_is_gone_does_not_stay_for_ever(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut cable tells nobody: each would hold a handle, and what had come of it, until the engine ends."""
    monkeypatch.setattr("workbench.apps.engine.HALF", 0.3)

    async def work(engine: Engine) -> None:
        doors = bind_sockets(0, "127.0.0.1")
        server = listen(engine, Access(), doors)
        reader, writer = await asyncio.open_connection(*doors[0].getsockname()[:2])
        writer.write(b"POST /api/v1/feed/post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n$GP")
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()
        server.stop()
        assert engine.listeners["post"].counters.received == 0

    run(catalog, work)


def test_who_connects_and_says_nothing_takes_no_file_from_the_journal(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand such connections had every datagram dropped: no journal could be opened."""
    monkeypatch.setattr("workbench.apps.engine.GUESTS", 3)

    async def work(engine: Engine) -> None:
        doors = bind_sockets(0, "127.0.0.1")
        server = listen(engine, Access(), doors)
        address = doors[0].getsockname()[:2]
        guests = [await asyncio.open_connection(*address) for _ in range(3)]
        await until(lambda: len(server._connections) == 3)
        reader, writer = await asyncio.open_connection(*address)
        async with asyncio.timeout(60):
            assert await reader.read() == b""  # closed at once
        guests.pop()[1].close()
        await until(lambda: len(server._connections) == 2)
        again, asking = await asyncio.open_connection(*address)
        asking.write(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(60):
            assert b"200 OK" in await again.readline()
        for _, each in [*guests, (reader, writer), (again, asking)]:
            each.close()
        server.stop()

    run(catalog, work)


def test_a_port_that_is_taken_is_told_before_anything_is_begun(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.apps.engine.return_now_and_then", lambda: None)  # a thread that never ends
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WorkbenchError, match=f"port {port} of 127.0.0.1 is in use .* --port {port + 1}"):
            serve(catalog, port=port)
    assert not (catalog.parent / "E1.cruise" / "raw").exists()


def test_up_ends_when_the_catalog_has_a_mistake(tmp_path: Path) -> None:
    """Not again and again: a mistake does not go away by starting again."""
    command = [sys.executable, "-m", "workbench", "up", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "there is no such file" in done.stderr


def test_up_ends_when_there_is_a_mistake_in_the_tokens(catalog: Path) -> None:
    tokens = catalog.with_name("people.txt")
    tokens.write_text("night-watch scientist abc\n")
    command = [sys.executable, "-m", "workbench", "up", str(catalog), "--tokens", str(tokens)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "people.txt" in done.stderr


def test_the_status_stands_in_the_cruise_folder(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = open_cruise(catalog).folder
    assert light.show(str(catalog)) == 1
    assert "DOWN" in capsys.readouterr().out
    assert light.status(folder) | {"engine": {}} == {
        "engine": {}, "feeds": [], "disk": {"used": None, "budget": None, "fault": None}, "runs": [],
        "changes": [], "boards": [], "up": None,
    }  # fmt: skip
    with pytest.raises(WorkbenchError, match=r"none\.yaml.*no such file"):
        light.show(str(catalog.with_name("none.yaml")))

    async def work(engine: Engine) -> None:
        with EngineLock(folder):
            await until(lambda: (folder / FILE).exists())
            assert light.show(str(catalog), as_json=True) == 0
            said = json.loads(capsys.readouterr().out)
            assert said["engine"]["up"]
            assert {feed["name"] for feed in said["feeds"]} == {"ship", "wire", "post", "files"}
            assert set(said["disk"]) >= {"used", "budget"}
            assert all(set(feed) >= {"name", "age_s", "rate_hz", "dropped"} for feed in said["feeds"])
            engine.listeners["ship"].counters.fault = "the cable is cut"
            await asyncio.to_thread(engine._say)
            assert light.show(str(catalog)) == 1
            out = capsys.readouterr().out
            assert "! the cable is cut" in out and "unread" not in out
            engine.recorders["ship"].kept.long = 3
            await asyncio.to_thread(engine._say)
            light.show(str(catalog))
            assert "0 refused, 3 unread\n" in capsys.readouterr().out

    run(catalog, work)
    assert not (folder / FILE).exists()


def test_it_ends_where_nothing_can_be_taken_away(catalog: Path) -> None:
    """A disk that became read-only: what stands here for the status cannot be removed either."""
    folder = open_cruise(catalog).folder
    folder.mkdir()

    async def work(engine: Engine) -> None:
        (folder / FILE).unlink(missing_ok=True)
        (folder / FILE).mkdir()
        (folder / FILE / "x").touch()

    run(catalog, work)


def test_raw_bytes_are_kept_when_nothing_else_fits(catalog: Path) -> None:
    """The user sees a warning, on the board and as an event; rows come by themselves once the budget is raised."""
    folder = open_cruise(catalog).folder

    async def full(engine: Engine) -> None:
        assert engine.use is not None and engine.use.full
        for i in range(20):
            engine._door.take([Receipt("post", fix(i), "x", clock.now())])
        await asyncio.sleep(1.5)
        assert engine.recorders["post"].kept.rows == 0
        said = engine.status()["disk"]
        assert said["budget"] == 1000 and "Raw data are kept" in said["warning"]

    async def raised(engine: Engine) -> None:
        await until(lambda: engine.recorders["post"].kept.rows == 20)

    (folder / "raw").mkdir(parents=True)
    (folder / "raw" / "before").write_bytes(b"x" * 2000)
    record = run(catalog, full, budget=Budget(folder, 1000))
    assert "post" not in record.tables()
    assert len(list(Journal(folder / "raw").read("post"))) == 20
    assert [event.kind for event in record.events.events()] == ["disk"]
    record = run(catalog, raised, budget=Budget(folder, 10**12))
    assert record.count("post") == 20


def test_a_folder_is_listened_to_and_read_where_it_is(catalog: Path) -> None:
    told = []

    async def work(engine: Engine) -> None:
        text = "FILE\tDATE\tFILE DURATION\tLAT\tLON\tSTREAM PRESSURE\tEVENT RATE\n2014_185/2014-07-04T00-00-02+00-00\t2014-07-04T00:00:02+00:00\t180\t1\t2\t12\t100\n"
        (catalog.parent / "in" / "a.sfl").write_text(text)
        await until(lambda: told)

    run(catalog, work, arrived=told.append)
    assert set(told) == {"files"}
    (seen,) = Files(open_cruise(catalog).folder).of("files").values()
    whole = (catalog.parent / "in" / "a.sfl").read_bytes()
    assert (seen.path, seen.size, seen.sha256) == ("a.sfl", len(whole), hashlib.sha256(whole).hexdigest())
    assert open_cruise(catalog)["files"].open().sizes["time"] == 1


def test_the_journal_is_read_again_in_place_of_its_rows(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def work(engine: Engine) -> None:
        host, port = engine.listeners["ship"].bound.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for i in range(10):
                sender.sendto(fix(i), (host, int(port)))
        await until(lambda: engine.recorders["ship"].kept.rows == 10)

    record = run(catalog, work)
    before = record.open("ship").load()
    for _ in range(2):
        assert replay(catalog) == 0
        assert "ship: 10 rows" in capsys.readouterr().out
        assert record.open("ship").load().drop_attrs().identical(before.drop_attrs())


def test_a_clock_that_is_set_while_the_engine_runs(catalog: Path) -> None:
    """Back an hour and forward a day: rows have the time that the clock said; none is lost, no age is below nothing."""
    noon = np.datetime64("2024-05-01T12:30:00", "ns")
    hours = (0, -1, 23)

    async def work(engine: Engine) -> None:
        for step, ahead in enumerate(hours):
            clock.use(Clock(noon + np.timedelta64(ahead, "h"), 1.0, time.time()))
            ages = [feed["age_s"] for feed in engine.status()["feeds"] if feed["age_s"] is not None]
            assert all(age >= 0 for age in ages) and (ages or not step)
            for i in range(10):
                engine._door.take([Receipt("post", fix(10 * step + i), "x", clock.now())])
                engine.listeners["post"].counters.last = clock.now()
            await until(lambda upto=10 * step + 10: engine.recorders["post"].kept.rows == upto)
            await asyncio.to_thread(engine._roll)

    try:
        record = run(catalog, work)
        ds = record.open("post").load()
        raw = list(Journal(record.folder / "raw").read("post"))
    finally:
        clock.use(None)
    assert [entry.body for entry in raw] == [fix(i) for i in range(30)]
    np.testing.assert_allclose(ds["latitude"], [21 + i / 60 for i in (*range(10, 20), *range(10), *range(20, 30))])
    assert (np.diff(ds["time"].values) > np.timedelta64(0)).all()
    assert sorted(path.name[9:22] for path in (record.folder / "raw/post").iterdir()) == [
        "2024-05-01T11", "2024-05-01T12", "2024-05-02T11",
    ]  # fmt: skip


def test_a_span_of_the_journal_is_read_again_and_the_rest_stays(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the hour, as segments are; as often as one likes."""
    cruise, start = open_cruise(catalog), np.datetime64("2024-05-01T10:30:00", "ns")
    with Journal(cruise.folder / "raw") as journal:
        for i in range(30):
            journal.append("post", fix(i), "x", start + np.timedelta64(4 * i, "m"))
        recorder = Recorder("post", NmeaLog(), journal, Record(cruise.folder), cruise.folder / "work", stream=False)
        assert recorder.step() == 30
        recorder.close()
    before = Record(cruise.folder).open("post").load()
    for _ in range(2):
        assert replay(catalog, sources=["post"], since="2024-05-01T11:00", until="2024-05-01T11:10") == 0
        assert "post: 15 rows" in capsys.readouterr().out
        assert Record(cruise.folder).open("post").load().drop_attrs().identical(before.drop_attrs())
    with pytest.raises(WorkbenchError, match="--from must be before --to"):
        replay(catalog, since="2024-05-02", until="2024-05-01")


def test_one_engine_writes(catalog: Path) -> None:
    with EngineLock(open_cruise(catalog).folder), pytest.raises(WorkbenchError, match="stop that one first"):
        replay(catalog)


def test_what_waited_long_is_recorded_without_waiting_for_more(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that has fallen silent: its backlog is not read at the pace of the bell that nobody rings."""
    monkeypatch.setattr("workbench.live.recorder.MOST", 10)
    with Journal(open_cruise(catalog).folder / "raw") as journal:
        for i in range(95):
            journal.append("ship", fix(i), "10.0.0.1:4001", clock.now())

    async def work(engine: Engine) -> None:
        await until(lambda: engine.recorders["ship"].kept.rows == 95, 60)

    run(catalog, work)


def test_an_address_that_is_taken_is_tried_again(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.live.engine.AGAIN", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        catalog.write_text(
            f'metadata: {{cruise: {{id: E1}}}}\nsources:\n  ship: {{driver: workbench, args: {{reader: nmea_log, listen: "udp://127.0.0.1:{port}"}}}}\n'
        )

        async def live() -> None:
            cruise = open_cruise(catalog)
            with Journal(cruise.folder / "raw") as journal:
                engine = Engine(cruise, journal, Record(cruise.folder))
                await engine.start()
                await until(lambda: engine.listeners["ship"].counters.fault)
                taken.close()
                await until(lambda: engine.listeners["ship"].bound)
                await engine.stop()

        asyncio.run(live())


def test_an_engine_starts_light(tmp_path: Path) -> None:
    """What takes long to import, and is not needed to listen, comes later or in the process that makes populations."""
    (tmp_path / "c.yaml").write_text(
        CATALOG
        + """  evt: {driver: workbench, args: {reader: seaflow_evt, listen: "folder:{{ CATALOG_DIR }}/evt"}}
  plan: {driver: workbench, args: {reader: seaflow_plan, url: "{{ CATALOG_DIR }}/plan"}}
  populations: {driver: workbench, args: {product: seaflow, inputs: {evt: evt, plan: plan}}}
"""
    )
    (tmp_path / "plan").mkdir()
    heavy = ("numba", "scipy", "datashader", "dask.array", "distributed", "h5py", "panel", "bokeh", "holoviews",
             "workbench.raster", "workbench.live.feeds")  # fmt: skip
    code = (
        "import sys\n"
        "from workbench.apps.engine import Engine, Online, open_cruise, Journal, Record\n"
        f"cruise = open_cruise({str(tmp_path / 'c.yaml')!r})\n"
        "record = Record(cruise.folder)\n"
        "record.runs.sweep()\n"
        "with Journal(cruise.folder / 'raw') as journal:\n"
        "    assert len(Engine(cruise, journal, record).listeners) == 5\n"
        "    assert len(Online(cruise, journal, record).jobs) == 1\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
