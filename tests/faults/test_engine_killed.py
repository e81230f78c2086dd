"""The engine killed at random moments under load. ``WORKBENCH_KILLS=200`` for as many (``make faults``).

What the user sees: pages that say how old data are, for the seconds of a restart. What is lost: nothing acknowledged,
over HTTP or MQTT; of a stream what the kernel held for the dead process, which nobody had acknowledged.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.faults.engine_load import CATALOG, Killable, Load
from tests.services.broker import Broker
from workbench.live.journal import Journal
from workbench.record.record import Record

pytestmark = [pytest.mark.fault, pytest.mark.timeout(3000)]
KILLS = int(os.environ.get("WORKBENCH_KILLS", "20"))


def numbers(record: Record, table: str) -> Counter[int]:
    """How often each line stands in the record."""
    return Counter(record.open(table)["speed"].values.astype(int).tolist())


def rows(record: Record, table: str) -> int:
    return record.count(table) if table in record.tables() else 0


def test_everything_acknowledged_is_there_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Killed again and again, never repaired: each entry of the journal is one row, and what was acknowledged is there.

    A message that a broker gives again stands twice, in the journal as in the record: its payload carries no time.
    """
    server, chance = socket.create_server(("127.0.0.1", 0)), random.Random(7)
    with Broker(tmp_path / "broker") as broker:
        catalog = tmp_path / "k.yaml"
        catalog.write_text(CATALOG.format(tcp=server.getsockname()[1], mqtt=broker.port))
        engine = Killable(catalog, tmp_path / "log")
        request.addfinalizer(engine.end)
        starts = [engine.start()]
        with Load(engine, server, broker.port) as load:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.05, 2.0))
                engine.kill()
                starts.append(engine.start())
            time.sleep(1)
        said = load.acknowledged
        deadline = time.monotonic() + 60
        folder = tmp_path / "K.cruise"
        journal, record = Journal(folder / "raw"), Record(folder)
        entries = {name: [entry.body for entry in journal.read(name)] for name in ("post", "topic", "wire")}
        while any(rows(record, name) < len(entries[name]) for name in ("post", "topic")):
            assert time.monotonic() < deadline, engine.status()
            time.sleep(0.2)
            entries = {name: [entry.body for entry in journal.read(name)] for name in entries}
        assert engine.stop() == 0
    cpu, wall = np.array(starts[1:]).T
    print(
        f"{KILLS} kills: {len(said['post'])} posts and {len(said['topic'])} messages acknowledged; "
        f"restart {np.median(cpu):.1f} s of CPU ({cpu.max():.1f} at most), {np.median(wall):.1f} s of wall"
    )
    there = {name: numbers(record, name) for name in ("post", "topic", "wire")}
    posted = Counter(int(body.split(b",")[5]) for body in entries["post"])
    assert set(said["post"]) <= set(there["post"])
    assert set(said["topic"]) <= set(there["topic"])
    assert set(there["post"].values()) == {1}
    assert set(there["wire"].values()) == {1}
    assert there["post"] == posted
    assert there["topic"] == Counter(int(body.split(b",")[5]) for body in entries["topic"])
    assert np.median(cpu) < 3.0
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text, text
    server.close()
