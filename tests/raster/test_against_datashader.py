"""The same cells hold the same counts as in datashader, which others use for this."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.core.viewport import Viewport
from workbench.raster.count import count_by, count_codes
from workbench.raster.plane import snap

VIEWPORTS = [
    snap(0, 65536, 0, 65536),
    snap(0, 65536, 0, 65536, 256),
    snap(20_000, 40_000, 5_000, 22_000),
    snap(30_000, 30_400, 30_000, 31_000),
    Viewport(37, 37 + 64 * 100, 0, 65536, 100, 64),
]


def theirs(x: np.ndarray, y: np.ndarray, v: Viewport) -> np.ndarray:
    """datashader's count over linear axes; it takes points on the right and top edge in, so these are left out."""
    import datashader

    inside = (x < v.x1) & (y < v.y1)
    canvas = datashader.Canvas(v.width, v.height, (v.x0, v.x1), (v.y0, v.y1))
    points = pd.DataFrame({"x": x[inside], "y": y[inside]})
    return canvas.points(points, "x", "y", datashader.count()).values


@pytest.mark.parametrize("viewport", VIEWPORTS, ids=str)
def test_simulated_codes_lie_in_the_same_cells(viewport) -> None:
    rng = np.random.default_rng(1)
    x, y = np.clip(rng.normal(30_000, 9_000, (2, 50_000)), 0, 65535).astype(np.uint16)
    x[::7] = 0
    np.testing.assert_array_equal(count_codes(x, y, viewport), theirs(x, y, viewport))


def test_real_particles_lie_in_the_same_cells(data: Path) -> None:
    path = data / "seaflow/testcruise/evt_v2/2014_185/2014-07-04T00-00-02+00-00"
    rows = np.memmap(path, "<u2", "r", offset=8).reshape(-1, 7)  # pulse_width chl_small D1 D2 fsc_small pe evt_rate
    for i, j in ((4, 1), (4, 5), (2, 3), (1, 5)):
        for viewport in VIEWPORTS:
            x, y = rows[:, i], rows[:, j]
            np.testing.assert_array_equal(count_codes(x, y, viewport), theirs(x, y, viewport))


def test_populations_lie_in_the_same_cells() -> None:
    import datashader

    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 65536, (2, 30_000)).astype(np.uint16)
    label = rng.integers(0, 5, x.size).astype(np.uint8)
    points = pd.DataFrame({"x": x, "y": y, "pop": pd.Categorical(label)})
    canvas = datashader.Canvas(512, 512, (0, 65536), (0, 65536))
    want = canvas.points(points, "x", "y", datashader.count_cat("pop"))
    np.testing.assert_array_equal(count_by(x, y, label, VIEWPORTS[0], 5), want.transpose("pop", "y", "x").values)
