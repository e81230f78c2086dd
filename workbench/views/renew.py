"""Give a data source its new columns by sending only what changed: new rows at the end, a few corrected ones.

Columns that were made once for many tabs are compared once, too, and all tabs hold the very same arrays: nothing here
writes into one. What is sent are a few rows, as text within the message and not as an array each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from bokeh.document.events import ColumnsPatchedEvent, ColumnsStreamedEvent
from bokeh.models import ColumnDataSource

Columns = Mapping[str, npt.NDArray[np.generic]]

#: Rows at the end of what is shown that may be corrected in place (the newest bins still fill).
_TAIL = 8
#: Comparisons kept, for the next tab that goes the same way.
_KEPT = 96
#: What each source was brought to last.
_last: WeakKeyDictionary[ColumnDataSource, Columns] = WeakKeyDictionary()


@dataclass(frozen=True)
class _Change:
    """How to come from some columns to others."""

    how: str  #: same, more or all
    patches: dict[str, Any] | None = None
    rows: dict[str, Any] | None = None
    total: int = 0


_changes: OrderedDict[tuple[int, int], tuple[Columns, Columns, _Change]] = OrderedDict()
_lock = Lock()


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
    """Bring `source` to the columns `new`, which nobody may write into from now on.

    Returns
    -------
    {"same", "more", "all"}
        Nothing was sent, only new or corrected rows, or everything.
    """
    last = _last.get(source)
    if last is new:
        return "same"  # made once for all tabs, and this one has it
    if last is None or len(last) != len(source.data) or any(source.data.get(n) is not last[n] for n in last):
        last = {name: np.asarray(source.data[name]) for name in source.data}
        change = _compared(last, new, key)
    else:
        change = _change(last, new, key)
    if change.how == "all":
        source.data = dict(new)
    else:
        dict.update(source.data, new)  # without a message: the very arrays, whose values come with the events
        _send(source, change)
    _last[source] = new
    return change.how


def _change(old: Columns, new: Columns, key: str) -> _Change:
    """`_compared`, made once for all tabs that go from the one to the other."""
    way = id(old), id(new)
    with _lock:
        if way in _changes:
            _changes.move_to_end(way)
            return _changes[way][2]
    made = _compared(old, new, key)
    with _lock:
        _changes[way] = old, new, made  # held with it, so that no others have their ids
        while len(_changes) > _KEPT:
            _changes.popitem(last=False)
    return made


def _compared(old: Columns, new: Columns, key: str) -> _Change:
    if old.keys() != new.keys():
        return _Change("all")
    if all(len(old[n]) == len(new[n]) and bool(_same(old[n], np.asarray(new[n])).all()) for n in new):
        return _Change("same")
    found = overlap(old, new, key)
    if found is None:
        return _Change("all")
    dropped, kept, stale = found
    total, patches, rows = len(new[key]), None, None
    if stale:
        at = slice(dropped + kept - stale, dropped + kept)
        patches = {name: [(at, column[kept - stale : kept].tolist())] for name, column in new.items()}
    if total > kept:
        rows = {name: column[kept:].tolist() for name, column in new.items()}
    elif dropped:
        return _Change("all")
    return _Change("more", patches, rows, total)


def _send(source: ColumnDataSource, change: _Change) -> None:
    """Tell the page what changed in the source."""
    document: Any = source.document
    if change.patches is not None:
        patched = ColumnsPatchedEvent(document, source, "data", change.patches)  # type: ignore[arg-type]
        source.trigger("data", source.data, source.data, hint=patched)
    if change.rows is not None:
        streamed = ColumnsStreamedEvent(document, source, "data", change.rows, change.total)
        source.trigger("data", source.data, source.data, hint=streamed)
