"""UDP, TCP, folders and HTTP keep the laws of listeners."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import socket
from collections.abc import Sequence
from typing import ClassVar

import pytest

from tests.server import free_port
from workbench.live.access import Access, Asker
from workbench.live.listeners import Listener
from workbench.live.listeners.folder import Folder
from workbench.live.listeners.http import Http, post
from workbench.testing import listeners


def _at(bound: str) -> tuple[str, int]:
    host, port = bound.rsplit(":", 1)
    return host, int(port)


class TestUdp(listeners.ListenerTests):
    url = "udp://127.0.0.1:0"
    waits = False

    async def send(self, listener: Listener, bodies: Sequence[bytes]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for body in bodies:
                out.sendto(body, _at(listener.bound))
                await asyncio.sleep(0)


class TestTcpServer(listeners.ListenerTests):
    url = "tcp+listen://127.0.0.1:0"
    stream = True

    async def send(self, listener: Listener, bodies: Sequence[bytes]) -> None:
        _, writer = await asyncio.open_connection(*_at(listener.bound))
        for body in bodies:
            writer.write(body)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


class TestTcpClient(listeners.ListenerTests):
    url = "tcp://127.0.0.1:{port}"
    stream = True

    @pytest.fixture(autouse=True)
    def _port(self) -> None:
        self.port = free_port()
        self.url = type(self).url.format(port=self.port)  # type: ignore[misc]

        self.writers: list[asyncio.StreamWriter] = []
        self.server: asyncio.Server | None = None

    async def ready(self, listener: Listener) -> None:
        """The other end is there, and the listener came to it (at the first try or a later one)."""
        before = len(self.writers)
        if self.server is None:
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        await listeners.until(lambda: len(self.writers) > before, 60)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        await reader.read()
        writer.close()

    async def send(self, listener: Listener, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self.writers[-1].write(body)
            await self.writers[-1].drain()


class TestHttp(listeners.ListenerTests):
    url = "http:"

    async def send(self, listener: Listener, bodies: Sequence[bytes]) -> None:
        assert isinstance(listener, Http)
        for body in bodies:
            asker = Asker("127.0.0.1", "localhost:5007")
            while post({"ship": listener}, Access(), "ship", body, asker).status == 503:
                await asyncio.sleep(0.05)


class TestFolder(listeners.ListenerTests):
    url = "folder:{folder}?settle=0.05"
    numbers: ClassVar = itertools.count()

    async def send(self, listener: Listener, bodies: Sequence[bytes]) -> None:
        """Each body is a file; in which order they are found is not told."""
        assert isinstance(listener, Folder)
        for body in bodies:
            name = f"{next(self.numbers):06d}.bin"
            with open(os.path.join(listener.root, name), "wb") as file:
                file.write(body)

    def expected(self, bodies: Sequence[bytes]) -> list[bytes]:
        return [b"%d %s" % (len(body), hashlib.sha256(body).hexdigest().encode()) for body in bodies]

    def _joined(self, bodies: list[bytes]) -> list[bytes]:
        def plain(body: bytes) -> bytes:
            said = json.loads(body)
            return f"{said['size']} {said['sha256']}".encode()

        return sorted(plain(body) if body.startswith(b"{") else body for body in bodies)


class TestPollingFolder(TestFolder):
    url = "folder:{folder}?settle=0.05&poll=0.05"
