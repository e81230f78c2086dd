"""SeaFlow SFL: what the instrument and the ship measured, one line per EVT file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

#: The curated columns, in the order they are written, and their canonical names.
CURATED = {
    "FILE": "file_id", "DATE": "time", "FILE DURATION": "file_duration", "LAT": "latitude", "LON": "longitude",
    "CONDUCTIVITY": "conductivity", "SALINITY": "salinity", "OCEAN TEMP": "sea_water_temperature", "PAR": "par",
    "BULK RED": "bulk_red", "STREAM PRESSURE": "stream_pressure", "EVENT RATE": "event_rate",
}  # fmt: skip


def write_sfl(
    path: str | os.PathLike[str], columns: xr.Dataset | Mapping[str, npt.ArrayLike], *, append: bool = False
) -> None:
    """Write the 12 curated SFL columns, tab-separated; numbers to six decimals, missing as ``NA``.

    Parameters
    ----------
    path : path-like
        Folders are made. Without `append` the file appears whole or not at all.
    columns : xarray.Dataset or mapping of str to array_like
        Canonical names (the values of `CURATED`); ``file_id`` and ``time`` (UTC) are needed, others become NA.
    append : bool
        Add the lines in one write to a file that may exist already, without a second header.

    Raises
    ------
    ValueError
        When ``file_id`` or ``time`` is missing or lengths differ.
    """
    if not {"file_id", "time"} <= {str(name) for name in columns}:
        raise ValueError("an SFL needs file_id and time")
    times = np.atleast_1d(np.asarray(columns["time"], dtype="datetime64[s]"))
    cells = [_cells(columns, name, times) for name in CURATED.values()]
    if any(len(column) != len(times) for column in cells):
        raise ValueError(f"SFL columns differ in length: {[len(column) for column in cells]}")
    lines = "".join("\t".join(row) + "\n" for row in zip(*cells, strict=True))
    target = os.fspath(path)
    folder, base = os.path.split(target)
    os.makedirs(folder or ".", exist_ok=True)
    header = "\t".join(CURATED) + "\n"
    if append:
        with open(target, "a", encoding="ascii") as file:
            file.write(lines if file.tell() else header + lines)
        return
    temp = os.path.join(folder, f".{base}.{os.getpid()}")
    with open(temp, "w", encoding="ascii") as file:
        file.write(header + lines)
    os.replace(temp, target)


def _cells(columns: Any, name: str, times: npt.NDArray[np.datetime64]) -> list[str]:
    if name == "time":
        return [f"{text}+00:00" for text in np.datetime_as_string(times)]
    if name not in columns:
        return ["NA"] * len(times)
    values = np.atleast_1d(np.asarray(columns[name]))
    if name == "file_id":
        return [str(value) for value in values]
    return ["NA" if value != value else repr(round(float(value), 6)) for value in values]
