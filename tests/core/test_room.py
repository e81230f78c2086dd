"""Arrays that grow at their end are what concatenating says, and what was handed out stays as it was."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.room import Room, rounded

parts = st.lists(st.lists(st.binary(max_size=4).map(lambda text: text.rstrip(b"\0")), max_size=300), max_size=8)


@given(parts, st.data())
def test_it_is_concatenation_and_nothing_that_was_handed_out_changes(
    parts: list[list[bytes]], data: st.DataObject
) -> None:
    room, handed = Room(), [(np.empty(0, "S1"), list[bytes]())]
    for part in parts:
        before, said = handed[data.draw(st.integers(0, len(handed) - 1))]  # the newest, or one from before
        after = room.after(before, np.array(part, "S"))
        assert not after.flags.writeable
        handed.append((after, said + part))
        for values, expected in handed:
            assert values.tolist() == expected


def test_a_new_row_copies_nothing_of_the_others() -> None:
    room = Room()
    values = room.after(np.empty(0, np.int64), np.arange(10_000))
    for number in range(rounded(10_000) - 10_000):
        longer = room.after(values, np.array([number]))
        assert longer.base is values.base
        values = longer
    assert room.after(values[:-1], np.array([7])).base is not values.base  # behind it stands another row


def test_the_wider_kind_is_taken() -> None:
    room = Room()
    short = room.after(np.array([b"a"]), np.array([b"b"]))
    assert room.after(short, np.array([b"longer"])).tolist() == [b"a", b"b", b"longer"]
    assert short.tolist() == [b"a", b"b"]
    assert room.after(np.array(["2025-01-01"], "M8[s]"), np.array(["2025-01-02"], "M8[ns]")).dtype == "M8[ns]"


@given(st.integers(1, 100_000))
def test_room_is_in_proportion(rows: int) -> None:
    values = Room().after(np.empty(0, np.int8), np.zeros(rows, np.int8))
    assert values.base is not None
    assert rows <= values.base.nbytes < 1.25 * rows + 4096 + 1
