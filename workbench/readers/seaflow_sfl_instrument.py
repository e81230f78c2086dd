"""The SFL as the instrument writes it, written: for simulations, and for tests of what reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

#: The columns of the instrument's own files, in its order and spelling, and their names here.
INSTRUMENT = {
    "FILE": "file_id", "FILE DURATION": "file_duration", "LAT": "latitude", "LON": "longitude",
    "CONDUCTIVITY": "conductivity", "SALINITY": "salinity", "OCEAN TEMP": "sea_water_temperature", "CHL": "chl",
    "BULK RED": "bulk_red", "STREAM PRESSURE": "stream_pressure", "FILTER PRESSURE": "filter_pressure",
    "MACHINE TEMP": "machine_temperature", "Xaccel": "xaccel", "Yaccel": "yaccel", "Zaccel": "zaccel",
    "LASER POWER": "laser_power", "EVENT RATE": "event_rate", "POSITION": "position", "VALVE": "valve", "PAR": "par",
}  # fmt: skip


def write_instrument_sfl(path: str | PathLike[str], columns: xr.Dataset | Mapping[str, npt.ArrayLike]) -> None:
    """Write the day file of the instrument: names without their folder, no DATE, a line break before each line.

    Parameters
    ----------
    path : path-like
        Folders are made. The file appears whole or not at all.
    columns : xarray.Dataset or mapping of str to array_like
        Canonical names; ``file_id`` is needed, others become empty cells. Numbers to six decimals, missing as ``NaN``.

    Raises
    ------
    ValueError
        When ``file_id`` is missing or lengths differ.
    """
    if "file_id" not in columns:
        raise ValueError("an SFL needs file_id")
    files = [str(name).rpartition("/")[2] for name in np.atleast_1d(np.asarray(columns["file_id"]))]
    cells = [
        files if name == "file_id" else _instrument_cells(columns, name, len(files)) for name in INSTRUMENT.values()
    ]
    if any(len(column) != len(files) for column in cells):
        raise ValueError(f"SFL columns differ in length: {[len(column) for column in cells]}")
    lines = ["\t".join(INSTRUMENT), *("\t".join(row) for row in zip(*cells, strict=True))]
    folder, base = os.path.split(fspath(path))
    os.makedirs(folder or ".", exist_ok=True)
    temp = os.path.join(folder, f".{base}.{os.getpid()}")
    with open(temp, "w", encoding="ascii", newline="") as file:
        file.write("\r\n".join(lines))
    os.replace(temp, fspath(path))


def _instrument_cells(columns: Any, name: str, rows: int) -> list[str]:
    """Numbers with six decimals each, so that a cut last line can be told; text as it stands."""
    if name not in columns:
        return [""] * rows
    values = np.atleast_1d(np.asarray(columns[name]))
    if values.dtype.kind not in "fiu":
        return [str(value) for value in values]
    return ["NaN" if value != value else f"{float(value):.6f}" for value in values]
