"""Angles that go round: which variables hold some, and what many of them come to (359 and 1 to 0, not to 180)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

#: CF standard names of angles that go round, beside those whose name says so.
_STANDARD = ("platform_course", "platform_orientation", "longitude")
_WORDS = ("course", "heading", "longitude", "direction")
#: What can be nothing else, where no unit is said; how degrees are written beside ``degree...``, which are of warmth.
_ALONE = ("course", "heading", "longitude", "lon")
_DEGREES = ("deg", "degs", "deg_true", "deg true", "deg_t", "degt", "deg_magnetic", "\u00b0")
_TEMPERATURES = ("celsius", "_c", "fahrenheit", "_f")
_EAST = re.compile(r"degrees?_?e(ast)?")
Float = npt.NDArray[np.float64]


def is_angle(name: str, attrs: Mapping[str, Any]) -> bool:
    """Whether a variable of this name and these attributes holds angles that go round, in degrees."""
    standard = str(attrs.get("standard_name"))
    if standard in _STANDARD or "direction" in standard.split("_"):
        return True
    unit = str(attrs.get("units", "")).strip().lower()
    if not unit:
        return name in _ALONE
    if _EAST.fullmatch(unit):
        return True
    degrees = unit in _DEGREES or (unit.startswith("degree") and not unit.endswith(_TEMPERATURES))
    return degrees and any(word in name for word in _WORDS)


def direction(east: Float, north: Float) -> Float:
    """Degrees from north; NaN where the vectors cancel."""
    around = np.degrees(np.arctan2(east, north)) % 360
    return np.where(np.hypot(east, north) < 1e-12, np.nan, around)


def turned(angles: Float, like: Float) -> Float:
    """`angles` counted as `like` are: from -180 where those have negative ones, else from 0."""
    low = -180.0 if np.nanmin(like, initial=0.0) < 0 else 0.0
    return np.asarray((angles - low) % 360 + low)


def mean(angles: Float) -> float:
    """The direction of the mean of unit vectors, counted as `angles` are; NaN where they cancel."""
    radians = np.radians(angles)
    return float(turned(direction(np.sin(radians).mean(), np.cos(radians).mean()), angles))


def median(angles: Float) -> float:
    """The median of what angles are off their mean, and that mean; NaN where there is none."""
    middle = mean(angles)
    return float(turned(np.asarray(middle + np.median((angles - middle + 180) % 360 - 180)), angles))
