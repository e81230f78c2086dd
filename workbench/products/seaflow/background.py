"""How much of what is in focus belongs to no population."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.products.contract import NOTHING, product

PROVIDES = (
    VARIABLES["time"],
    VariableSpec("background", ("time", "quantile"), "float64", "percent", None, "OPP of no population"),
)


@product(reach=NOTHING, provides=PROVIDES)
def background(populations: xr.Dataset) -> xr.Dataset:
    """Background: per cent of the particles in focus that no gate holds.

    Parameters
    ----------
    populations : xarray.Dataset
        ``n_count`` by ``time``, ``population`` and ``quantile``, as the product ``seaflow`` gives it.

    Returns
    -------
    xarray.Dataset
        ``background``: ``100 * unknown / all``, NaN where nothing was counted.

    Raises
    ------
    WorkbenchError
        When there is no ``n_count`` by population.
    """
    if "n_count" not in populations or "population" not in populations["n_count"].dims:
        raise WorkbenchError(f"a background needs 'n_count' by population. {suggest('n_count', map(str, populations))}")
    count = populations["n_count"].astype(np.float64)
    unknown = count.isel(population=np.flatnonzero(count["population"].to_numpy() == "unknown")).sum(
        "population", skipna=False
    )
    whole = count.sum("population")  # of a gate that is not evaluated nobody knows: its particles are unknown
    out = (100 * unknown / whole.where(whole > 0)).transpose("time", "quantile").to_dataset(name="background")
    out["background"].attrs = PROVIDES[1].attrs()
    return out.drop_vars([name for name in out.coords if name not in ("time", "quantile")])
