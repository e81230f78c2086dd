"""Every URL, asked over real sockets: answers, refusals, limits, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
import warnings
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.live.standin import ParticleSource, RowSource, StandInCruise, at, stop_clock
from workbench.apps import desk, routes, socket
from workbench.core.errors import ReaderError
from workbench.live.access import Access, Token
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.raster.encode import decode
from workbench.record.state import State

ASK = {"ask": 1, "picture": "p", "source": "seaflow", "x": "fsc_small", "y": "pe", "time": "all", "level": 64}
SECRET = "correct horse"
TOKENS = (
    Token("Ann", "scientist", hashlib.sha256(SECRET.encode()).hexdigest()),
    Token("Eve", "viewer", hashlib.sha256(b"viewer").hexdigest()),
)


@dataclass
class House:
    """A served cruise and a way to ask it."""

    port: int
    source: ParticleSource
    rows: RowSource
    feeds: Feeds
    gallery: Gallery
    state: State
    tabs: list[WebSocketClientConnection] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, **more: Any) -> HTTPResponse:
        try:
            return await AsyncHTTPClient().fetch(HTTPRequest(self.origin + path, **more))
        except HTTPClientError as error:
            response = error.response
            assert response is not None
            return response

    async def post(self, body: Any, headers: dict[str, str] | None = None, path: str = "/api/v1/notes") -> HTTPResponse:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        given = {"Content-Type": "application/json", **(headers or {})}
        return await self.get(path, method="POST", body=text, headers=given)

    async def open(self, origin: str | None = None, **headers: str) -> WebSocketClientConnection:
        url = self.origin.replace("http", "ws") + "/live/ws"
        tab = await websocket_connect(HTTPRequest(url, headers={"Origin": origin or self.origin, **headers}))
        self.tabs.append(tab)
        return tab


@asynccontextmanager
async def served(folder: Path, access: Access | None = None, prefix: str = "") -> AsyncIterator[House]:
    source, rows = ParticleSource(), RowSource("sfl", time=[at(3500)], par=1.0)
    for i in range(3):
        source.random(f"f{i}", at(180 * i))
    stop_clock(at(3600))
    feeds = Feeds(StandInCruise(source, rows))  # type: ignore[arg-type]
    feeds.poll()
    gallery, state = Gallery(feeds), State(folder)
    routes.install("TEST", feeds, gallery, access or Access(), state)
    server = HTTPServer(Application([(prefix + path, handler) for path, handler in routes.ROUTES]))
    listening, port = bind_unused_port()
    server.add_socket(listening)
    house = House(port, source, rows, feeds, gallery, state)
    try:
        yield house
    finally:
        for tab in house.tabs:
            tab.close()
        await asyncio.sleep(0.05)
        server.stop()
        await server.close_all_connections()
        routes.remove("TEST")
        gallery.close()


def run(act: Callable[[House], Awaitable[None]], folder: Path, *args: Any, **options: Any) -> None:
    """Serve, act, and look that no task is left and nothing was complained about."""
    complaints: list[Any] = []

    async def all_of_it() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with served(folder, *args, **options) as house:
            await asyncio.wait_for(act(house), 100)
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # a coroutine never awaited
        asyncio.run(all_of_it())
        gc.collect()
    assert not complaints


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what is about to be so."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


async def receive(client: WebSocketClientConnection) -> Any:
    message = await asyncio.wait_for(client.read_message(), 60)
    if message is None:
        return None
    return (
        json.loads(message)
        if isinstance(message, str)
        else decode(message)
        if b'"width"' in message
        else header(message)
    )


def header(message: bytes) -> tuple[dict[str, Any], None]:
    size = int.from_bytes(message[:4], "little")
    return json.loads(message[4 : 4 + size]), None


async def silent(client: WebSocketClientConnection, seconds: float = 0.2) -> bool:
    reading = asyncio.ensure_future(client.read_message())
    done, _ = await asyncio.wait([reading], timeout=seconds)
    if done:
        return False
    client.read_queue = None  # type: ignore[attr-defined]
    reading.cancel()
    return True


# pictures


def test_a_question_is_answered_once_and_again_when_there_is_something_newer(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        await tab.write_message(json.dumps(ASK))
        head, levels = await receive(tab)
        assert (head["ask"], head["picture"], head["files"], head["particles"]) == (1, "p", 3, 1500)
        assert levels.shape == (head["height"], head["width"])
        await tab.write_message(json.dumps({**ASK, "ask": 2, "have": head["revision"]}))
        next_one = asyncio.ensure_future(receive(tab))
        await asyncio.sleep(0.1)
        assert not next_one.done()
        house.source.random("new", at(3000))
        house.feeds.poll()
        head, _ = await next_one
        assert (head["ask"], head["files"]) == (2, 4)

    run(act, tmp_path)


def test_all_who_ask_the_same_get_the_same_bytes_made_once(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tabs = await asyncio.gather(*(house.open() for _ in range(50)))
        for tab in tabs:
            await tab.write_message(json.dumps(ASK))
        frames = {await asyncio.wait_for(tab.read_message(), 60) for tab in tabs}
        assert len(frames) == 1
        assert house.gallery.drawn == 1
        assert set(house.source.reads.values()) == {1}

    run(act, tmp_path)


def test_a_new_question_takes_the_place_of_the_old_and_pictures_do_not_disturb_each_other(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        await tab.write_message(json.dumps(ASK))
        have = (await receive(tab))[0]["revision"]
        await tab.write_message(json.dumps({**ASK, "ask": 2, "have": have}))
        await tab.write_message(json.dumps({**ASK, "ask": 3, "picture": "other"}))
        assert (await receive(tab))[0]["picture"] == "other"
        await tab.write_message(json.dumps({**ASK, "ask": 4, "x": "pe"}))
        head = (await receive(tab))[0]
        assert (head["ask"], head["picture"]) == (4, "p")
        assert house.gallery.waiting == 0
        await tab.write_message(json.dumps({**ASK, "ask": 5, "x": "pe", "have": head["revision"]}))
        await tab.write_message(json.dumps({"picture": "p", "stop": True}))
        await tab.write_message("{")
        assert "not JSON" in (await receive(tab))["error"]  # so far everything was heard
        await until(lambda: house.gallery.waiting == 0)

    run(act, tmp_path)


@pytest.mark.parametrize(("message", "why"), [
    ("{", "not JSON"),
    ("[" * 5000, "not JSON"),
    ("[1]", "JSON object"),
    ("null", "JSON object"),
    (b"\xff\x00", "not JSON"),
    ('{"picture": 3}', "'picture'"),
    ('{"ask": "1"}', "whole number"),
    ('{"cruise": "TES"}', "Did you mean 'TEST'"),
    ('{"cruise": []}', None),
    (json.dumps({**ASK, "x": "pee"}), "Did you mean 'pe'"),
    (json.dumps({**ASK, "time": "noon"}), "not a time"),
    ("{}", "'source'"),
])  # fmt: skip
def test_whatever_comes_is_answered_and_the_socket_goes_on(
    tmp_path: Path, message: str | bytes, why: str | None
) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        await tab.write_message(message, binary=isinstance(message, bytes))
        found = await receive(tab)
        text = found.get("error") if isinstance(found, dict) else found[0].get("fault")
        assert why is None or why in text
        await tab.write_message(json.dumps(ASK))
        assert (await receive(tab))[0]["files"] == 3

    run(act, tmp_path)


def test_a_question_that_makes_no_sense_is_said_once(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        wrong = {**ASK, "source": "none"}
        await tab.write_message(json.dumps(wrong))
        have = (await receive(tab))[0]["revision"]
        await tab.write_message(json.dumps({**wrong, "have": have}))
        assert await silent(tab)

    run(act, tmp_path)


def test_a_message_that_is_too_long_closes_the_socket(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        await tab.write_message(json.dumps({**ASK, "junk": "x" * socket.LONGEST}))
        assert await receive(tab) is None
        assert tab.close_code == 1009

    run(act, tmp_path)


def test_too_many_messages_close_the_socket(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        for _ in range(int(socket.BURST) + 50):
            tab.write_message(json.dumps({"picture": "p", "stop": True}))
        assert await receive(tab) is None
        assert tab.close_code == 1008

    run(act, tmp_path)


def test_a_page_shows_so_many_pictures_and_no_more(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        await tab.write_message(json.dumps(ASK))
        have = (await receive(tab))[0]["revision"]
        for i in range(socket.PICTURES + 1):
            await tab.write_message(json.dumps({**ASK, "picture": str(i), "have": have}))
        answer = await receive(tab)
        assert answer["status"] == 429
        assert house.gallery.waiting == socket.PICTURES

    run(act, tmp_path)


def test_a_tab_that_does_not_read_holds_one_frame_not_a_heap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[asyncio.Future[None]] = []
    heard, on_message = list[Any](), routes.Live.on_message
    gate = asyncio.Event

    def hear(self: Any, message: Any) -> None:
        on_message(self, message)
        heard.append(message)

    async def act(house: House) -> None:
        opened = gate()

        def write(self: Any, message: Any, binary: bool = False) -> asyncio.Future[None]:
            async def wait() -> None:
                await opened.wait()

            sent.append(asyncio.ensure_future(wait()))
            return sent[-1]

        monkeypatch.setattr(routes.Live, "write_message", write)
        monkeypatch.setattr(routes.Live, "on_message", hear)
        tab = await house.open()
        await tab.write_message(json.dumps(ASK))
        await until(lambda: len(sent) == 1)
        for i in range(19):
            await tab.write_message(json.dumps({**ASK, "ask": i + 2}))
            await asyncio.sleep(0.02)
        await until(lambda: len(heard) == 20)
        assert len(sent) == 1
        opened.set()
        await until(lambda: len(sent) == 2)
        await asyncio.sleep(0.2)
        assert len(sent) == 2  # the newest question only

    run(act, tmp_path)


def test_two_hundred_sockets_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    made: list[weakref.ref[Any]] = []
    start = routes.Live.initialize
    monkeypatch.setattr(routes.Live, "initialize", lambda self: made.append(weakref.ref(self)) or start(self))

    async def act(house: House) -> None:
        for round_ in range(4):
            tabs = await asyncio.gather(*(house.open() for _ in range(50)))
            for tab in tabs:
                await tab.write_message(json.dumps(ASK))
            for tab in tabs:
                have = (await receive(tab))[0]["revision"]
                await tab.write_message(json.dumps({**ASK, "have": have}))
            if round_ == 1:
                house.source.random("new", at(3000))
                house.feeds.poll()
            for i, tab in enumerate(tabs):
                if i % 2:
                    tab.close()
                else:
                    tab.stream.close()  # type: ignore[attr-defined]  # the cable is pulled
        await until(lambda: house.gallery.waiting == 0)
        assert house.feeds.listeners == 1  # the gallery itself

    run(act, tmp_path)
    gc.collect()
    assert len(made) == 200
    assert not [ref() for ref in made if ref() is not None]
    assert not [r for r in caplog.records if "Traceback" in r.getMessage() or r.levelno >= logging.ERROR]


# who may ask


@pytest.mark.parametrize(("headers", "status"), [
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Host": "evil.example"}, 403),
])  # fmt: skip
def test_a_foreign_page_gets_no_socket(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async def act(house: House) -> None:
        with pytest.raises(HTTPClientError) as caught:
            await house.open(headers.pop("Origin", None), **headers)
        assert caught.value.code == status

    run(act, tmp_path)


def test_a_name_that_was_pointed_here_reads_nothing(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        for path in ("/healthz", "/live/ws"):
            answer = await house.get(path, headers={"Host": f"evil.example:{house.port}"})
            assert answer.code == 403
        assert (await house.post({"text": "x"}, {"Host": "evil.example"})).code == 403

    run(act, tmp_path)


# notes


def test_a_note_is_written_over_http_and_over_the_socket(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        answer = await house.post({"text": "pump fault", "time": "2024-05-01T00:10", "source": "sfl", "who": "Ann"})
        assert (answer.code, json.loads(answer.body)) == (200, {"id": 1})
        tab = await house.open()
        await tab.write_message(json.dumps({"note": {"text": "again"}}))
        assert await receive(tab) == {"note": {"id": 2}}
        first, second = house.state.events()
        assert (first.text, first.time, first.source, first.who) == ("pump fault", at(600), "sfl", "Ann")
        assert (second.text, second.time, second.who) == ("again", at(3600), "localhost")

    run(act, tmp_path)


@pytest.mark.parametrize(("body", "status", "why"), [
    ("{", 400, "not JSON"),
    ("[" * 60_000, 400, "not JSON"),
    ("[]", 400, "a note is"),
    ({"text": ""}, 400, "needs text"),
    ({"text": "x" * 10_001}, 400, "at most"),
    ({"text": 5}, 400, "a note is"),
    ({"text": "x", "tme": "now"}, 400, "Did you mean 'time'"),
    ({"text": "x", "time": "noon"}, 400, "not a time"),
    ({"text": "x", "time": 5}, 400, "must be text"),
    ({"text": "x", "source": "slf"}, 400, "Did you mean 'sfl'"),
    ({"text": "x" * 70_000}, 413, "bytes"),
    (b"\xff\xfe", 400, "not JSON"),
])  # fmt: skip
def test_a_note_that_is_none_is_explained(tmp_path: Path, body: Any, status: int, why: str) -> None:
    async def act(house: House) -> None:
        answer = await house.post(body)
        assert answer.code == status
        assert why in json.loads(answer.body)["error"]
        assert house.state.events() == []

    run(act, tmp_path)


def test_a_body_without_end_is_cut_off(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        with suppress(OSError):
            assert (await house.post({"text": "x" * (20 * routes.LONGEST)})).code != 200
        assert house.state.events() == []
        assert (await house.get("/healthz")).code == 200

    run(act, tmp_path)


def test_a_form_of_a_foreign_page_writes_nothing(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        answer = await house.post({"text": "x"}, {"Content-Type": "text/plain"})
        assert answer.code == 415
        answer = await house.post({"text": "x"}, {"Origin": "http://evil.example"})
        assert answer.code == 403
        answer = await house.post({"text": "x"}, {"X-Forwarded-For": "10.0.0.9"})
        assert answer.code == 403
        assert house.state.events() == []

    run(act, tmp_path)


@pytest.mark.parametrize(("access", "token", "status"), [
    (Access("0.0.0.0"), None, 403),
    (Access("0.0.0.0"), SECRET, 403),
    (Access("0.0.0.0", tokens=TOKENS), None, 403),
    (Access("0.0.0.0", tokens=TOKENS), "wrong", 403),
    (Access("0.0.0.0", tokens=TOKENS), "viewer", 403),
    (Access("0.0.0.0", tokens=TOKENS), SECRET, 200),
    (Access("127.0.0.1", tokens=TOKENS), None, 403),
    (Access("127.0.0.1", tokens=TOKENS), SECRET, 200),
])  # fmt: skip
def test_the_token_decides_over_http_and_over_the_socket(
    tmp_path: Path, access: Access, token: str | None, status: int
) -> None:
    async def act(house: House) -> None:
        answer = await house.post({"text": "http"}, {"Authorization": f"Bearer {token}"} if token else {})
        assert answer.code == status
        tab = await house.open()
        await tab.write_message(json.dumps({"note": {"text": "socket"}, **({"token": token} if token else {})}))
        found = await receive(tab)
        assert found == {"note": {"id": 2}} if status == 200 else found["status"] == 403
        assert [(e.text, e.who) for e in house.state.events()] == [("http", "Ann"), ("socket", "Ann")] * (status == 200)
        await tab.write_message(json.dumps(ASK))  # reading is free
        assert (await receive(tab))[0]["files"] == 3

    run(act, tmp_path, access)


def test_a_note_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def act(house: House) -> None:
        answer = await house.post({"text": "x"})
        assert answer.code == 400
        assert "writable" in json.loads(answer.body)["error"]

    run(act, tmp_path / "file")


# health


def test_health_tells_ages_and_faults(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        answer = await house.get("/healthz")
        said = json.loads(answer.body)
        assert (answer.code, said["status"], said["cruise"]) == (200, "degraded", "TEST")
        assert said["feeds"]["sfl"] | {"newest": None} == {
            "rows": 1, "newest": None, "age_seconds": 100.0, "stale": True, "fault": None, "refused": 0,
        }  # fmt: skip
        stop_clock(at(3502))
        house.source.random("new", at(3500))
        house.feeds.poll()
        assert json.loads((await house.get("/healthz")).body)["status"] == "ok"
        house.rows.broken = ReaderError("file", "cut")
        house.feeds.poll()
        said = json.loads((await house.get("/healthz")).body)
        assert (said["status"], said["feeds"]["sfl"]["fault"]) == ("degraded", "file: cut")
        assert answer.headers["Cache-Control"] == "no-store"

    run(act, tmp_path)


def test_an_unknown_cruise_and_no_cruise(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        assert (await house.get("/healthz?cruise=TEST")).code == 200
        answer = await house.get("/healthz?cruise=TSET")
        assert answer.code == 404
        assert "Did you mean 'TEST'" in json.loads(answer.body)["error"]
        kept = desk.find()
        routes.remove("TEST")
        assert (await house.get("/healthz")).code == 503
        with pytest.raises(HTTPClientError):
            await house.open()
        assert kept is not None

    run(act, tmp_path)


def test_a_wrong_method_is_json_too(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        answer = await house.get("/api/v1/notes")
        assert answer.code == 405
        assert json.loads(answer.body)["status"] == 405

    run(act, tmp_path)


def test_levels_are_those_of_the_gallery(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        tab = await house.open()
        await tab.write_message(json.dumps(ASK))
        _, shown = await receive(tab)
        question = next(iter(house.gallery._easels))
        made = await house.gallery.ask(question)
        from workbench.raster.encode import frame

        assert np.array_equal(shown, decode(frame(made.header, made.packed))[1])

    run(act, tmp_path)
