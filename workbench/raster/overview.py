"""A whole cruise of several series in a fixed amount of memory, for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock

import numpy as np
import numpy.typing as npt

from workbench.core.errors import suggest
from workbench.core.window import ALWAYS, Window
from workbench.raster.tier import Tier

SECOND = 1_000_000_000
#: A finer row of bins stays behind for the newest rows each time bins have become this much wider.
STEP = 8
#: So many of these are there from the beginning: memory grows first when the series is 64 x 8 seconds x capacity long.
AHEAD = 2


class Overview:
    """Count, minimum, maximum, mean and last value in bins of 1, 2, 4 ... seconds.

    Bins start at multiples of their width (since 1970). When the rows no longer fit into `capacity` bins, all bins
    become twice as wide. The bins of 1, 8, 64 ... seconds stay behind for the newest rows, so that the last hour
    remains fine when the cruise is long: a window that ends at the newest row is always drawn with at least
    capacity / 8 bins (down to 1 s).

    Appending costs O(new rows). Rows may come late and in any order: any split and order of appends gives the same
    bins (sums to rounding; of two rows with the same time the one appended later is the last).

    Parameters
    ----------
    names : iterable of str
        The series.
    capacity : int
        Bins in a row of bins.
    within : Window
        Rows outside are left out and counted in `outside`: one row with a wrong year would make bins of days.

    Attributes
    ----------
    names : tuple of str
    rows, outside : int
        Rows taken, rows left out (outside `within`, or without a time).
    first, last : numpy.datetime64[ns]
        Times of the oldest and newest row; NaT before the first.
    """

    def __init__(self, names: Iterable[str], capacity: int = 8192, *, within: Window = ALWAYS) -> None:
        if capacity < 2:
            raise ValueError(f"an overview needs at least 2 bins, not {capacity}")
        self.names = tuple(names)
        self.within = within
        self.rows = self.outside = 0
        self.first = self.last = np.datetime64("NaT", "ns")
        self._whole = Tier(len(self.names), capacity, SECOND)
        self._recent: list[Tier] = []  # finest first
        self._ahead = [Tier(len(self.names), capacity, SECOND) for _ in range(AHEAD)]  # room that recent ones will take
        self._lock = Lock()

    @property
    def width(self) -> np.timedelta64:
        """Width of the bins that hold the whole series."""
        return np.timedelta64(self._whole.width, "ns")

    @property
    def nbytes(self) -> int:
        """Bytes of memory held: one row of bins more for each time the series grows eightfold, `AHEAD` in advance."""
        return sum(tier.nbytes for tier in (self._whole, *self._recent, *self._ahead))

    def append(self, time: npt.NDArray[np.datetime64], values: Mapping[str, npt.ArrayLike]) -> None:
        """Add rows.

        Parameters
        ----------
        time : numpy.ndarray of datetime64, shape (n,)
            In any order; NaT is left out.
        values : mapping of str to array, shape (n,)
            Some or all of the series; NaN and infinite values are missing values.

        Raises
        ------
        KeyError
            When a name is not one of the series; the nearest is told.
        ValueError
            When a series has another length than `time`.
        """
        stamps = np.asarray(time).astype("datetime64[ns]")
        columns = {self._number(name): np.asarray(column) for name, column in values.items()}
        for number, column in columns.items():
            if column.shape != stamps.shape:
                raise ValueError(f"'{self.names[number]}' has shape {column.shape}, its times {stamps.shape}")
        taken = ~np.isnat(stamps) & self.within.contains(stamps)
        if not taken.all():
            stamps = stamps[taken]
            columns = {number: column[taken] for number, column in columns.items()}
        with self._lock:
            self.outside += int(taken.size - stamps.size)
            if stamps.size:
                self._add(stamps, columns)

    def bins(
        self, name: str, start: np.datetime64, stop: np.datetime64, points: int | None = None
    ) -> dict[str, npt.NDArray[np.generic]]:
        """The bins of one series that touch ``start <= time < stop`` and hold values.

        The finest bins are taken that reach back to `start`.

        Parameters
        ----------
        name : str
        start, stop : numpy.datetime64
        points : int, optional
            At most so many bins: 2, 4, 8 ... of them are drawn as one.

        Returns
        -------
        dict of numpy.ndarray
            ``time`` (datetime64[ns], the middle of the bin, within the rows), ``count`` (int64), ``min``, ``max``,
            ``mean``, ``last`` (float64), ``when`` (datetime64[ns], time of ``last``), ``width`` (timedelta64[ns], of
            each bin); bins without values are left out.
        """
        number = self._number(name)
        a, b = (int(edge.astype("datetime64[ns]").astype(np.int64)) for edge in (start, stop))
        with self._lock:
            if np.isnat(self.first):
                a, b = 0, -1
            else:
                a = max(a, int(self.first.astype(np.int64)))
                b = min(b - 1, int(self.last.astype(np.int64)))
            tier = next((t for t in self._recent if a // t.width >= t.high - t.capacity + 1), self._whole)
            together = 1
            while points and b // (tier.width * together) - a // (tier.width * together) >= max(1, points):
                together *= 2
            found = tier.between(number, a // tier.width, b // tier.width, together)
        width = tier.width * together
        middle = (found["bin"] * width + width // 2).astype("datetime64[ns]")
        with np.errstate(invalid="ignore"):
            mean = found["sum"] / found["count"]
        return {
            "time": np.clip(middle, self.first, self.last) if middle.size else middle,
            "count": found["count"], "min": found["min"], "max": found["max"], "mean": mean, "last": found["last"],
            "when": found["when"].astype("datetime64[ns]"), "width": np.full(middle.size, width).astype("timedelta64[ns]"),
        }  # fmt: skip

    def _number(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(f"no series is called '{name}'. {suggest(name, self.names)}") from None

    def _add(self, stamps: npt.NDArray[np.datetime64], columns: Mapping[int, npt.NDArray[np.generic]]) -> None:
        first, last = stamps.min(), stamps.max()
        self.first = first if np.isnat(self.first) else min(self.first, first)
        self.last = last if np.isnat(self.last) else max(self.last, last)
        self.rows += stamps.size
        low, high = int(first.astype(np.int64)), int(last.astype(np.int64))
        while not self._whole.fits(low // self._whole.width, high // self._whole.width):
            self._widen()
        time = np.ascontiguousarray(stamps).view(np.int64)
        for tier in (self._whole, *self._recent):
            tier.grow(low // tier.width, high // tier.width)
            for number, column in columns.items():
                tier.add(number, time, column)

    def _widen(self) -> None:
        seconds, stays = self._whole.width // SECOND, 1
        while stays < seconds:
            stays *= STEP
        if stays == seconds:
            self._recent.append(self._whole)
            del self._ahead[:1]
        self._whole = self._whole.coarser()
