"""A draft: every step undone and done again, refused steps change nothing, polygons the same both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.draft import Draft, polygons_of
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gate, Gating

numbers = st.floats(0.1, 5000, allow_nan=False)
points = st.lists(st.tuples(numbers, numbers), min_size=3, max_size=6)
GATING = Gating("g", (
    Gate("beads", "fsc_small", "pe", ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0))),
    Gate("synecho", "fsc_small", "pe", ((3.0, 3.0), (4.0, 3.0), (4.0, 5.0), (3.0, 5.5))),
    Gate("prochloro", "fsc_small", "chl_small", (), "auto", {"scale": 0.5}),
))  # fmt: skip

names = st.sampled_from(["beads", "synecho", "prochloro", "picoeuk", "x"])
steps = st.one_of(
    st.tuples(st.just("add_point"), names, st.integers(-1, 7), st.tuples(numbers, numbers)),
    st.tuples(st.just("move_point"), names, st.integers(-1, 7), st.tuples(numbers, numbers)),
    st.tuples(st.just("delete_point"), names, st.integers(-1, 7)),
    st.tuples(st.just("move"), names, numbers, numbers),
    st.tuples(st.just("draw"), names, points),
    st.tuples(st.just("add"), names, st.just("fsc_small"), st.just("pe"), points),
    st.tuples(st.just("copy"), names, names),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("reorder"), names, st.integers(-1, 5)),
)


def do(draft: Draft, step: tuple) -> bool:
    """Whether the step was made."""
    before = draft.gating
    try:
        getattr(draft, step[0])(*step[1:])
    except WorkbenchError:
        assert draft.gating is before
        return False
    return draft.gating != before


@given(st.lists(steps, max_size=12))
def test_undo_goes_back_to_the_byte_and_redo_forth_again(given_steps):
    draft = Draft(GATING)
    seen = [GATING, *(draft.gating for step in given_steps if do(draft, step))]
    for gating in reversed(seen[:-1]):
        assert draft.undo()
        assert draft.gating == gating
    assert not draft.undo() and not draft.changed and draft.gating == GATING
    for gating in seen[1:]:
        assert draft.redo()
        assert draft.gating == gating
    assert not draft.redo()


@given(st.lists(steps, min_size=1, max_size=6), st.integers(1, 3))
def test_a_step_after_undo_forgets_what_was_undone(given_steps, back):
    draft = Draft(GATING)
    for step in given_steps:
        do(draft, step)
    for _ in range(back):
        draft.undo()
    draft.move("beads", 1.0, 1.0) if "beads" in draft.populations else draft.add(
        "beads", "D1", "D2", [(1, 1), (2, 1), (2, 2)]
    )
    assert not draft.can_redo


@given(st.lists(steps, max_size=8))
def test_what_happens_in_one_step_is_undone_as_one(given_steps):
    draft = Draft(GATING)
    with draft.one_step():
        made = [do(draft, step) for step in given_steps]
    after = draft.gating
    assert draft.can_undo == (after != GATING) <= any(made)
    draft.undo()
    assert draft.gating == GATING
    draft.redo()
    assert draft.gating == after


def test_of_a_step_that_raises_nothing_stays():
    draft = Draft(GATING)
    draft.move("beads", 1, 1)
    before = draft.gating

    def fail() -> None:
        with draft.one_step():
            draft.move("beads", 5, 5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert draft.gating == before
    assert draft.undo() and draft.gating == GATING


@given(points)
def test_polygons_are_the_same_both_ways(polygon):
    draft = Draft(GATING)
    draft.add("x", "D1", "D2", np.array(polygon))
    before, drawn = draft.gating, polygons_of(draft.gating)
    assert drawn["x"].tolist() == [list(corner) for corner in polygon]
    for name in ("beads", "synecho", "x"):
        draft.draw(name, drawn[name])
    assert draft.gating is before
    drawn["beads"][0] = 99  # a copy
    assert draft.polygons["beads"][0, 0] == 1.0


def test_what_is_refused_says_what_to_do():
    draft = Draft(GATING)
    with pytest.raises(WorkbenchError, match="synecho"):
        draft.remove("synechoo")
    with pytest.raises(WorkbenchError, match="3 corners"):
        draft.delete_point("beads", 0)
    with pytest.raises(WorkbenchError, match="auto"):
        draft.move("prochloro", 1, 1)
    with pytest.raises(WorkbenchError, match="already"):
        draft.rename("beads", "synecho")
    with pytest.raises(WorkbenchError, match="no gate holds"):
        draft.rename("beads", "unknown")
    with pytest.raises(WorkbenchError, match="not a number"):
        draft.move_point("beads", 0, (np.nan, 1))
    with pytest.raises(WorkbenchError, match="corners"):
        draft.draw("beads", [1, 2, 3])
    assert draft.gating == GATING and not draft.can_undo


def test_an_auto_gate_that_is_drawn_is_a_polygon():
    draft = Draft(GATING)
    draft.draw("prochloro", [(1, 1), (2, 1), (2, 2)])
    assert draft.gate("prochloro") == Gate("prochloro", "fsc_small", "chl_small", ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0)))
