"""50 feeds at 10 Hz into one engine, and large EVT files beside them: CPU of the engine for each second of wall. ``WORKBENCH_LOAD=60`` for longer."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from tests.faults.engine_load import SEAFLOW, Killable, arrive, line
from workbench.core import clock
from workbench.record.record import Record
from workbench.simulate.cruise import write

pytestmark = pytest.mark.benchmark
FEEDS, RATE = 50, 10
#: Seconds from one EVT file to the next.
FILE = 180
SECONDS = float(os.environ.get("WORKBENCH_LOAD", "15"))


def test_fifty_feeds_at_ten_hertz(tmp_path: Path, row) -> None:
    """Under 40 % of one core, everything recorded."""
    catalog = tmp_path / "c.yaml"
    catalog.write_text(f"metadata: {{cruise: {{id: B}}}}\nsources:\n{_feeds()}")
    engine = Killable(catalog, tmp_path / "log")
    engine.start()
    process = engine.process
    assert process is not None
    try:
        doors = _doors(engine)
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
    row(f"engine: {FEEDS} feeds at {RATE} Hz", "% of a core", 100 * cpu / gone, at_most=40)


@pytest.mark.timeout(900)
def test_large_evt_files_beside_fifty_feeds(tmp_path: Path, smoke: bool) -> None:
    """An EVT file of 2 M particles every three minutes: nothing is lost, and rows are as young as without it."""
    ship, seconds = tmp_path / "ship", max(SECONDS, 2 if smoke else 60)
    particles = 2000 if smoke else 2_000_000
    write(ship, days=(2 + seconds / FILE) * FILE / 86400, particles=particles)
    files = sorted((ship / "evt").rglob("*-*"))
    (tmp_path / "evt").mkdir()
    (tmp_path / "c.yaml").write_text(
        f"metadata: {{cruise: {{id: B}}}}\nsources:\n{_feeds()}{SEAFLOW.format(ship=ship)}"
    )
    folder, came = tmp_path / "B.cruise", 0
    engine = Killable(tmp_path / "c.yaml", tmp_path / "log")
    engine.start()
    process, record = engine.process, Record(folder)
    assert process is not None
    ages: dict[bool, list[float]] = {False: [], True: []}
    spent, took = {False: [0.0, 0.0], True: [0.0, 0.0]}, []
    try:
        doors = _doors(engine)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while len(record.tables()) < FEEDS:  # what is loaded once, is loaded
                _say(out, doors, 1, 0)
            begun, sent, arrived = time.monotonic(), 0, 0.0
            while time.monotonic() - begun < seconds or record.runs.counts()["ok"] < came:
                if came * FILE + seconds / 3 < time.monotonic() - begun < seconds:
                    arrive(files[came], ship, tmp_path / "evt")
                    came, arrived = came + 1, time.monotonic()
                busy, at, used = record.runs.counts()["ok"] < came, time.monotonic(), process.cpu_times()
                sent += _say(out, doors, 1.0, 1000 + sent)
                now = process.cpu_times()
                spent[busy][0] += now.user + now.system - used.user - used.system
                spent[busy][1] += time.monotonic() - at
                ages[busy] += [_age(record, f"f{i:02d}") for i in (0, FEEDS - 1)]
                if busy and record.runs.counts()["ok"] == came:
                    took.append(time.monotonic() - arrived)
                assert time.monotonic() - begun < 600, engine.log.read_text()
        children = sum((c.cpu_times().user + c.cpu_times().system for c in process.children(recursive=True)), 0.0)
    finally:
        engine.stop()
    quiet, busy_ages = (np.array(ages[each]) for each in (False, True))
    print(
        f"{FEEDS} feeds at {RATE} Hz and {came} EVT files of {particles:,} particles: populations after "
        f"{', '.join(f'{t:.1f} s' for t in took)}; {children:.1f} s of CPU for them; age of the newest row "
        f"{np.median(quiet):.2f} s (95 %: {np.quantile(quiet, 0.95):.2f}) without, "
        f"{np.median(busy_ages):.2f} s ({np.quantile(busy_ages, 0.95):.2f}) with one; engine "
        + ", ".join(f"{100 * cpu / max(wall, 1e-9):.0f} % of a core" for cpu, wall in spent.values())
    )
    assert came and record.runs.counts()["ok"] == came
    assert all(int((record.open(f"f{i:02d}")["speed"].values >= 1000).sum()) == sent for i in range(FEEDS))
    assert smoke or spent[True][0] < 0.40 * spent[True][1]
    assert smoke or np.median(busy_ages) < 3 * np.median(quiet) + 1


def _age(record: Record, table: str) -> float:
    """Seconds since the newest row that is in the record was received."""
    span = record.span(table)
    assert span is not None
    return float((clock.now() - span.stop) / np.timedelta64(1, "s"))


def _feeds() -> str:
    return "".join(
        f'  f{i:02d}: {{driver: workbench, args: {{reader: nmea_log, listen: "udp://127.0.0.1:0"}}}}\n'
        for i in range(FEEDS)
    )


def _doors(engine: Killable) -> list[tuple[str, int]]:
    status = engine.status()
    assert status is not None
    return [("127.0.0.1", int(feed["bound"].rsplit(":", 1)[1])) for feed in status["feeds"] if feed["bound"]]


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
