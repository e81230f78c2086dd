"""A short soak: the demo at 60x with a page open must not write one error, nor stop being live."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.faults.soak import Process, Soak, soak

MINUTES = 3.0


def _line(gradient: float, role: str = "server") -> Process:
    seconds = [15.0 * k for k in range(240)]
    return Process("p", role, seconds, [100 + gradient * s / 3600 for s in seconds], [200.0] * 240)


def test_growth_is_seen() -> None:
    seen = Soak([_line(0.5), _line(3.0), _line(9.0, "browser")], [], [1, 2, 3], warmup=600)
    assert seen.growing(1.0) == ["p grows by 3.00 +- 0.00 MB an hour (limit 1)"]
    assert "no errors in any log" in str(seen)


def test_what_is_not_sure_is_no_growth() -> None:
    some = _line(4.0)
    some.anonymous = [m + 40 * (-1) ** i for i, m in enumerate(some.anonymous)]
    rate, error = some.slope(600)
    assert rate > 1 > rate - error
    assert Soak([some], [], [1, 2, 3], warmup=600).growing(1.0) == []


def test_the_days_of_the_cruise_are_no_growth() -> None:
    seen = _line(0.5)
    seen.anonymous = [
        m + 2.5 * math.sin(s / 1440 * 2 * math.pi) for s, m in zip(seen.time, seen.anonymous, strict=True)
    ]
    assert abs(seen.slope(600)[0] - 0.5) > 1
    assert seen.slope(600, day=1440)[0] == pytest.approx(0.5)


def test_silence_is_seen() -> None:
    assert Soak([], [], [1, 2, 3, 4, 5, 6, 6, 6, 6, 6], warmup=0).silent()
    assert not Soak([], [], [1, 2, 3, 4], warmup=0).silent()


@pytest.mark.fault
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_three_minutes_of_demo(tmp_path: Path) -> None:
    seen = soak(tmp_path, minutes=MINUTES, warmup=60, days=0.5, step=5)
    print(seen)
    assert seen.errors == []
    assert seen.silent() == []
    grown = {p.name: max(p.anonymous) - p.anonymous[0] for p in seen.processes if p.role == "server"}
    assert max(grown.values()) < 300, grown  # a loose bound: minutes say little; make soak runs an hour


@pytest.mark.parametrize(
    ("grows", "found"), [(0.0, []), (30.0, ["5 that were replaced grows by 360.00 +- 0.00 MB an hour (limit 1)"])]
)
def test_processes_that_replace_each_other_are_one(grows, found):
    """Each worker grows while it works; only what the next ones reach beyond it counts."""
    workers = []
    for i in range(5):
        time = [600.0 + 300 * i + 15 * j for j in range(20)]
        memory = [100 + 3 * j + grows * i for j in range(20)]
        workers.append(Process(f"python {i}", "server", time, memory, memory))
    main = Process("python main", "server", [15.0 * i for i in range(150)], [200.0] * 150, [200.0] * 150)
    assert Soak([main, *workers], [], [1, 2, 3], 0).growing(1) == found
