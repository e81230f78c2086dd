"""SeaFlow log codes: uint16, 3.5 decades over 2**16.

Source of the formula: seaflowpy ``linearize_particles`` (``lin = 10**(x / 2**16 * 3.5)``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import WorkbenchError

#: A dataset of particles, or one of its channels: what goes in comes out.
Channels = TypeVar("Channels", xr.Dataset, xr.DataArray)
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


def on_log_scale(channel: xr.DataArray) -> npt.NDArray[np.generic]:
    """The log codes or log values of a channel, whichever scale it is on: what the filter and the beads hold for.

    Of what `linear` made of codes they are those codes again, to the last digit.
    """
    values = channel.to_numpy()
    if channel.attrs.get("scale") != "linear":
        return values
    found = to_log(values)
    whole = np.round(found)
    return np.where(np.abs(found - whole) < 1e-6, whole, found)


def linear(particles: Channels) -> Channels:
    """Convert what is on SeaFlow's log scale (attr ``scale="log"``) to linear float64.

    Parameters
    ----------
    particles : xarray.Dataset or xarray.DataArray
        Variables with ``scale="log"`` are converted, lazily when they are lazy; others are kept as they are.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        The same variables; the converted ones are float64 with attrs ``scale="linear"`` and unit 1.
    """
    return _each(particles, "log", _linear)


def _linear(channel: xr.DataArray) -> xr.DataArray:
    attrs = {k: v for k, v in channel.attrs.items() if k not in ("scale", "decades")}
    decades = float(channel.attrs.get("decades", DECADES))
    out: xr.DataArray = 10.0 ** (channel.astype(np.float64) / SIZE * decades)
    out.attrs = {**attrs, "scale": "linear", "units": "1"}
    return out


def _each(particles: Channels, scale: str, turned: Callable[[xr.DataArray], xr.DataArray]) -> Channels:
    """A channel, or each channel of a dataset, that is on a scale, turned into another; the others as they are."""
    if isinstance(particles, xr.DataArray):
        return turned(particles) if particles.attrs.get("scale") == scale else particles.copy()
    if not isinstance(particles, xr.Dataset):
        raise WorkbenchError(
            f"a dataset of particles or one of its channels is needed, not {type(particles).__name__}: "
            "its attributes say on which scale it is"
        )
    on = {name: array for name, array in particles.data_vars.items() if array.attrs.get("scale") == scale}
    return particles.assign({name: turned(array) for name, array in on.items()})


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


def log_codes(particles: Channels) -> Channels:
    """The inverse of `linear` for what has ``scale="linear"``: uint16 log codes, lazily when they are lazy.

    Parameters
    ----------
    particles : xarray.Dataset or xarray.DataArray

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        The same variables; the converted ones are uint16 with attrs ``scale="log"``, ``decades=3.5``.

    Raises
    ------
    WorkbenchError
        When a value is NaN or negative.
    """
    return _each(particles, "linear", _log_codes)


def _log_codes(channel: xr.DataArray) -> xr.DataArray:
    out: xr.DataArray = xr.apply_ufunc(to_codes, channel, dask="parallelized", output_dtypes=[np.uint16])
    out.attrs = channel.attrs | LOG
    return out
