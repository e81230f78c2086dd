"""The record as an xarray engine: ``xr.open_dataset(FOLDER, engine="record", table="underway")``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.variables import VariableSpec
from workbench.readers.reader import window_of
from workbench.readers.store import Store
from workbench.record import state_file
from workbench.record.record import Record


class RecordEngine(Store):
    """Rows that the cruise has written so far.

    The url is the cruise folder; the table is usually the name of the source whose rows it keeps.
    """

    fixed = False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        table: str = "",
        max_points: int | None = None,
    ) -> xr.Dataset:
        """Open a table; only rows with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path
            The cruise folder.
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        table : str
            May be left out where there is one table only.
        max_points : int, optional
            At most so many rows (see `Record.open`).

        Returns
        -------
        xarray.Dataset
            Dim ``time``, and those of the table; lazy, one chunk a day.

        Raises
        ------
        ReaderError
            When there is no such folder or table.
        """
        record, name = self._record(filename_or_obj, table)
        try:
            ds = record.lazily(name, window_of(start, stop), max_points=max_points)
        except ReaderError:
            raise
        except WorkbenchError as error:
            raise ReaderError(record.folder, str(error)) from error
        dropped = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        return ds.drop_vars(dropped & set(map(str, ds.variables)))

    def changed(self, url: str, cursor: Any = None, *, table: str = "") -> tuple[xr.Dataset, Any]:
        """What is new since `cursor`, and the cursor after it (see `Record.changed`)."""
        record, name = self._record(url, table)
        return record.changed(name, cursor)

    def variables(self, url: str, *, table: str = "") -> Mapping[str, VariableSpec]:
        """The variables of a table, by name."""
        record, name = self._record(url, table)
        return record.variables(name)

    def count(self, url: str, *, table: str = "") -> int:
        """Number of rows."""
        record, name = self._record(url, table)
        return record.count(name)

    def span(self, path: str | PathLike[str], *, table: str = "") -> tuple[np.datetime64, np.datetime64]:
        """First and last time; NaT twice without rows."""
        record, name = self._record(path, table)
        found = record.span(name)
        if found is None:
            return np.datetime64("NaT", "ns"), np.datetime64("NaT", "ns")
        return found.start, found.stop - np.timedelta64(1, "ns")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """True for a cruise folder."""
        if not isinstance(filename_or_obj, str | PathLike):
            return False
        folder = Path(filename_or_obj)
        return (folder / "series").is_dir() and (
            (folder / state_file.FILE).exists() or (folder / "series/hot.db").exists()
        )

    def _record(self, folder: Any, table: str) -> tuple[Record, str]:
        """The record, and the table meant."""
        if not isinstance(folder, str | PathLike):
            raise ReaderError(repr(folder), "is not the path of a cruise folder")
        if not Path(folder).is_dir():
            raise ReaderError(fspath(folder), "there is no cruise folder", hint="Start the engine, or correct the path")
        record = Record(folder)
        names = record.tables()
        if table in names or (not table and len(names) == 1):
            return record, table or names[0]
        if not names:
            raise ReaderError(fspath(folder), "nothing has been recorded yet", hint="Start the engine, or wait")
        if not table:
            raise ReaderError(fspath(folder), "holds several tables", hint=f"Say which: table=... ({', '.join(names)})")
        raise ReaderError(fspath(folder), str(record.unknown(table)).split(": ", 1)[1])
