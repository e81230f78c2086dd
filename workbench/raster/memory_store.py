"""Where an index along time keeps its bytes: columns of codes that only grow, and packed tiles. Here: in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

#: A column that tells the population of each particle is uint8; channels are uint16.
Column = npt.NDArray[np.uint16] | npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


class Store(Protocol):
    """What an index reads from. Nothing in it ever changes; it grows."""

    def column(self, name: str, start: int, stop: int) -> Any:
        """Codes (or labels) of the particles `start` to `stop`."""

    def missing(self, name: str, start: int, stop: int) -> Places:
        """Which of these particles have no code in this channel; in order."""

    def tile(self, offset: int, length: int) -> Any:
        """Bytes put there before."""


class GrowingStore(Store, Protocol):
    """What an index is built in."""

    def extend(self, columns: Mapping[str, Column], missing: Mapping[str, Places]) -> int:
        """Add particles at the end of all columns; the place of the first. `missing` counts from it."""

    def put(self, data: bytes) -> int:
        """Keep bytes; their offset."""


class MemoryStore:
    """A store in memory."""

    def __init__(self) -> None:
        self._columns: dict[str, Column] = {}
        self._missing: dict[str, Places] = {}
        self._size = 0
        self._tiles: dict[int, bytes] = {}
        self.nbytes = 0

    def column(self, name: str, start: int, stop: int) -> Any:
        """Codes (or labels) of the particles `start` to `stop`."""
        return self._columns[name][start:stop]

    def missing(self, name: str, start: int, stop: int) -> Places:
        """Which of these particles have no code in this channel."""
        return between(self._missing.get(name, _NONE), start, stop)

    def tile(self, offset: int, length: int) -> Any:
        """Bytes put there before."""
        return self._tiles[offset]

    def extend(self, columns: Mapping[str, Column], missing: Mapping[str, Places]) -> int:
        """Add particles at the end of all columns."""
        start = self._size
        for name, values in columns.items():
            old = self._columns.get(name)
            self._columns[name] = values if old is None else np.concatenate([old, values])
        for name, places in missing.items():
            self._missing[name] = np.concatenate([self._missing.get(name, _NONE), places + start])
        self._size += len(next(iter(columns.values())))
        return start

    def put(self, data: bytes) -> int:
        """Keep bytes; their offset."""
        offset, self.nbytes = self.nbytes, self.nbytes + len(data)
        self._tiles[offset] = data
        return offset


_NONE = np.empty(0, np.int64)


def between(places: Places, start: int, stop: int) -> Places:
    """The part of sorted places within ``start <= place < stop``."""
    first, last = np.searchsorted(places, [start, stop])
    return places[first:last]
