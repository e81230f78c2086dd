"""Many values as one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import suggest

_REDUCTIONS: dict[str, Callable[[npt.NDArray[Any]], Any]] = {
    "last": lambda v: v[-1], "mean": np.mean, "median": np.median, "min": np.min, "max": np.max, "sum": np.sum,
    "count": len,
}  # fmt: skip


def reduce_values(how: str, values: npt.NDArray[Any]) -> float:
    """The reduction called `how`; ValueError when there is none of that name."""
    if how not in _REDUCTIONS:
        raise ValueError(f"'{how}' is not a reduction. {suggest(how, _REDUCTIONS)}")
    return float(_REDUCTIONS[how](values))


def reduce_bins(how: str, bins: dict[str, npt.NDArray[Any]]) -> tuple[float, np.datetime64]:
    """The same from bins (more rows than are read at once), and the time of the newest row used.

    The median is that of the bins' means.
    """
    count = bins["count"]
    if not len(count):
        return float("nan"), np.datetime64("NaT", "ns")
    total = bins["mean"] * count
    parts = {
        "last": bins["last"], "mean": total.sum() / count.sum(), "median": bins["mean"], "min": bins["min"],
        "max": bins["max"], "sum": total, "count": count,
    }  # fmt: skip
    if how == "count":
        return float(count.sum()), bins["when"][-1]
    return reduce_values(how, np.atleast_1d(parts.get(how, count))), bins["when"][-1]
