"""Instruments whose clock is wrong."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.products.clock_offset import clock_offset
from workbench.reports.finding import Finding, Number, window_of
from workbench.views import say

TOPIC = "Clocks"
#: Seconds that a clock may be off: sending and receiving take time, too.
LIMIT = 2.0
#: Drift is told from this many hours on; of less it is mostly jitter.
HOURS = 6.0
#: Seconds of 1024 weeks: old GPS receivers begin to count anew after so many.
ROLLOVER = 1024 * 7 * 86_400


def told(ds: xr.Dataset, source: str) -> list[Finding]:
    """A clock that is off by more than two seconds; nothing about one that is right.

    Parameters
    ----------
    ds : xarray.Dataset
        ``time`` (when a row was received) and ``time_instrument`` along ``time``.
    source : str
    """
    if "time_instrument" not in ds.variables or not (~np.isnat(ds["time_instrument"].values)).any():
        return []
    off = clock_offset(ds)
    offset, drift, spread = (float(off[name]) for name in ("offset", "drift", "spread"))
    if not abs(offset) > LIMIT:
        return []
    window = window_of(ds["time"].values)
    hours = float((window.stop - window.start) / np.timedelta64(1, "h"))
    numbers: tuple[Number, ...] = (
        Number("receipt minus instrument, median", offset, "s"), Number("spread", spread, "s"),
        Number("drift", drift, "s d-1"), Number("rows used", int(off["rows"])),
    )  # fmt: skip
    size = abs(np.timedelta64(round(offset * 1e9), "ns"))
    apart = f"{say.number(abs(offset), 4)} s" if abs(offset) < 6000 else say.age(size)
    text = f"The clock of {source} is {apart} {'behind' if offset > 0 else 'ahead'}"
    turns = round(offset / ROLLOVER)
    if turns and abs(offset - turns * ROLLOVER) < 3600:
        text += f", {abs(turns) * 1024} weeks: its GPS counts weeks anew after 1024"
        numbers = (
            *numbers,
            Number("weeks", abs(turns) * 1024),
            Number("beyond whole turns", offset - turns * ROLLOVER, "s"),
        )
    if hours >= HOURS and abs(drift) > 0.05:
        text += f" and {'loses' if drift > 0 else 'gains'} {say.number(abs(drift), 2)} s a day"
    rule = f"median of receipt minus instrument is more than {LIMIT:g} s (products.clock_offset); times shown are those of receipt"
    return [Finding(TOPIC, "fault", f"{text}; times here are those of receipt.", numbers, source, window, rule)]
