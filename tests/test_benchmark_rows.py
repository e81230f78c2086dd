"""What `make bench` prints: rows that hold when both bars do, a table, JSON, and a page without names of machines."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import rows, write_performance
from tests.benchmarks.rows import HEAD, Row, cells, keep, table

POSITIVE = st.floats(1e-6, 1e6)


@given(ours=POSITIVE, peer=POSITIVE, least=POSITIVE, most=POSITIVE)
def test_a_row_holds_when_both_bars_do(ours: float, peer: float, least: float, most: float) -> None:
    row = Row("x", "s", ours, peer, "other", least_ratio=least, at_most=most)
    assert row.holds is (ours <= most and peer / ours >= least)
    assert Row("x", "s", ours, peer, "other").holds is None
    assert Row("x", "s", ours, at_most=most).holds is (ours <= most)


def test_a_peer_that_is_missing_or_not_a_number_keeps_no_bar() -> None:
    assert Row("x", "s", 1.0, least_ratio=2).holds is False
    assert Row("x", "s", float("nan"), at_most=1).holds is False


@given(st.lists(st.builds(Row, st.text("ab |", min_size=1), st.just("ms"), POSITIVE, st.none() | POSITIVE), max_size=5))
def test_a_line_a_row(made: list[Row]) -> None:
    lines = table(made)
    assert len(lines) == 1 + len(made)
    assert all(len(cells(row)) == len(HEAD) for row in made)


def test_json_is_what_the_issue_says(tmp_path: Path) -> None:
    row = Row("count", "ns/particle", 0.5, 10.0, "datashader", 0.1, 15, 0.8)
    keep([row], 12.0, tmp_path / "bench.json")
    told = json.loads((tmp_path / "bench.json").read_text())
    assert told["rows"] == [asdict(row)]
    assert list(told["rows"][0]) == ["name", "unit", "ours", "peer", "peer_name", "limit", "least_ratio", "at_most"]


def test_the_page_tells_figures_and_failures_but_no_names() -> None:
    told = {"mode": "bench", "scale": False, "seconds": 300, "machine": rows.machine(), "rows": [
        asdict(Row("count 1e8", "ns/particle", 0.5, 10.0, "datashader", 0.1, 15, 0.8)),
        asdict(Row("index real, 512: any 1e+06 of 1e+08", "ms", 0.75, at_most=2)),
        asdict(Row("index real, 512: any 1e+08 of 1e+08", "ms", 0.375, at_most=2)),
        asdict(Row("200 viewers, one cytogram: CPU", "% of a core", 60.0, at_most=50)),
    ]}  # fmt: skip
    text = write_performance.page(told)
    assert "## Counting particles" in text and "## Many viewers" in text and "## What does not hold" in text
    assert f"0.750 ms  {'#' * 50}\n" in text and f"0.375 ms  {'#' * 25}\n" in text
    assert "20 x" in text and "| NO |" in text
    assert socket.gethostname() not in text and str(rows.ROOT) not in text


def test_every_benchmark_that_make_bench_leaves_out_is_there() -> None:
    from tests.benchmarks.conftest import HOUR

    for name in HOUR:
        assert (rows.ROOT / "tests" / "benchmarks" / name).is_file(), name


def test_nothing_kept_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr(write_performance, "KEPT", rows.ROOT / "nowhere.json")
    assert write_performance.main() == 1
    assert "make bench" in capsys.readouterr().err
