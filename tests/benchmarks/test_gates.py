"""Gates under the hand: the first answer, the exact one of ten million particles, the series of a hundred million.

A cruise of simulated EVT files on disk; four gates on two planes, three cytograms that follow, two of them by population.
Every question moves a gate, so that nothing is known of its answer. Matplotlib and Shapely are asked gate by gate, on
linear values in memory, and only for counts: no reading, no pictures. Their counts are compared with ours first. The
bars in milliseconds are asked of a machine that does nothing else; of a busy one, those of processor time, which is more
than the time that passes where two cores are free.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import columns, gate_peers
from tests.benchmarks.beside import Beside, beside
from workbench.catalog.cruise import open_cruise
from workbench.core.codes import to_linear
from workbench.core.gates import Gate, Gating
from workbench.core.window import Window
from workbench.live.answer import warm
from workbench.live.feeds import Feeds
from workbench.live.particle_feed import ParticleFeed
from workbench.live.preview import Draft, Estimate, Plane, Preview
from workbench.products.seaflow.classify import inside
from workbench.products.seaflow.labelling import Labeller, count_runs
from workbench.raster.accumulate import cores
from workbench.readers.seaflow_evt import write_evt

pytestmark = pytest.mark.timeout(600)

#: Particles of a file, as many as SeaFlow sees in three minutes.
EACH = 34_722
STEP = np.timedelta64(180_000_000_000, "ns")
PLANES = (Plane("fsc_small", "pe", by=True), Plane("fsc_small", "chl_small", by=True), Plane("D1", "D2"))
CATALOG = """
metadata:
  cruise: {id: GATES, title: Gates, start: 2025-01-14, end: 2025-02-14}
sources:
  evt: {driver: workbench, description: Events., args: {reader: seaflow_evt, url: "{{ CATALOG_DIR }}/evt"}}
"""


def gating(moved: int = 0) -> Gating:
    """Four populations; one corner is where the hand is."""
    return Gating(
        "drawn",
        (
            _round("beads", "fsc_small", "pe", 40000, 45000, 7000), _round("synecho", "fsc_small", "pe", 9000 + moved, 38000, 6000),
            _round("prochloro", "fsc_small", "chl_small", 3000, 10000 + moved, 7000),
            _round("picoeuk", "fsc_small", "chl_small", 30000, 30000, 9000),
        ),
    )  # fmt: skip


def _round(population: str, x: str, y: str, at: float, above: float, far: float) -> Gate:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    codes = np.clip([at + far * np.cos(angles), above + far * np.sin(angles)], 0, 65535).astype(np.uint16)
    return Gate(population, x, y, tuple((float(a), float(b)) for a, b in to_linear(codes).T))


@pytest.fixture(scope="module")
def cruise(tmp_path_factory, size) -> Iterator[ParticleFeed]:
    """The feed of a cruise of a hundred million particles."""
    folder, n = tmp_path_factory.mktemp("gates"), size(1e8)
    drawn = columns.simulated(n)
    for number in range(-(-n // EACH)):
        rows = {name: values[number * EACH : (number + 1) * EACH] for name, values in drawn.items()}
        none = np.zeros(len(rows["D1"]), np.uint16)
        time = np.datetime64("2025-01-14T20:00:00") + number * STEP.astype("timedelta64[s]")
        day = (time.astype("M8[D]") - np.datetime64("2025-01-01")).astype(int) + 1
        name = f"{str(time).replace(':', '-')}+00-00"
        write_evt(folder / "evt" / f"2025_{day:03d}" / name, {**rows, "pulse_width": none, "evt_rate": none})
    (folder / "c.yaml").write_text(CATALOG)
    feeds = Feeds(open_cruise(folder / "c.yaml"))
    feeds.poll()
    feed = feeds["evt"]
    assert isinstance(feed, ParticleFeed) and feed.rows == n
    yield feed
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def view(cruise: ParticleFeed, size) -> Window:
    """Ten million of them."""
    start = np.datetime64(int(cruise.table.times[0]), "ns")
    return Window(start, start + max(1, round(size(1e7) / EACH)) * STEP)


@pytest.fixture(scope="module")
def others(root: Path, smoke: bool) -> Iterator[Beside | None]:
    """Matplotlib and Shapely, or None where they cannot be had."""
    try:
        python = gate_peers.found(root) if smoke else gate_peers.make(root)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"no Matplotlib and no Shapely: they cannot be installed here ({error})")
        python = None
    if python is None:
        yield None
        return
    with beside([python, "-m", "tests.benchmarks.gate_peers", "answer"]) as process:
        yield process


def test_labels(size, row, others, record_cpu, tmp_path):
    """Counts of all populations: ours of ten million codes, theirs of a million numbers, processor time per particle."""
    n, few = size(1e7), size(1e6)
    drawn, made = columns.simulated(n), gating()
    labeller = Labeller(made, unknown_last=True)
    codes = np.stack([drawn[name] for name in labeller.channels])
    linear = {name: to_linear(codes[at, :few]) for at, name in enumerate(labeller.channels)}
    out, ends, some = np.empty(n, np.uint8), np.array([0, n]), np.array([0, few])
    took = {
        "ours": _processor(lambda: count_runs(labeller(codes, out=out), ends, labeller.most)) / n * 1e9,
        "one by one": _processor(lambda: [inside(linear[g.x], linear[g.y], g) for g in made.gates]) / few * 1e9,
    }
    peers: dict[str, float] = {}
    if others is not None:
        paths = {name: str(tmp_path / f"{name}.npy") for name in linear}
        for name, values in linear.items():
            np.save(paths[name], values)
        others.ask(load=paths, gates=[[gate.x, gate.y, [*gate.vertices, gate.vertices[0]]] for gate in made.gates])
        ours = count_runs(labeller(codes[:, :few]), some, labeller.most)[0]
        for name in gate_peers.NAMES:
            told = [others.ask(run=name) for _ in range(4)][1:]
            on_edges = ours.sum() / 1000  # those on an edge are inside for us and perhaps not for them
            assert np.abs(np.array(told[0]["counts"]) - ours).sum() <= 2 * max(on_edges, _on_axis(linear)), name
            peers[name] = min(one["seconds"] for one in told) / few * 1e9
    record_cpu("populations of events", {name: ns * 1e-9 for name, ns in (took | peers).items()})
    best = min(peers, key=peers.__getitem__, default=None)
    row("gates: populations of 1e7 events", "ns/particle", took["ours"],
        peer=peers[best] if best else None, peer_name=best, least_ratio=15 if best else None)  # fmt: skip
    row("gates: the same, polygon by polygon", "ns/particle", took["ours"],
        peer=took["one by one"], peer_name="inside", least_ratio=4)  # fmt: skip


def _processor(call: Callable[[], object], repeats: int = 6) -> float:
    """Seconds of processor, the least of some."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def _on_axis(linear: dict[str, Any]) -> int:
    """Particles of code 0 on an axis of a gate: they are on the edge of every polygon cut off there."""
    return int(np.logical_or.reduce([values == 1.0 for values in linear.values()]).sum())


