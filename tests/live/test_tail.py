"""The newest rows: a bounded end of all rows, whatever pieces they came in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.live.tail import Tail

PIECES = st.lists(st.lists(st.integers(0, 1000), max_size=12), max_size=8)


def add(tail: Tail, time: list[int], first: int) -> None:
    stamps = np.array(sorted(time), np.int64)
    tail.add(stamps, {"value": np.arange(first, first + len(time)).astype(float)}, {"value": {"units": "m"}})


@given(PIECES, st.integers(1, 20))
def test_it_holds_the_newest_rows_of_all(pieces: list[list[int]], capacity: int) -> None:
    ordered = sorted(t for piece in pieces for t in piece)
    tail, start = Tail(capacity), 0
    for piece in pieces:
        mine = ordered[start : start + len(piece)]
        add(tail, mine, start)
        start += len(piece)
    assert tail.time.tolist() == ordered[-capacity:]
    if ordered:
        assert tail.column("value").tolist() == list(range(len(ordered)))[-capacity:]
    assert tail.dropped == (len(ordered) > capacity)


@given(PIECES)
def test_late_rows_find_their_place(pieces: list[list[int]]) -> None:
    tail, start, rows = Tail(1000), 0, []
    for piece in pieces:
        add(tail, piece, start)
        rows += list(zip(sorted(piece), range(start, start + len(piece)), strict=True))
        start += len(piece)
    rows.sort(key=lambda row: row[0])  # stable: equal times in the order they came
    assert tail.time.tolist() == [t for t, _ in rows]
    if rows:
        assert tail.column("value").tolist() == [v for _, v in rows]


@given(PIECES, st.integers(1, 20))
def test_late_rows_before_the_kept_ones_are_let_go(pieces: list[list[int]], capacity: int) -> None:
    tail = Tail(capacity)
    for piece in pieces:
        add(tail, piece, 0)
        assert len(tail) <= capacity
        assert np.all(np.diff(tail.time) >= 0)
    everything = sorted(t for piece in pieces for t in piece)
    assert tail.time.tolist() == everything[len(everything) - len(tail) :]


@given(PIECES, PIECES, st.integers(1, 20))
def test_what_was_taken_stays_as_it_was(before: list[list[int]], after: list[list[int]], capacity: int) -> None:
    tail = Tail(capacity)
    for piece in before:
        add(tail, piece, 0)
    taken = tail.dataset()
    copy = taken.copy(deep=True)
    for piece in after:
        add(tail, piece, 7)
    assert taken.identical(copy)


def test_a_variable_that_comes_or_goes_is_missing_elsewhere() -> None:
    tail = Tail(10)
    t = np.arange(2, dtype=np.int64)
    tail.add(t, {"a": np.ones(2), "text": np.array(["x", "yy"]), "a_qc": np.ones(2, np.int8)}, {})
    tail.add(t + 2, {"b": np.ones(2), "when": np.zeros(2, "M8[ns]"), "n": np.arange(2)}, {})
    ds = tail.dataset()
    assert np.isnan(ds["a"][2:]).all()
    assert np.isnan(ds["b"][:2]).all()
    assert np.isnat(ds["when"][:2]).all()
    assert ds["text"].values.tolist() == ["x", "yy", "", ""]
    assert ds["a_qc"].values.tolist() == [1, 1, 9, 9]
    assert ds["n"].values[2:].tolist() == [0, 1]


def test_memory_does_not_grow() -> None:
    tail = Tail(100)
    for i in range(1000):
        add(tail, [i * 7 + k for k in range(7)], i)
    assert max(len(tail._time), len(tail._columns["value"])) <= 200
