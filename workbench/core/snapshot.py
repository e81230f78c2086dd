"""A dataset as it was at one moment, with what a person must know about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Snapshot:
    """The newest of a Source, as seen by a Feed.

    Attributes
    ----------
    dataset : xarray.Dataset
    revision : int
        Grows by one with every change; equal revisions are equal data.
    arrived : numpy.datetime64[ns]
        When the newest row was seen here (cruise clock); NaT when nothing has come yet.
    fault : str or None
        Why the source cannot be read now; None when it can.
    """

    dataset: xr.Dataset
    revision: int = 0
    arrived: np.datetime64 = np.datetime64("NaT", "ns")
    fault: str | None = None
