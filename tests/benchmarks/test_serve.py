"""Two hundred viewers of one board: what they cost its process, beside the plain way to show a live cytogram.

A viewer is an open page: a Bokeh session and the socket of its pictures, in another process (`viewers`). The cruise's
clock runs 180 times as fast as time, so that each second brings a new file of three minutes and, with it, a new
picture of a window of a million particles. Pages are opened as a browser opens them; what opening costs is not in the figures
of the ticks. `plain` (`hosts`) is a `rasterize` DynamicMap in every session, moved on by a callback of its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import columns
from tests.benchmarks.beside import Beside, beside
from tests.benchmarks.rows import MODE, SMOKE
from workbench.core.clock import Clock
from workbench.simulate.cruise import write

pytestmark = pytest.mark.timeout(900)

VIEWERS = int(os.environ.get("WORKBENCH_VIEWERS", "200"))
#: The demo's whole board, whose pages take six times longer to open, is for ``make bench-all``.
BOARDS = ("one cytogram",) if MODE == "bench" else ("one cytogram", "the demo's board")
START = np.datetime64("2025-01-14T23:00:00", "ns")
WARP, TIME = 180.0, "now-150min..now"
QUESTION = {"source": "seaflow", "x": "fsc_small", "y": "pe", "time": TIME, "range": [-600, 66136, -600, 66136],
            "level": 512, "picture": "picture"}  # fmt: skip
#: The board of one cytogram, as the plain way has.
ONE = "    - {view: cytogram, source: seaflow, x: fsc_small, y: pe}"


@pytest.fixture(scope="module")
def cruise(tmp_path_factory, smoke) -> Path:
    """Ten hours of a cruise whose files are all there; its clock shows more and more of them."""
    folder = tmp_path_factory.mktemp("serve") / "cruise"
    write(folder, days=0.42, particles=500 if smoke else 20_000)
    return folder


def catalog(cruise: Path, whole: bool) -> Path:
    """With the demo's board, or with one cytogram."""
    text = (cruise / "catalog.yaml").read_text()
    text = text.replace('listen: "folder:{{ CATALOG_DIR }}/evt"', 'url: "{{ CATALOG_DIR }}/evt"')
    if not whole:
        head, _, rest = text.partition("  board:\n")
        text = f"{head}  board:\n{ONE}\nsources:\n{rest.partition('sources:' + chr(10))[2]}"
    path = cruise / f"{'whole' if whole else 'one'}.yaml"
    path.write_text(text)
    Clock(START, 0.0, time.time()).save(cruise / "SIM25.cruise")
    return path


@contextmanager
def opened(kind: str, *given: Path | str) -> Iterator[tuple[Beside, Beside, str]]:
    """A server, those who look, and the server's address."""
    with (
        beside([sys.executable, "-W", "ignore", "-m", "tests.benchmarks.hosts", kind, *given]) as host,
        beside([sys.executable, "-m", "tests.benchmarks.viewers"]) as crowd,
    ):
        yield host, crowd, host.answer()


def watched(host: Beside, crowd: Beside, viewers: int, seconds: float) -> dict[str, Any]:
    """What `viewers` saw, and what that took: CPU as a part of a core, ms a viewer and second."""
    before, begun = host.ask(), time.monotonic()
    seen = crowd.ask(watch=seconds)
    after, took = host.ask(), time.monotonic() - begun
    assert not seen["failed"], seen["failed"]
    cpu = after["cpu"] - before["cpu"]
    return {**seen, "share": 100 * cpu / took, "each": 1e3 * cpu / took / viewers, "cpu": cpu, "seconds": took}


@pytest.fixture(scope="module")
def plain(tmp_path_factory, smoke) -> dict[str, float]:
    """The plain way: ms of CPU and kB of an update, MB of a session."""
    points = tmp_path_factory.mktemp("plain") / "points.npy"
    codes = columns.simulated(3_000_000)
    np.save(points, np.stack([codes["fsc_small"], codes["pe"]]))
    viewers = 2 if smoke else 8
    with opened("plain", points) as (host, crowd, address):
        crowd.ask(open=1, address=address)
        first = host.ask()
        crowd.ask(open=viewers - 1, address=address)
        time.sleep(2)
        updates, seen = host.ask()["updates"], watched(host, crowd, viewers, 2 if smoke else 10)
        last = host.ask()
    made = max(1, last["updates"] - updates)
    told = {
        "ms": 1e3 * seen["cpu"] / made,
        "kb": seen["patched"] / made / 1e3,
        "mb": (last["rss"] - first["rss"]) / (viewers - 1),
    }
    print(f"the plain way, {viewers} sessions: {told}")
    return told


