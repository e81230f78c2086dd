"""The board under ``panel serve``, with our routes and without, under a prefix."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.board_page import Board
from tests.browser.chromium import Tab
from tests.server import free_port


@contextmanager
def panel_serve(root: Path, log: Path, *args: str | os.PathLike[str]) -> Iterator[str]:
    """``panel serve workbench/apps/board.py ARGS``; the address of the server."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "panel",
        "serve",
        "workbench/apps/board.py",
        "--port",
        str(port),
        *map(os.fspath, args),
    ]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                  start_new_session=True)  # fmt: skip
    try:
        for _ in range(300):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                assert server.poll() is None, log.read_text(errors="replace")
                time.sleep(0.2)
        yield f"http://localhost:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@pytest.mark.timeout(300)
def test_with_our_routes_under_a_prefix(
    root: Path, simulated: Path, tmp_path: Path, open_tab: Callable[..., Tab]
) -> None:
    short = ("--unused-session-lifetime", "20000", "--check-unused-sessions", "500")
    args = ("--prefix", "/ship/one", *short, "--plugins", "workbench.apps.routes", "--args", simulated)
    with panel_serve(root, tmp_path / "log", *args) as address:
        tab = open_tab(f"{address}/ship/one/board")
        board = Board(tab, pictures=2)
        assert sum(max(picture["levels"], default=0) > 0 for picture in board.read()["pictures"]) == 2, (
            "all that has rows"
        )
        assert any("/ship/one/live/ws" in a.url for a in tab.asked if a.how == "websocket")
        assert tab.page.get_by_text("Sent through the page's own connection").count() == 0
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}/healthz")
        tab.page.goto("about:blank")
        time.sleep(23)  # until the server has let go of it
        assert "failed with" not in (tmp_path / "log").read_text(), "a tab that closes leaves nothing behind"


@pytest.mark.timeout(300)
def test_without_them_pictures_come_over_the_pages_own_connection_and_the_page_says_so(
    root: Path, simulated: Path, tmp_path: Path, open_tab: Callable[..., Tab]
) -> None:
    with panel_serve(root, tmp_path / "log", "--args", simulated) as address:
        tab = open_tab(f"{address}/board", forgive=("WebSocket connection to .*live/ws",))
        board = Board(tab, pictures=2)
        assert sum(max(picture["levels"], default=0) > 0 for picture in board.read()["pictures"]) == 2, (
            "all that has rows"
        )
        tab.page.get_by_text("Sent through the page's own connection").first.wait_for(timeout=30_000)
        tab.shot("panel-serve-without-routes")