def test_a_gate_that_is_dragged(cruise, view, row, smoke):
    """Times of whole answers, from the question to what is told, with every column in memory as after `prepare`."""
    warm()
    preview = Preview(cruise, kept=2 << 30)
    idle = os.getloadavg()[0] <= cores() + 1

    def say(name: str, found: list[float], most: float) -> None:
        row(f"gates: {name}", "ms", statistics.median(found) * 1e3, at_most=most if idle else None)

    say("series of 1e8, read from files", [asked(preview, Draft(gating(), view, planes=PLANES), 0)["done"]], 6000)
    drags = [asked(preview, Draft(gating(10 * i), view, planes=PLANES), i) for i in range(1, 3 if smoke else 12)]
    alone = [
        asked(preview, Draft(gating(10 * i + 5), view, planes=PLANES, series=False), i)
        for i in range(2 if smoke else 8)
    ]
    say("first answer, 1e7 in view", [drag["first"] for drag in drags], 50)
    say("exact, and 3 cytograms, 1e7 in view", [drag["exact"] for drag in alone], 300)
    say("series of 1e8", [drag["done"] for drag in drags], 2000)
    row("gates: exact, processor time", "ms", min(drag["processor"] for drag in alone) * 1e3, at_most=300)
    row("gates: series of 1e8, processor time", "ms", min(drag["processor"] for drag in drags) * 1e3, at_most=2000)
    delays = [
        stopped(preview, Draft(gating(1000 + i), view, planes=PLANES), 0.004 * i) for i in range(2 if smoke else 25)
    ]
    say("an answer ends when the hand moves on", delays, 20)
    preview.close()


def asked(preview: Preview, draft: Draft, number: int) -> dict[str, float]:
    """Seconds until the first estimate, the exact one, and the last; and of both cores together."""
    told: dict[str, float] = {}
    done = threading.Event()
    start, begun = time.perf_counter(), time.process_time()

    def tell(estimate: Estimate) -> None:
        took = time.perf_counter() - start
        told.setdefault("first", took)
        if not estimate.approximate:
            told.setdefault("exact", took)
        if estimate.done:
            told.update(done=took, processor=time.process_time() - begun)
            done.set()

    preview.follow(draft, tell)
    assert done.wait(120), number
    return told


def stopped(preview: Preview, draft: Draft, after: float) -> float:
    """Seconds from stopping an answer to its end."""
    ended = threading.Event()
    stop: Callable[[], None] = preview._start(preview._answer(draft, lambda _: None), lambda _: ended.set())
    time.sleep(after)
    start = time.perf_counter()
    stop()
    assert ended.wait(60)
    return time.perf_counter() - start
