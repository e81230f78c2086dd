"""Datagrams: ``udp://0.0.0.0:55501``. One receipt each; what the kernel had no room for is counted."""

from __future__ import annotations

import asyncio
import socket
import struct
from ipaddress import ip_address
from typing import Any, ClassVar

from workbench.core import clock
from workbench.live.listeners.address import Address
from workbench.live.listeners.listener import Listener, unbindable
from workbench.live.receipt import Door, NotKept, Receipt

# Linux, asm-generic/socket.h: not in Python's socket module.
_SO_RXQ_OVFL, _SO_RCVBUFFORCE, _SO_MEMINFO, _MEMINFO = 40, 33, 55, struct.Struct("9I")
#: Datagrams taken off the socket at once, before others have their turn.
_AT_ONCE = 256
_LARGEST = 65536


class Udp(Listener):
    """Datagrams, from anybody or from a multicast group (``udp://239.192.0.1:60001``).

    Nobody sends a datagram again, so what does not fit is lost: `Counters.dropped` says how many, those that the kernel
    dropped because its buffer was full (``SO_RXQ_OVFL``) and those that the disk refused.

    Parameters
    ----------
    name, address, door
        See `Listener`.
    buffer : int
        Bytes the kernel may hold for us. It gives as much as it may (``net.core.rmem_max``, unless run by root).
    """

    schemes: ClassVar[tuple[str, ...]] = ("udp",)

    def __init__(self, name: str, address: Address, door: Door, *, buffer: int = 32 << 20) -> None:
        super().__init__(name, address, door)
        self.port = address.need_port()
        self.buffer = buffer
        self._socket: socket.socket | None = None
        self._into = bytearray(_LARGEST)
        self._view = memoryview(self._into)
        self._lost = 0  # the kernel's count, 32 bits
        self._peers: dict[Any, str] = {}

    async def start(self) -> None:
        """Bind the socket."""
        family = socket.AF_INET6 if ":" in self.address.host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            _enlarge(made, self.buffer)
            _bind(made, self.address.host, self.port)
        except OSError as error:
            made.close()
            raise unbindable(self.address, error) from error
        self._socket, self._lost = made, 0
        self.bound = _written(made.getsockname())
        asyncio.get_running_loop().add_reader(made, self._ready)
        self.run(self._watch())

    async def stop(self) -> None:
        """Take what the kernel still holds, and close the socket."""
        made, self._socket = self._socket, None
        if made is not None:
            asyncio.get_running_loop().remove_reader(made)
            while self._drain(made):
                pass
            self._count(_drops(made))
            made.close()
        await super().stop()

    def _ready(self) -> None:
        if self._socket is not None:
            self._drain(self._socket)

    def _drain(self, made: socket.socket) -> bool:
        """Take up to `_AT_ONCE` datagrams and keep them with one write; True when there may be more."""
        now, receipts = clock.now(), []
        for _ in range(_AT_ONCE):
            try:
                size, more, _, peer = made.recvmsg_into([self._into], 64)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:  # an ICMP error of an earlier datagram, a network that went away
                self.counters.fault = f"{self.address.url}: {error.strerror or error}"
                break
            for _, kind, data in more:
                if kind == _SO_RXQ_OVFL:
                    self._count(int.from_bytes(data, "little"))
            receipts.append(Receipt(self.name, bytes(self._view[:size]), self._peer(peer), now))
        if receipts:
            try:
                self.take(receipts)
            except NotKept:
                self.counters.dropped += len(receipts)
        return len(receipts) == _AT_ONCE

    def _count(self, lost: int) -> None:
        """The kernel counts up from when the socket was made, and begins again after 32 bits."""
        new = (lost - self._lost) & 0xFFFFFFFF
        if new < 1 << 31:  # else an older count
            self._lost = lost
            self.counters.dropped += new

    def _peer(self, peer: Any) -> str:
        found = self._peers.get(peer)
        if found is None:
            if len(self._peers) >= 1024:
                self._peers.clear()
            found = self._peers[peer] = _written(peer)
        return found

    async def _watch(self) -> None:
        """Drops are told with the next datagram; where none comes, the kernel is asked."""
        while self._socket is not None:
            self._count(_drops(self._socket))
            await asyncio.sleep(1)


def _written(peer: Any) -> str:
    host, port = peer[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _enlarge(made: socket.socket, size: int) -> None:
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except OSError:  # only root may have more than net.core.rmem_max
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _bind(made: socket.socket, host: str, port: int) -> None:
    try:
        group = ip_address(host)
    except ValueError:
        group = None
    if group is None or not group.is_multicast:
        made.bind((host or "0.0.0.0", port))
        return
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    if group.version == 4:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group.packed + socket.inet_aton("0.0.0.0"))
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + struct.pack("@I", 0))


def _drops(made: socket.socket) -> int:
    try:
        return int(_MEMINFO.unpack(made.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[8])
    except (OSError, struct.error):  # an older kernel: the next datagram tells
        return 0
