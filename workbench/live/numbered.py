"""Rows of numbers known by serials, in two arrays: for what is kept of every file of a cruise, tens of bytes each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.core.room import Room

Longs = npt.NDArray[np.int64]


class Numbered:
    """Rows of int64 by serial. What is read was whole at some moment: safe for threads where one of them writes.

    Parameters
    ----------
    width : int
        Numbers in a row.
    """

    def __init__(self, width: int) -> None:
        self._held: tuple[Longs, Longs] = np.empty(0, np.int64), np.empty((0, width), np.int64)
        self._rooms = Room(), Room()

    def __len__(self) -> int:
        return len(self._held[0])

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(array.nbytes for array in self._held)

    def find(self, serials: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], Longs]:
        """Which of these serials there are, and the rows of those."""
        wanted = np.asarray(serials, np.int64)
        known, rows = self._held
        at = np.searchsorted(known, wanted)
        there = np.zeros(len(wanted), np.bool_)
        inside = at < len(known)
        there[inside] = known[at[inside]] == wanted[inside]
        return there, rows[at[there]]

    def add(self, serials: npt.ArrayLike, rows: npt.ArrayLike) -> None:
        """Take rows in, of serials that are not there yet."""
        known, held = self._held
        both = self._rooms[0].after(known, np.asarray(serials, np.int64))
        numbers = self._rooms[1].after(held.reshape(-1), np.asarray(rows, np.int64).reshape(-1))
        numbers = numbers.reshape(-1, held.shape[1])
        end = both[max(len(known) - 1, 0) :]
        if (end[1:] > end[:-1]).all():  # the usual case: newer ones, nothing is copied
            self._held = both, numbers
        else:
            order = np.argsort(both, kind="stable")
            self._held = both[order], numbers[order]

    def forget_others(self, serials: npt.ArrayLike, newest: int = 0) -> None:
        """Let go of all but these serials, and the `newest` largest ones."""
        known, rows = self._held
        kept = np.isin(known, np.asarray(serials, np.int64))
        kept[len(kept) - min(newest, len(kept)) :] = True
        self._held = known[kept], rows[kept]

    def clear(self) -> None:
        """Let go of all."""
        self._held = tuple(array[:0].copy() for array in self._held)  # type: ignore[assignment]
