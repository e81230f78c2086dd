"""50 feeds at 10 Hz into one engine: CPU of the engine process for each second of wall. ``WORKBENCH_LOAD=60`` for longer."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from tests.faults.engine_load import Killable, line
from workbench.record.record import Record

pytestmark = pytest.mark.benchmark
FEEDS, RATE = 50, 10
SECONDS = float(os.environ.get("WORKBENCH_LOAD", "15"))


def test_fifty_feeds_at_ten_hertz(tmp_path: Path) -> None:
    """Under 40 % of one core, everything recorded."""
    catalog = tmp_path / "c.yaml"
    feeds = "".join(
        f'  f{i:02d}: {{driver: workbench, args: {{reader: nmea_log, listen: "udp://127.0.0.1:0"}}}}\n'
        for i in range(FEEDS)
    )
    catalog.write_text(f"metadata: {{cruise: {{id: B}}}}\nsources:\n{feeds}")
    engine = Killable(catalog, tmp_path / "log")
    engine.start()
    process = engine.process
    assert process is not None
    try:
        status = engine.status()
        assert status is not None
        doors = [("127.0.0.1", int(feed["bound"].rsplit(":", 1)[1])) for feed in status["feeds"]]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            _say(out, doors, 8, 0)  # what is loaded once, is loaded
            used, begun = process.cpu_times(), time.monotonic()
            sent = _say(out, doors, SECONDS, 1000)
            gone, now = time.monotonic() - begun, process.cpu_times()
        cpu = now.user + now.system - used.user - used.system
        print(
            f"{FEEDS} feeds at {RATE} Hz: {100 * cpu / gone:.0f} % of one core "
            f"({1e6 * cpu / (sent * FEEDS):.0f} us a datagram), {sent * FEEDS / gone:.0f} datagrams/s"
        )
    finally:
        engine.stop()
    record = Record(tmp_path / "B.cruise")
    assert all(int((record.open(f"f{i:02d}")["speed"].values >= 1000).sum()) == sent for i in range(FEEDS))
    assert cpu / gone < 0.40


def _say(out: socket.socket, doors: list[tuple[str, int]], seconds: float, first: int) -> int:
    """A line to every feed at its rate; lines sent to each."""
    begun, sent = time.monotonic(), 0
    while (gone := time.monotonic() - begun) < seconds:
        while sent < gone * RATE:
            for door in doors:
                out.sendto(line(first + sent), door)
            sent += 1
        time.sleep(0.01)
    return sent
