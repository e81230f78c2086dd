"""Writing rows: one transaction a block, and how far a journal has been read in the same transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xarray as xr

from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.record import days, hot
from workbench.record.block import Block
from workbench.record.columns import REV
from workbench.record.days import DAY
from workbench.record.hot import Hot
from workbench.record.look import FIRST, LAST
from workbench.record.merge import merged, standing
from workbench.record.meta import Meta, grow
from workbench.record.place import Placed, by_labels, by_time

#: (journal, offset): the bytes of a journal, up to which a block was made.
Mark = tuple[str, int]


class Series:
    """The tables of one cruise, to be written.

    Parameters
    ----------
    hot : Hot
    """

    def __init__(self, store: Hot) -> None:
        self.hot = store
        self._known: dict[str, Meta] = {}

    def append(self, table: str, ds: xr.Dataset, mark: Mark | None = None) -> int:
        """See `Record.append`."""
        block = Block.of(hot.checked(table), ds)
        with self.hot.writing() as connection:
            if mark is not None and mark[1] <= _upto(connection, table, mark[0]):
                return 0
            meta = self._grown(connection, table, block)
            new = self._put(connection, meta, block, mark, all_new=mark is not None)
        self._known[table] = meta
        return new

    def replace(self, table: str, what: Window | str, ds: xr.Dataset, upto: int | None = None) -> int:
        """See `Record.replace`."""
        block = Block.of(hot.checked(table), ds)
        with self.hot.writing() as connection:
            meta = self._grown(connection, table, block)
            if isinstance(what, Window):
                _inside(table, block, what)
                start, stop = (int(edge.astype(np.int64)) for edge in what)
                ranges = [(start, stop, 0, meta.rev)]
            else:
                spans = connection.execute(
                    'select first, last from _origins where "table" = ? and journal = ?', (table, what)
                ).fetchall()
                ranges = [(FIRST, LAST, first, last) for first, last in spans]
            _remove(connection, meta, ranges)
            if not isinstance(what, Window):
                upto = max(_upto(connection, table, what), upto or 0)
                connection.execute('delete from _origins where "table" = ? and journal = ?', (table, what))
            meta = replace(meta, gone=(*meta.gone, *ranges), rev=meta.rev + 1, epoch=meta.epoch + 1)
            connection.execute("update _tables set rev = rev + 1, epoch = epoch + 1 where name = ?", (table,))
            mark = None if isinstance(what, Window) else (what, upto or 0)
            new = self._put(connection, meta, block, mark, all_new=True)
        self._known[table] = meta
        return new

    def _grown(self, connection: sqlite3.Connection, table: str, block: Block) -> Meta:
        return grow(connection, Meta.load(connection, table, self._known.get(table)), table, block)

    def _put(
        self, connection: sqlite3.Connection, meta: Meta, block: Block, mark: Mark | None, *, all_new: bool
    ) -> int:
        placed = self._placed(connection, meta, block.rows, all_new)
        rev = meta.rev + 1
        if placed.rows.num_rows:
            names = set(placed.rows.column_names)
            hot.insert(connection, meta, [c for c in meta.columns.values() if c.name in names], placed.rows, rev)
            last = int(placed.rows["time"].to_numpy().max())
            connection.execute(
                "update _tables set rev = ?, epoch = epoch + ?, last = max(coalesce(last, ?), ?) where name = ?",
                (rev, int(placed.altered), last, last, meta.name),
            )
        if mark is not None:
            _note(connection, meta.name, mark, rev if placed.rows.num_rows else meta.rev, placed.rows.num_rows > 0)
        return placed.new

    def _placed(self, connection: sqlite3.Connection, meta: Meta, rows: pa.Table, all_new: bool) -> Placed:
        if rows.num_rows == 0:
            return Placed(rows, 0)
        times = rows["time"].to_numpy()
        if meta.last is None or int(times.min()) > meta.last:
            there = pa.table({})
        else:
            there = self._there(connection, meta, times)
        return by_labels(rows, there, meta) if meta.keys else by_time(rows, there, meta, all_new=all_new)

    def _there(self, connection: sqlite3.Connection, meta: Meta, times: npt.NDArray[np.int64]) -> pa.Table:
        """All rows that stand at one of `times`, hot and rolled."""
        columns, wanted = list(meta.columns.values()), np.unique(times)
        found = []
        for number in np.unique(wanted // DAY).tolist():
            low, high = (int(edge) for edge in wanted[wanted // DAY == number][[0, -1]])
            rows = hot.select(connection, meta, columns, low, high + 1, meta.rev)
            day = days.one(self.hot.path.parent / meta.name, number)
            if day is not None and day.footer.first <= high and low <= day.footer.last:
                old = standing(days.read(day, meta, columns), meta.gone)
                old = old.filter(pa.array(np.isin(old["time"].to_numpy(), wanted)))
                rows = merged(old, rows, [key.name for key in meta.keys])
            found.append(rows.filter(pa.array(np.isin(rows["time"].to_numpy(), wanted))))
        return pa.concat_tables(found)


def _inside(table: str, block: Block, window: Window) -> None:
    times = block.rows["time"].to_numpy().astype("datetime64[ns]")
    if not window.contains(times).all():
        raise WorkbenchError(f"table '{table}': rows that replace those of {window} must lie in it")


def _remove(connection: sqlite3.Connection, meta: Meta, ranges: Sequence[tuple[int, int, int, int]]) -> None:
    """Take rows away: hot ones now; rolled ones are told not to count, until their day is rolled again."""
    for start, stop, first, last in ranges:
        by = "time >= ? and time < ?" if (start, stop) != (FIRST, LAST) else "? < ?"
        revs = f"{REV} >= ? and {REV} <= ?" if first else f"? <= {REV} and +{REV} <= ?"
        connection.execute(f"delete from {hot.quoted(meta.name)} where {by} and {revs}", (start, stop, first, last))
        connection.execute(
            'insert into _gone ("table", start, stop, first, last) values (?, ?, ?, ?, ?)',
            (meta.name, start, stop, first, last),
        )


def _upto(connection: sqlite3.Connection, table: str, journal: str) -> int:
    query = 'select max(upto) from _origins where "table" = ? and journal = ?'
    found = connection.execute(query, (table, journal)).fetchone()[0]
    return -1 if found is None else int(found)


def _note(connection: sqlite3.Connection, table: str, mark: Mark, rev: int, rows: bool) -> None:
    """Remember how far a journal was read, and which revisions came of it."""
    journal, upto = mark
    newest = connection.execute(
        'select first, last from _origins where "table" = ? and journal = ? order by first desc limit 1',
        (table, journal),
    ).fetchone()
    if newest is not None and (not rows or newest[1] == rev - 1):
        connection.execute(
            'update _origins set last = max(last, ?), upto = ? where "table" = ? and journal = ? and first = ?',
            (rev if rows else newest[1], upto, table, journal, newest[0]),
        )
        return
    first = rev if rows else rev + 1  # nothing of it is there yet
    connection.execute("insert or replace into _origins values (?, ?, ?, ?, ?)", (table, journal, first, rev, upto))
