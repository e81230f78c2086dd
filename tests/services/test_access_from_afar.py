"""From another network namespace: nothing is written without the right token, everything can be read.

A server stands in one namespace, the asker in another, joined by a cable (veth). Needs root and ``ip netns``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workbench.record.state import State

pytestmark = pytest.mark.service

PORT = 5099
SECRET = "correct horse battery staple"
SERVER = """
import asyncio, sys
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tests.live.standin import ParticleSource, RowSource, StandInCruise, at
from workbench.apps.routes import ROUTES, install
from workbench.live.access import Access, read_tokens
from workbench.live.feeds import Feeds
from workbench.live.gallery import Gallery
from workbench.record.state import State

async def main(host, port, folder, tokens=None):
    source = ParticleSource()
    source.random("f0", at(0))
    feeds = Feeds(StandInCruise(source, RowSource("sfl", time=[at(0)], par=1.0)))
    feeds.poll()
    access = Access(host, tokens=None if tokens is None else read_tokens(tokens))
    install("TEST", feeds, Gallery(feeds), access, State(folder))
    HTTPServer(Application(ROUTES)).listen(int(port), host)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""
CLIENT = """
import asyncio, json, sys
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

async def main(url, token):
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    said = {}
    try:
        said["health"] = (await AsyncHTTPClient().fetch(url + "/healthz")).code
        request = HTTPRequest(url + "/api/v1/notes", method="POST", body=json.dumps({"text": "by post"}),
                              headers={"Content-Type": "application/json", "Origin": url, **bearer})
        try:
            said["post"] = (await AsyncHTTPClient().fetch(request)).code
        except HTTPClientError as error:
            said["post"] = error.code
        tab = await websocket_connect(HTTPRequest(url.replace("http", "ws") + "/live/ws", headers={"Origin": url}))
        await tab.write_message(json.dumps({"note": {"text": "by socket"}, "token": token}))
        answer = json.loads(await tab.read_message())
        said["socket"] = answer.get("status", 200 if "note" in answer else None)
        await tab.write_message(json.dumps({"source": "seaflow", "x": "pe", "y": "pe", "time": "all"}))
        said["picture"] = len(await tab.read_message()) > 100
    except OSError as error:
        said["closed"] = type(error).__name__
    print(json.dumps(said))

asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@dataclass(frozen=True)
class Cable:
    """Two namespaces and the address of the server's."""

    server: str
    client: str
    address: str


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("two network namespaces need root and iproute2: sudo apt-get install iproute2, then run as root")
    a, b, number = f"wb-a-{os.getpid()}", f"wb-b-{os.getpid()}", os.getpid() % 200 + 20
    made = []
    try:
        for name in (a, b):
            ip("netns", "add", name)
            made.append(name)
        ip("link", "add", "wb0", "netns", a, "type", "veth", "peer", "name", "wb1", "netns", b)
        for name, device, last in ((a, "wb0", 1), (b, "wb1", 2)):
            ip("-n", name, "address", "add", f"10.{number}.0.{last}/24", "dev", device)
            ip("-n", name, "link", "set", device, "up")
            ip("-n", name, "link", "set", "lo", "up")
    except subprocess.CalledProcessError as error:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}; they need root with CAP_NET_ADMIN")
    yield Cable(a, b, f"10.{number}.0.1")
    for name in made:
        subprocess.run(["ip", "netns", "delete", name], check=False)


def inside(namespace: str, script: str, *words: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, sys.executable, "-c", script, *words]


@contextmanager
def served(cable: Cable, root: Path, host: str, folder: Path, *tokens: str) -> Iterator[None]:
    words = (host, str(PORT), str(folder), *tokens)
    server = subprocess.Popen(inside(cable.server, SERVER, *words), cwd=root, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(300):
            if server.poll() is not None:
                pytest.fail(f"the server ended: {server.communicate()[1]}")
            if "health" in asked(cable.server, "127.0.0.1"):
                break
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait(60)


def asked(namespace: str, address: str, *token: str) -> dict[str, Any]:
    done = subprocess.run(
        inside(namespace, CLIENT, f"http://{address}:{PORT}", *token), capture_output=True, text=True, check=False
    )
    return dict(json.loads(done.stdout)) if done.stdout else {"failed": done.stderr}


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    path = tmp_path / "tokens"
    path.write_text(f"# who may write\nAnn scientist {hashlib.sha256(SECRET.encode()).hexdigest()}\n")
    return str(path)


def test_without_a_token_file_nobody_beyond_localhost_writes(cable: Cable, root: Path, tmp_path: Path) -> None:
    with served(cable, root, "0.0.0.0", tmp_path):
        refused = {"health": 200, "post": 403, "socket": 403, "picture": True}
        assert asked(cable.client, cable.address) == refused
        assert asked(cable.client, cable.address, SECRET) == refused
        assert asked(cable.server, "127.0.0.1") == refused
    assert State(tmp_path).events() == []


def test_with_a_token_file_the_right_token_writes(cable: Cable, root: Path, tmp_path: Path, tokens: str) -> None:
    with served(cable, root, "0.0.0.0", tmp_path / "cruise", tokens):
        before = State(tmp_path / "cruise").events()
        refused = {"health": 200, "post": 403, "socket": 403, "picture": True}
        assert asked(cable.client, cable.address) == refused
        assert asked(cable.client, cable.address, "wrong") == refused
        assert State(tmp_path / "cruise").events() == before
        allowed = {"health": 200, "post": 200, "socket": 200, "picture": True}
        assert asked(cable.client, cable.address, SECRET) == allowed
    events = State(tmp_path / "cruise").events()
    assert [(e.text, e.who) for e in events] == [("by post", "Ann"), ("by socket", "Ann")]


def test_a_board_on_localhost_is_not_there_for_others(cable: Cable, root: Path, tmp_path: Path) -> None:
    with served(cable, root, "127.0.0.1", tmp_path):
        assert "closed" in asked(cable.client, cable.address)
        assert asked(cable.server, "127.0.0.1")["post"] == 200
