"""From an array as it is stored to a variable as it is meant: its name, its unit, what is missing.

`variables: {ours: theirs}` chooses and renames; without it, everything is taken, and an array whose name or CF
standard name is that of a canonical variable becomes it. `units: {ours: unit}` says what the file is in where it does not
say it itself. A canonical variable comes out in its canonical unit, as float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError, WorkbenchError, suggest
from workbench.core.units import convert, refuse_other_quantity
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.readers import moments
from workbench.readers.rows_layout import Layout
from workbench.readers.stored import Array, Stored

#: Words for units that UDUNITS spells otherwise.
UNITS = {
    "c": "degree_Celsius", "degc": "degree_Celsius", "deg_c": "degree_Celsius", "°c": "degree_Celsius",
    "celsius": "degree_Celsius", "degrees_celsius": "degree_Celsius", "deg c": "degree_Celsius", "psu": "1",
    "pss-78": "1", "1e-3": "1", "0.001": "1", "s/m": "S m-1", "ms/cm": "mS cm-1", "deg": "degree", "degrees": "degree",
    "degrees_true": "degree", "degree_true": "degree", "knots": "kn", "knot": "kn", "kts": "kn",
    "degree_north": "degrees_north", "degree_east": "degrees_east", "degrees_n": "degrees_north",
    "degrees_e": "degrees_east", "count": "1", "counts": "1", "none": "1", "dimensionless": "1", "": "1",
}  # fmt: skip
#: Variables whose practical unit is said in many ways that mean the same number.
_SAME = {"salinity": ("1e-3", "0.001", "psu", "pss-78", "1", "")}
_CODING = ("_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "units", "calendar", "valid_min",
           "valid_max", "valid_range", "coordinates", "ancillary_variables", "cell_methods", "bounds", "grid_mapping",
           "cell_measures", "dtype", "_Encoding", "_ChunkSizes")  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One variable of one layout.

    Attributes
    ----------
    name : str
    stored : Stored
    dtype : str
    attrs : dict
    fill : tuple
        Stored values that mean missing.
    scale, offset : float
    unit, to : str
        Converted where they differ.
    moment : str
        Unit of time, where it is another time.
    """

    name: str
    stored: Stored
    dtype: str
    attrs: Mapping[str, Any]
    fill: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    to: str = ""
    moment: str = ""

    @property
    def dims(self) -> tuple[str, ...]:
        return self.stored.dims

    @property
    def axis(self) -> int:
        """Which axis is time; -1 for none."""
        return self.dims.index("time") if "time" in self.dims else -1

    def decode(self, raw: Array) -> Array:
        """Stored values as the variable's."""
        if self.moment:
            calendar = str(self.stored.attrs.get("calendar", ""))
            return moments.decode(raw, self.moment, calendar, self.fill or None, scale=self.scale, offset=self.offset)
        dtype = np.dtype(self.dtype)
        if dtype.kind == "O" or raw.dtype.kind == "O":
            return raw.astype(object, copy=False)
        if self.stored.attrs.get("_Unsigned") == "true" and raw.dtype.kind == "i":
            raw = raw.view(raw.dtype.str.replace("i", "u"))
        values = raw.astype(dtype, copy=False) if raw.dtype != dtype else raw
        if self.fill and dtype.kind == "f":
            missing = np.isin(raw, np.array(self.fill).astype(raw.dtype))
            if missing.any():
                values = np.where(missing, np.nan, values)
        if self.scale != 1.0 or self.offset != 0.0:
            values = values * self.scale + self.offset
        if self.unit != self.to:
            values = convert(values, self.unit, self.to)
        return values.astype(dtype, copy=False)

    def missing(self, shape: tuple[int, ...]) -> Array:
        """What stands where a file has no values."""
        dtype = np.dtype(self.dtype)
        if dtype.kind == "O":
            return np.full(shape, "", dtype=object)
        return np.full(
            shape, np.datetime64("NaT", "ns") if dtype.kind == "M" else np.nan, dtype if dtype.kind in "fcM" else "f8"
        )


def plan(
    path: str, layout: Layout, variables: Mapping[str, str] | None, units: Mapping[str, str] | None
) -> dict[str, Column]:
    """The variables of a layout, by name.

    Raises
    ------
    ReaderError
        When a name that was asked for is not in it, or a unit cannot be converted.
    """
    arrays = [*layout.rows, *layout.still]
    chosen = _asked(path, arrays, variables) if variables is not None else _everything(layout, arrays)
    units = units or {}
    for name in units:
        if name not in chosen:
            raise ReaderError(path, f"a unit is given for '{name}', which is no variable", hint=suggest(name, chosen))
    out = {}
    for name, stored in chosen.items():
        spec = VARIABLES.get(name)
        try:
            out[name] = _column(name, stored, spec, units.get(name))
        except WorkbenchError as error:
            if variables is not None or name in units:
                raise ReaderError(path, f"'{stored.name}' as {name}: {error}") from error
            out[f"{name}_as_stored"] = _column(f"{name}_as_stored", stored, None, None)
    return out


