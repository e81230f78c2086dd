"""UDP and TCP beyond the common laws: drops, losses, garbage, long lines."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from pathlib import Path

import pytest

from workbench.live.journal import Entry, Journal, Position
from workbench.live.listeners import Listener, open_listener
from workbench.live.spool import Lines
from workbench.testing.listeners import Desk, until


def _at(bound: str) -> tuple[str, int]:
    host, port = bound.rsplit(":", 1)
    return host, int(port)


async def _begun(url: str, door: object, **options: object) -> Listener:
    listener = open_listener("ship", url, door, **options)  # type: ignore[arg-type]
    await listener.start()
    return listener


def test_datagrams_that_the_kernel_dropped_are_counted() -> None:
    """A burst larger than the buffer while nobody reads: received and dropped add up to what was sent, exactly."""

    async def run() -> None:
        desk = Desk()
        listener = await _begun("udp://127.0.0.1:0?buffer=20000", desk)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for number in range(5000):
                out.sendto(b"%06d" % number, _at(listener.bound))  # the loop does not run meanwhile
        await until(lambda: listener.counters.dropped + len(desk.taken) == 5000, 60)
        assert listener.counters.dropped > 1000 and len(desk.taken) > 10
        assert desk.bodies == sorted(desk.bodies)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for number in range(3000):
                out.sendto(b"%06d" % number, _at(listener.bound))
        await listener.stop()
        assert listener.counters.dropped + len(desk.taken) == 8000, "also those dropped last"

    asyncio.run(run())


def test_a_count_of_32_bits_begins_again() -> None:
    listener = open_listener("ship", "udp://127.0.0.1:0", Desk())
    listener._lost = 0xFFFFFFF0  # type: ignore[attr-defined]
    for lost in (0xFFFFFFFA, 0xFFFFFFF5, 4):
        listener._count(lost)  # type: ignore[attr-defined]
    assert listener.counters.dropped == 20


def test_datagrams_of_every_size() -> None:
    async def run() -> None:
        desk = Desk()
        listener = await _begun("udp://127.0.0.1:0", desk)
        bodies = [b"", b"x", b"y" * 1472, b"z" * 65507]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for body in bodies:
                out.sendto(body, _at(listener.bound))
            await until(lambda: len(desk.taken) == 4, 60)
            port = out.getsockname()[1]
        assert desk.bodies == bodies and {receipt.peer for receipt in desk.taken} == {f"127.0.0.1:{port}"}
        await listener.stop()

    asyncio.run(run())


def test_a_multicast_group() -> None:
    async def run() -> None:
        desk = Desk()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        try:
            listener = await _begun(f"udp://239.192.0.7:{port}", desk)
        except OSError as error:
            pytest.skip(f"no multicast here: {error}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            try:
                out.sendto(b"$GPGGA", ("239.192.0.7", port))
            except OSError as error:
                await listener.stop()
                pytest.skip(f"no multicast here: {error}")
        await until(lambda: desk.bodies == [b"$GPGGA"], 60)
        await listener.stop()

    asyncio.run(run())


def test_a_taken_port_is_told() -> None:
    async def run() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            listener = open_listener("ship", f"udp://127.0.0.1:{taken.getsockname()[1]}", Desk())
            with pytest.raises(Exception, match="another program"):
                await listener.start()
            await listener.stop()
            return listener.bound

    assert asyncio.run(run()) == ""


def test_a_client_comes_back_after_every_loss() -> None:
    """The user sees that the connection was lost; bytes come again with the next connection."""

    async def run() -> None:
        desk, turns = Desk(), 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal turns
            turns += 1
            writer.write(b"turn %d\r\n$GPGGA,half a li" % turns)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            listener = await _begun(f"tcp://127.0.0.1:{port}", desk)
            await until(lambda: turns >= 3, 60)
            await until(lambda: len(desk.taken) >= 3, 60)
            assert listener.counters.reconnects >= 2
            assert "lost" in (listener.counters.fault or "lost")
            await listener.stop()
        assert desk.bodies[:2] == [b"turn 1\r\n$GPGGA,half a li", b"turn 2\r\n$GPGGA,half a li"]
        lines = Lines(stream=True, stamped=False)
        read = [lines.of(Entry(each.body, each.peer, each.time, Position(), Position())) for each in desk.taken[:3]]
        assert read == [b"turn 1\n", b"turn 2\n", b"turn 3\n"], "the half line is left behind, and spoils no other"

    asyncio.run(run())


def test_a_client_leaves_a_silent_connection() -> None:
    async def run() -> None:
        turns = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal turns
            turns += 1
            await reader.read()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            listener = await _begun(f"tcp://127.0.0.1:{port}?silent=0.05", Desk())
            await until(lambda: turns >= 2, 60)
            await until(lambda: "nothing came for" in (listener.counters.fault or ""), 60)
            await listener.stop()

    asyncio.run(run())


def test_a_mad_stream_is_kept_whole_in_pieces(tmp_path: Path) -> None:
    """A line of 10 MB, binary garbage, a thousand small pieces: all of it in the journal, no piece above 64 KiB."""
    import os

    async def run() -> None:
        sent = [b"x" * 10_000_000 + b"\n", os.urandom(300_000), *[b"$GPGGA,%d\r\n" % index for index in range(1000)]]
        with Journal(tmp_path) as journal:
            listener = await _begun("tcp+listen://127.0.0.1:0", journal)
            _, writer = await asyncio.open_connection(*_at(listener.bound))
            for body in sent:
                writer.write(body)
                await writer.drain()
            writer.close()
            await until(lambda: listener.counters.bytes == sum(map(len, sent)), 60)
            await listener.stop()
            entries = list(journal.read("ship"))
        assert b"".join(entry.body for entry in entries) == b"".join(sent)
        assert max(len(entry.body) for entry in entries) <= 65536

    asyncio.run(run())


def test_several_guests_at_once_keep_their_own_order() -> None:
    async def run() -> None:
        desk = Desk()
        listener = await _begun("tcp+listen://127.0.0.1:0", desk)

        async def guest(name: bytes) -> None:
            _, writer = await asyncio.open_connection(*_at(listener.bound))
            for index in range(50):
                writer.write(name + b"%02d " % index)
                await writer.drain()
                await asyncio.sleep(0)
            writer.close()

        await asyncio.gather(*(guest(name) for name in (b"a", b"b", b"c")))
        await until(lambda: listener.counters.bytes == 3 * 50 * 4, 60)
        await listener.stop()
        by_peer: dict[str, bytes] = {}
        for receipt in desk.taken:
            by_peer[receipt.peer] = by_peer.get(receipt.peer, b"") + receipt.body
        assert sorted(by_peer.values()) == [b"".join(n + b"%02d " % i for i in range(50)) for n in (b"a", b"b", b"c")]

    asyncio.run(run())


def test_a_stream_is_not_connected_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens at a high port of this machine, the kernel may give just that port to who connects."""
    real, with_itself = asyncio.open_connection, 0

    async def connect(host: str, port: int, **given: object) -> object:
        nonlocal with_itself
        made = await real(host, port, local_addr=(host, port), **given)  # type: ignore[arg-type]
        with_itself += 1
        return made

    async def run() -> None:
        monkeypatch.setattr(asyncio, "open_connection", connect)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        listener = await _begun(f"tcp://127.0.0.1:{port}", Desk())
        await until(lambda: with_itself >= 1 and "nobody listens" in str(listener.counters.fault), 60)
        monkeypatch.setattr(asyncio, "open_connection", real)
        with socket.create_server(("127.0.0.1", port)) as logger:  # its port is free for who should listen there
            logger.settimeout(60)
            guest = await asyncio.to_thread(lambda: logger.accept()[0])
            await until(lambda: listener.counters.fault is None, 60)
            guest.close()
        await listener.stop()

    asyncio.run(run())


