"""The filter: against the formulas in plain numpy, and the limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.core.errors import WorkbenchError
from workbench.core.filters import FIELDS, FilterParameters
from workbench.products.seaflow.filter import Focusing, focus
from workbench.products.seaflow.limits import Flag

ROW = (33759.0, 19543.0, 19440.0, 2500.0, 0.656, 0.683, 1.635, 1.632, 0.0, 0.0, -33050.0, -32038.0)
ONE = FilterParameters("one", ((*ROW[:8], 1418.0, 1080.0, *ROW[10:]), ROW, (*ROW[:8], -1418.0, -1047.0, *ROW[10:])))

codes = st.one_of(st.sampled_from([0, 1, 16, 2496, 19536, 65520, 65535]), st.integers(0, 65535))
events = st.integers(1, 60).flatmap(lambda n: arrays(np.uint16, (3, n), elements=codes))


def plain(d1, d2, fsc, parameters):
    d1, d2, fsc = (a.astype(float) for a in (d1, d2, fsc))
    noise = (fsc <= 1) & (d1 <= 1) & (d2 <= 1)
    saturated = (d1 == d1.max()) | (d2 == d2.max())
    masks = []
    for row in parameters.array:
        p = dict(zip(FIELDS, row, strict=True))
        aligned = ~noise & ~saturated & (d1 < d2 + p["width"]) & (d2 < d1 + p["width"])
        under = [
            (d1 <= fsc * p[f"notch_{s}_D1"] + p[f"offset_{s}_D1"])
            & (d2 <= fsc * p[f"notch_{s}_D2"] + p[f"offset_{s}_D2"])
            for s in ("small", "large")
        ]
        masks.append(aligned & (under[0] | under[1]))
    return noise, saturated, masks


@given(events)
def test_equals_the_formulas(e):
    found = focus(*e, ONE)
    noise, saturated, masks = plain(*e, ONE)
    assert (found.noise_count, found.saturated_count) == (noise.sum(), saturated.sum())
    assert found.opp_count == tuple(m.sum() for m in masks)
    assert (found.index == np.flatnonzero(masks[0] | masks[1] | masks[2])).all()
    assert (found.mask == (masks[0] * 1 + masks[1] * 2 + masks[2] * 4)[found.index]).all()


@given(events, st.randoms())
def test_the_order_of_events_does_not_matter(e, random):
    order = list(range(e.shape[1]))
    random.shuffle(order)
    a, b = focus(*e, ONE), focus(*e[:, order], ONE)
    assert (a.all_count, a.noise_count, a.saturated_count, a.opp_count) == (
        b.all_count,
        b.noise_count,
        b.saturated_count,
        b.opp_count,
    )


@given(events)
def test_strided_rows_and_float_logs_are_the_same(e):
    rows = np.ascontiguousarray(e.T)
    strided, floats = focus(rows[:, 0], rows[:, 1], rows[:, 2], ONE), focus(*e.astype(np.float32), ONE)
    assert strided.opp_count == floats.opp_count == focus(*e, ONE).opp_count


def test_no_events_and_all_noise_divide_by_nothing():
    empty = focus(*np.empty((3, 0), np.uint16), ONE)
    assert (empty.ratio, empty.flag()) == ((0.0, 0.0, 0.0), Flag.UNREADABLE)
    noise = focus(*np.zeros((3, 5), np.uint16), ONE)
    assert (noise.all_count, noise.evt_count, noise.ratio, noise.flag()) == (5, 0, (0.0, 0.0, 0.0), Flag.EMPTY_QUANTILE)


def test_limits_come_in_this_order():
    rng = np.random.default_rng(1)
    e = np.array([rng.integers(0, 3000, 500), rng.integers(0, 3000, 500), rng.integers(20000, 40000, 500)], np.uint16)
    found = focus(*e, ONE)
    assert min(found.opp_count) > 10
    assert found.flag() is Flag.OK
    assert found.flag(max_opp=5) is Flag.TOO_MANY_OPP
    assert found.flag(max_events=499, max_opp=5) is Flag.TOO_MANY_EVENTS


def test_parameters_that_miss_a_number_are_refused():
    with pytest.raises(WorkbenchError, match=r"filter x: width of quantile 50.0 is not a number"):
        FilterParameters("x", (ROW, (*ROW[:3], float("nan"), *ROW[4:]), ROW))
    with pytest.raises(WorkbenchError, match="needs quantiles"):
        FilterParameters("x", (ROW, ROW))


def test_a_particle_on_a_line_is_decided_in_float64():
    """seaflowpy, in float32, takes it: 3200 * 0.575 is 1840 there, and 1839.9999999999998 in float64."""
    row = (33632.0, 19344.0, 19392.0, 220.0, 0.575, 0.577, 1.635, 1.632, 0.0, 0.0, -35644.0, -35495.0)
    assert np.float32(3200) * np.float32(0.575) == 1840 and 3200 * 0.575 < 1840
    e = np.array([[1840, 1839, 60000], [1792, 1792, 60000], [3200, 3200, 1]], np.uint16)
    for dtype in (np.uint16, np.float32, np.float64):
        assert focus(*e.astype(dtype), FilterParameters("one", (row, row, row))).index.tolist() == [1]


@given(events, st.integers(1, 30))
def test_pieces_and_what_is_saturated_in_a_later_one(e, size):
    """Events that come in pieces are those of the whole file: the greatest value may come last."""
    focusing = Focusing(ONE)
    rows = [at + focusing.add(*e[:, at : at + size]) for at in range(0, e.shape[1], size)]
    found, kept = focusing.result()
    whole = focus(*e, ONE)
    assert np.concatenate(rows)[kept].tolist() == found.index.tolist() == whole.index.tolist()
    assert found.mask.tolist() == whole.mask.tolist()
    assert (found.noise_count, found.saturated_count, found.all_count) == (
        whole.noise_count, whole.saturated_count, whole.all_count,
    )  # fmt: skip


@given(st.integers(0, 65535), st.integers(-3, 3),
       st.lists(st.one_of(st.floats(0, 300), st.integers(0, 300).map(float), st.floats(6e4, 1e300)), min_size=3, max_size=3))  # fmt: skip
def test_the_width_is_met_to_the_last_code(at, step, widths):
    """Events one code either side of the width, whole or broken, are decided as the formulas say, in every quantile."""
    one = FilterParameters("one", tuple((*ROW[:3], width, *ROW[4:8], 1e6, 1e6, *ROW[10:]) for width in widths))
    apart = [min(int(width), 65535) + step for width in widths]
    d1 = np.clip([at, at, at, at, 2, 65535], 0, 65535).astype(np.uint16)
    d2 = np.clip([at + apart[0], at + apart[1], at - apart[2], at, 2, 0], 0, 65535).astype(np.uint16)
    e = (d1, d2, np.full(len(d1), 30000, np.uint16))
    found = focus(*e, one)
    _, _, masks = plain(*e, one)
    assert found.opp_count == tuple(m.sum() for m in masks)
    assert (found.index == np.flatnonzero(masks[0] | masks[1] | masks[2])).all()
