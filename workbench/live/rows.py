"""What a row feed keeps of a source, however long the cruise: the newest rows, and bins of all rows once they are more."""

from __future__ import annotations

from collections.abc import Iterator
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core import clock
from workbench.core.spread import spread
from workbench.core.window import ALWAYS, Window
from workbench.live.tail import Tail
from workbench.raster.overview import Overview

#: Bins in each row of bins: 60 days at 512 s, the newest day at 64 s or finer.
BINS = 16_384
#: Newest rows kept as they are.
NEWEST = 32_768
#: Rows loaded at once while catching up.
BLOCK = 1 << 20
#: A row stamped so far ahead of the clock is a clock gone wrong (a GPS week rollover, a wrong year).
AHEAD = np.timedelta64(366 * 86_400_000_000_000, "ns")


class Rows:
    """Newest rows of one source, and bins of all of them from when they are more than that.

    Parameters
    ----------
    within : Window
        Rows outside are left out and counted: one wrong year would make bins of days of a whole cruise.

    Attributes
    ----------
    tail : Tail
    rows, outside : int
        Rows taken in; rows left out (no time, outside `within`, or a year ahead of the clock).
    late : int
        Grows when rows came that are older than the newest.
    lock : threading.RLock
        Held while rows are added; hold it while looking at more than one thing.
    """

    def __init__(self, within: Window = ALWAYS) -> None:
        self.tail = Tail(NEWEST)
        self.rows = self.outside = self.late = 0
        self.first = self.last = np.datetime64("NaT", "ns")
        self.lock = RLock()
        self._within = within
        self._numbers: dict[str, None] = {}  # names of the numeric variables, in the order they came
        self._overviews: dict[str, Overview] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numeric variables seen so far."""
        return tuple(self._numbers)

    @property
    def span(self) -> Window | None:
        """First to last time, or None."""
        return None if np.isnat(self.first) else Window(self.first, self.last + np.timedelta64(1, "ns"))

    def overview(self, name: str) -> Overview:
        """The bins that hold the variable `name`. KeyError when no row had it, and before the tail let go of any row."""
        return self._overviews[name]

    def take(self, new: xr.Dataset) -> None:
        """Add the rows of `new` (dim time; other dims become columns), loaded block by block."""
        for block in _blocks(spread(new)):
            if block.sizes["time"]:
                self._add(block.load())

    def _add(self, block: xr.Dataset) -> None:
        time = block["time"].to_numpy().astype("datetime64[ns]")
        good = ~np.isnat(time) & self._within.contains(time) & (time < clock.now() + AHEAD)
        if not good.all():
            block, time = block.isel(time=good), time[good]
        order = np.argsort(time, kind="stable") if np.any(time[1:] < time[:-1]) else slice(None)
        time = time[order]
        columns = {str(n): a.to_numpy()[order] for n, a in block.data_vars.items() if a.dims == ("time",)}
        attrs = {str(n): dict(a.attrs) for n, a in block.variables.items()}
        with self.lock:
            self.outside += int(good.size - good.sum())
            if not time.size:
                return
            self.late += bool(time[0] < self.last)
            self.last = time[-1] if np.isnat(self.last) else max(self.last, time[-1])
            self.first = time[0] if np.isnat(self.first) else min(self.first, time[0])  # last: others ask for `span`
            self.rows += time.size
            self._numbers |= {name: None for name, values in columns.items() if _is_number(name, values)}
            before = self.tail.time.view("M8[ns]"), {name: self.tail.column(name) for name in self.tail.names}
            self.tail.add(time.view(np.int64), columns, attrs)
            if self.tail.dropped and not self._overviews:
                self._bin(*before)
            if self.tail.dropped:
                self._bin(time, columns)

    def _bin(self, time: npt.NDArray[np.datetime64], columns: dict[str, npt.NDArray[Any]]) -> None:
        """Add rows to the bins, which are begun when the tail is about to let go of rows."""
        new = [name for name in self._numbers if name not in self._overviews]
        if new:
            group = Overview(new, BINS)
            self._overviews.update(dict.fromkeys(new, group))
        for overview in {id(o): o for o in self._overviews.values()}.values():
            mine = {n: columns[n] for n in overview.names if n in columns and _is_number(n, columns[n])}
            if mine:
                overview.append(time, mine)


def _is_number(name: str, values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind in "fiu" and not name.endswith("_qc")


def _blocks(new: xr.Dataset) -> Iterator[xr.Dataset]:
    """Pieces of at most about a million rows, along the dataset's own chunks where it has them."""
    sizes = new.chunksizes.get("time") or [BLOCK] * -(-new.sizes.get("time", 0) // BLOCK)
    start = 0
    for size in sizes:
        yield new.isel(time=slice(start, start + size))
        start += size