def _asked(path: str, arrays: list[Stored], variables: Mapping[str, str]) -> dict[str, Stored]:
    out = {}
    for ours, theirs in variables.items():
        if ours == "time":
            continue
        found = next((each for each in arrays if theirs in each.known_as), None)
        if found is None:
            raise ReaderError(
                path, f"there is no array '{theirs}' to be {ours}", hint=suggest(theirs, (a.name for a in arrays))
            )
        out[ours] = found
    return out


def _everything(layout: Layout, arrays: list[Stored]) -> dict[str, Stored]:
    """All arrays; one alone with a canonical variable's standard name is that variable."""
    standards: dict[str, list[Stored]] = {}
    for each in layout.rows:
        if isinstance(said := each.attrs.get("standard_name"), str):
            standards.setdefault(said, []).append(each)
    wanted = {
        spec.standard_name: spec.name for spec in VARIABLES.values() if spec.standard_name and spec.name != "time"
    }
    taken = {each.name for each in arrays}
    meant = {id(found[0]): wanted[said] for said, found in standards.items()
             if len(found) == 1 and wanted.get(said, found[0].name) not in taken and said in wanted}  # fmt: skip
    out: dict[str, Stored] = {}
    for each in arrays:
        name = meant.get(id(each), each.name if each.name != "time" else "time_stored")
        while name in out:
            name += "_"
        out[name] = each
    return out


def _column(name: str, stored: Stored, spec: VariableSpec | None, unit: str | None) -> Column:
    about, said = stored.attrs, str(unit if unit is not None else stored.attrs.get("units", "")).strip()
    kept = {key: value for key, value in about.items() if key not in _CODING}
    origin = {"source_name": stored.name} if stored.name != name else {}
    fill, (scale, offset) = _fills(about), stored.packing
    if stored.dtype == "O" or (spec is not None and spec.dtype == "str"):
        return Column(name, stored, "O", _told(spec, kept) | origin)
    if "M8" in stored.dtype or (moments.is_time_unit(said) and stored.dtype[1:2] in "iuf"):
        moment = "datetime64" if "M8" in stored.dtype else said
        moments.decode(np.zeros(0), moment, str(about.get("calendar", "")))
        return Column(name, stored, "<M8[ns]", _told(spec, kept) | origin, fill, scale, offset, moment=moment)
    to = spec.unit if spec is not None and spec.unit else said
    written = _written(name, said, to)
    refuse_other_quantity(name, written, to)
    dtype = _dtype(stored, spec, fill, (scale, offset) != (1.0, 0.0))
    if said and said != to:
        origin["source_units"] = said
    elif spec is not None and not said:
        origin["comment"] = f"the file says no unit; taken as {to}"
    attrs = _told(spec, kept) | ({"units": to} if to else {}) | origin
    return Column(name, stored, dtype, attrs, fill, scale, offset, written, to)


def _written(name: str, said: str, to: str) -> str:
    """The unit as UDUNITS spells it; what the canonical one is where none is said."""
    if not said or said == to or said.lower() in _SAME.get(name, ()):
        return to
    return UNITS.get(said.lower(), said) if name in VARIABLES else to


def _told(spec: VariableSpec | None, kept: dict[str, Any]) -> dict[str, Any]:
    if spec is None:
        return kept
    base = spec.attrs()
    base.pop("units", None) if spec.dtype == "str" else None
    return {**base, **{key: value for key, value in kept.items() if key not in base}}


def _fills(attrs: Mapping[str, Any]) -> tuple[float, ...]:
    values = [attrs.get(key) for key in ("_FillValue", "missing_value")]
    each = [item for value in values for item in (value if isinstance(value, list) else [value])]
    found = [item for item in each if isinstance(item, int | float) and item == item]
    return tuple(dict.fromkeys(found))


def _dtype(stored: Stored, spec: VariableSpec | None, fill: tuple[float, ...], packed: bool) -> str:
    """What comes out: canonical variables as declared, numbers that may be missing as floats."""
    own = np.dtype(stored.dtype).newbyteorder("=")
    if own.kind == "i" and stored.attrs.get("_Unsigned") == "true":
        own = np.dtype(f"u{own.itemsize}")
    if spec is not None:
        return np.dtype(spec.dtype).str
    if own.kind in "iub" and (fill or packed):
        return "<f4" if own.itemsize <= 2 and packed else "<f8"
    return own.str
