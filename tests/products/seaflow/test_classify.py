"""Gates: geometry as laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gate, Gating, Plan
from workbench.products.seaflow.classify import classify, inside

numbers = st.integers(1, 60)
corners = st.lists(st.tuples(numbers, numbers), min_size=3, max_size=9)
points = st.lists(st.tuples(st.integers(0, 61), st.integers(0, 61)), min_size=1, max_size=40)


def gate(vertices, population="synecho", x="fsc_small", y="pe", method="manual"):
    return Gate(population, x, y, tuple((float(a), float(b)) for a, b in vertices), method)


def even_odd(px, py, vertices):
    """The rule in exact integers: on an edge, or an odd number of edges to the right."""
    odd = False
    for (x0, y0), (x1, y1) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        cross = (x1 - x0) * (py - y0) - (y1 - y0) * (px - x0)
        if cross == 0 and min(x0, x1) <= px <= max(x0, x1) and min(y0, y1) <= py <= max(y0, y1):
            return True
        if (y0 <= py) != (y1 <= py) and (cross > 0) == (y1 > y0):
            odd = not odd
    return odd


@given(corners, points)
def test_inside_is_even_odd_with_the_boundary(vertices, pts):
    x, y = np.array(pts, dtype=float).T
    assert inside(x, y, gate(vertices)).tolist() == [even_odd(a, b, vertices) for a, b in pts]


@given(corners, points, st.integers(0, 8))
def test_winding_and_first_corner_do_not_matter(vertices, pts, turn):
    x, y = np.array(pts, dtype=float).T
    turned = vertices[turn % len(vertices) :] + vertices[: turn % len(vertices)]
    expected = inside(x, y, gate(vertices))
    assert (inside(x, y, gate(turned)) == expected).all()
    assert (inside(x, y, gate(vertices[::-1])) == expected).all()


@given(corners, st.floats(0, 1))
def test_corners_and_axis_parallel_edges_are_inside(vertices, along):
    x, y = np.array(vertices, dtype=float).T
    assert inside(x, y, gate(vertices)).all()
    box = [(2, 3), (40, 3), (40, 50), (2, 50)]
    assert inside([2 + along * 38, 2, 40], [3, 3 + along * 47, 50], gate(box)).all()


@given(corners, points)
def test_agrees_with_shapely_free_winding_for_triangles(vertices, pts):
    triangle = vertices[:3]
    (ax, ay), (bx, by), (cx, cy) = triangle
    assume((bx - ax) * (cy - ay) != (by - ay) * (cx - ax))
    x, y = np.array(pts, dtype=float).T

    def side(x0, y0, x1, y1):
        return (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)

    sides = np.array([side(ax, ay, bx, by), side(bx, by, cx, cy), side(cx, cy, ax, ay)])
    assert (inside(x, y, gate(triangle)) == ((sides >= 0).all(0) | (sides <= 0).all(0))).all()


def test_edges_are_straight_in_linear_units_not_on_the_log_plot():
    # The edge from (1, 1) to (1000, 1000), shifted: its log-plot midpoint lies off the linear edge.
    wedge = gate([(1, 1), (1000, 1), (1000, 100)])
    x = 10**1.5
    linear_edge = 1 + 99 * (x - 1) / 999
    log_edge = 10 ** (1.5 / 3 * 2)
    assert linear_edge < log_edge
    assert inside([x, x, x], [linear_edge * 0.999, linear_edge * 1.001, log_edge * 0.999], wedge).tolist() == [
        True,
        False,
        False,
    ]


def test_nan_lies_in_no_gate_and_order_decides():
    first, second = gate([(1, 1), (9, 1), (9, 9), (1, 9)], "beads"), gate([(5, 5), (20, 5), (20, 20), (5, 20)])
    channels = {"fsc_small": [6.0, 15.0, np.nan, 30.0], "pe": [6.0, 15.0, 6.0, 30.0]}
    assert classify(channels, Gating("a", (first, second))).tolist() == [1, 2, 0, 0]
    assert classify(channels, Gating("b", (second, first))).tolist() == [1, 1, 0, 0]


def test_auto_gates_are_kept_and_passed_over():
    auto = gate([], "croco", method="auto")
    gating = Gating("a", (auto, gate([(1, 1), (9, 1), (9, 9)])))
    assert gating.not_evaluated == ("croco",)
    assert classify({"fsc_small": [8.0], "pe": [2.0]}, gating).tolist() == [2]


def test_a_missing_channel_names_the_nearest():
    with pytest.raises(WorkbenchError, match=r"asks for channel 'chl_smal'.*Did you mean 'chl_small'"):
        classify({"chl_small": [1.0], "pe": [1.0]}, Gating("a", (gate([(1, 1), (9, 1), (9, 9)], x="chl_smal"),)))


@pytest.mark.parametrize(
    ("vertices", "words"), [([(1, 1), (2, 2)], "needs 3"), ([(1, 1), (2, 2), (float("nan"), 1)], "not a number")]
)
def test_a_gate_that_is_no_polygon_is_refused(vertices, words):
    with pytest.raises(WorkbenchError, match=words):
        gate(vertices)


times = st.integers(0, 10**6).map(lambda s: np.datetime64(s, "s").astype("datetime64[ns]"))


@given(st.lists(times, min_size=1, max_size=6, unique=True), times)
def test_a_plan_holds_from_its_start_until_the_next(starts, when):
    plan = Plan(tuple((t, f"p{i}") for i, t in enumerate(starts)), {f"p{i}": i for i in range(len(starts))})
    before = [t for t in starts if t <= when]
    assert plan.at(when) == (starts.index(max(before)) if before else None)


def test_one_set_without_a_plan_holds_for_the_whole_cruise_and_two_do_not():
    assert Plan((), {"only": 1}).at(np.datetime64("1999-01-01")) == 1
    with pytest.raises(WorkbenchError, match="2 parameter sets and no plan"):
        Plan((), {"a": 1, "b": 2})
    with pytest.raises(WorkbenchError, match=r"asks for 'c'"):
        Plan(((np.datetime64("2020-01-01"), "c"),), {"a": 1})
