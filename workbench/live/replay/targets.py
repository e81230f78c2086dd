"""Where a replay goes: ``udp://``, ``tcp://``, ``tcp+listen://``, ``mqtt://`` and ``folder:``, as the ship's own feeds do."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import IO, ClassVar

import aiomqtt

from workbench.core.errors import WorkbenchError, suggest
from workbench.live.listeners.address import Address, secret
from workbench.live.listeners.listener import Pause
from workbench.live.listeners.mqtt import trusting
from workbench.live.replay.pieces import Piece, Stream

log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.wire")
_quiet.setLevel(logging.CRITICAL)  # what it says is told here
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=(.+)")
#: Bytes of one datagram.
_DATAGRAM = 65507


class Target(ABC):
    """Sends pieces somewhere.

    Parameters
    ----------
    address : Address
    source : str or None
        The only source it takes; None for all.
    """

    whole = False  #: takes whole files
    options: ClassVar[tuple[str, ...]] = ()  #: what may stand behind ``?``

    def __init__(self, address: Address, source: str | None) -> None:
        self.address = address
        self.source = source

    def takes(self, stream: Stream) -> bool:
        """Does a stream go here?"""
        return self.source in (None, stream.name) and (self.whole or not stream.whole)

    async def open(self) -> None:  # noqa: B027
        """Connect."""

    @abstractmethod
    async def send(self, piece: Piece) -> None:
        """Send one piece."""

    def drop(self) -> None:  # noqa: B027
        """Somebody interrupts: what still waits to be sent is let go, so that `close` need not wait for the other end."""

    async def close(self) -> None:  # noqa: B027
        """Let go of everything, when what was sent has gone out."""


class Datagrams(Target):
    """One datagram a piece; to a broadcast address or a multicast group as well."""

    _socket: socket.socket | None = None

    async def open(self) -> None:
        """Make the socket."""
        made = socket.socket(socket.AF_INET6 if ":" in self.address.host else socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setblocking(False)
        self._socket, self._to = made, (self.address.host or "127.0.0.1", self.address.need_port())

    async def send(self, piece: Piece) -> None:
        """Send, whether somebody listens or not."""
        assert self._socket is not None
        body = piece.payload
        for begin in range(0, len(body) or 1, _DATAGRAM):
            with suppress(ConnectionRefusedError):
                try:
                    self._socket.sendto(body[begin : begin + _DATAGRAM], self._to)
                except BlockingIOError:
                    await asyncio.get_running_loop().sock_sendto(
                        self._socket, body[begin : begin + _DATAGRAM], self._to
                    )

    async def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()


class Stretch(Target):
    """A stream: connects to a listener, again when it is lost; or waits to be connected to, by any number."""

    def __init__(self, address: Address, source: str | None) -> None:
        super().__init__(address, source)
        self.port = address.need_port()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._guest = asyncio.Event()

    async def open(self) -> None:
        """Connect, or wait for the first guest."""
        if self.address.scheme == "tcp":
            await self._connect()
            return
        self._guest = asyncio.Event()
        self._server = await asyncio.start_server(self._enter, self.address.host or "0.0.0.0", self.port)
        await self._guest.wait()

    def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._guest.set()

    async def _connect(self) -> None:
        pause = Pause()
        while True:
            try:
                _, writer = await asyncio.open_connection(self.address.host, self.port)
            except OSError:
                await pause.wait()
                continue
            self._writers = [writer]
            return

    async def send(self, piece: Piece) -> None:
        """Send to all; who is gone is forgotten, or connected to anew."""
        for writer in list(self._writers):
            try:
                writer.write(piece.payload)
                await writer.drain()
            except OSError:
                self._writers.remove(writer)
                writer.close()
                if self.address.scheme == "tcp":
                    await self._connect()
                    self._writers[-1].write(piece.payload)

    def drop(self) -> None:
        """The other end may read no more, as a workbench whose disk is full: nothing would ever go out."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Close the connections."""
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class Messages(Target):
    """A message a piece, QoS 1 unless ``?qos=0``; without ``SOURCE=`` the topic is followed by the source's name.

    ``mqtts://`` and the options ``password_env``, ``password_file`` and ``ca`` are those of the listener. A broker that
    goes away is waited for; what it did not answer to is published again.
    """

    options = ("qos", "password_env", "password_file", "ca")

    def __init__(self, address: Address, source: str | None) -> None:
        super().__init__(address, source)
        self.qos = int(address.options.get("qos", "1")) if address.options.get("qos", "1") in ("0", "1") else -1
        if self.qos < 0 or not address.host:
            raise WorkbenchError(f"{address.url}: which broker? Such as mqtt://host:1883/ship?qos=1 (qos is 0 or 1)")
        self._client: aiomqtt.Client | None = None

    async def open(self) -> None:
        """Connect to the broker."""
        try:
            await self._connect()
        except aiomqtt.MqttError as error:
            raise WorkbenchError(f"{self.address.url}: no connection ({error})") from error

    async def _connect(self) -> None:
        address, options = self.address, self.address.options
        password = secret(address, options.get("password_env", ""), options.get("password_file", ""))
        tls = trusting(address, options.get("ca", ""))
        made = aiomqtt.Client(
            address.host, address.port or (1883 if tls is None else 8883), username=address.user, password=password,
            tls_context=tls, logger=_quiet,
        )  # fmt: skip
        await made.__aenter__()
        self._client = made

    async def send(self, piece: Piece) -> None:
        """Publish, and wait for the broker's answer."""
        topic = self.address.path.strip("/")
        topic = topic if self.source else f"{topic}/{piece.source}".lstrip("/")
        pause = Pause()
        while True:
            try:
                if self._client is None:
                    await self._connect()
                assert self._client is not None
                return await self._client.publish(topic, piece.payload, qos=self.qos)
            except aiomqtt.MqttError as error:
                log.warning("%s: the broker is gone (%s); tried again", self.address.url, error)
                await self.close()
                await pause.wait()

    async def close(self) -> None:
        """Say good-bye."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)


class Files(Target):
    """Files under their own names: logs grow line by line, whole files come as rsync brings them, hidden, then moved.

    Without ``SOURCE=`` each source has a folder of its own. What is there already is never touched.
    """

    whole = True

    def __init__(self, address: Address, source: str | None) -> None:
        super().__init__(address, source)
        if address.host or not address.path:
            raise WorkbenchError(f"{address.url}: which folder? Such as folder:/data/incoming")
        self.root = Path(address.path)
        self._open: dict[str, IO[bytes]] = {}
        self._begun: set[str] = set()
        self._under_way: Path | None = None

    async def send(self, piece: Piece) -> None:
        """Write a line, or bring a file."""
        path = self.root / piece.path if self.source else self.root / piece.source / piece.path
        if piece.file is not None:
            await asyncio.to_thread(self._bring, piece.file, path)
        else:
            self._write(path, piece.body)

    def _bring(self, file: Path, path: Path) -> None:
        self._refuse(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._under_way = path.with_name(f".{path.name}.replay")
        shutil.copyfile(file, self._under_way)
        os.replace(self._under_way, path)
        self._under_way = None

    def _write(self, path: Path, body: bytes) -> None:
        key = os.fspath(path)
        if key not in self._open:
            if key not in self._begun:
                self._refuse(path)
                self._begun.add(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            for left in list(self._open)[:-20]:
                self._open.pop(left).close()
            self._open[key] = path.open("ab", buffering=0)
        self._open[key].write(body)

    def _refuse(self, path: Path) -> None:
        if path.exists():
            raise WorkbenchError(f"{path}: is there already. Replay into an empty folder, or take it away first")

    async def close(self) -> None:
        """Close the files; half a file is taken away."""
        for file in self._open.values():
            file.close()
        under_way = self._under_way  # a copy that goes on may end meanwhile
        if under_way is not None:
            under_way.unlink(missing_ok=True)


KINDS: dict[str, type[Target]] = {
    "udp": Datagrams, "tcp": Stretch, "tcp+listen": Stretch, "mqtt": Messages, "mqtts": Messages, "folder": Files,
}  # fmt: skip


def parse(text: str, streams: list[Stream]) -> Target:
    """``[SOURCE=]URL`` as a Target.

    Raises
    ------
    WorkbenchError
        When the source or the kind of place is not known; the nearest is told.
    """
    match = _NAMED.fullmatch(text)
    source, url = match.groups() if match else (None, text)
    known = {stream.name: stream for stream in streams}
    if source is not None and source not in known:
        raise WorkbenchError(f"'{text}': there is no source '{source}' to replay. {suggest(source, known)}")
    address = Address.parse(url)
    kind = KINDS.get(address.scheme)
    if kind is None:
        raise WorkbenchError(f"'{text}': cannot send to '{address.scheme}:'. {suggest(address.scheme, KINDS)}")
    for name in address.options:
        if name not in kind.options:
            raise WorkbenchError(f"'{text}': '{name}' is no option of {address.scheme}. {suggest(name, kind.options)}")
    if source is not None and known[source].whole and not kind.whole:
        raise WorkbenchError(
            f"'{text}': {source} consists of whole files; send them to a folder: --to {source}=folder:DIR"
        )
    return kind(address, source)
