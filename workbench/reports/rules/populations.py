"""Which cells there were, how many, and where most of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.reports.finding import Finding, Number, window_of
from workbench.views import say
from workbench.views.paint import NAMES

TOPIC = "Populations"
#: What is counted but is no population of the sea.
NOT_CELLS = ("beads", "unknown", "background", "noise", "saturated")


def called(population: str) -> str:
    """What people call a population."""
    return NAMES.get(population, population[:1].upper() + population[1:])


def _few(value: float) -> str:
    """Three significant figures; two of small numbers."""
    return f"{value:.2g}" if 1e-3 <= abs(value) < 1 else say.number(value, 3)


def cells(ds: xr.Dataset, source: str, variable: str = "abundance") -> list[Finding]:
    """Median and range of each population's abundance, when it was highest, and how the two smallest compare.

    Parameters
    ----------
    ds : xarray.Dataset
        `variable` along ``time`` and ``population``; ``latitude`` along ``time`` where known.
    source : str
    variable : str
    """
    if variable not in ds.variables or set(ds[variable].dims) != {"time", "population"}:
        return []
    names = [str(name) for name in ds["population"].values if str(name) not in NOT_CELLS]
    found = [told for name in names if (told := _one(ds, variable, name, source)) is not None]
    found.sort(key=lambda finding: -float(finding.numbers[0].value))  # type: ignore[arg-type]
    return found + _ratio(ds, variable, names, source)


def _column(ds: xr.Dataset, variable: str, name: str) -> np.ndarray:
    return np.asarray(ds[variable].sel(population=name).values, float)


def _one(ds: xr.Dataset, variable: str, name: str, source: str) -> Finding | None:
    values, time = _column(ds, variable, name), ds["time"].values
    good = np.isfinite(values)
    if not good.any():
        return None
    unit = str(ds[variable].attrs.get("units", ""))
    low, middle, high = (float(v) for v in np.percentile(values[good], (2.5, 50, 97.5)))
    peak = int(np.nanargmax(values))
    numbers = [
        Number("median", middle, unit), Number("2.5 % of the rows are below", low, unit),
        Number("2.5 % of the rows are above", high, unit), Number("highest", float(values[peak]), unit),
        Number("highest at", time[peak]), Number("rows with a value", int(good.sum())), Number("share told", 95, "percent"),
    ]  # fmt: skip
    where = ""
    if "latitude" in ds.variables and np.isfinite(float(ds["latitude"].values[peak])):
        place = say.angle(float(ds["latitude"].values[peak]), "degrees_north")
        numbers.append(Number("highest at latitude", str(place)))
        where = f" at {place}"
    shown = say.unit(unit)
    text = (
        f"{called(name)}: median {_few(middle)} {shown}; 95 % of the rows lie between {_few(low)} and {_few(high)} {shown}; "
        f"most on {say.moment(time[peak], seconds=False)} UTC{where} ({_few(float(values[peak]))} {shown})."
    )  # fmt: skip
    rule = "percentiles and maximum over time; beads and what is no population left out"
    return Finding(TOPIC, "fact", text, tuple(numbers), f"{source}.{variable}", window_of(time[good]), rule)


def _ratio(ds: xr.Dataset, variable: str, names: list[str], source: str) -> list[Finding]:
    """Prochlorococcus to Synechococcus."""
    if not {"prochloro", "synecho"} <= set(names):
        return []
    pro, syn = _column(ds, variable, "prochloro"), _column(ds, variable, "synecho")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pro / syn
    good = np.isfinite(ratio)
    if not good.any():
        return []
    middle = float(np.median(ratio[good]))
    text = f"The median ratio of Prochlorococcus to Synechococcus is {_few(middle)}."
    numbers = (Number("median of the ratio", middle, "1"), Number("rows with both", int(good.sum())))
    return [
        Finding(
            TOPIC, "fact", text, numbers, f"{source}.{variable}", window_of(ds["time"].values[good]), "ratio row by row"
        )
    ]
