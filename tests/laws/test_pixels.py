"""Laws of pixels: counts add up, whoever counts what in which order."""

from __future__ import annotations

import numpy as np
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.core.viewport import Viewport
from workbench.raster.count import combine, count
from workbench.raster.levels import levels

VIEWPORT = Viewport(0, 65536, 16384, 49152, 32, 16)
NUMBERS = {
    "uint16": st.integers(0, 65535),
    "float32": st.floats(-1e5, 1e5, width=32, allow_nan=False) | st.sampled_from([np.nan, np.inf, -np.inf]),
    "float64": st.floats(-1e5, 1e5) | st.sampled_from([np.nan, np.inf, 65536.0, -0.0]),
}


@st.composite
def blocks(draw, number: int = 3) -> list[xr.Dataset]:
    kind = draw(st.sampled_from(sorted(NUMBERS)))
    out = []
    for _ in range(number):
        n = draw(st.integers(0, 50))
        a, b = (draw(hnp.arrays(kind, n, elements=NUMBERS[kind])) for _ in "xy")
        out.append(xr.Dataset({"a": ("particle", a), "b": ("particle", b)}))
    return out


def counted(ds: xr.Dataset) -> xr.DataArray:
    return count(ds, "a", "b", VIEWPORT)


@given(blocks())
def test_counts_of_parts_combine_to_the_count_of_the_whole(parts) -> None:
    p, q, r = map(counted, parts)
    whole = counted(xr.concat(parts, "particle"))
    xr.testing.assert_identical(combine(combine(p, q), r), whole)
    xr.testing.assert_identical(combine(p, combine(q, r)), whole)
    xr.testing.assert_identical(combine(combine(r, p), q), whole)


@given(blocks(1))
def test_pixels_sum_to_the_rows_in_view(parts) -> None:
    (ds,) = parts
    a, b = ds.a.values.astype(float), ds.b.values.astype(float)
    v = VIEWPORT
    assert counted(ds).values.sum() == ((a >= v.x0) & (a < v.x1) & (b >= v.y0) & (b < v.y1)).sum()


@given(blocks(1))
def test_nothing_counted_is_nothing_drawn(parts) -> None:
    picture = counted(parts[0])
    for how in ("eq_hist", "log", "linear"):
        np.testing.assert_array_equal(levels(picture, how).values > 0, picture.values > 0)