@pytest.mark.parametrize("board", BOARDS)
def test_two_hundred_viewers(board, cruise, plain, row, smoke) -> None:
    viewers, seconds = (3, 3) if smoke else (VIEWERS, 10)
    with opened("board", catalog(cruise, board != "one cytogram")) as (host, crowd, address):
        given = {"address": address, "question": QUESTION, "query": f"time={TIME}"}
        crowd.ask(open=2, **given)
        first = host.ask(collect=True)
        crowd.ask(open=viewers - 2, **given)
        open_ = host.ask(collect=True, warp=WARP)
        time.sleep(0 if smoke else 5)
        seen = watched(host, crowd, viewers, seconds)
        last = host.ask(collect=True)
        crowd.ask(close=True)
    title, pictures = f"{viewers} viewers, {board}", max(1, seen["frames"])
    way = {"peer_name": "rasterize in every session"}
    row(f"{title}: CPU", "% of a core", seen["share"], at_most=50)
    row(f"{title}: p95 of a picture's interval", "s", float(np.percentile(seen["intervals"] or [9], 95)), at_most=1.2)
    row(f"{title}: a picture", "kB", seen["framed"] / pictures / 1e3, peer=plain["kb"], at_most=60, **way)
    row(f"{title}: all a viewer gets", "kB/s", (seen["framed"] + seen["patched"]) / viewers / seen["seconds"] / 1e3)
    row(f"{title}: a viewer's second", "ms CPU", seen["each"], peer=plain["ms"], least_ratio=10, **way)
    grown = (last["rss"] - first["rss"]) / max(1, viewers - 2)
    row(f"{title}: memory of a session", "MB", grown, peer=plain["mb"], least_ratio=3, **way)
    row(f"{title}: opening a page", "ms CPU", 1e3 * (open_["cpu"] - first["cpu"]) / max(1, viewers - 2))
    if board != "one cytogram" and seen["patch_intervals"]:
        row(f"{title}: curves are renewed every", "s", float(np.median(seen["patch_intervals"])))


def test_bare_sockets(cruise, plain, row, smoke) -> None:
    """Only pictures: no page, no Bokeh session. No bar: it says what the sockets alone are of the rows before it."""
    viewers = 3 if smoke else VIEWERS
    with opened("board", catalog(cruise, False)) as (host, crowd, address):
        crowd.ask(open=viewers, address=address, question=QUESTION, session=False)
        host.ask(warp=WARP)
        time.sleep(0 if smoke else 5)
        seen = watched(host, crowd, viewers, 3 if smoke else 10)
    row(f"{viewers} bare sockets: CPU", "% of a core", seen["share"])
    row(f"{viewers} bare sockets: a picture", "ms CPU", 1e3 * seen["cpu"] / max(1, seen["frames"]), peer=plain["ms"],
        peer_name="rasterize in every session")  # fmt: skip


def test_opened_and_closed(cruise, row, smoke) -> None:
    """Nobody is remembered: no watcher, nothing that a page is made of, and no memory after twice as many before."""
    rounds, each = (2, 1) if smoke else (3, 20)
    with opened("board", catalog(cruise, False), "2") as (host, crowd, address):
        crowd.ask(open=1, address=address, question=QUESTION, session=False)  # the gallery listens from now on
        crowd.ask(close=True)
        before, held, left = host.ask(warp=1.0)["listeners"], [], []
        for turn in range(1, rounds + 1):
            crowd.ask(open=each, address=address, question=QUESTION, query=f"time={TIME}")
            crowd.ask(close=True)
            if turn > 1:  # the first ones grow what stays: tables, caches
                held.append(gone(host, before))
                left.append(still(host))
    assert smoke or held[-1]["listeners"] <= before, "sessions that were closed are still told"
    assert smoke or held[-1]["waiting"] == 0
    used = [one.pop("bytes") for one in left]
    more = {name: left[-1][name] - left[0][name] for name in left[0]}
    assert smoke or max(more.values()) <= 0, f"pages that were closed are held: {more}"
    left_behind = (used[-1] - used[0]) / each / 1e6
    row(f"a session opened and closed, of {rounds * each}: left behind", "MB", left_behind, at_most=0.1)


def gone(host: Beside, listeners: int, patience: float = 0.0 if SMOKE else 60.0) -> dict[str, Any]:
    """The state once the closed sessions are let go of (20 s after they closed), or after `patience`."""
    until = time.monotonic() + patience
    while (state := host.ask(collect=True))["listeners"] > listeners and time.monotonic() < until:
        time.sleep(1)
    return state


def still(host: Beside, patience: float = 0.0 if SMOKE else 30.0) -> dict[str, int]:
    """What is alive, once it is no longer getting less: Bokeh takes pages apart a while after nobody hears of them."""
    until, seen = time.monotonic() + patience, host.ask(alive=True)
    while time.monotonic() < until:
        time.sleep(2)
        before, seen = seen, host.ask(alive=True)
        if not seen["Session"] and seen["Document"] == before["Document"]:
            break
    return seen
