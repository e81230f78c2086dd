"""Counts of particles in cells."""

from __future__ import annotations

import numpy as np

from workbench.core.viewport import Viewport
from workbench.raster.count import count_codes


def test_a_particle_lands_in_the_cell_of_its_code() -> None:
    counts = count_codes(
        np.array([0, 127, 128, 65535], np.uint16), np.array([0, 0, 0, 65535], np.uint16),
        Viewport(0, 65536, 0, 65536, 512, 512),
    )  # fmt: skip
    assert counts.dtype == np.uint32 and counts.shape == (512, 512)
    assert counts[0, 0] == 2 and counts[0, 1] == 1 and counts[511, 511] == 1 and counts.sum() == 4
