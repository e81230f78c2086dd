"""From counts of particles to cells per microlitre, and what is known of the water they were in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.products.seaflow.abundance import BY_FILE, abundance
from workbench.products.seaflow.flow import flow_rate, volume

Floats = npt.NDArray[np.float64]
_EACH = ("time", "population", "quantile")
#: What an SFL says that is handed on.
HANDED = (
    "latitude", "longitude", "sea_water_temperature", "salinity", "par", "stream_pressure", "file_duration", "event_rate",
)  # fmt: skip


def in_water(ds: xr.Dataset, rows: npt.NDArray[np.int64], sfl: xr.Dataset, instrument: str) -> xr.Dataset:
    """Counts per microlitre, by the pressures and durations of the SFL.

    Parameters
    ----------
    ds : xarray.Dataset
        Counts, sizes and flags of files; what people excluded is NaN here.
    rows : numpy.ndarray of int64, shape (time,)
        Row of the SFL that each file has.
    sfl : xarray.Dataset
    instrument : str
        Serial number.

    Returns
    -------
    xarray.Dataset
        With abundance, biomass, flow and volume, and what the SFL says of position and water.
    """
    handed = {
        name: ("time", np.asarray(sfl[name].to_numpy(), dtype=np.float64)[rows]) for name in HANDED if name in sfl
    }
    nothing = ("time", np.full(len(rows), np.nan))
    pressure, seconds = (handed.get(name, nothing)[1] for name in ("stream_pressure", "file_duration"))
    count, own, core = (ds[name].to_numpy() for name in ("n_count", "opp_evt_ratio", "virtual_core"))
    cells, se = np.empty(count.shape), np.empty(count.shape)
    for at, name in enumerate(ds["population"].to_numpy().tolist()):  # one at a time: all would be in memory many times
        cells[:, at], se[:, at] = abundance(
            count[:, at], ratio=own if name in BY_FILE else core, pressure=pressure[:, None], duration=seconds[:, None],
            instrument=instrument,
        )  # fmt: skip
    out = ds["excluded"].to_numpy() == 1
    cells[out] = se[out] = np.nan
    rate, sd = flow_rate(pressure, instrument)
    water: dict[str, Any] = {
        "abundance": (_EACH, cells),
        "abundance_se": (_EACH, se),
        "biomass": (_EACH, _biomass(cells, ds["carbon_quota"].to_numpy())),
        "flow_rate": ("time", rate),
        "flow_rate_sd": ("time", sd),
        "volume": ("time", volume(pressure, seconds, instrument)),
    }
    return ds.assign(water | handed)


def _biomass(cells: Floats, quota: Floats) -> Floats:
    """Carbon of so many cells: where there is none of a population, whose quota nobody knows then, it is 0."""
    return np.where((cells == 0) & np.isfinite(quota).any(), 0.0, cells * quota)
