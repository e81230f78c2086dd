"""Benchmarks: what an operation costs, and how many times less than the library one would use otherwise.

Every test in this folder is marked `benchmark` (``make bench``). It measures candidates side by side::

    def test_count(measure):
        seconds = measure("cytogram of 1e7 codes", {"ours": lambda: ..., "datashader": lambda: ...}, per=1e7)
        assert seconds["datashader"] > 5 * seconds["ours"]

Candidates run round-robin, so that a busy moment of the machine hits all of them alike; the median counts. Assert
ratios, with room: times belong to a machine. ``WORKBENCH_BENCH=smoke`` runs each candidate once on little data
(`size(big)` then answers with less) and asks no ratio: CI sees that the benchmarks still run.
The table is printed at the end and kept in ``test-output/benchmarks.json``.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SMOKE = os.environ.get("WORKBENCH_BENCH") == "smoke"
_RESULTS: list[dict[str, object]] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("benchmark")


@pytest.fixture(scope="session")
def smoke() -> bool:
    """True when only running counts: ask for no ratio."""
    return SMOKE


@pytest.fixture(scope="session")
def size() -> Callable[[float], int]:
    """``size(1e7)``: that many, or a thousandth of it (at least 1,000) in a smoke run."""
    return lambda big: max(1000, int(big / 1000)) if SMOKE else int(big)


@pytest.fixture
def measure() -> Callable[..., dict[str, float]]:
    """``measure(title, {name: call}, per=1, repeats=7) -> {name: median seconds}``; each is called once before."""

    def run(
        title: str, candidates: Mapping[str, Callable[[], object]], *, per: float = 1, repeats: int = 7
    ) -> dict[str, float]:
        for call in candidates.values():
            call()
        times: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(1 if SMOKE else repeats):
            for name, call in candidates.items():
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(values) for name, values in times.items()}
        first = next(iter(medians.values()))
        for name, seconds in medians.items():
            row = {
                "benchmark": title,
                "candidate": name,
                "seconds": seconds,
                "ns_each": seconds / per * 1e9,
                "ratio": seconds / first,
            }
            _RESULTS.append(row)
        return medians

    return run


@pytest.fixture
def record_cpu() -> Callable[..., None]:
    """``record_cpu(title, {name: seconds of CPU}, per=1)``: for the table, what a test measured in processes of their own."""

    def keep(title: str, told: Mapping[str, float], *, per: float = 1) -> None:
        first = next(iter(told.values()))
        for name, seconds in told.items():
            each = {"seconds": seconds, "ns_each": seconds / per * 1e9, "ratio": seconds / first}
            _RESULTS.append({"benchmark": title, "candidate": name, **each})

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _RESULTS:
        return
    terminalreporter.section("benchmarks" + (" (smoke: the numbers mean nothing)" if SMOKE else ""))
    for row in _RESULTS:
        terminalreporter.write_line(
            "{benchmark:<44.44} {candidate:<24.24} {seconds:>10.4f} s {ns_each:>12.2f} ns each {ratio:>8.2f} x".format(
                **row
            )
        )
    if not SMOKE:
        folder = terminalreporter.config.rootpath / "test-output"
        folder.mkdir(exist_ok=True)
        (folder / "benchmarks.json").write_text(json.dumps(_RESULTS, indent=1))
