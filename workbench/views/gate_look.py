"""Which particles the gate editor looks at: those of a file, an hour, or the page's time range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.core.window import Window
from workbench.live.feed import Feed
from workbench.live.file_table import FileTable
from workbench.views import say

Scope = Literal["file", "hour", "range"]
SCOPES: tuple[Scope, ...] = ("file", "hour", "range")
#: Columns that say which particles are in focus, the best first.
_FOCUS = ("pop_q50", "q50", "pop", "pop_q2.5", "q2.5", "pop_q97.5", "q97.5")
_HOUR = 3600 * 10**9
_NAT = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Look:
    """What is looked at.

    Attributes
    ----------
    window : Window
    files : tuple of str
        ``file_id`` of the one file; empty: all of the window.
    text : str
        For people.
    time : numpy.datetime64[ns]
        The first particles' file: gates that hold then are those that count.
    earlier, later : numpy.datetime64 or None
        Where to look next on either side.
    """

    window: Window
    files: tuple[str, ...]
    text: str
    time: np.datetime64
    earlier: np.datetime64 | None = None
    later: np.datetime64 | None = None

    @property
    def particles(self) -> tuple[Window, tuple[str, ...]]:
        """Of when, and of which files."""
        return self.window, self.files


def columns_of(feed: Feed) -> list[str]:
    """Columns that say which particles count; flags of a VCT source say no more than its populations."""
    flags = {name for name, spec in feed.specs.items() if spec.dtype == "bool" and spec.dims == ("particle",)}
    return [name for name in _FOCUS if name in (set(getattr(feed, "groups", ())) or flags)]


def look(table: FileTable, scope: Scope, at: np.datetime64 | None, window: Window) -> Look:
    """What `scope` shows around `at` (None: the newest) of the files in `table`; `window` is the page's range.

    Without files that tell a time, the window itself, empty.
    """
    times = table.times[int(np.searchsorted(table.times, _NAT, "right")) :]
    first = len(table) - len(times)
    if scope == "range" or not len(times):
        inside = times[(times >= _ns(window.start)) & (times < _ns(window.stop))]
        time = _time(inside[0]) if len(inside) else window.start
        return Look(window, (), f"{say.period(window.start, window.stop)} UTC", time)
    found = len(times) - 1 if at is None else max(0, int(np.searchsorted(times, _ns(at), "right")) - 1)
    files: tuple[str, ...] = ()
    if scope == "file":
        start, stop = int(times[found]), int(times[found]) + 1
        before, after = found - 1, found + 1
        files, text = (table.names[first + found],), f"{say.moment(_time(start))} UTC"
    else:
        start = int(times[found]) // _HOUR * _HOUR
        stop = start + _HOUR
        before, after = (int(np.searchsorted(times, edge)) for edge in (start, stop))
        before -= 1
        text = f"{say.period(_time(start), _time(stop))} UTC"
    inside = times[(times >= start) & (times < stop)]
    return Look(
        Window(_time(start), _time(stop)), files, text, _time(int(inside[0])),
        _time(int(times[before])) if before >= 0 else None, _time(int(times[after])) if after < len(times) else None,
    )  # fmt: skip


def _ns(time: np.datetime64) -> int:
    return int(time.astype("datetime64[ns]").astype(np.int64))


def _time(ns: int | np.int64) -> np.datetime64:
    return np.datetime64(int(ns), "ns")
