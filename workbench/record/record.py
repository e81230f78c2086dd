"""The record: what the cruise has written so far, on disk, read like any other Source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.base import tokenize

from workbench.core import clock
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, MAX, Window
from workbench.record import growth, meta, rolling
from workbench.record.binned import binned
from workbench.record.columns import Column
from workbench.record.hot import Hot
from workbench.record.lazy import lazily
from workbench.record.look import Look, Rolled, Stamps, edges, take
from workbench.record.runs import Runs
from workbench.record.series import Mark, Series
from workbench.record.state import State

#: Age below which rows stay in the hot file.
GRACE = np.timedelta64(1, "h")
#: Times that a table is opened before it is told that its days are being rolled.
_TRIES = 3


class Record:
    """One cruise folder.

    Any number of processes read while one writes (two take turns). Nothing is held between calls but the connection
    that writes.

    Parameters
    ----------
    folder : path-like
        Made with the first row.

    Attributes
    ----------
    folder : pathlib.Path
    events : State
        What happened, people's notes included.
    runs : Runs
        What was computed, when, and how it ended.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.events = State(folder)
        self.runs = Runs(folder)
        self._hot = Hot(self.folder / "series")
        self._series = Series(self._hot)

    def __getstate__(self) -> str:
        return str(self.folder)

    def __setstate__(self, folder: str) -> None:
        self.__init__(folder)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<Record {self.folder}>"

    def close(self) -> None:
        """Close what is open to write; it opens again when needed."""
        self._hot.close()

    # writing

    def append(self, table: str, ds: xr.Dataset, *, mark: Mark | None = None) -> int:
        """Keep rows: one transaction, which survives a kill once this has returned.

        Parameters
        ----------
        table : str
            Usually the name of a source.
        ds : xarray.Dataset
            Dim ``time``, and any further dims with labels. New variables become new columns. Rows with no time are
            left out (the journal has them).
        mark : (str, int), optional
            A journal and the offset up to which it was read to make `ds`: kept in the same transaction (see `marks`).
            A block whose mark has been passed already is ignored; with a mark, all its rows are new.

        Returns
        -------
        int
            Rows that were not there before.

        Notes
        -----
        Without a mark, a row that says the same as one that is there, at the same time, is that row: appending again
        changes nothing, and blocks may come in any order.

        Raises
        ------
        WorkbenchError
            When the rows do not fit the table (a number so far, now a text), or the disk is full; nothing was kept.
        """
        return self._series.append(table, ds, mark)

    def replace(self, table: str, what: Window | str, ds: xr.Dataset, *, upto: int | None = None) -> int:
        """Put rows in the place of others, in one transaction. Repeating it changes nothing.

        Parameters
        ----------
        table : str
        what : Window or str
            A span of time; or the name of a journal: all rows that came from it (by the marks of `append`).
        ds : xarray.Dataset
            The rows instead; may have none.
        upto : int, optional
            How far the journal has been read for it; what was read before at least.

        Returns
        -------
        int
            Rows of `ds` kept.

        Raises
        ------
        WorkbenchError
            When rows of `ds` lie outside the window, or do not fit the table.
        """
        return self._series.replace(table, what, ds, upto)

    def marks(self, table: str) -> dict[str, int]:
        """How far each journal has been read into a table."""
        with self._hot.reading() as connection:
            if connection is None:
                return {}
            query = 'select journal, max(upto) from _origins where "table" = ? group by journal'
            return dict(connection.execute(query, (table,)).fetchall())

    def roll(self, *, before: np.datetime64 | None = None) -> list[Path]:
        """Move rows from the hot file into Parquet, where readers find them faster; to be called every few minutes.

        A day that is over is moved; of one that is not, what is old enough, once it is worth it. With them go late rows
        and replaced ones of days that were moved before.

        Parameters
        ----------
        before : numpy.datetime64, optional
            Rows of earlier times; by default those before the last full hour that ended an hour ago.

        Returns
        -------
        list of pathlib.Path
            The files written.

        Raises
        ------
        WorkbenchError
            When a file cannot be written; its rows stay where they are.
        """
        moment = (clock.now() - GRACE).astype("datetime64[h]") if before is None else before
        return rolling.roll(self._hot, int(moment.astype("datetime64[ns]").astype(np.int64)))

    # reading

    def tables(self) -> list[str]:
        """Names of all tables."""
        with self._hot.reading() as connection:
            return [] if connection is None else meta.names(connection)

    def open(self, table: str, window: Window | str = ALWAYS, *, max_points: int | None = None) -> xr.Dataset:
        """Rows with ``start <= time < stop`` in the order of time, lazily: one dask chunk a day.

        Parameters
        ----------
        table : str
        window : Window or str
            Text as `Window.parse` reads it.
        max_points : int, optional
            At most so many rows: where there are more, each stands for the rows of an interval of equal length (a
            second to days, counted from 1970) and is stamped with the first of them. ``<name>`` is their mean (of
            positions and directions the last, of quality flags the worst), ``<name>_min`` and ``<name>_max`` their
            extremes; attrs: ``interval`` (seconds), ``left_out`` (variables that are no numbers).

        Raises
        ------
        WorkbenchError
            When there is no such table; the nearest is told.
        """
        ds = self.lazily(table, window, max_points=max_points)
        chunks = dict(ds.encoding["chunks"])
        return ds.chunk(chunks, token=ds.encoding["token"]) if ds.sizes["time"] else ds.load()

    def lazily(self, table: str, window: Window | str = ALWAYS, *, max_points: int | None = None) -> xr.Dataset:
        """As `open`, without dask: what the xarray engine gives."""
        asked = Window.parse(window)
        for left in reversed(range(_TRIES)):
            look, stamps = self._take(table, asked)
            few = max_points is not None and sum(look.sizes) > max_points
            try:
                ds = binned(look, stamps, max_points or 0) if few else lazily(look, stamps)
                break
            except Rolled:
                if not left:
                    raise
        token = tokenize(str(self.folder), table, look.meta.rev, look.meta.epoch, str(window), max_points)
        ds.encoding = {"source": str(self.folder), "chunks": {"time": -1 if few else look.sizes}, "token": token}
        return ds

    def changed(self, table: str, cursor: Any = None) -> tuple[xr.Dataset, Any]:
        """What is new since `cursor`, loaded, and the cursor after it, as JSON keeps it; None begins with everything.

        Attrs of the dataset: ``replaces`` (not empty) when rows given before no longer count: begin again with None;
        ``more`` (1) when the next call has more to give at once.

        Raises
        ------
        WorkbenchError
            When there is no such table.
        """
        found = growth.since(self._hot, table, cursor)
        if found is None:
            raise self.unknown(table)
        return found

    def variables(self, table: str) -> dict[str, VariableSpec]:
        """The variables of a table, by name."""
        about = self._meta(table)
        time = VariableSpec("time", ("time",), "datetime64[ns]", "", "time", "time (UTC)")
        return {"time": time} | {name: _spec(column) for name, column in about.columns.items()}

    def span(self, table: str) -> Window | None:
        """From the first time to just after the last; None without rows."""
        look, stamps = self._take(table, ALWAYS)
        if not look.parts:
            return None
        first, last = edges(stamps)
        return Window(np.datetime64(first, "ns"), np.datetime64(last + 1, "ns") if last + 1 < _END else MAX)

    def count(self, table: str, window: Window | str = ALWAYS) -> int:
        """Number of rows: the length of ``time``."""
        return sum(self._take(table, Window.parse(window))[0].sizes)

    def _take(self, table: str, window: Window) -> tuple[Look, list[Stamps]]:
        found = take(self._hot, table, window)
        if found is None:
            raise self.unknown(table)
        return found

    def _meta(self, table: str) -> meta.Meta:
        with self._hot.reading() as connection:
            found = None if connection is None else meta.Meta.load(connection, table)
        if found is None:
            raise self.unknown(table)
        return found

    def unknown(self, table: str) -> WorkbenchError:
        """What to raise for a table that is not there; the nearest is told."""
        return WorkbenchError(f"{self.folder}: the record has no table '{table}'. {suggest(table, self.tables())}")


_END = int(MAX.astype(np.int64))


def _spec(column: Column) -> VariableSpec:
    attrs = column.attrs
    dtype = "str" if column.kind in "UO" else str(np.dtype(column.dtype))
    limits = (attrs["valid_min"], attrs["valid_max"]) if {"valid_min", "valid_max"} <= set(attrs) else None
    return VariableSpec(
        column.name, ("time", *column.dims), dtype, str(attrs.get("units", "")), attrs.get("standard_name"),
        str(attrs.get("long_name", column.name.replace("_", " "))), limits,
    )  # fmt: skip
