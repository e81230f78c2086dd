"""One look at a table: which rows there are, and where to find them later.

What is opened is read lazily, day by day, perhaps in another process and after a day was rolled or rows were added. A
look therefore remembers the revision it was taken at: later rows do not count. Each reading asks the hot file first and
looks for the day's Parquet file then, so that rows on their way from one to the other are seen at least once, and
`merged` makes it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.core.errors import ReaderError
from workbench.core.window import Window
from workbench.record import days, hot
from workbench.record.columns import REV, SEQ, Column
from workbench.record.days import DAY, Day
from workbench.record.hot import Hot
from workbench.record.merge import Gone, merged, standing
from workbench.record.meta import Meta

#: Bounds of times (ns) that can be kept.
FIRST, LAST = -(2**63) + 1, 2**63 - 1


@dataclass(frozen=True)
class Part:
    """The rows of one day, within the window asked for.

    Attributes
    ----------
    number : int
        Days since 1970.
    start, stop : int
        ``start <= time < stop`` (ns).
    size : int
        Length along ``time``.
    """

    number: int
    start: int
    stop: int
    size: int


@dataclass(frozen=True)
class Look:
    """A table as it was at revision ``meta.rev``, and the parts of it that lie in a window.

    Attributes
    ----------
    hot : Hot
    meta : Meta
    parts : tuple of Part
        In the order of time; none is empty.
    """

    hot: Hot
    meta: Meta
    parts: tuple[Part, ...]

    @property
    def folder(self) -> Path:
        return self.hot.path.parent / self.meta.name

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(part.size for part in self.parts)

    def rows(self, part: Part, columns: Sequence[Column], since: int = -1) -> pa.Table:
        """The rows of a part, in order; with `since` only those of later revisions.

        Raises
        ------
        ReaderError
            When a file cannot be read.
        """
        hot_rows, gone = pa.table({}), self.meta.gone
        with self.hot.reading() as connection:
            if connection is not None:
                now = Meta.load(connection, self.meta.name, self.meta)
                gone = now.gone if now else ()
                hot_rows = hot.select(connection, self.meta, columns, part.start, part.stop, self.meta.rev, since)
        day = days.one(self.folder, part.number)
        return _cut(day, hot_rows, self.meta, columns, part, gone, since)


#: The times of a part: those of a whole file, which need not be read for being counted, and sorted ones (int64 ns).
Stamps = tuple[Day | npt.NDArray[np.int64], ...]


def take(store: Hot, table: str, window: Window) -> tuple[Look, list[Stamps]] | None:
    """Look at a table now.

    Returns
    -------
    Look
    list of Stamps
        Of each part.
    None
        When there is no such table.
    """
    start, stop = int(window.start.astype(np.int64)), int(window.stop.astype(np.int64))
    recent: dict[int, pa.Table] = {}
    with store.reading() as connection:
        meta = Meta.load(connection, table) if connection is not None else None
        if connection is None or meta is None:
            return None
        for number in hot.days(connection, meta.name, start, stop, DAY):
            low, high = bounds(number, start, stop)
            recent[number] = hot.select(connection, meta, (), low, high, meta.rev)
    rolled = days.listed(store.path.parent / meta.name)
    parts, stamps = [], []
    for number in sorted({*recent, *rolled}):
        low, high = bounds(number, start, stop)
        if low >= high:
            continue
        found = _axis(rolled.get(number), recent.get(number), meta, Part(number, low, high, 0))
        size = sum(run.footer.rows if isinstance(run, Day) else len(run) for run in found)
        if size:
            parts.append(Part(number, low, high, size))
            stamps.append(found)
    return Look(store, meta, tuple(parts)), stamps


def edges(stamps: Sequence[Stamps]) -> tuple[int, int]:
    """The first and the last time (ns); there are rows."""
    runs = [run for each in stamps for run in each if isinstance(run, Day) or len(run)]
    first, last = runs[0], runs[-1]
    return (
        first.footer.first if isinstance(first, Day) else int(first[0]),
        last.footer.last if isinstance(last, Day) else int(last[-1]),
    )


def times_of(stamps: Sequence[Stamps]) -> npt.NDArray[np.int64]:
    """All times, read."""
    runs = [run.times if isinstance(run, Day) else run for each in stamps for run in each]
    return np.concatenate(runs) if runs else np.empty(0, dtype=np.int64)


def bounds(number: int, start: int = FIRST, stop: int = LAST) -> tuple[int, int]:
    """The part of a day that lies between two times (ns)."""
    return max(number * DAY, start), min((number + 1) * DAY, stop)


def untouched(day: Day, meta: Meta) -> bool:
    """True when every row of the file counts."""
    footer = day.footer
    return footer.revs[1] <= meta.rev and not any(
        start <= footer.last and footer.first < stop and first <= footer.revs[1] and footer.revs[0] <= last
        for start, stop, first, last in meta.gone
    )


def _axis(day: Day | None, recent: pa.Table | None, meta: Meta, part: Part) -> Stamps:
    """Times of the rows of a day; of cells of one (time, _seq), once."""
    hot_times = np.empty(0, np.int64) if recent is None else np.asarray(recent["time"].to_numpy())
    if not meta.keys and day is None:
        return (hot_times,)
    later = day is not None and (not len(hot_times) or hot_times[0] > day.footer.last)
    if not meta.keys and day is not None and later and untouched(day, meta):
        if part.start <= day.footer.first and day.footer.last < part.stop:
            return (day, hot_times)
        a, b = np.searchsorted(day.times, [part.start, part.stop])
        return (day.times[a:b], hot_times)
    rows = _cut(day, pa.table({}) if recent is None else recent, meta, (), part, meta.gone, -1)
    time = np.asarray(rows["time"].to_numpy())
    return (time[starts(rows)] if meta.keys else time,)


def _cut(
    day: Day | None, recent: pa.Table, meta: Meta, columns: Sequence[Column], part: Part, gone: Gone, since: int
) -> pa.Table:
    """Rolled and hot rows as one, those of the part and the revision."""
    rows = recent
    if (
        day is not None
        and day.footer.revs[1] > since
        and day.footer.first < part.stop
        and part.start <= day.footer.last
    ):
        old = standing(days.read(day, meta, columns), gone)
        time, rev = old["time"].to_numpy(), old[REV].to_numpy()
        wanted = (time >= part.start) & (time < part.stop) & (rev <= meta.rev) & (rev > since)
        old = old if wanted.all() else old.filter(pa.array(wanted))
        rows = merged(old, recent, [key.name for key in meta.keys]) if recent.num_columns else old
    if not rows.num_columns:
        empty = {name: pa.array([], pa.int64()) for name in ("time", SEQ, REV)}
        rows = pa.table(empty | {c.name: pa.array([], c.arrow) for c in (*meta.keys, *columns)})
    return rows


def starts(rows: pa.Table) -> npt.NDArray[np.int64]:
    """Where a new (time, _seq) begins."""
    time, seq = rows["time"].to_numpy(), rows[SEQ].to_numpy()
    if not len(time):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.r_[True, (np.diff(time) != 0) | (np.diff(seq) != 0)])


class Rolled(ReaderError):
    """A day was written anew between two looks at its file."""


def promised(found: int, part: Part, folder: Path) -> None:
    """Raise ReaderError when there are not as many rows as there were."""
    if found != part.size:
        raise ReaderError(
            folder / days.name_of(part.number), "rows were replaced since it was opened",
            expected=part.size, found=found, hint="Open it again",
        )  # fmt: skip
