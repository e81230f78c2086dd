"""Many viewers of a board, without browsers: for each a page, its Bokeh session and the socket of its pictures.

Run beside a benchmark (`tests.benchmarks.beside`), so that what they cost is not the server's:

    {"open": N, "address": "http://...", "question": {...} or null, "session": true, "query": "time=..."}
    {"watch": SECONDS}     what came in that time
    {"close": true}

A session says that its page and its tiles are drawn, as a browser does: before that, a board sends no further cards, Panel
little, and of tiles all instead of those that changed. What comes is counted, not decoded.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
import time
from contextlib import suppress
from itertools import pairwise
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.benchmarks.beside import say

_TOKEN = re.compile(r'"token":\s*"([^"]+)"')
_READY = {"kind": "MessageSent", "msg_type": "bokeh_event",
          "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}}  # fmt: skip
_TILES = re.compile(r'"name":"Strip\d+","id":"(p\d+)"')
#: Pages opened at the same time.
TOGETHER = 4


class Viewer:
    """One person with the page open."""

    def __init__(self) -> None:
        self.patches: list[float] = []
        self.frames: list[float] = []
        self.patched = self.framed = 0
        self._sockets: list[WebSocketClientConnection] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, address: str, question: dict[str, Any] | None, session: bool, query: str) -> None:
        """As a browser opens the page."""
        if session:
            page = f"{address}/{'?' + query if query else ''}"
            got = await AsyncHTTPClient().fetch(HTTPRequest(page, request_timeout=300, connect_timeout=300))
            found = _TOKEN.search(got.body.decode())
            if found is None:
                raise RuntimeError(f"no session in the page of {page}")
            await self._open_session(address.replace("http", "ws", 1), found[1])
        if question is not None:
            await self._open_pictures(address.replace("http", "ws", 1), question)

    async def _open_session(self, address: str, token: str) -> None:
        request = HTTPRequest(f"{address}/ws", connect_timeout=300, request_timeout=300)
        socket = await websocket_connect(request, subprotocols=["bokeh", token])
        self._sockets.append(socket)
        await self._message(socket)  # the server's ACK
        await self._say(socket, "PULL-DOC-REQ", {})
        _, (_, page, *_) = await self._message(socket)
        tiles = _TILES.findall(str(page))
        drawn = [{"kind": "ModelChanged", "model": {"id": one}, "attr": "drawn", "new": True} for one in tiles]
        await self._say(socket, "PATCH-DOC", {"events": [*drawn, _READY]})
        self._tasks.append(asyncio.ensure_future(self._follow(socket)))

    async def _say(self, socket: WebSocketClientConnection, kind: str, content: dict[str, Any]) -> None:
        for part in ({"msgid": f"{id(self)}{time.monotonic_ns()}", "msgtype": kind}, {}, content):
            await socket.write_message(json.dumps(part))

    async def _message(self, socket: WebSocketClientConnection) -> tuple[str, list[str | bytes]]:
        """One message of Bokeh's protocol: its kind, and its parts after the header (what is known of it, itself, buffers)."""
        header = json.loads(await self._read(socket))
        return header["msgtype"], [await self._read(socket) for _ in range(2 + 2 * header.get("num_buffers", 0))]

    async def _read(self, socket: WebSocketClientConnection) -> str | bytes:
        message = await socket.read_message()
        if message is None:
            raise ConnectionError("the server closed the socket")
        return message

    async def _follow(self, socket: WebSocketClientConnection) -> None:
        while True:
            kind, parts = await self._message(socket)
            if kind == "PATCH-DOC":
                self.patches.append(time.monotonic())
                self.patched += sum(map(len, parts))

    async def _open_pictures(self, address: str, question: dict[str, Any]) -> None:
        socket = await websocket_connect(HTTPRequest(f"{address}/live/ws", connect_timeout=300, request_timeout=300))
        self._sockets.append(socket)
        self._tasks.append(asyncio.ensure_future(self._look(socket, question)))

    async def _look(self, socket: WebSocketClientConnection, question: dict[str, Any]) -> None:
        have, ask = "", 0
        while True:
            ask += 1
            await socket.write_message(json.dumps({**question, "ask": ask, "have": have}))
            frame = await self._read(socket)
            if isinstance(frame, str):
                raise RuntimeError(frame)
            (size,) = struct.unpack("<I", frame[:4])
            have = json.loads(frame[4 : 4 + size]).get("revision", "")
            self.frames.append(time.monotonic())
            self.framed += len(frame)

    def failed(self) -> list[str]:
        """What ended although nobody closed it."""
        return [repr(task.exception()) for task in self._tasks if task.done() and not task.cancelled()]

    async def close(self) -> None:
        """As a tab is closed."""
        for task in self._tasks:
            task.cancel()
        for socket in self._sockets:
            socket.close()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)


class Crowd:
    """All viewers."""

    def __init__(self) -> None:
        self.viewers: list[Viewer] = []

    async def reply(self, said: dict[str, Any]) -> Any:
        if "open" in said:
            await self.open(said)
            return len(self.viewers)
        if "watch" in said:
            return await self.watch(said["watch"])
        for viewer in self.viewers:
            await viewer.close()
        self.viewers.clear()
        return 0

    async def open(self, said: dict[str, Any]) -> None:
        new = [Viewer() for _ in range(said["open"])]
        for at in range(0, len(new), TOGETHER):
            some = new[at : at + TOGETHER]
            given = (said["address"], said.get("question"), said.get("session", True), said.get("query", ""))
            await asyncio.gather(*(viewer.open(*given) for viewer in some))
        self.viewers += new

    async def watch(self, seconds: float) -> dict[str, Any]:
        for viewer in self.viewers:
            viewer.patches.clear()
            viewer.frames.clear()
            viewer.patched = viewer.framed = 0
        await asyncio.sleep(seconds)
        frames = [viewer.frames for viewer in self.viewers]
        return {
            "patches": sum(len(viewer.patches) for viewer in self.viewers), "frames": sum(map(len, frames)),
            "patched": sum(viewer.patched for viewer in self.viewers), "framed": sum(viewer.framed for viewer in self.viewers),
            "intervals": [b - a for times in frames for a, b in pairwise(times)],
            "patch_intervals": [
                b - a for v in self.viewers for a, b in pairwise(v.patches) if b - a > 0.1
            ],
            "failed": [text for viewer in self.viewers for text in viewer.failed()][:5],
        }  # fmt: skip


async def main() -> None:
    """Answer what is asked on standard input."""
    crowd, loop = Crowd(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        say(await crowd.reply(json.loads(line)))


if __name__ == "__main__":
    AsyncHTTPClient.configure(None, max_clients=2 * TOGETHER, max_body_size=200 << 20)
    asyncio.run(main())
