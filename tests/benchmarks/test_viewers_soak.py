"""Viewers come and go for a long time: memory of the board stays flat, and nobody is remembered (``make bench-all``).

After five hundred opened and closed sessions, twenty viewers stay for `WORKBENCH_SOAK` minutes (25 unless told).
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from tests.benchmarks.rows import SMOKE
from tests.benchmarks.test_serve import QUESTION, TIME, catalog, cruise, gone, opened, still

__all__ = ["cruise"]

MINUTES = 0.02 if SMOKE else float(os.environ.get("WORKBENCH_SOAK", "25"))
ROUNDS, EACH = (1, 1) if SMOKE else (10, 50)
STAY = 1 if SMOKE else 20

pytestmark = pytest.mark.timeout(2 * 3600)


def test_viewers_who_come_and_go(cruise, row) -> None:
    with opened("board", catalog(cruise, True)) as (host, crowd, address):
        given = {"address": address, "question": QUESTION, "query": f"time={TIME}"}
        crowd.ask(open=1, address=address, question=QUESTION, session=False)  # the gallery listens from now on
        crowd.ask(close=True)
        before, left = host.ask(warp=1.0)["listeners"], []
        for turn in range(ROUNDS):
            crowd.ask(open=EACH, **given)
            crowd.ask(close=True)
            print(f"{EACH * (turn + 1)} pages opened and closed: {host.ask()['own']:.0f} MB", flush=True)
            if turn in (0, ROUNDS - 1):
                state = gone(host, before)
                alive = still(host, 0.0 if SMOKE else 120.0)
                left.append({name: many for name, many in alive.items() if name != "bytes"})
                print(f"alive: {alive}", flush=True)
        assert SMOKE or left[-1] == left[0], "pages that were closed are held"
        assert SMOKE or state["listeners"] <= before, "sessions that were closed are still told"
        assert SMOKE or state["waiting"] == 0
        row(
            f"soak: subscribers after {ROUNDS * EACH} sessions opened and closed",
            "",
            state["listeners"],
            at_most=before,
        )
        crowd.ask(open=STAY, **given)
        begun, times, held = time.monotonic(), [], []
        while (now := time.monotonic() - begun) < 60 * MINUTES:
            crowd.ask(watch=1 if SMOKE else 15)
            times.append(now / 3600)
            held.append(host.ask(collect=True)["own"])
            print(f"minute {now / 60:.1f}: {held[-1]:.1f} MB", flush=True)
        crowd.ask(close=True)
    late = len(times) // 3
    slope = float(np.polyfit(times[late:], held[late:], 1)[0]) if len(times) - late > 3 else float("nan")
    row(f"soak: memory of the board with {STAY} viewers, {MINUTES:g} minutes", "MB/h", max(slope, 0.0), at_most=1)
