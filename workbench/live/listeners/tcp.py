"""Streams: ``tcp://host:port`` connects to one, ``tcp+listen://0.0.0.0:port`` is connected to. A receipt for each piece."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from errno import ECONNREFUSED
from typing import Any, ClassVar

from workbench.core import clock
from workbench.live.listeners.address import Address
from workbench.live.listeners.listener import Listener, Pause, unbindable
from workbench.live.receipt import Door

#: Bytes taken at once, at most.
_PIECE = 1 << 16
#: Connections that a server has at a time.
_GUESTS = 64
#: A connection that ends leaves nothing behind (SO_LINGER).
_AT_ONCE = struct.pack("ii", 1, 0)
#: A cut cable is noticed after about 25 s (10 s of silence, then three questions 5 s apart).
_KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class Tcp(Listener):
    """A stream of bytes, in the pieces that came; lines are put together by whoever reads the journal.

    A client connects again after a loss, after 0.25 s and then in growing steps up to 30 s. While the disk refuses,
    nothing is read from the connection: the other end waits. The peer of receipts is another one for each connection, so
    that a line which one began does not go on in the next: a client's is ``host:port/own port``, a server's
    ``host:port/when it was connected`` (ms since 1970), for devices that connect from the same port each time.

    Parameters
    ----------
    name, address, door
        See `Listener`.
    silent : float
        Seconds without a byte after which a client connects anew; 0 for never.
    """

    schemes: ClassVar[tuple[str, ...]] = ("tcp", "tcp+listen")
    stream: ClassVar[bool] = True

    def __init__(self, name: str, address: Address, door: Door, *, silent: float = 0.0) -> None:
        super().__init__(name, address, door)
        self.port = address.need_port()
        self.silent = silent
        self._server: asyncio.Server | None = None
        self._guests: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen, or begin to connect."""
        if self.address.scheme == "tcp":
            self.counters.fault = f"{self.address.url}: no connection yet"
            self.run(self._connect())
            return
        try:
            host = self.address.host or "0.0.0.0"
            self._server = await asyncio.start_server(self._serve, host, self.port, limit=_PIECE)
        except OSError as error:
            raise unbindable(self.address, error) from error
        host, port = self._server.sockets[0].getsockname()[:2]
        self.bound = f"{host}:{port}"

    async def stop(self) -> None:
        """Close the connections."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for task in (guests := list(self._guests)):
            task.cancel()
        await asyncio.gather(*guests, return_exceptions=True)
        if server is not None:
            await server.wait_closed()
        await super().stop()

    async def _connect(self) -> None:
        pause = Pause()
        while True:
            try:
                reader, writer = await asyncio.open_connection(self.address.host, self.port, limit=_PIECE)
                if writer.get_extra_info("sockname") == writer.get_extra_info("peername"):
                    # where nobody listens on this machine, the kernel may connect us to ourselves; the port stays free
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    await _close(writer)
                    raise ConnectionRefusedError(ECONNREFUSED, "nobody listens there")
            except OSError as error:
                self.counters.fault = f"{self.address.url}: no connection ({error.strerror or error})"
                await pause.wait()
                continue
            self.counters.fault = None
            before = self.counters.received
            try:
                why = await self._read(reader, writer)
            finally:
                await _close(writer)
            self.counters.reconnects += 1
            self.counters.fault = f"{self.address.url}: the connection was lost ({why})"
            if self.counters.received > before:
                pause.over()
            await pause.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._guests) >= _GUESTS:
            self.counters.refused += 1
            writer.close()
            return
        self._guests.add(task)
        try:
            await self._read(reader, writer)
            self.counters.reconnects += 1
        except asyncio.CancelledError:  # stop: a server's own task that ends cancelled would be told as a mistake
            pass
        finally:
            self._guests.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Take pieces until the connection ends; why it did."""
        host, port = writer.get_extra_info("peername", ("?", 0))[:2]
        if self.address.scheme == "tcp":
            peer = f"{host}:{port}/{writer.get_extra_info('sockname', ('', 0))[1]}"
        else:
            peer = f"{host}:{port}/{clock.now().astype('datetime64[ms]').astype(int)}"
        _keep_alive(writer.get_extra_info("socket"))
        while True:
            try:
                async with asyncio.timeout(self.silent or None):
                    piece = await reader.read(_PIECE)
            except OSError as error:
                if isinstance(error, TimeoutError) and error.errno is None:  # with a number it is the kernel's
                    return f"nothing came for {self.silent:g} s"
                return error.strerror or str(error)
            if not piece:
                return "closed by the other end"
            await self.keep([self.receipt(piece, peer)])


def _keep_alive(made: Any) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
