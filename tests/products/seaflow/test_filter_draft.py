"""Filter parameters while they are changed: untouched rows stay, touched ones are what the product derives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.core.filters import QUANTILES, FilterParameters
from workbench.products.seaflow.beads import Beads
from workbench.products.seaflow.filter_draft import SETTABLE, FilterDraft
from workbench.products.seaflow.parameters import SLOPES, derive

POSITION = st.floats(5_000, 60_000)
THREE = st.tuples(POSITION, POSITION, POSITION)
INSTRUMENT = st.sampled_from(sorted(SLOPES))
STEP = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(QUANTILES), POSITION, POSITION, POSITION),
    st.tuples(st.just("set"), st.sampled_from(("width", "beads_D1", "notch_large_D2")), st.floats(1, 90)),
)
#: What no formula gives: rows as a file may have them.
ROW = (30_000.5, 25_000.25, 24_000.125, 5_000.0, 0.7, 0.8, 1.51, 1.61, -3.5, 12.25, -20_000.5, -21_000.25)
ODD = FilterParameters("odd", tuple(tuple(value * (1 + q / 100) for value in ROW) for q in range(3)))


def do(draft: FilterDraft, step: tuple[Any, ...]) -> None:
    if step[0] == "move":
        draft.move(step[1], fsc=step[2], d1=step[3], d2=step[4])
    else:
        draft.set(step[1], step[2])


@given(THREE, THREE, THREE, INSTRUMENT, st.sampled_from(QUANTILES), POSITION, POSITION, POSITION)
def test_moved_beads_give_what_the_product_derives(
    fsc: Any, d1: Any, d2: Any, instrument: str, quantile: float, x: float, y: float, z: float
) -> None:
    draft = FilterDraft(derive(fsc, d1, d2, instrument))
    draft.move(quantile, fsc=x, d1=y, d2=z)
    beads = [list(each) for each in (fsc, d1, d2)]
    for column, value in zip(beads, (x, y, z), strict=True):
        column[QUANTILES.index(quantile)] = value
    want = derive(*beads, instrument)
    assert draft.parameters.table == want.table
    assert draft.parameters.id == want.id


@given(st.lists(STEP, max_size=12), st.sampled_from([derive([4e4] * 3, [2e4] * 3, [3e4] * 3, "740"), ODD]))
def test_every_step_can_be_undone_and_done_again_to_the_last_digit(steps: list[Any], begin: FilterParameters) -> None:
    draft, seen = FilterDraft(begin), [begin]
    for step in steps:
        do(draft, step)
        if draft.parameters.table != seen[-1].table:
            seen.append(draft.parameters)
    for before in reversed(seen[:-1]):
        assert draft.undo()
        assert draft.parameters == before
    assert not draft.undo()
    assert draft.parameters is begin
    assert not draft.changed
    for after in seen[1:]:
        assert draft.redo()
        assert draft.parameters == after
    assert not draft.redo()


@given(st.sampled_from(QUANTILES), POSITION)
def test_what_is_not_touched_stays_what_the_file_says(quantile: float, d1: float) -> None:
    draft = FilterDraft(ODD)
    draft.move(quantile, d1=d1)
    for q, old, new in zip(QUANTILES, ODD.table, draft.parameters.table, strict=True):
        assert (old == new) == (q != quantile)


@given(POSITION, POSITION)
def test_a_width_changes_nothing_else(a: float, b: float) -> None:
    draft = FilterDraft(ODD)
    draft.set("width", a)
    draft.set("width", b)
    assert np.array_equal(np.delete(draft.parameters.array, 3, axis=1), np.delete(ODD.array, 3, axis=1))
    assert (draft.parameters.array[:, 3] == b).all()


@given(st.floats(-900, 900), st.sampled_from(QUANTILES))
def test_together_all_move_by_as_much(by: float, quantile: float) -> None:
    begin = derive([40_000.0, 40_100.0, 40_200.0], [29_000.0, 28_000.0, 27_000.0], [26_000.0] * 3, "740")
    draft, row = FilterDraft(begin), QUANTILES.index(quantile)
    draft.move(quantile, d1=begin.array[row, 1] + by, together=True)
    assert np.allclose(draft.beads[:, 1] - begin.array[:, 1], by)
    assert np.array_equal(draft.beads[:, [0, 2]], begin.array[:, [0, 2]])


def test_found_beads_give_the_filter_that_they_propose() -> None:
    beads = Beads(np.array([41e3, 42e3, 43e3]), np.array([3e4, 29e3, 28e3]), np.array([27e3, 26e3, 25e3]), 5e4, 99, 4.0)
    draft = FilterDraft(ODD)
    draft.set("width", 4500)
    draft.through(beads, "751")
    assert draft.parameters.table == beads.parameters("751", width=4500).table
    for name in ("offset_small_D1", "offset_small_D2"):
        draft.set(name, 120)
    draft.through(beads, "751")
    assert draft.parameters.table == beads.parameters("751", width=4500, min_d1=120, min_d2=120).table
    slopes = FilterDraft(ODD)
    slopes.through(beads, "not known")
    assert np.array_equal(slopes.parameters.array[:, 6:8], ODD.array[:, 6:8])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("beads_D1", np.nan), ("beads_D1", 0.0), ("beads_fsc_small", 70_000.0), ("width", -1.0), ("offset_small_D1", 65_000.0),
        ("notch_small_D1", 1.0), ("beads", 1.0),
    ],
)  # fmt: skip
def test_nonsense_is_refused_and_changes_nothing(field: str, value: float) -> None:
    begin = derive([4e4] * 3, [2e4] * 3, [3e4] * 3, "740")
    draft = FilterDraft(begin)
    with pytest.raises(WorkbenchError) as told:
        draft.set(field, value)
    assert field.removeprefix("beads_").split("_")[0] in str(told.value)
    assert draft.parameters is begin
    assert not draft.can_undo
    with pytest.raises(WorkbenchError, match=r"2.5, 50, 97.5"):
        draft.set(SETTABLE[0], 3e4, 51)
