"""What the ship's log says of each file, as rows of popcycle's sfl table."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import xarray as xr

from workbench.core import clock
from workbench.core.parameters import format_time
from workbench.readers.parameter_files import is_database, read_table

Row = dict[str, Any]
_CANONICAL = {
    "file_duration": "file_duration", "lat": "latitude", "lon": "longitude", "conductivity": "conductivity",
    "salinity": "salinity", "ocean_tmp": "sea_water_temperature", "par": "par", "bulk_red": "bulk_red",
    "stream_pressure": "stream_pressure", "event_rate": "event_rate",
}  # fmt: skip


#: A file that a person names and nobody has written to for so many seconds is taken as finished.
PATIENCE = 60.0


def read_sfl(sfl: Path | None, params: Path, *, named: bool = False) -> list[Row] | None:
    """SFL rows in popcycle's columns: from an SFL, else from the parameters' database; None where there are none.

    Where a person has `named` the SFL and nobody has written to it for a while, its last line counts without a line break
    too (editors leave it out); while a cruise goes on, half a line is not a line, however old it is.
    """
    if sfl is not None:
        finished = named and sfl.is_file() and clock.wall() - sfl.stat().st_mtime > PATIENCE
        return sfl_rows(xr.open_dataset(sfl, engine="seaflow_sfl", finished=finished).load())
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


def sfl_rows(ds: xr.Dataset) -> list[Row]:
    """An SFL dataset as rows of popcycle's sfl table."""
    columns = {short: ds[name].to_numpy() for short, name in _CANONICAL.items() if name in ds}
    missing = {short: None for short in _CANONICAL if short not in columns}
    return [
        {"file": str(file), "date": format_time(time), **missing, **{name: float(c[i]) for name, c in columns.items()}}
        for i, (file, time) in enumerate(zip(ds["file_id"].to_numpy(), ds["time"].to_numpy(), strict=True))
    ]
