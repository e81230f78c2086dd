"""20,000 datagrams a second into the journal: every one is there or counted. ``WORKBENCH_LOAD=60`` runs for a minute.

What the user sees: ``dropped`` of the feed. What is lost: what the kernel had no room for, to the last datagram.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.live.journal import Journal
from workbench.live.listeners import open_listener

pytestmark = pytest.mark.fault
SECONDS = float(os.environ.get("WORKBENCH_LOAD", "5"))

_SENDER = """
import socket, sys, time
host, port = sys.argv[1].rsplit(":", 1)
rate, seconds = float(sys.argv[2]), float(sys.argv[3])
out, sent, began = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0, time.monotonic()
out.connect((host, int(port)))
while (gone := time.monotonic() - began) < seconds:
    due = int(gone * rate) if rate else sent + 1000
    while sent < due:
        out.send(b"$GPGGA,%09d.00,2118.8913,N,15752.3341,W,1,08,0.9,12.3,M,0.0,M,,*4C\\r\\n" % sent)
        sent += 1
    if rate:
        time.sleep(0.001)
print(sent)
"""


def _run(folder: Path, rate: float, seconds: float, buffer: int) -> dict[str, float]:
    async def run() -> dict[str, float]:
        with Journal(folder) as journal:
            listener = open_listener("ship", f"udp://127.0.0.1:0?buffer={buffer}", journal)
            await listener.start()
            begun, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
            sender = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _SENDER, listener.bound, str(rate), str(seconds), stdout=subprocess.PIPE
            )
            said, _ = await sender.communicate()
            await asyncio.sleep(0.5)
            now = resource.getrusage(resource.RUSAGE_SELF)
            cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
            gone = time.monotonic() - begun
            await listener.stop()
        counters = listener.counters
        kept = sum(1 for _ in journal.read("ship"))
        assert kept == counters.received
        return {
            "sent": int(said), "received": counters.received, "dropped": counters.dropped, "cpu": cpu, "gone": gone,
            "memory": now.ru_maxrss - used.ru_maxrss,
        }  # fmt: skip

    return asyncio.run(run())


def _tell(seen: dict[str, float], seconds: float) -> None:
    print(
        f"{seen['sent'] / seconds:,.0f} datagrams/s for {seconds:g} s: received {seen['received']:,.0f}, "
        f"dropped {seen['dropped']:,.0f} (all counted); {1e6 * seen['cpu'] / max(seen['received'], 1):.1f} us of CPU "
        f"each, {100 * seen['cpu'] / seen['gone']:.0f} % of a core; memory +{seen['memory'] / 1024:.0f} MB"
    )


@pytest.mark.timeout(300)
def test_twenty_thousand_a_second(tmp_path: Path) -> None:
    seen = _run(tmp_path, 20_000, SECONDS, 32 << 20)
    _tell(seen, SECONDS)
    assert seen["received"] + seen["dropped"] == seen["sent"]
    assert seen["sent"] > 10_000 * SECONDS


def test_a_flood(tmp_path: Path) -> None:
    """As fast as the sender can, into a small buffer: most are lost, and all of these are counted."""
    seen = _run(tmp_path, 0, min(SECONDS, 5), 100_000)
    _tell(seen, min(SECONDS, 5))
    assert seen["received"] + seen["dropped"] == seen["sent"]
    assert seen["dropped"] > 0 and seen["received"] > 0
