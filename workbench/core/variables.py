"""One table of canonical variables: name, dims, dtype, unit, CF standard name, valid range.

Readers convert to these units once; everything after them trusts the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from workbench.core.codes import CHANNELS, LOG

TIME = ("time",)
FILE = ("file",)
PARTICLE = ("particle",)


@dataclass(frozen=True)
class VariableSpec:
    """What a variable is.

    Attributes
    ----------
    name : str
        Canonical name.
    dims : tuple of str
        () means: whatever the dataset's row dimension is.
    dtype : str
        numpy dtype name; ``"str"`` for text.
    unit : str
        UDUNITS string; ``"1"`` for pure numbers, ``""`` where a unit makes no sense (text, time).
    standard_name : str or None
        CF standard name, where CF has one.
    long_name : str
        A label with no unit in it.
    valid_range : tuple of float or None
        Physically possible values; outside is flagged, never dropped.
    """

    name: str
    dims: tuple[str, ...]
    dtype: str
    unit: str
    standard_name: str | None
    long_name: str
    valid_range: tuple[float, float] | None = None

    def attrs(self) -> dict[str, Any]:
        """CF attributes for a variable of this kind."""
        out: dict[str, Any] = {"long_name": self.long_name}
        if self.unit:
            out["units"] = self.unit
        if self.standard_name:
            out["standard_name"] = self.standard_name
        if self.valid_range is not None:
            out["valid_min"], out["valid_max"] = self.valid_range
        return out


def _row(
    name: str, unit: str, standard: str | None, label: str, low: float | None = None, high: float | None = None,
    *, dtype: str = "float64", dims: tuple[str, ...] = (),
) -> VariableSpec:  # fmt: skip
    limits = None if low is None or high is None else (low, high)
    return VariableSpec(name, dims, dtype, unit, standard, label, limits)


def _channel(name: str, label: str) -> VariableSpec:
    return VariableSpec(name, PARTICLE, "uint16", "1", None, label, (0, 65535))


_LABELS = {
    "D1": "position detector 1", "D2": "position detector 2", "fsc_small": "forward scatter",
    "fsc_perp": "forward scatter, perpendicular", "fsc_big": "forward scatter, low gain", "pe": "phycoerythrin",
    "chl_small": "chlorophyll", "chl_big": "chlorophyll, low gain",
}  # fmt: skip

_TABLE = [
    # time
    VariableSpec("time", TIME, "datetime64[ns]", "", "time", "time (UTC)"),
    VariableSpec("time_instrument", (), "datetime64[ns]", "", None, "time by the instrument's clock (UTC)"),
    # where
    _row("latitude", "degrees_north", "latitude", "latitude", -90, 90),
    _row("longitude", "degrees_east", "longitude", "longitude", -180, 360),
    _row("speed", "kn", "platform_speed_wrt_ground", "speed over ground", 0, 60),
    _row("course", "degree", "platform_course", "course over ground", 0, 360),
    _row("heading", "degree", "platform_orientation", "heading (true)", 0, 360),
    _row("altitude", "m", "altitude", "antenna height", -500, 9000),
    # water and light
    _row("sea_water_temperature", "degree_Celsius", "sea_water_temperature", "sea water temperature", -2.5, 40),
    _row("salinity", "1", "sea_water_practical_salinity", "practical salinity", 2, 42),
    _row("conductivity", "S m-1", "sea_water_electrical_conductivity", "conductivity", 0, 9),
    _row("par", "umol m-2 s-1", "surface_downwelling_photosynthetic_photon_flux_in_air", "PAR", -10, 6000),
    # the instrument
    _row("bulk_red", "1", None, "bulk red fluorescence", 0, 1e6),
    _row("stream_pressure", "psi", None, "stream pressure", 0, 60),
    _row("filter_pressure", "psi", None, "filter pressure", 0, 100),
    _row("event_rate", "s-1", None, "event rate", 0, 1e6),
    _row("file_duration", "s", None, "file duration", 0, 86400),
    _row("laser_power", "mW", None, "laser power", 0, 2000),
    _row("machine_temperature", "degree_Celsius", None, "machine temperature", -40, 100),
    VariableSpec("file_id", (), "str", "", None, "file"),
    VariableSpec("row_size", FILE, "int64", "1", None, "particles in the file"),
    VariableSpec("sentence", (), "str", "", None, "NMEA sentence"),
    # particles
    *(_channel(name, label) for name, label in _LABELS.items()),
    VariableSpec("pulse_width", PARTICLE, "uint16", "1", None, "pulse width (raw)"),
    VariableSpec("pulse_time", PARTICLE, "uint16", "1", None, "pulse time (raw)"),
    VariableSpec("evt_rate", PARTICLE, "uint16", "1", None, "event rate (raw)"),
]

VARIABLES: dict[str, VariableSpec] = {spec.name: spec for spec in _TABLE}

# QARTOD flags, joined to their variable by `ancillary_variables`.
GOOD, UNKNOWN, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9
QC_ATTRS = {
    "flag_values": np.array([GOOD, UNKNOWN, SUSPECT, FAIL, MISSING], dtype=np.int8),
    "flag_meanings": "good not_evaluated suspect fail missing",
    "conventions": "QARTOD",
}


def describe(ds: xr.Dataset) -> xr.Dataset:
    """Give every canonical variable of `ds` its CF attributes, and all a label (in place), keeping what is there."""
    for name in ds.variables:
        spec = VARIABLES.get(str(name))
        if spec is not None:
            base = spec.attrs()
            if spec.name in CHANNELS and ds[name].attrs.get("scale") != "linear":
                base |= LOG
            if ds[name].dtype.kind == "M":
                base.pop("units", None)
            ds[name].attrs = {**base, **ds[name].attrs}
    return labelled(ds)


def labelled(ds: xr.Dataset) -> xr.Dataset:
    """Give every variable of `ds` without a label its name as one (in place)."""
    for name, variable in ds.variables.items():
        variable.attrs.setdefault("long_name", str(name).replace("_", " "))
    return ds


def label(name: str, unit: str | None = None) -> str:
    """``"stream pressure [psi]"``: what to write beside an axis."""
    spec = VARIABLES.get(name)
    text = spec.long_name if spec else name.replace("_", " ")
    unit = unit if unit is not None else (spec.unit if spec else "")
    shown = SHORT_UNITS.get(unit, unit)
    return f"{text} [{shown}]" if shown else text


#: UDUNITS as people write them on a screen.
SHORT_UNITS = {
    "1": "", "degree_Celsius": "°C", "degrees_north": "°N", "degrees_east": "°E", "degree": "°",
    "umol m-2 s-1": "µmol m⁻² s⁻¹", "s-1": "/s", "S m-1": "S/m",
    "uL-1": "/µL", "uL": "µL", "percent": "%", "um": "µm", "pg": "pg", "ug L-1": "µg/L", "m s-1": "m/s",
}  # fmt: skip
