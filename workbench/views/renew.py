"""Give a data source its new columns by sending only what changed: new rows at the end, a few corrected ones."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource

Columns = Mapping[str, npt.NDArray[np.generic]]

#: Rows at the end of what is shown that may be corrected in place (the newest bins still fill).
_TAIL = 8
#: What each source was brought to last.
_last: WeakKeyDictionary[ColumnDataSource, Columns] = WeakKeyDictionary()


def _same(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
    return np.asarray(a == b)


def overlap(old: Columns, new: Columns, key: str = "time") -> tuple[int, int, int] | None:
    """How `new` follows from `old`, or None when it does not.

    Parameters
    ----------
    old, new : mapping of str to numpy.ndarray, shape (n,), (m,)
        The same columns; `key` grows.

    Returns
    -------
    tuple of int, or None
        ``dropped`` rows at the front of old, ``kept`` rows, of which the last ``stale`` differ.
    """
    a, b = old[key], new[key]
    if len(a) == 0 or len(b) == 0:
        return None
    dropped = int(np.searchsorted(a, b[0]))  # type: ignore[arg-type]
    kept = len(a) - dropped
    if kept < max(2, len(b) // 2) or kept > len(b):
        return None
    differ = np.zeros(kept, bool)
    for name, column in new.items():
        differ |= ~_same(np.asarray(old[name])[dropped:], column[:kept])
    first = int(np.argmax(differ)) if differ.any() else kept
    stale = kept - first
    return (dropped, kept, stale) if stale <= _TAIL else None


def renew(source: ColumnDataSource, new: Columns, key: str = "time") -> str:
    """Bring `source` to the columns `new`.

    Returns
    -------
    {"same", "more", "all"}
        Nothing was sent, only new or corrected rows, or everything.
    """
    if _last.get(source) is new:
        return "same"  # made once for all tabs, and this one has it
    _last[source] = new
    old = {name: np.asarray(source.data[name]) for name in new if name in source.data}
    if len(old) == len(new) == len(source.data):
        if all(len(old[n]) == len(new[n]) and bool(_same(old[n], np.asarray(new[n])).all()) for n in new):
            return "same"
        found = overlap(old, new, key)
        if found is not None:
            _append(source, new, *found)
            return "more"
    source.data = {name: np.array(column) for name, column in new.items()}  # copies: patches write in place
    return "all"


def _append(source: ColumnDataSource, new: Columns, dropped: int, kept: int, stale: int) -> None:
    if stale:
        rows = slice(dropped + kept - stale, dropped + kept)
        source.patch({name: [(rows, np.asarray(column[kept - stale : kept]))] for name, column in new.items()})
    if len(new[next(iter(new))]) > kept:
        total = len(new[next(iter(new))])
        source.stream({name: np.asarray(column[kept:]) for name, column in new.items()}, rollover=total)
    elif dropped:
        source.data = {name: np.array(column) for name, column in new.items()}
