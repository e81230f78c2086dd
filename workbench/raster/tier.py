"""One row of bins of equal width for several variables, held in a ring of fixed capacity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

_EARLIEST = np.iinfo(np.int64).min


class Tier:
    """Count, minimum, maximum, sum and last value of every variable in the bins ``low`` to ``high``.

    Bin number ``b`` holds the rows with ``b * width <= time < (b + 1) * width``; it lies in slot ``b % capacity``.

    Attributes
    ----------
    width : int
        Nanoseconds.
    low, high : int
        First and last bin that may hold rows; ``high < low`` when there are none.
    """

    def __init__(self, variables: int, capacity: int, width: int) -> None:
        shape = (variables, capacity)
        self.width, self.capacity = width, capacity
        self.low, self.high = 0, -1
        self.count = np.full(shape, 0, np.int64)  # `full` writes: memory that is held is seen from the beginning
        self.least = np.full(shape, np.inf)
        self.most = np.full(shape, -np.inf)
        self.total = np.full(shape, 0.0)
        self.last = np.full(shape, np.nan)
        self.when = np.full(shape, _EARLIEST, np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return sum(array.nbytes for array in self._arrays)

    @property
    def _arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return self.count, self.least, self.most, self.total, self.last, self.when

    def fits(self, low: int, high: int) -> bool:
        """True when the bins `low` to `high` can be held beside those held now."""
        if self.high < self.low:
            return high - low < self.capacity
        return max(high, self.high) - min(low, self.low) < self.capacity

    def grow(self, low: int, high: int) -> None:
        """Make room for the bins `low` to `high`; the oldest are forgotten where they do not fit."""
        if self.high < self.low:
            self.low, self.high = max(low, high - self.capacity + 1), high
            return
        newest = max(high, self.high)
        oldest = max(min(low, self.low), newest - self.capacity + 1)
        gone = np.arange(self.low, min(oldest, self.high + 1)) % self.capacity
        for array, empty in zip(self._arrays, (0, np.inf, -np.inf, 0.0, np.nan, _EARLIEST), strict=True):
            array[:, gone] = empty
        self.low, self.high = oldest, newest

    def add(self, variable: int, time: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> None:
        """Add rows; those before `low` are forgotten already, missing values are left out."""
        _add(time, values, self.width, self.low, *(array[variable] for array in self._arrays))

    def coarser(self, times: int = 2) -> Tier:
        """The same rows in bins `times` as wide."""
        out = Tier(self.count.shape[0], self.capacity, self.width * times)
        if self.high >= self.low:
            out.low, out.high = self.low // times, self.high // times
            for variable in range(self.count.shape[0]):
                ours, theirs = ([a[variable] for a in t._arrays] for t in (self, out))
                _merge(self.low, self.high, times, *ours, *theirs)
        return out

    def between(self, variable: int, low: int, high: int, together: int = 1) -> dict[str, npt.NDArray[Any]]:
        """The bins `low` to `high` that hold rows, `together` of them as one (aligned to multiples of it)."""
        low, high = max(low, self.low), min(high, self.high)
        if together > 1 and high >= low:
            part = Tier(1, max(1, high // together - low // together + 1), self.width * together)
            _merge(low, high, together, *(a[variable] for a in self._arrays), *(a[0] for a in part._arrays))
            part.low, part.high = low // together, high // together
            return part.between(0, part.low, part.high)
        number = np.arange(low, max(low, high + 1))
        number = number[self.count[variable, number % self.capacity] > 0]
        slot = number % self.capacity
        names = ("count", "min", "max", "sum", "last", "when")
        return {"bin": number} | {n: a[variable, slot] for n, a in zip(names, self._arrays, strict=True)}


@njit(cache=True, nogil=True)
def _add(
    time: Any, values: Any, width: int, low: int,
    count: Any, least: Any, most: Any, total: Any, last: Any, when: Any,
) -> None:  # fmt: skip
    capacity = count.size
    for i in range(time.size):
        value, number = np.float64(values[i]), time[i] // width
        if number < low or not np.isfinite(value):
            continue
        slot = number % capacity
        count[slot] += 1
        total[slot] += value
        least[slot] = min(least[slot], value)
        most[slot] = max(most[slot], value)
        if time[i] >= when[slot]:
            when[slot], last[slot] = time[i], value


@njit(cache=True, nogil=True)
def _merge(
    low: int, high: int, times: int,
    count: Any, least: Any, most: Any, total: Any, last: Any, when: Any,
    count_to: Any, least_to: Any, most_to: Any, total_to: Any, last_to: Any, when_to: Any,
) -> None:  # fmt: skip
    for number in range(low, high + 1):
        a, b = number % count.size, (number // times) % count_to.size
        if count[a] == 0:
            continue
        count_to[b] += count[a]
        total_to[b] += total[a]
        least_to[b] = min(least_to[b], least[a])
        most_to[b] = max(most_to[b], most[a])
        if when[a] >= when_to[b]:
            when_to[b], last_to[b] = when[a], last[a]
