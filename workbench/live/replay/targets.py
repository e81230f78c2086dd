"""Where a replay goes: ``udp://``, ``tcp://``, ``tcp+listen://``, ``mqtt://`` and ``folder:``, as the ship's own feeds do."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from contextlib import suppress

import aiomqtt

from workbench.core.errors import WorkbenchError, suggest
from workbench.live.listeners.address import Address, secret
from workbench.live.listeners.listener import Pause
from workbench.live.listeners.mqtt import trusting
from workbench.live.replay.folder import Files
from workbench.live.replay.pieces import Piece, Stream
from workbench.live.replay.target import Target

log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.wire")
_quiet.setLevel(logging.CRITICAL)  # what it says is told here
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=(.+)")
#: Bytes of one datagram.
_DATAGRAM = 65507


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
