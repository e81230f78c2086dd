"""Ranges are rounded so that many people ask for the same picture, and still see what they asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.viewport import Viewport
from workbench.raster.plane import snap

# ranges of all sizes, on and off the plane, either way round
EDGES = st.builds(
    lambda start, octaves, way: (start, start + 2**octaves)[::way],
    st.floats(-1e5, 1e5) | st.integers(0, 65536), st.floats(-3, 18), st.sampled_from([1, -1]),
)  # fmt: skip
RANGES = st.builds(lambda x, y: (*x, *y), EDGES, EDGES)
LEVELS = st.sampled_from([16, 32, 64, 128, 256, 512, 1024, 2048])


def axes(v: Viewport) -> list[tuple[float, float, int]]:
    return [(v.x0, v.x1, v.width), (v.y0, v.y1, v.height)]


@given(RANGES, LEVELS)
def test_a_snapped_range_covers_what_was_asked_on_the_plane(asked, level) -> None:
    v = snap(*asked, level)
    for (low, high, _), edges in zip(axes(v), (asked[:2], asked[2:]), strict=True):
        a, b = (min(max(edge, 0), 65536) for edge in sorted(edges))
        assert 0 <= low <= a <= b <= high <= 65536


@given(RANGES, LEVELS)
def test_a_snapped_range_has_few_cells_of_whole_codes(asked, level) -> None:
    for low, high, cells in axes(snap(*asked, level)):
        cell = (high - low) / cells
        assert cell >= 1 and cell == 2 ** (int(cell).bit_length() - 1)
        assert 1 <= cells <= 3 * level // 2 and low % cell == 0


@settings(max_examples=200)
@given(RANGES, LEVELS)
def test_a_picture_is_fine_enough(asked, level) -> None:
    """At least half as many cells as asked for lie in the range itself, down to one code a cell."""
    for (low, high, cells), edges in zip(axes(snap(*asked, level)), (asked[:2], asked[2:]), strict=True):
        a, b = (min(max(edge, 0), 65536) for edge in sorted(edges))
        cell = (high - low) / cells
        assert cell == 1 or (b - a) / cell > level / 2


@given(RANGES, LEVELS)
def test_snapping_again_changes_nothing(asked, level) -> None:
    v = snap(*asked, level)
    assert snap(v.x0, v.x1, v.y0, v.y1, level) == v
    assert snap(v.x1, v.x0, v.y1, v.y0, level) == v


@given(RANGES, LEVELS)
def test_edges_lie_on_a_grid_that_all_share(asked, level) -> None:
    for low, high, cells in axes(snap(*asked, level)):
        step = (high - low) / cells * (level // 4)
        assert low % step == 0 and high % step == 0


def test_people_who_look_at_almost_the_same_share_a_picture() -> None:
    pictures = {snap(10_000 + pan, 30_000 + pan * 2, 0, 65536) for pan in range(300)}
    assert len(pictures) <= 2
    assert snap(0, 65536, 0, 65536) == snap(-5000, 70000, -1e9, 1e9) == Viewport(0, 65536, 0, 65536, 512, 512)


def test_a_range_beside_the_plane_gives_its_edge() -> None:
    v = snap(70_000, 80_000, -30, -20)
    assert v.x1 == 65536 and v.y0 == 0


@pytest.mark.parametrize("level", [0, 500, 4096, -512])
def test_a_level_is_a_power_of_two(level) -> None:
    with pytest.raises(ValueError, match="power of two"):
        snap(0, 1, 0, 1, level)


def test_a_range_needs_numbers() -> None:
    with pytest.raises(ValueError, match="two numbers"):
        snap(float("nan"), 1, 0, 1)
