"""Days from the hot file into Parquet, with the pyramid of each.

The rows are written into temporary files beside their place and synced; then, in one transaction, the files are renamed
and the rows deleted from the hot file. A kill before the commit leaves rows in both, which count once; nothing is to be
repaired.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from workbench.core.errors import WorkbenchError
from workbench.record import bins, days, hot
from workbench.record.columns import REV
from workbench.record.days import DAY
from workbench.record.hot import Hot
from workbench.record.lock import alive
from workbench.record.look import FIRST, bounds
from workbench.record.merge import merged, standing
from workbench.record.meta import Meta, names

#: Attempts at a day while its rows are being replaced.
_TRIES = 5


#: Rows of a day that is not over, from which it is worth writing its file anew.
WORTH = 3000


def roll(store: Hot, before: int) -> list[Path]:
    """Roll rows of times below `before` (ns), and merge what came late for days that were rolled before."""
    with store.reading() as connection:
        tables = [] if connection is None else names(connection)
    return [path for table in tables for path in _roll_table(store, table, before)]


def _roll_table(store: Hot, table: str, before: int) -> list[Path]:
    folder = store.path.parent / table
    _sweep(folder)
    with store.reading() as connection:
        meta = Meta.load(connection, table) if connection is not None else None
        if connection is None or meta is None:
            return []
        rolled = days.listed(folder)
        found = hot.days(connection, table, FIRST, before, DAY)
        due = {number for number in found if _worth(connection, table, number, rolled.get(number), before)}
        ids = [row[0] for row in connection.execute('select id from _gone where "table" = ?', (table,))]
    due |= {number for number, day in rolled.items() if _stale(day, meta)}
    done = [_roll_one(store, table, number, before) for number in sorted(due)]
    if ids and None not in done:
        with store.writing() as connection:
            connection.executemany("delete from _gone where id = ?", [(i,) for i in ids])
    return [path for path in done if path is not None]


def _worth(connection: sqlite3.Connection, table: str, number: int, day: days.Day | None, before: int) -> bool:
    """Is the day over, or are there late rows, or many?"""
    start, stop = bounds(number)
    if stop <= before:
        return True
    query = f"select count(*), min(time) from {hot.quoted(table)} where time >= ? and time < ?"
    count, first = connection.execute(query, (start, before)).fetchone()
    return bool(count >= WORTH or (day is not None and first <= day.footer.last))


def _sweep(folder: Path) -> None:
    """Take away what processes that were killed left half-written."""
    for path in folder.glob(".*.parquet*") if folder.is_dir() else ():
        pid = path.name.rsplit(".", 2)[1]
        if pid.isdigit() and not alive(int(pid)):
            path.unlink(missing_ok=True)


def _stale(day: days.Day, meta: Meta) -> bool:
    """Does the file hold rows that no longer count?"""
    footer = day.footer
    return any(
        start <= footer.last and footer.first < stop and first <= footer.revs[1] and footer.revs[0] <= last
        for start, stop, first, last in meta.gone
    )


def _roll_one(store: Hot, table: str, number: int, before: int) -> Path | None:
    """Roll a day; None when its rows were being replaced all the time."""
    for _ in range(_TRIES):
        with store.reading() as connection:
            assert connection is not None
            made = _Made.of(store, connection, table, number, before)
        store.settle()  # what goes into the file must not be lost from the hot file, nor the marks that go with it
        with made, store.writing() as connection:
            now = Meta.load(connection, table)
            if now is not None and now.epoch == made.meta.epoch:
                return made.settle(connection)
    return None


class _Made:
    """A day that has been written beside its place; leaving the block takes away what was not put there."""

    def __init__(self, meta: Meta, span: tuple[int, int], path: Path, temps: list[tuple[Path, Path]]) -> None:
        self.meta = meta
        self.span = span
        self.path = path
        self.temps = temps

    @classmethod
    def of(cls, store: Hot, connection: sqlite3.Connection, table: str, number: int, before: int) -> _Made:
        meta = Meta.load(connection, table)
        assert meta is not None
        columns = list(meta.columns.values())
        folder = store.path.parent / table
        path = folder / f"{days.name_of(number)}.parquet"
        start, stop = bounds(number)
        span = start, max(start, min(stop, before))
        rows = hot.select(connection, meta, columns, *span, meta.rev)
        day = days.one(folder, number)
        if day is not None:
            old = standing(days.read(day, meta, columns), meta.gone)
            rows = merged(old, rows, [key.name for key in meta.keys])
        made = cls(meta, span, path, [])
        if rows.num_rows:
            try:
                temp, footer = days.write(path, rows, meta)
                made.temps.append((temp, path))
                if not meta.keys:
                    pyramid = bins.path_of(path)
                    made.temps.insert(0, (bins.write(pyramid, rows, meta, footer.id), pyramid))
            except OSError as error:
                made.__exit__()
                raise WorkbenchError(f"{path}: {error}. Is the disk full? The rows stay in {store.path}.") from error
        return made

    def settle(self, connection: sqlite3.Connection) -> Path:
        """Put the files in their place and delete the rows from the hot file."""
        for temp, path in self.temps:
            os.replace(temp, path)
        if self.temps:
            days.sync(self.path.parent)
        else:  # nothing of the day counts any more
            self.path.unlink(missing_ok=True)
            bins.path_of(self.path).unlink(missing_ok=True)
        self.temps = []
        connection.execute(
            f"delete from {hot.quoted(self.meta.name)} where time >= ? and time < ? and +{REV} <= ?",
            (*self.span, self.meta.rev),
        )
        return self.path

    def __enter__(self) -> _Made:
        return self

    def __exit__(self, *_: object) -> None:
        for temp, _path in self.temps:
            temp.unlink(missing_ok=True)
