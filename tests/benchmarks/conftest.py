"""Benchmarks: what an operation costs, and how many times less than the library one would use otherwise.

Every test in this folder is marked `benchmark` (``make bench``). It measures candidates side by side and says what it
found, with the bar that it must keep::

    def test_count(measure, row):
        took = measure("cytogram of 1e7 codes", {"ours": lambda: ..., "datashader": lambda: ...}, per=1e7)
        row("count 1e7", "s", took["ours"], peer=took["datashader"], peer_name="datashader", least_ratio=5)

Candidates run round-robin, so that a busy moment of the machine hits all of them alike; the median counts. A row whose
bar does not hold fails its test when the test is over (all rows are kept). Bars are ratios, or limits of the machine
times a number: times belong to a machine. ``WORKBENCH_BENCH=smoke`` runs each candidate once on little data
(`size(big)` then answers with less) and asks no bar: CI sees that the benchmarks still run.

``make bench`` leaves out the modules that take long (`HOUR`): ``make bench-all`` has them, and SCALE=1 some (`LONG`). The table is printed at the
end and kept in ``test-output/bench.json`` (by ``make``); what `measure` timed is in ``test-output/benchmarks.json``.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import pytest

from tests.benchmarks.rows import KEPT, MODE, SCALE, SMOKE, Row, keep, table

HERE = Path(__file__).parent
#: Modules of other things than pictures, and what takes long: left out of ``make bench``.
HOUR = {
    "test_engine.py",
    "test_export.py",
    "test_hdf5.py",
    "test_influx.py",
    "test_ingest.py",
    "test_record.py",
    "test_report.py",
    "test_seaflow.py",
    "test_viewers_soak.py",
}
#: The one of them that SCALE=1 brings back: 60 days at 1 Hz.
LONG = {"test_record.py"}
_RESULTS: list[dict[str, object]] = []
_ROWS: list[Row] = []
_BEGUN = time.monotonic()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if MODE and not config.option.collectonly:
        KEPT.unlink(missing_ok=True)  # what a run before this one found is not taken for its own
    left_out = []
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("benchmark")
            if SCALE:
                item.add_marker(pytest.mark.timeout(0), append=False)  # it takes what it takes
            if MODE == "bench" and item.path.name in HOUR - (LONG if SCALE else set()):
                left_out.append(item)
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def smoke() -> bool:
    """True when only running counts: ask for no ratio."""
    return SMOKE


@pytest.fixture(scope="session")
def scale() -> bool:
    """True with ``make bench SCALE=1``: 1e9 particles and 60 days too."""
    return SCALE


@pytest.fixture(scope="session")
def size() -> Callable[[float], int]:
    """``size(1e7)``: that many, or a thousandth of it (at least 1,000) in a smoke run."""
    return lambda big: max(1000, int(big / 1000)) if SMOKE else int(big)


@pytest.fixture
def row() -> Callable[..., Row]:
    """``row(name, unit, ours, peer=, peer_name=, limit=, least_ratio=, at_most=)``: a line of the table, with its bar.

    ours, peer and limit are in `unit`, less is better. `least_ratio` bounds peer / ours from below, `at_most` ours from
    above. The test fails at its end when a bar of its rows does not hold, but not in a smoke run.
    """

    def say(
        name: str, unit: str, ours: float, *, peer: float | None = None, peer_name: str | None = None,
        limit: float | None = None, least_ratio: float | None = None, at_most: float | None = None,
    ) -> Row:  # fmt: skip
        told = (None if value is None else float(value) for value in (peer, limit, least_ratio, at_most))
        peer, limit, least_ratio, at_most = told
        made = Row(name, unit, float(ours), peer, peer_name, limit, least_ratio, at_most)
        _ROWS.append(made)
        return made

    return say


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Iterator[None]:
    before = len(_ROWS)
    answer = yield
    wrong = [made.said() for made in _ROWS[before:] if made.holds is False]
    assert SMOKE or not wrong, "\n".join(wrong)
    return answer


@pytest.fixture
def measure() -> Callable[..., dict[str, float]]:
    """``measure(title, {name: call}, per=1, repeats=7) -> {name: median seconds}``; each is called once before.

    Those named in `warmed` were: they have given what they counted, to be compared.
    """

    def run(
        title: str, candidates: Mapping[str, Callable[[], object]], *, per: float = 1, repeats: int = 7,
        warmed: Collection[str] = (),
    ) -> dict[str, float]:  # fmt: skip
        for name, call in candidates.items():
            if name not in warmed:
                call()
        times: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(1 if SMOKE else repeats):
            for name, call in candidates.items():
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(values) for name, values in times.items()}
        _remember(title, medians, per)
        return medians

    return run


@pytest.fixture
def record_cpu() -> Callable[..., None]:
    """``record_cpu(title, {name: seconds of CPU}, per=1)``: keep what a test measured in processes of their own."""

    def remember(title: str, told: Mapping[str, float], *, per: float = 1) -> None:
        _remember(title, told, per)

    return remember


def _remember(title: str, seconds: Mapping[str, float], per: float) -> None:
    first = next(iter(seconds.values()))
    for name, took in seconds.items():
        each = {"seconds": took, "ns_each": took / per * 1e9, "ratio": took / first}
        _RESULTS.append({"benchmark": title, "candidate": name, **each})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _RESULTS and not _ROWS:
        return
    terminalreporter.section("benchmarks" + (" (smoke: the numbers mean nothing)" if SMOKE else ""))
    for line in table(_ROWS) if _ROWS else ():
        terminalreporter.write_line(line)
    if MODE:
        keep(_ROWS, time.monotonic() - _BEGUN)
    if not SMOKE:
        folder = terminalreporter.config.rootpath / "test-output"
        folder.mkdir(exist_ok=True)
        (folder / "benchmarks.json").write_text(json.dumps(_RESULTS, indent=1))
