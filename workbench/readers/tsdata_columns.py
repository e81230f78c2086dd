"""Columns of a TSDATA table under the house's names, in its units, with a flag for each number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.core.units import convert, refuse_other_quantity
from workbench.core.variables import FAIL, VARIABLES
from workbench.readers.tsdata_text import Header

#: Names of columns, in lower case, that mean a canonical variable, where their unit can be turned into its unit.
CANONICAL = {
    "lat": "latitude", "latitude": "latitude", "lon": "longitude", "long": "longitude", "longitude": "longitude",
    "temp": "sea_water_temperature", "temperature": "sea_water_temperature", "sst": "sea_water_temperature",
    "ocean_temp": "sea_water_temperature", "sea_water_temperature": "sea_water_temperature",
    "cond": "conductivity", "conductivity": "conductivity", "sal": "salinity", "salinity": "salinity", "par": "par",
    "knots": "speed", "sog": "speed", "cog": "course", "course": "course", "heading": "heading",
    "heading_true_north": "heading", "altitude": "altitude", "bulk_red": "bulk_red",
    "stream_pressure": "stream_pressure", "event_rate": "event_rate", "file_duration": "file_duration",
}  # fmt: skip
#: Units as people write them, in lower case without spaces, where UDUNITS has another word or another meaning.
UNITS = {
    "c": "degree_Celsius", "degc": "degree_Celsius", "deg_c": "degree_Celsius", "°c": "degree_Celsius",
    "psu": "1", "pss-78": "1", "pss78": "1", "s/m": "S m-1", "ms/cm": "mS cm-1", "us/cm": "uS cm-1",
    "deg": "degree", "degrees": "degree", "decimaldegrees": "degree", "degreesnorth": "degrees_north",
    "degreeseast": "degrees_east", "deg_n": "degrees_north", "deg_e": "degrees_east", "°": "degree",
    "kn": "kn", "kt": "kn", "kts": "kn", "knot": "kn", "knots": "kn",
    "ue/m^2/s": "umol m-2 s-1", "ue/m2/s": "umol m-2 s-1", "uein/m^2/s": "umol m-2 s-1", "umol/m^2/s": "umol m-2 s-1",
    "umol/m2/s": "umol m-2 s-1", "µmol/m2/s": "umol m-2 s-1", "umolphotons/m2/s": "umol m-2 s-1",
    "µmolphotons/m2/s": "umol m-2 s-1", "µmolphotons/m^2/s": "umol m-2 s-1", "umolphotons/m^2/s": "umol m-2 s-1",
}  # fmt: skip
#: What a column is in when its unit is NA and only one thing can be meant.
_PLAIN = ("latitude", "longitude", "salinity")


@dataclass(frozen=True)
class Table:
    """Rows of one file (or of a part), under the names and in the units of the dataset.

    Attributes
    ----------
    path : str
    head : Header
    time : numpy.ndarray of datetime64[ns], shape (rows,)
    columns : dict of str to numpy.ndarray
    flags : dict of str to numpy.ndarray of int8
    attrs : dict of str to dict
        Attributes of each column.
    bad : Counter
    end : int
        Bytes read.
    """

    path: str
    head: Header
    time: npt.NDArray[np.datetime64]
    columns: dict[str, npt.NDArray[Any]]
    flags: dict[str, npt.NDArray[np.int8]]
    attrs: dict[str, dict[str, Any]]
    bad: Counter[str]
    end: int

    @property
    def nbytes(self) -> int:
        return sum(values.nbytes for values in (self.time, *self.columns.values(), *self.flags.values()))


def named(
    path: str, head: Header, columns: dict[str, npt.NDArray[Any]], flags: dict[str, npt.NDArray[np.int8]],
    bad: Counter[str], end: int,
) -> Table:  # fmt: skip
    """Columns under their canonical names, in canonical units, with impossible values flagged."""
    values, quality, attrs = {}, {}, {}
    for column, kind, unit, comment in list(zip(head.names, head.types, head.units, head.comments, strict=True))[1:]:
        name, numbers, said = _canonical(head, column, kind, unit, columns[column])
        values[name] = numbers
        attrs[name] = said | {"tsdata_type": kind} | ({"comment": comment} if comment not in ("", "NA") else {})
        if kind == "boolean":
            attrs[name] |= {"flag_values": np.array([0.0, 1.0]), "flag_meanings": "FALSE TRUE"}
        if column in flags:
            quality[name] = _judge(name, numbers, flags[column], said, bad)
            attrs[name]["ancillary_variables"] = f"{name}_qc"
    return Table(path, head, columns["time"], values, quality, attrs, +bad, end)


def _canonical(
    head: Header, column: str, kind: str, unit: str, numbers: npt.NDArray[Any]
) -> tuple[str, npt.NDArray[Any], dict[str, Any]]:
    """Name, values and attributes of a column; its own where it is not, for certain, a canonical variable."""
    own = {} if unit in ("", "NA") else {"units": unit}
    name = CANONICAL.get(column.lower())
    first = next((each for each in head.names if CANONICAL.get(each.lower()) == name), None)
    if name is None or kind not in ("float", "integer") or column != first or (name in head.names and column != name):
        return column, numbers, own
    spec = VARIABLES[name]
    written = UNITS.get(unit.lower().replace(" ", ""), unit) if own else (spec.unit if name in _PLAIN else "")
    try:
        refuse_other_quantity(name, written, spec.unit)
        converted = numbers if written == spec.unit else convert(numbers, written, spec.unit)
    except WorkbenchError:
        return column, numbers, own
    source = {"source_name": column} | ({"source_units": unit} if own else {})
    return name, converted, spec.attrs() | source


def _judge(
    name: str, numbers: npt.NDArray[Any], flags: npt.NDArray[np.int8], attrs: dict[str, Any], bad: Counter[str]
) -> npt.NDArray[np.int8]:
    """Flags with 4 where a number is outside what is possible."""
    if "valid_min" not in attrs:
        return flags
    low, high = attrs["valid_min"], attrs["valid_max"]
    outside = (numbers < low) | (numbers > high)
    if outside.any():
        bad[f"{name} is outside {low:g} to {high:g}"] += int(outside.sum())
    return np.where(outside, np.int8(FAIL), flags)
