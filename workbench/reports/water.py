"""The sea in a report: temperature against salinity, and everything against latitude."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.reports.content import Content
from workbench.reports.pictures import Picture, name_of, series_of, spoken
from workbench.reports.rules.populations import NOT_CELLS, called
from workbench.views import against, say
from workbench.views.t_s import FRESH, of_the_sea
from workbench.views.track import along


def diagram(content: Content) -> Picture | None:
    """The T-S diagram; None where no source has salinity and temperature."""
    source = content.first("salinity", "sea_water_temperature")
    if source is None:
        return None
    ds = content.rows[source]
    salinity, temperature = (ds[name].values.astype(float) for name in ("salinity", "sea_water_temperature"))
    pumped = of_the_sea(salinity) & np.isfinite(salinity)
    hidden = int((np.isfinite(salinity) & ~pumped).sum())
    cloud = against.Cloud("", ds["time"].values[pumped], salinity[pumped], temperature[pumped])
    plot = against.draw([cloud], against.Axes("Practical salinity", "Sea water temperature [°C]", isopycnals=True))
    plot.name = "ts"
    alt = (
        "T-S diagram: "
        + "; ".join([spoken("salinity", "", salinity[pumped]), spoken("temperature", "°C", temperature[pumped])])
        + "."
    )
    caption = f"{say.count(hidden)} rows with a salinity under {FRESH:g} are not shown (the pump)." if hidden else ""
    return Picture("against", (plot,), alt, "", caption + " Dashed: equal density, sigma-t in kg m⁻³.")


def by_latitude(content: Content, where: str) -> list[Picture]:
    """Populations, temperature and salinity against latitude, north- and southbound."""
    rows: list[tuple[xr.Dataset, str, str, str]] = []
    for ds in content.populations.values():
        cells = [name for name in map(str, ds["population"].values) if name not in NOT_CELLS and "abundance" in ds]
        unit = say.unit(str(ds["abundance"].attrs.get("units", ""))) if cells else ""
        rows += [(ds[["abundance"]].sel(population=name, drop=True), "abundance", called(name), unit) for name in cells]
    for variable in ("sea_water_temperature", "salinity"):
        source = content.first(variable)
        if source is not None:
            rows.append((content.rows[source], variable, *name_of(content, f"{source}.{variable}")))
    way = content.rows[where]
    latitude = series_of(way, "latitude", 6000)
    if not latitude.sizes["time"] or np.ptp(latitude["latitude"].values) < 0.5:
        return []
    found, x_range = [], None
    for i, (ds, variable, label, unit) in enumerate(rows):
        clouds = _legs(ds, variable, latitude)
        if not clouds:
            continue
        plot = against.draw(
            clouds, against.Axes("Latitude", f"{label} [{unit}]" if unit else label, latitudes=True), x_range=x_range
        )
        plot.name = f"latitude:{i}"
        x_range = x_range or plot.x_range
        alt = f"{spoken(label, unit, np.concatenate([cloud.y for cloud in clouds]))} against latitude."
        found.append(Picture("against", (plot,), alt, label))
    return found


def _legs(ds: xr.Dataset, variable: str, latitude: xr.Dataset) -> list[against.Cloud]:
    thinned = series_of(ds, variable, 4000)
    here = along(thinned, latitude, "latitude")
    parts = against.legs(thinned["time"].values, here)
    values = thinned[variable].values
    return [
        against.Cloud(name, thinned["time"].values[mask], here[mask], values[mask])
        for name, mask in parts
        if values[mask].size
    ]
