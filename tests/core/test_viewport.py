"""A rectangle of data at a size in pixels."""

from __future__ import annotations

import pytest

from workbench.core.viewport import Viewport


def test_cells_and_their_centres() -> None:
    v = Viewport(0, 8, -1.0, 1.0, 4, 5)
    assert v.cell_x == 2 and v.cell_y == 0.4
    assert v.centres_x.tolist() == [1, 3, 5, 7] and v.centres_y.tolist() == pytest.approx([-0.8, -0.4, 0, 0.4, 0.8])


def test_equal_viewports_are_one_key() -> None:
    assert len({Viewport(0, 1, 0, 1, 2, 2), Viewport(0, 1, 0, 1, 2, 2), Viewport(0, 1, 0, 1, 2, 3)}) == 2


def test_covers() -> None:
    v = Viewport(0, 8, 0, 8, 4, 4)
    assert v.covers(v) and v.covers(Viewport(1, 2, 0, 8, 1, 1)) and not v.covers(Viewport(-1, 2, 0, 8, 1, 1))


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        ((1, 1, 0, 1, 4, 4), "empty"), ((0, 1, 2, 1, 4, 4), "empty"), ((0, float("inf"), 0, 1, 4, 4), "finite"),
        ((float("nan"), 1, 0, 1, 4, 4), "finite"), ((0, 1, 0, 1, 0, 4), "pixels"),
    ],
)  # fmt: skip
def test_what_is_no_rectangle_is_refused(edges, said) -> None:
    with pytest.raises(ValueError, match=said):
        Viewport(*edges)
