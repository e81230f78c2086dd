"""A rectangle of data at a size in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Viewport:
    """What a picture shows, and how finely.

    Attributes
    ----------
    x0, x1, y0, y1 : float
        Data range, in the units of the axes (log-code axes: 0 to 65536). Half-open on the right and top.
    width, height : int
        Size in pixels (raster cells).

    Raises
    ------
    ValueError
        When the rectangle is empty or endless, or has no pixels.
    """

    x0: float
    x1: float
    y0: float
    y1: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if not all(math.isfinite(edge) for edge in (self.x0, self.x1, self.y0, self.y1)):
            raise ValueError(f"a viewport needs finite edges: x {self.x0}..{self.x1}, y {self.y0}..{self.y1}")
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"empty viewport: x {self.x0}..{self.x1}, y {self.y0}..{self.y1}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a viewport needs pixels: {self.width} x {self.height}")

    @property
    def cell_x(self) -> float:
        """Width of a pixel, in the unit of the x axis."""
        return (self.x1 - self.x0) / self.width

    @property
    def cell_y(self) -> float:
        """Height of a pixel, in the unit of the y axis."""
        return (self.y1 - self.y0) / self.height

    @property
    def centres_x(self) -> npt.NDArray[np.float64]:
        """Centres of the pixels along x, float64 (width,)."""
        return np.asarray(self.x0 + (np.arange(self.width) + 0.5) * self.cell_x)

    @property
    def centres_y(self) -> npt.NDArray[np.float64]:
        """Centres of the pixels along y, float64 (height,)."""
        return np.asarray(self.y0 + (np.arange(self.height) + 0.5) * self.cell_y)

    def covers(self, other: Viewport) -> bool:
        """True when `other` lies inside this range."""
        return self.x0 <= other.x0 and other.x1 <= self.x1 and self.y0 <= other.y0 and other.y1 <= self.y1