def test_half_a_line_of_a_guest_spoils_no_line_of_the_next() -> None:
    """Serial servers connect from the same port each time: half a line and a reset, then a whole line."""

    async def run() -> None:
        desk = Desk()
        listener = await _begun("tcp+listen://127.0.0.1:0", desk)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            own = free.getsockname()
        for count, said in enumerate([b"$GPGGA,half a li", b"$GPGGA,whole\r\n"], start=1):
            with socket.socket() as out:
                out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                out.bind(own)
                out.connect(_at(listener.bound))
                out.sendall(said)
                await until(lambda: len(desk.taken) == count, 60)  # noqa: B023
                out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
            await until(lambda: listener.counters.reconnects == count, 60)  # noqa: B023
        await listener.stop()
        lines = Lines(stream=True, stamped=False)
        read = [lines.of(Entry(each.body, each.peer, each.time, Position(), Position())) for each in desk.taken]
        assert read == [b"", b"$GPGGA,whole\n"]
        assert all(each.peer.startswith(f"127.0.0.1:{own[1]}/") for each in desk.taken)

    asyncio.run(run())


def test_a_cut_cable_is_told_as_one() -> None:
    """The kernel gives up after 25 s, with an error that Python makes a TimeoutError of."""

    class Cut:
        async def read(self, size: int) -> bytes:
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    class Writer:
        def get_extra_info(self, name: str, default: object = None) -> object:
            return {"peername": ("10.0.0.5", 4001), "socket": made}.get(name, default)

    with socket.socket() as made:
        for url, said in {"tcp+listen://127.0.0.1:0": "timed out", "tcp://127.0.0.1:9?silent=9": "timed out"}.items():
            listener = open_listener("ship", url, Desk())
            assert said in asyncio.run(listener._read(Cut(), Writer()))  # type: ignore[attr-defined]
