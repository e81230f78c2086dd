"""Decoded columns are shared by those who ask at about the same time, and let go of after a minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from workbench.live import columns
from workbench.live.columns import SECONDS, Columns


class Source:
    """Counts how often a file is read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def columns(self, path: str, names: Sequence[str]) -> dict[str, Any]:
        self.read.append(path)
        return {name: np.full(100, len(path), np.uint16) for name in names}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(columns.time, "monotonic", lambda: now[0])
    return now


def test_what_nobody_asks_for_is_let_go_of(clock: list[float]) -> None:
    source = Source()
    held = Columns(source, 1 << 20)  # type: ignore[arg-type]
    held.read("a", 1, ["pe"], True)
    held.read("bb", 2, ["pe"], True)
    for _ in range(3):
        clock[0] += SECONDS / 2
        assert held.read("a", 1, ["pe"], True)[0][0] == 1  # asked for again and again, it stays
    held.read("ccc", 3, ["pe"], True)
    assert source.read == ["a", "bb", "ccc"]
    assert held.read("bb", 2, ["pe"], False)[0][0] == 2
    assert source.read == ["a", "bb", "ccc", "bb"]


def test_no_more_than_the_limit_is_held(clock: list[float]) -> None:
    source = Source()
    held = Columns(source, 450)  # two of 200 bytes  # type: ignore[arg-type]
    for serial, path in enumerate(("a", "bb", "ccc")):
        held.read(path, serial, ["pe"], True)
    held.read("ccc", 2, ["pe"], True)
    held.read("bb", 1, ["pe"], True)
    assert source.read == ["a", "bb", "ccc"]
    held.read("a", 0, ["pe"], True)
    assert source.read[-1] == "a"
