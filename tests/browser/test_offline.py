"""Nothing asks outside this machine, and the witness that says so can be trusted."""

from __future__ import annotations

import socket
import sys
import urllib.request

import pytest

from tests.browser.chromium import Asked, Tab, is_outside

HTML, SCRIPT = "text/html", "text/javascript"


def test_nobody_is_out_there() -> None:
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.1", 80), timeout=5)


def test_localhost_is_here(site) -> None:
    address = site({"/": (HTML, b"hello")})
    assert urllib.request.urlopen(address + "/").read() == b"hello"


@pytest.mark.parametrize(
    ("url", "outside"),
    [
        ("http://localhost:5006/board", False),
        ("ws://127.0.0.1:5006/live/ws", False),
        ("http://[::1]:5006/", False),
        ("data:image/png;base64,xx", False),
        ("blob:http://localhost/x", False),
        ("https://cdn.example.org/x.js", True),
        ("wss://example.org/ws", True),
        ("http://localhost.example.org/", True),
    ],
)
def test_outside(url: str, outside: bool) -> None:
    assert is_outside(url) is outside


PLANTED = {
    "/script": (HTML, b'<script src="https://cdn.example.org/x.js"></script>'),
    "/font": (
        HTML,
        b'<style>@font-face{font-family:q;src:url("https://fonts.example.org/q.woff2")}</style>'
        b'<p style="font-family:q">x',
    ),
    "/style": (HTML, b'<link rel="stylesheet" href="https://css.example.org/a.css">'),
    "/websocket": (HTML, b'<script>new WebSocket("wss://ws.example.org/live")</script>'),
    "/worker": (HTML, b'<script>new Worker("/worker.js")</script>'),
    "/worker.js": (SCRIPT, b'fetch("https://worker.example.org/").catch(() => 0)'),
    "/serviceworker": (HTML, b'<script>navigator.serviceWorker.register("/sw.js")</script>'),
    "/sw.js": (
        SCRIPT,
        b'addEventListener("install", e => e.waitUntil(fetch("https://sw.example.org/").catch(() => 0)))',
    ),
}


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/script", "https://cdn.example.org/x.js"),
        ("/font", "https://fonts.example.org/q.woff2"),
        ("/style", "https://css.example.org/a.css"),
        ("/websocket", "wss://ws.example.org/live"),
        ("/worker", "https://worker.example.org/"),
        ("/serviceworker", "https://sw.example.org/"),
    ],
)
def test_a_planted_link_is_seen_by_both_witnesses(chromium, site, path: str, url: str) -> None:
    tab = chromium.open(site(PLANTED) + path)

    def seen() -> None:
        assert url in [asked.url for asked in chromium.outside()]
        assert tab.trouble(), "a failed request must show in the console"

    tab.comes(seen)
    chromium.asked.clear()
    chromium.close()
    assert Asked("network log", url) in chromium.outside()


def test_an_uncaught_exception_is_seen(chromium, site) -> None:
    tab = chromium.open(site({"/": (HTML, b"<script>undefined.x</script>"), "/favicon.ico": (HTML, b"")}))
    tab.comes(lambda: one_error(tab))
    tab.page.wait_for_timeout(200)
    one_error(tab)  # and no second one
    tab.forgiven.append("uncaught")
    assert tab.trouble() == []


def one_error(tab: Tab) -> None:
    assert len(tab.trouble()) == 1


def test_the_second_machine_reaches_us_by_address_only(second_machine) -> None:
    def reach(host: str, port: int) -> int:
        code = f"import socket; socket.create_connection(({host!r}, {port}), timeout=30)"
        return second_machine.run([sys.executable, "-c", code]).returncode

    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        assert reach(second_machine.address, port) == 0
        assert reach("127.0.0.1", port) != 0


def test_the_board_asks_nobody_outside(board, open_tab, simulated) -> None:
    tab = open_tab(board(simulated).address)
    tab.page.wait_for_load_state("networkidle")
    tab.page.wait_for_timeout(3000)
    tab.comes(lambda: asks_its_server(tab))


def asks_its_server(tab: Tab) -> None:
    kinds = {asked.how for asked in tab.asked}
    assert {"request", "websocket"} <= kinds, "a live board asks its own server over a websocket"
