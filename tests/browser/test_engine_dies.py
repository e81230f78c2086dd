"""`workbench up` with a page open, and the engine killed: pages stay and say how old data are; they go on with no gap."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browser.board_page import Board
from tests.live.test_recorder import sentence
from tests.server import free_port
from workbench.apps.status import status
from workbench.catalog.cruise import open_cruise

pytestmark = pytest.mark.timeout(300)

CATALOG = """\
metadata:
  cruise: {{id: up, title: Up and down}}
  board:
    - {{view: tiles}}
    - {{view: series, source: wire, variables: [speed]}}
  kpis:
    wire: {{source: wire, variable: speed, reduce: last, over: 10min, label: Over TCP}}
    ship: {{source: ship, variable: speed, reduce: last, over: 10min, label: Over UDP}}
sources:
  wire: {{driver: workbench, description: A logger that waits., args: {{reader: nmea_log, listen: "tcp://127.0.0.1:{tcp}", every: 1s, stale_after: 3s}}}}
  ship: {{driver: workbench, description: A feed that does not., args: {{reader: nmea_log, listen: "udp://127.0.0.1:{udp}", every: 1s, stale_after: 3s}}}}
"""


def speed(i: int) -> bytes:
    return sentence(f"GPVTG,054.7,T,,M,{i / 10:.1f},N,010.2,K,A")


class Logger:
    """Sends lines to whoever connects, each once; what nobody took waits."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._server.settimeout(0.2)
        self._waiting: list[bytes] = []
        self._guest: socket.socket | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def say(self, line: bytes) -> None:
        with self._lock:
            self._waiting.append(line)
            self._flush()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._server.close()
        if self._guest is not None:
            self._guest.close()

    def _flush(self) -> None:
        if self._guest is None:
            return
        try:
            if self._guest.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b"":
                self._guest = None  # it died: what follows waits for the next one
                return
        except BlockingIOError:
            pass
        except OSError:
            self._guest = None
            return
        while self._waiting:
            self._guest.sendall(self._waiting.pop(0))

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                guest, _ = self._server.accept()
            except OSError:
                continue
            with self._lock:
                self._guest = guest
                self._flush()


@pytest.fixture
def logger() -> Iterator[Logger]:
    made = Logger()
    yield made
    made.close()


def until(page: Board, what: str, true: Callable[[], object], limit: float = 60) -> float:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < limit, f"{what}: not within {limit:g} s"
        page.page.wait_for_timeout(50)
    print(f"{what}: {time.monotonic() - begun:.1f} s")
    return time.monotonic() - begun


def shown(page: Board, name: str) -> float:
    """The number on a tile; NaN when there is none."""
    found = re.search(r"\d+\.\d+|\d+", page.tile(name).replace("Over TCP", "").replace("Over UDP", ""))
    return float(found[0]) if found else float("nan")


def well(folder: Path) -> bool:
    """The engine that runs now says so: both feeds are there, with no fault. What a killed one said stands until then."""
    told = json.loads((folder / "engine.json").read_text())
    feeds = {feed["name"]: feed for feed in told["feeds"]}
    alive = told["engine"]["pid"] == status(folder)["engine"]["pid"]
    return alive and bool(feeds["ship"]["bound"]) and all(feeds[name]["fault"] is None for name in ("wire", "ship"))


def test_the_engine_is_killed_and_pages_go_on(serve, open_tab, logger: Logger, tmp_path: Path) -> None:
    """What the user sees: the last values, their growing age and "stale"; seconds later everything again, by itself.

    What is lost: datagrams (UDP) sent while no engine ran, and nothing else; ``workbench status`` says that it is down.
    """
    udp = free_port()
    catalog = tmp_path / "up.yaml"
    catalog.write_text(CATALOG.format(tcp=logger.port, udp=udp))
    folder = open_cruise(catalog).folder
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def say(i: int) -> None:
        logger.say(speed(i))
        door.sendto(speed(i), ("127.0.0.1", udp))

    server = serve("up", catalog, "--port", "0", "--engine-port", "0", wait=120)
    page = Board(open_tab(server.address), pictures=0)
    until(page, "the engine is up", lambda: status(folder)["engine"]["up"])
    until(page, "the feeds are bound", lambda: well(folder))
    for i in range(1, 21):
        say(i)
        page.page.wait_for_timeout(50)
    until(page, "values on the page", lambda: shown(page, "wire") == shown(page, "ship") == 2.0)
    loads = len([asked for asked in page.tab.asked if asked.how == "request"])

    pid = json.loads((folder / "engine.json").read_text())["engine"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(page, "status says down", lambda: status(folder)["engine"]["pid"] is None)
    for i in range(21, 31):
        say(i)  # the datagrams go nowhere
    until(page, "the page says stale", lambda: "stale" in page.tile("wire") and "ago" in page.tile("wire"))
    assert shown(page, "ship") == 2.0

    until(page, "the engine is up again", lambda: status(folder)["engine"]["up"])
    assert status(folder)["engine"]["pid"] != pid
    until(page, "its feeds, too", lambda: well(folder))
    until(page, "what waited is on the page", lambda: shown(page, "wire") == 3.0)
    for i in range(31, 41):
        say(i)
        page.page.wait_for_timeout(50)
    until(page, "all of it", lambda: shown(page, "wire") == shown(page, "ship") == 4.0)
    last = 40

    def fresh() -> bool:
        """Where it takes longer than 3 s until a line is shown, the feed must go on."""
        nonlocal last
        if "stale" not in page.tile("wire"):
            return True
        last += 1
        say(last)
        return False

    until(page, "no longer stale", fresh)
    until(page, "the last line", lambda: shown(page, "wire") == shown(page, "ship") == last / 10)
    assert len([asked for asked in page.tab.asked if asked.how == "request"]) == loads, "nothing was loaded again"
    assert "ended with -9; started again" in server.text()

    cruise = open_cruise(catalog)
    np.testing.assert_allclose(cruise["wire"].open()["speed"], np.arange(1, last + 1) / 10, err_msg="each line once")
    np.testing.assert_allclose(cruise["ship"].open()["speed"], [*np.arange(1, 21) / 10, *np.arange(31, last + 1) / 10])
    door.close()
