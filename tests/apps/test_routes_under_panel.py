"""The routes under ``panel serve --plugins``, with and without a prefix."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.server import free_port
from workbench.raster.encode import decode

pytestmark = pytest.mark.slow

SETUP = """
from tests.live.standin import ParticleSource, StandInCruise, at
from workbench.apps.routes import install
from workbench.live.access import Access
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.record.state import State

source = ParticleSource()
source.random("f0", at(0))
feeds = Feeds(StandInCruise(source)).start()
install("TEST", feeds, Gallery(feeds), Access(), State({folder!r}))
"""


def get(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return dict(json.loads(answer.read()))
    except (urllib.error.URLError, OSError):
        return None


@pytest.mark.parametrize("prefix", ["", "/ship/board"])
def test_pictures_notes_and_health(root: Path, tmp_path: Path, prefix: str) -> None:
    (tmp_path / "app.py").write_text("import panel as pn\npn.pane.Str('page').servable()\n")
    (tmp_path / "setup.py").write_text(SETUP.format(folder=str(tmp_path)))
    port = free_port()
    command = [sys.executable, "-m", "panel", "serve", tmp_path / "app.py", "--plugins", "workbench.apps.routes",
               "--setup", tmp_path / "setup.py", "--address", "127.0.0.1", "--port", str(port)]  # fmt: skip
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    server = subprocess.Popen([*command, *(["--prefix", prefix] if prefix else [])], cwd=root, env=environment,
                              stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        base, health = f"http://127.0.0.1:{port}{prefix}", None
        for _ in range(300):
            health = get(f"{base}/healthz")
            if health or server.poll() is not None:
                break
            time.sleep(0.2)
        assert health is not None
        assert health["cruise"] == "TEST"
        asyncio.run(_ask(base, f"http://127.0.0.1:{port}"))
        if prefix:
            assert get(f"http://127.0.0.1:{port}/healthz") is None
    finally:
        server.terminate()
        server.communicate(timeout=60)


async def _ask(base: str, origin: str) -> None:
    url = base.replace("http", "ws") + "/live/ws"
    tab = await websocket_connect(HTTPRequest(url, headers={"Origin": origin}))
    question = {"ask": 4, "picture": "p", "source": "seaflow", "x": "pe", "y": "fsc_small", "time": "all"}
    await tab.write_message(json.dumps(question))
    message = await asyncio.wait_for(tab.read_message(), 60)
    assert isinstance(message, bytes)
    header, levels = decode(message)
    assert (header["ask"], header["particles"]) == (4, 500)
    assert levels.any()
    await tab.write_message(json.dumps({"note": {"text": "hello"}}))
    assert json.loads(await asyncio.wait_for(tab.read_message(), 60) or "") == {"note": {"id": 1}}
