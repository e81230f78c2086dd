"""What a file says about itself, so that it can be found and understood without us (ACDD-1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.core import clock

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise

CONVENTIONS = "CF-1.11, ACDD-1.3"
VOCABULARY = "CF Standard Name Table v93"


@dataclass(frozen=True)
class Told:
    """What is known about a dataset beside its rows.

    Attributes
    ----------
    source : str
        Name of the Source.
    attributes : mapping
        Global attributes.
    platform : str
        The cruise's id.
    """

    source: str
    attributes: Mapping[str, Any]
    platform: str


def tell(cruise: Cruise, source: str, ds: xr.Dataset, given: Mapping[str, str]) -> Told:
    """The global attributes of an exported source: the dataset's own, what ACDD asks for and we know, what was given.

    Whoever made the data is not in the catalog; `given` says it.
    """
    now = f"{np.datetime_as_string(clock.now(), unit='s')}Z"
    about = cruise[source]
    names = [str(name) for name, array in ds.variables.items() if not str(name).endswith("_qc") and array.dims]
    keywords = [ds[name].attrs.get("long_name", name) for name in names]
    tool = f"SciOps Workbench {version('sciops-workbench')}"
    told: dict[str, Any] = {
        **ds.attrs,
        "Conventions": CONVENTIONS,
        "title": f"{cruise.title or cruise.id}: {source}",
        "summary": _summary(cruise, source, about.description),
        "keywords": ", ".join(dict.fromkeys(str(word) for word in keywords)),
        "keywords_vocabulary": "none",
        "id": f"{cruise.id}.{source}",
        "naming_authority": "workbench",
        "source": f"{source} of cruise {cruise.id}",
        "history": f"{now} exported by {tool} ({about.reader or about.about})",
        "date_created": now,
        "project": cruise.id,
        "standard_name_vocabulary": VOCABULARY,
        "processing_level": "as recorded; units converted, quality flags added, no row removed",
        "cdm_data_type": "Other" if "particle" in ds.dims or not _positions(ds) else "Trajectory",
        **({"platform": cruise.ship} if cruise.ship else {}),
        **_coverage(ds),
        **_place(ds),
        **given,
    }
    return Told(source, told, cruise.id)


def _summary(cruise: Cruise, source: str, description: str) -> str:
    ship = f" aboard {cruise.ship}" if cruise.ship else ""
    return f"{description or source} Source {source} of cruise {cruise.id}{ship}.".strip()


def _coverage(ds: xr.Dataset) -> dict[str, str]:
    if "time" not in ds.variables or ds["time"].dtype.kind != "M":
        return {}
    times = ds["time"].values.ravel()
    times = times[~np.isnat(times)]
    if not times.size:
        return {}
    first, last = times.min(), times.max()
    seconds = float((last - first) / np.timedelta64(1, "s"))
    steps = np.diff(np.unique(times))
    out = {
        "time_coverage_start": f"{np.datetime_as_string(first, unit='ms')}Z",
        "time_coverage_end": f"{np.datetime_as_string(last, unit='ms')}Z",
        "time_coverage_duration": f"PT{seconds:.3f}S",
    }
    if steps.size:
        out["time_coverage_resolution"] = f"PT{float(np.median(steps) / np.timedelta64(1, 's')):.3f}S"
    return out


def _positions(ds: xr.Dataset) -> bool:
    return {"latitude", "longitude", "time"} <= set(map(str, ds.variables)) and ds["latitude"].dims == ("time",)


def _place(ds: xr.Dataset) -> dict[str, Any]:
    """The box around the positions; nothing where there are none."""
    if not _positions(ds):
        return {}
    lat, lon = (np.asarray(ds[name].values, float) for name in ("latitude", "longitude"))
    good = np.isfinite(lat) & np.isfinite(lon)
    if not good.any():
        return {}
    south, north = float(lat[good].min()), float(lat[good].max())
    west, east = _sides(lon[good])
    corners = [(south, west), (south, east), (north, east), (north, west), (south, west)]
    return {
        "geospatial_lat_min": south, "geospatial_lat_max": north, "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": west, "geospatial_lon_max": east, "geospatial_lon_units": "degrees_east",
        "geospatial_bounds": f"POLYGON (({', '.join(f'{y:.6f} {x:.6f}' for y, x in corners)}))",
        "geospatial_bounds_crs": "EPSG:4326",
    }  # fmt: skip


def _sides(longitude: Any) -> tuple[float, float]:
    """West and east of the smallest arc around all longitudes; across the antimeridian west is the larger number."""
    turned = np.unique((longitude + 180) % 360 - 180)
    gaps = np.diff(np.concatenate([turned, turned[:1] + 360]))
    widest = int(np.argmax(gaps))
    return float(turned[(widest + 1) % turned.size]), float(turned[widest])
