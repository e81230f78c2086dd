"""Sending only what changed must end in the same columns as sending everything."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.document.events import ColumnDataChangedEvent, ColumnsPatchedEvent, ColumnsStreamedEvent
from bokeh.models import ColumnDataSource
from hypothesis import given
from hypothesis import strategies as st

from workbench.views.renew import renew


def columns(times: list[int], seed: int) -> dict[str, np.ndarray]:
    time = np.array(times, float)
    value = np.sin(time * 7) + 0
    value[np.asarray(times, int) % 5 == 0] = np.nan
    return {"time": time, "value": value}


def equal(source: ColumnDataSource, new: dict[str, np.ndarray]) -> bool:
    return set(source.data) == set(new) and all(np.array_equal(source.data[k], new[k], equal_nan=True) for k in new)


growing = st.lists(st.integers(0, 60), unique=True, max_size=40).map(sorted)


@given(growing, growing, st.integers(0, 3))
def test_any_columns_become_the_new_ones(old: list[int], new: list[int], corrected: int) -> None:
    before = columns(old, 0)
    after = columns(new, 0)
    if corrected and len(after["value"]):
        after["value"] = after["value"].copy()
        after["value"][-corrected:] = 9.0
    source = ColumnDataSource({k: v.copy() for k, v in before.items()})
    renew(source, after)
    assert equal(source, after)


@given(st.integers(10, 50), st.integers(0, 4), st.integers(1, 6), st.integers(0, 3))
def test_a_moving_window_sends_only_its_new_rows(size: int, dropped: int, added: int, corrected: int) -> None:
    before = columns(list(range(size)), 0)
    after = columns(list(range(dropped, size + added)), 0)
    for k in range(corrected):
        after["value"][size - dropped - 1 - k] = 5.0
    source = ColumnDataSource({k: v.copy() for k, v in before.items()})
    sent = []
    source.on_change("data", lambda attr, old, new: sent.append(new))
    assert renew(source, after) == "more"
    assert equal(source, after)


def test_equal_columns_send_nothing() -> None:
    source = ColumnDataSource(columns([1, 2, 5], 0))
    assert renew(source, columns([1, 2, 5], 0)) == "same"


@pytest.mark.parametrize("empty_first", [True, False])
def test_empty(empty_first: bool) -> None:
    a, b = columns([], 0), columns([1, 2], 0)
    old, new = (a, b) if empty_first else (b, a)
    source = ColumnDataSource(old)
    assert renew(source, new) == "all"
    assert equal(source, new)


def test_shared_arrays_are_never_written() -> None:
    shared = columns(list(range(20)), 0)
    kept = {k: v.copy() for k, v in shared.items()}
    source = ColumnDataSource()
    renew(source, shared)
    later = columns(list(range(21)), 0)
    later["value"][19] = 3.0
    renew(source, later)
    assert all(np.array_equal(shared[k], kept[k], equal_nan=True) for k in kept)


class Browser:
    """The other end: a source that knows only what was sent."""

    def __init__(self, first: dict[str, np.ndarray]) -> None:
        self.here = ColumnDataSource(dict(first))
        self.there = ColumnDataSource({k: v.copy() for k, v in first.items()})
        document = Document()
        document.add_root(self.here)
        document.on_change(self._take)

    def _take(self, event: object) -> None:
        if isinstance(event, ColumnsPatchedEvent):
            self.there.patch(event.patches)
        elif isinstance(event, ColumnsStreamedEvent):
            self.there.stream(dict(event.data), event.rollover)
        elif isinstance(event, ColumnDataChangedEvent):
            self.there.data = {k: np.array(v) for k, v in event.model.data.items()}


@given(st.lists(st.tuples(growing, st.integers(0, 3)), min_size=2, max_size=5))
def test_what_is_sent_makes_the_same_columns_of_any_tab(steps: list[tuple[list[int], int]]) -> None:
    made = []
    for times, corrected in steps:
        made.append(columns(times, 0))
        if corrected:
            made[-1]["value"][-corrected:] = 9.0
    tabs = [Browser(made[0]) for _ in range(2)]
    for new in made[1:]:
        for tab in tabs:
            renew(tab.here, new)
            assert equal(tab.here, new)
            assert equal(tab.there, new)
            assert all(tab.here.data[name] is new[name] for name in new)  # held once, however many tabs


def test_who_changes_a_source_by_hand_is_brought_back() -> None:
    tab, new = Browser(columns([1, 2, 3], 0)), columns([2, 3, 4], 0)
    renew(tab.here, new)
    tab.here.data = columns([50, 51], 0)
    later = columns([2, 3, 4, 5], 0)
    renew(tab.here, later)
    assert equal(tab.here, later)
    assert equal(tab.there, later)
