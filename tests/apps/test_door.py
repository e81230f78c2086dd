"""A board is open before its pages can be made, and what is asked meanwhile is answered by and by."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, suppress

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from workbench.apps import board
from workbench.apps.door import Door, _Later, parts
from workbench.catalog.cruise import open_cruise
from workbench.live.access import Access

PAGE = """<!DOCTYPE html>
<html lang="en" data-theme-managed="true">
  <head><title>t</title><script src="a.js"></script><link rel="stylesheet" href="b.css"><script type="x">{"y": 1}</script></head>
  <body><p>all of it</p><script>go()</script></body>
</html>"""


class Other(RequestHandler):
    def get(self) -> None:
        self.write("made later")


@pytest.fixture(scope="module")
def desk(simulated):
    with ExitStack() as stack:
        desk = board.open_desk(open_cruise(simulated), Access("127.0.0.1"), stack)
        for _ in range(12):  # a busy machine reads them later
            board.await_rows(desk)
        yield desk


async def opened(desk, call) -> None:
    """`call(door, address, ask)` with a door that is open."""
    door = Door(desk, "SIM25 · board")
    server = HTTPServer(door)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    client = AsyncHTTPClient(force_instance=True, defaults={"connect_timeout": 100, "request_timeout": 100})
    try:
        await call(door, f"http://127.0.0.1:{sockets[0].getsockname()[1]}", client.fetch)
    finally:
        server.stop()
        client.close()


def later(door: Door) -> None:
    async def make(asked: RequestHandler) -> str:
        return PAGE

    door.serve(Application([(r"/other", Other)]), make)


def test_a_glance_is_there_before_the_page_can_be_made(desk) -> None:
    async def call(door, address, ask) -> None:
        pieces: list[bytes] = []
        page = asyncio.ensure_future(ask(address + "/", streaming_callback=pieces.append))
        for _ in range(1200):
            await asyncio.sleep(0.05)
            if b"glance({" in b"".join(pieces):
                break
        seen = b"".join(pieces).decode()
        assert "glance({" in seen and "all of it" not in seen and not page.done()
        later(door)
        await page
        whole = b"".join(pieces).decode()
        assert whole.startswith(seen) and whole.count("<p>all of it</p>") == 1

        # The next one has what the head needs at once, and only once.
        pieces.clear()
        await ask(address + "/", streaming_callback=pieces.append)
        again = b"".join(pieces).decode()
        assert again.index('<script src="a.js">') < again.index("all of it")
        assert again.count("a.js") == 1 and again.count("b.css") == 1

    asyncio.run(opened(desk, call))


def test_what_is_not_there_yet_is_waited_for(desk) -> None:
    async def call(door, address, ask) -> None:
        other = asyncio.ensure_future(ask(address + "/other"))
        healthy = await ask(address + "/healthz")
        assert healthy.code == 200 and not other.done()
        later(door)
        assert (await other).body == b"made later"

    asyncio.run(opened(desk, call))


def test_nobody_is_sent_elsewhere(desk) -> None:
    async def call(door, address, ask) -> None:
        later(door)
        door.app = Application([(r".*", _Later, {"door": door})])
        with pytest.raises(HTTPClientError) as sent:
            await ask(f"{address}//elsewhere.example/page", follow_redirects=False)
        assert (sent.value.code, sent.value.response.headers["Location"]) == (307, "/elsewhere.example/page")

    asyncio.run(opened(desk, call))


def test_who_asks_under_another_name_sees_nothing(desk) -> None:
    async def call(door, address, ask) -> None:
        later(door)
        answer = await ask(address + "/", headers={"Host": "evil.example"})
        assert answer.body.decode() == PAGE

    asyncio.run(opened(desk, call))


def test_a_page_that_cannot_be_made_says_so(desk) -> None:
    async def call(door, address, ask) -> None:
        door.fail(RuntimeError("nothing to make it with"))
        with suppress(HTTPClientError):
            answer = await ask(address + "/")
            assert "could not be made" in answer.body.decode()

    asyncio.run(opened(desk, call))


def test_an_address_that_leads_nowhere_names_the_pages(desk) -> None:
    async def call(door, address, ask) -> None:
        later(door)

        async def missed(path: str, accept: str, **options):
            with pytest.raises(HTTPClientError) as told:
                await ask(address + path, headers={"Accept": accept, **options.pop("headers", {})}, **options)
            assert told.value.code == 404
            return told.value.response

        page = await missed("/gats?time=now-1h", "text/html,*/*")
        text = page.body.decode()
        assert text.index('href="./gates?time=now-1h"') < text.index('href="./?time=now-1h"')
        assert "Did you mean Gates?" in text and "SIM25" in text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        program = await missed("/api/v1/note", "*/*", method="POST", body="{}")
        assert json.loads(program.body)["error"].startswith("There is no page '/api/v1/note' here.")
        stranger = await missed("/nothing", "text/html", headers={"Host": "evil.example"})
        assert b"SIM25" not in stranger.body
        assert (await ask(address + "/other")).body == b"made later"

    asyncio.run(opened(desk, call))


def test_parts() -> None:
    head, body = parts(PAGE)
    assert head.startswith('<html lang="en" data-theme-managed="true">')
    assert head.endswith('<script src="a.js"></script><script type="x">{"y": 1}</script>')
    assert "b.css" in head and "a.js" not in body and "all of it" in body
