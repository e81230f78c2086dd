"""What a benchmark found: rows with a bar each, the table of them, and the same as JSON.

A row holds when ours is at most `at_most` and `peer` / `ours` is at least `least_ratio`; ours, peer and limit are in one
unit, and less is better. ``python -m tests.benchmarks.rows`` prints the rows of the last ``make bench`` as one JSON line.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: smoke: everything once, tiny; bench: ten minutes; all: an hour; nothing: what pytest was asked for.
MODE = os.environ.get("WORKBENCH_BENCH", "")
SMOKE = MODE == "smoke"
#: ``make bench SCALE=1``: 1e9 particles and 60 days too.
SCALE = os.environ.get("WORKBENCH_SCALE", "") not in ("", "0")
ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "test-output" / ("bench-smoke.json" if SMOKE else "bench.json")


@dataclass(frozen=True)
class Row:
    """One thing measured; None where there is none."""

    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str | None = None
    limit: float | None = None
    least_ratio: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times less ours takes."""
        return None if self.peer is None or not self.ours else self.peer / self.ours

    @property
    def holds(self) -> bool | None:
        """Whether ours keeps its bars; None without any."""
        if self.at_most is None and self.least_ratio is None:
            return None
        slow = self.at_most is not None and not self.ours <= self.at_most
        few = self.least_ratio is not None and self.ours > 0 and not (self.ratio or 0.0) >= self.least_ratio
        return not (slow or few)

    @property
    def bar(self) -> str:
        """The bars in words."""
        least = f">= {self.least_ratio:g} x" if self.least_ratio is not None else ""
        most = f"<= {_number(self.at_most)}" if self.at_most is not None else ""
        return ", ".join(part for part in (most, least) if part)

    def said(self) -> str:
        """One line for who reads a failure."""
        peer = f"; {self.peer_name} {_number(self.peer)}: {self.ratio:.2f} x" if self.ratio is not None else ""
        return f"{self.name}: {_number(self.ours)} {self.unit}{peer}; the bar is {self.bar}"


HEAD = ("what", "unit", "ours", "best peer", "", "limit", "ratio", "bar", "holds")


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table, by `HEAD`."""
    holds = "" if SMOKE else {True: "yes", False: "NO", None: ""}[row.holds]
    ratio = f"{row.ratio:.3g} x" if row.ratio is not None else ""
    return (
        row.name, row.unit, _number(row.ours), _number(row.peer), row.peer_name or "", _number(row.limit), ratio,
        row.bar, holds,
    )  # fmt: skip


def table(rows: Sequence[Row]) -> list[str]:
    """The table as lines of text."""
    filled = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in filled) for at in range(len(HEAD))]
    right = {2, 3, 5, 6}

    def line(parts: tuple[str, ...]) -> str:
        padded = (part.rjust(w) if at in right else part.ljust(w) for at, (part, w) in enumerate(zip(parts, widths, strict=True)))  # fmt: skip
        return "  ".join(padded).rstrip()

    return [line(filled[0]), *(line(parts) for parts in filled[1:])]


def keep(rows: Sequence[Row], seconds: float, path: Path = KEPT) -> None:
    """Write them for `make performance` and ``JSON=1``."""
    path.parent.mkdir(exist_ok=True)
    told = {"mode": MODE, "scale": SCALE, "seconds": round(seconds), "machine": machine(), "rows": [asdict(row) for row in rows]}  # fmt: skip
    path.write_text(json.dumps(told, indent=1))


def machine() -> dict[str, Any]:
    """Facts of this machine that its figures belong to; no name of it and no path."""
    facts: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
    try:
        facts["load"] = round(os.getloadavg()[2], 1)
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        facts["processor"] = next(line.split(":", 1)[1].strip() for line in told.splitlines() if "model name" in line)
        memory = Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]
        facts["memory_gb"] = round(int(memory) / 2**20)
    except (OSError, StopIteration):
        pass
    from importlib.metadata import PackageNotFoundError, version

    for name in ("numba", "numpy", "datashader", "holoviews", "panel", "duckdb", "polars"):
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            continue
    return facts


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    print(json.dumps(json.loads(KEPT.read_text(encoding="utf-8"))["rows"] if KEPT.exists() else []))
    sys.exit(0)
