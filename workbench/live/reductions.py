"""Many values as one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core import angles as around
from workbench.core.errors import suggest

_REDUCTIONS: dict[str, Callable[[npt.NDArray[Any]], Any]] = {
    "last": lambda v: v[-1], "mean": np.mean, "median": np.median, "min": np.min, "max": np.max, "sum": np.sum,
    "count": len,
}  # fmt: skip
#: Of angles, which go round.
_OF_ANGLES = {**_REDUCTIONS, "mean": around.mean, "median": around.median}


def reduce_values(how: str, values: npt.NDArray[Any], *, angles: bool = False) -> float:
    """The reduction called `how`; ValueError when there is none of that name."""
    if how not in _REDUCTIONS:
        raise ValueError(f"'{how}' is not a reduction. {suggest(how, _REDUCTIONS)}")
    return float((_OF_ANGLES if angles else _REDUCTIONS)[how](values))


def reduce_bins(how: str, bins: dict[str, npt.NDArray[Any]], *, angles: bool = False) -> tuple[float, np.datetime64]:
    """The same from bins (more rows than are read at once), and the time of the newest row used.

    The median is that of the bins' means; mean and median of angles are those of the last of each bin.
    """
    count = bins["count"]
    if not len(count):
        return float("nan"), np.datetime64("NaT", "ns")
    total = bins["mean"] * count
    parts = {
        "last": bins["last"], "mean": total.sum() / count.sum(), "median": bins["mean"], "min": bins["min"],
        "max": bins["max"], "sum": total, "count": count,
    }  # fmt: skip
    if angles and how in ("mean", "median"):
        return reduce_values(how, bins["last"], angles=True), bins["when"][-1]
    if how == "count":
        return float(count.sum()), bins["when"][-1]
    return reduce_values(how, np.atleast_1d(parts.get(how, count))), bins["when"][-1]
