"""SeaFlow log codes: uint16, 3.5 decades over 2**16.

Source of the formula: seaflowpy ``linearize_particles`` (``lin = 10**(x / 2**16 * 3.5)``).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import WorkbenchError

DECADES = 3.5
SIZE = 2**16
#: Attributes of a variable that holds log codes or log values.
LOG = {"scale": "log", "decades": DECADES}
#: Channels that are recorded on the log scale. pulse_width, pulse_time and evt_rate are not.
CHANNELS = ("D1", "D2", "fsc_small", "fsc_perp", "fsc_big", "pe", "chl_small", "chl_big")


def to_linear(codes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Log codes to linear values: ``10**(codes / 2**16 * 3.5)``, float64, 1 to 3162.28."""
    given = np.asarray(codes)
    if given.dtype == np.uint16:
        return np.asarray(_every_code()[given])
    return np.asarray(10.0 ** (given.astype(np.float64) / SIZE * DECADES))


@lru_cache(maxsize=1)
def _every_code() -> npt.NDArray[np.float64]:
    """The linear value of each of the 65,536 codes: looking up is fifty times faster than computing."""
    return np.asarray(10.0 ** (np.arange(SIZE, dtype=np.float64) / SIZE * DECADES))


def to_log(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Linear values to log values (float64, not rounded); 0 gives -inf, negatives NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log10(np.asarray(values, dtype=np.float64)) / DECADES * SIZE)


def linear(ds: xr.Dataset) -> xr.Dataset:
    """Convert every variable on SeaFlow's log scale (attr ``scale="log"``) to linear float64.

    Parameters
    ----------
    ds : xarray.Dataset
        Variables with ``scale="log"`` are converted, lazily when they are lazy; others are kept as they are.

    Returns
    -------
    xarray.Dataset
        The same variables; the converted ones are float64 with attrs ``scale="linear"`` and unit 1.
    """
    out = ds.copy()
    for name, array in ds.data_vars.items():
        if array.attrs.get("scale") != "log":
            continue
        attrs = {k: v for k, v in array.attrs.items() if k not in ("scale", "decades")}
        decades = float(array.attrs.get("decades", DECADES))
        out[name] = 10.0 ** (array.astype(np.float64) / SIZE * decades)
        out[name].attrs = {**attrs, "scale": "linear", "units": "1"}
    return out


def to_codes(values: npt.ArrayLike) -> npt.NDArray[np.uint16]:
    """Linear values to the nearest log codes, held within 0..65535.

    Source of the formula: seaflowpy (``round(log10(lin) / 3.5 * 2**16)``).

    Raises
    ------
    WorkbenchError
        When a value is NaN: a code cannot say that something is missing.
    """
    rounded = np.round(to_log(values))
    if np.isnan(rounded).any():
        raise WorkbenchError("missing or negative values have no log code; drop those rows first")
    return np.clip(rounded, 0, SIZE - 1).astype(np.uint16)


def log_codes(ds: xr.Dataset) -> xr.Dataset:
    """The inverse of `linear` for variables with ``scale="linear"``: uint16 log codes, lazily when they are lazy.

    Parameters
    ----------
    ds : xarray.Dataset

    Returns
    -------
    xarray.Dataset
        The same variables; the converted ones are uint16 with attrs ``scale="log"``, ``decades=3.5``.

    Raises
    ------
    WorkbenchError
        When a value is NaN or negative.
    """
    out = ds.copy()
    for name, array in ds.data_vars.items():
        if array.attrs.get("scale") != "linear":
            continue
        out[name] = xr.apply_ufunc(to_codes, array, dask="parallelized", output_dtypes=[np.uint16])
        out[name].attrs = {**{k: v for k, v in array.attrs.items() if k != "scale"}, **LOG}
    return out
