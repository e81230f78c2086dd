"""Feeds that behave as none should: memory stays as it is, everything that came is in the journal.

What the user sees: counters that run. What is lost: nothing of a stream.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import psutil
import pytest

from workbench.live.journal import Journal
from workbench.live.listeners import open_listener
from workbench.testing.listeners import until

pytestmark = pytest.mark.fault


def _memory() -> float:
    return psutil.Process().memory_info().rss / 1e6


@pytest.mark.parametrize("body", [b"x" * 10_000_000, None], ids=["a line of 10 MB without end", "binary garbage"])
def test_a_stream_of_nonsense(tmp_path: Path, body: bytes | None) -> None:
    """200 MB of it: the bytes are in the journal, and the process grows by less than 50 MB."""

    async def run() -> None:
        digest, size = hashlib.sha256(), 0
        with Journal(tmp_path) as journal:
            listener = open_listener("ship", "tcp+listen://127.0.0.1:0", journal)
            await listener.start()
            host, port = listener.bound.rsplit(":", 1)
            _, writer = await asyncio.open_connection(host, int(port))
            before = _memory()
            for _ in range(20):
                piece = body or os.urandom(10_000_000)
                for begin in range(0, len(piece), 1 << 18):
                    writer.write(piece[begin : begin + (1 << 18)])
                    await writer.drain()
                digest.update(piece)
                size += len(piece)
            writer.close()
            await until(lambda: listener.counters.bytes == size, 60)
            grown = _memory() - before
            await listener.stop()
            kept = hashlib.sha256()
            for entry in journal.read("ship"):
                kept.update(entry.body)
            assert kept.digest() == digest.digest()
            assert grown < 50, f"{grown:.0f} MB"

    asyncio.run(run())


def test_a_burst_of_a_thousand_a_second_among_quiet_feeds(tmp_path: Path) -> None:
    """Ten feeds at 10 Hz lose nothing while an eleventh bursts and a twelfth says nothing."""

    async def run() -> None:
        import socket

        with Journal(tmp_path) as journal:
            names = [*(f"quiet{i}" for i in range(10)), "mad", "silent"]
            heard = {name: open_listener(name, "udp://127.0.0.1:0", journal) for name in names}
            for listener in heard.values():
                await listener.start()
            ports = {name: int(listener.bound.rsplit(":", 1)[1]) for name, listener in heard.items()}
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                for turn in range(30):
                    for name in names[:10]:
                        out.sendto(b"%d" % turn, ("127.0.0.1", ports[name]))
                    for _ in range(100):
                        out.sendto(os.urandom(200), ("127.0.0.1", ports["mad"]))
                    await asyncio.sleep(0.1)
            await until(lambda: heard["mad"].counters.received + heard["mad"].counters.dropped == 3000, 60)
            for name, listener in heard.items():
                await listener.stop()
                wanted = 30 if name.startswith("quiet") else 3000 if name == "mad" else 0
                assert (listener.counters.received, listener.counters.dropped) == (wanted, 0)
                assert len(list(journal.read(name))) == wanted

    asyncio.run(run())
