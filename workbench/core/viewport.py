"""A rectangle of data at a size in pixels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Viewport:
    """What a picture shows, and how finely.

    Attributes
    ----------
    x0, x1, y0, y1 : float
        Data range, in the units of the axes (log-code axes: 0 to 65536). Half-open on the right and top.
    width, height : int
        Size in pixels (raster cells).
    """

    x0: float
    x1: float
    y0: float
    y1: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"empty viewport: x {self.x0}..{self.x1}, y {self.y0}..{self.y1}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a viewport needs pixels: {self.width} x {self.height}")
