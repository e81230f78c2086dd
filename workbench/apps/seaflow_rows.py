"""What the ship's log says of each file, as rows of popcycle's sfl table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import xarray as xr

from workbench.core import clock
from workbench.readers import popcycle
from workbench.readers.parameter_files import is_database, read_table

Row = dict[str, Any]
_CANONICAL = {
    "file_duration": "file_duration", "lat": "latitude", "lon": "longitude", "conductivity": "conductivity",
    "salinity": "salinity", "ocean_tmp": "sea_water_temperature", "par": "par", "bulk_red": "bulk_red",
    "stream_pressure": "stream_pressure", "event_rate": "event_rate",
}  # fmt: skip


#: A file that a person names and nobody has written to for so many seconds is taken as finished.
PATIENCE = 60.0


def read_sfl(sfl: Path | None, params: Path, *, named: bool = False) -> Sequence[Row] | None:
    """SFL rows in popcycle's columns: from an SFL, else from the parameters' database; None where there are none.

    Where a person has `named` the SFL and nobody has written to it for a while, its last line counts without a line break
    too (editors leave it out); while a cruise goes on, half a line is not a line, however old it is.
    """
    if sfl is not None:
        finished = named and sfl.is_file() and clock.wall() - sfl.stat().st_mtime > PATIENCE
        return SflRows(xr.open_dataset(sfl, engine="seaflow_sfl", finished=finished).load())
    if not is_database(params):
        return None
    with sqlite3.connect(f"{params.absolute().as_uri()}?mode=ro", uri=True) as connection:
        rows = read_table(connection, "sfl")
    connection.close()
    return [
        {name: _number(value) if name in _CANONICAL else value for name, value in row.items()} for row in rows
    ] or None


def _number(value: Any) -> float | None:
    """A cell of a database, where numbers may stand as text and NA for nothing."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def cells(rows: Sequence[Row]) -> Iterable[tuple[Any, ...]]:
    """The values of rows as `popcycle.SFL` names them; what is missing is None."""
    if isinstance(rows, SflRows):
        return rows.cells()
    return (tuple(None if value != value else value for value in map(row.get, popcycle.SFL)) for row in rows)


class SflRows(Sequence[Row]):
    """Rows of popcycle's sfl table, held as columns: each row is made when it is asked for.

    Parameters
    ----------
    ds : xarray.Dataset
        An SFL.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        columns = {short: ds[name].to_numpy() for short, name in _CANONICAL.items() if name in ds}
        self._missing = {short: None for short in _CANONICAL if short not in columns}
        self._short = tuple(columns)
        self._files = ds["file_id"].to_numpy()
        self._times = ds["time"].to_numpy().astype("datetime64[s]")  # as the table has them
        self._dates = np.datetime_as_string(self._times)
        self._values = np.array(list(columns.values()), dtype=np.float64).reshape(len(columns), len(self._files)).T

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        numbers = zip(self._short, self._values[at].tolist(), strict=True)
        return {"file": str(self._files[at]), "date": f"{self._dates[at]}+00:00", **self._missing, **dict(numbers)}

    def times(self) -> dict[str, np.datetime64]:
        """When each file began; NaT where that is not known."""
        return dict(zip(self._files.tolist(), self._times.astype("datetime64[ns]"), strict=True))

    def cells(self) -> Iterable[tuple[Any, ...]]:
        """All rows as `popcycle.SFL` names their values."""
        known: dict[str, list[Any]] = {
            "file": self._files.tolist(),
            "date": [f"{date}+00:00" for date in self._dates.tolist()],
        }
        for name, values in zip(self._short, self._values.T, strict=True):
            known[name] = np.where(np.isnan(values), np.array(None), values).tolist()
        return zip(*(known.get(name) or [None] * len(self) for name in popcycle.SFL), strict=True)
