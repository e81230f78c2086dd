"""Arrays that grow at their end with a cruise, without a copy of all for each file that comes."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: Buffers are so many rows long, or twice, three times ... that.
STEP = 4096


def rounded(rows: int) -> int:
    """Room for these rows and a quarter more: few when they are few, else whole steps."""
    return 256 if rows <= 128 else -(-(rows + rows // 4) // STEP) * STEP


def blank(rows: int, dtype: np.dtype[Any]) -> Array:
    """A buffer whose pages are all there: what is held is seen from the beginning, and memory grows in few steps."""
    out = np.empty(rows, dtype)
    out.fill(None if dtype.kind == "O" else np.zeros((), dtype)[()])
    return out


class Room:
    """A buffer with room behind what was handed out; safe for threads.

    Whoever took an array before sees what it saw: nothing that was handed out is written to. So an old table and a new
    one hold the same memory.
    """

    def __init__(self) -> None:
        self._buffer: Array = np.empty(0)
        self._used = 0
        self._lock = threading.Lock()

    def after(self, before: Array, more: Array) -> Array:
        """`before` and then `more`, shape (n + m,), not to be written to; the kind is the wider one of both.

        Nothing of `before` is copied where it is the newest that was handed out, and there is room.
        """
        old, new = len(before), len(before) + len(more)
        with self._lock:
            kind = np.promote_types(before.dtype, more.dtype)
            here = before.base is self._buffer and old == self._used and new <= len(self._buffer)
            if not here or kind != self._buffer.dtype:
                self._buffer = blank(rounded(new), kind)
                self._buffer[:old] = before
            self._buffer[old:new] = more
            self._used = new
            out = self._buffer[:new]
            out.flags.writeable = False
            return out
