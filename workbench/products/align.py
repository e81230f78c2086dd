"""Several datasets on one time axis: nearest row, interpolated, or the mean of the rows around each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.angles import direction, is_angle, turned
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.spread import spread
from workbench.core.variables import MISSING
from workbench.core.window import duration
from workbench.products.match import Match, match

Method = Literal["nearest", "interpolate", "mean"]
#: Names of `method`.
METHODS: tuple[str, ...] = get_args(Method)

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]


def align(
    datasets: Mapping[str, xr.Dataset], *, tolerance: np.timedelta64 | str | None = None, method: Method = "nearest"
) -> xr.Dataset:
    """Put datasets on the times of the first one. No row of the first is left out; what found no match is counted.

    Parameters
    ----------
    datasets : mapping of str to xarray.Dataset
        Source name -> rows along ``time`` in any order; of particles (dims ``particle``, ``file``) the files count as
        rows. The first one gives the times.
    tolerance : numpy.timedelta64 or str, optional
        How far from a time a row may be. By default the usual step of the coarser of the two datasets for "nearest"
        and "interpolate", and half the usual step of the first for "mean".
    method : {"nearest", "interpolate", "mean"}
        "nearest": the row nearest in time. "interpolate": on the line between the rows before and after, where both are
        within `tolerance`, or the row at that very time. "mean": of all rows within `tolerance` for which this is the
        nearest time of the first. Angles (headings, courses, directions, longitudes) go the short way round and have
        circular means; the mean of a wind or current given as speed and direction is that of its vectors. Text,
        times and flags are the nearest row's; of a mean, the flag is the worst.

    Returns
    -------
    xarray.Dataset
        dim ``time`` as in the first. A name that two datasets have becomes ``SOURCE_NAME`` in the later one. Each
        variable has attrs ``source`` and, of the others, ``matched`` and ``unmatched`` (times of the first that got a
        row, and that got none: NaN, NaT, no text). The dataset has ``align_method`` and for each other source
        ``<source>_rows`` and ``<source>_unused`` (its rows, and those that went nowhere).

    Raises
    ------
    WorkbenchError
        When there is nothing to align, the method is unknown, or a dataset has no ``time``.

    Source of the circular mean: N. I. Fisher, "Statistical analysis of circular data" (1993), 2.3.1.
    """
    if not datasets:
        raise WorkbenchError("nothing to align: name one source or more")
    if method not in METHODS:
        raise WorkbenchError(f"'{method}' is not a way to align. {suggest(str(method), METHODS)}")
    (first, base), *others = ((name, _rows(name, ds)) for name, ds in datasets.items())
    out = base.copy()
    for variable in out.data_vars.values():
        variable.attrs = {**variable.attrs, "source": first}
    out.attrs = {**out.attrs, "align_method": method}
    reach = duration(tolerance) if isinstance(tolerance, str) else tolerance
    for name, ds in others:
        found = match(_ns(base), _ns(ds), reach, method)
        taken = set(out.variables)
        for key, brought in _brought(ds, found, method).items():
            attrs = {**brought.attrs, "source": name, "matched": found.matched, "unmatched": found.unmatched}
            new = f"{name}_{key}" if key in taken else key
            out[new] = ("time", brought.values, _renamed(attrs, name, taken))
        out.attrs |= {f"{name}_rows": found.rows, f"{name}_unused": found.unused}
    return out


def _brought(ds: xr.Dataset, found: Match, method: str) -> dict[str, xr.Variable]:
    """Every variable of `ds` at the times of the first."""
    names = [str(name) for name, array in ds.variables.items() if array.dims == ("time",) and name != "time"]
    vectors = _vectors(ds, names) if method == "mean" else {}
    out = {}
    for name in names:
        values, attrs = ds[name].values[found.order], dict(ds[name].attrs)
        kind = values.dtype.kind
        if kind == "f" or (kind in "iu" and not name.endswith("_qc") and "flag_values" not in attrs):
            numbers = values.astype(np.float64)
            if method == "nearest":
                made: npt.NDArray[Any] = _picked(numbers, found.nearest)
            elif method == "interpolate":
                made = _between(numbers, found, is_angle(name, attrs))
            else:
                made = _mean(name, ds, numbers, found, vectors.get(name), attrs)
            if kind == "f" and values.dtype.itemsize < 8:
                made = made.astype(values.dtype)
        elif method == "mean" and name.endswith("_qc"):
            made = _worst(values, found)
        else:
            made = _picked(values, found.nearest)
        out[name] = xr.Variable(("time",), made, attrs)
    return out


def _picked(values: npt.NDArray[Any], index: Int) -> npt.NDArray[Any]:
    """`values` at `index`; where that is -1, what says nothing: NaN, NaT, no text, the missing flag."""
    kind = values.dtype.kind
    nothing: Any = np.array("NaT", values.dtype)[()] if kind in "mM" else "" if kind in "OUT" else np.nan
    if values.dtype == np.int8:
        nothing = MISSING
    elif kind in "iub":
        values = values.astype(np.float64)
    elif kind == "U":
        values = values.astype(object)
    if not len(values):
        return np.full(len(index), nothing, values.dtype)
    out = values[np.maximum(index, 0)]
    out[index < 0] = nothing
    return out


def _between(values: Float, found: Match, angle: bool) -> Float:
    out = np.full(len(found.before), np.nan)
    good = found.before >= 0
    if not good.any():
        return out
    a = found.before[good]
    b = np.minimum(a + 1, len(values) - 1)
    share = found.share[good]
    step = values[b] - values[a]
    if angle:
        step = (step + 180) % 360 - 180
    made = np.where(share == 0, values[a], values[a] + np.where(share == 0, 0, share * step))
    out[good] = turned(made, values) if angle else made
    return out


def _mean(
    name: str, ds: xr.Dataset, values: Float, found: Match, partner: tuple[str, str] | None, attrs: Mapping[str, Any]
) -> Float:
    if partner is not None:
        speed, whence = (ds[part].values[found.order].astype(np.float64) for part in partner)
        east, north = (_averaged(speed * turn(np.radians(whence)), found) for turn in (np.sin, np.cos))
        return np.hypot(east, north) if name == partner[0] else direction(east, north)
    if not is_angle(name, attrs):
        return _averaged(values, found)
    east, north = (_averaged(turn(np.radians(values)), found) for turn in (np.sin, np.cos))
    return turned(direction(east, north), values)


def _averaged(values: Float, found: Match) -> Float:
    """The mean of the rows that go to each time; NaN where there is none."""
    size = len(found.nearest)
    used = (found.group >= 0) & np.isfinite(values)
    count = np.bincount(found.group[used], minlength=size)
    total = np.bincount(found.group[used], weights=values[used], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count)


def _worst(flags: npt.NDArray[Any], found: Match) -> npt.NDArray[Any]:
    """The worst flag of the rows that go to each time: fail, suspect, unknown, good; missing where there is none."""
    rank = np.where(flags == MISSING, 0, flags).astype(np.int64)
    out = np.full(len(found.nearest), -1, np.int64)
    used = found.group >= 0
    np.maximum.at(out, found.group[used], rank[used])
    return np.where(out <= 0, MISSING, out).astype(flags.dtype)


def _vectors(ds: xr.Dataset, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Speeds and directions that belong together, by CF standard names or by their own."""
    out: dict[str, tuple[str, str]] = {}
    for name in names:
        said = str(ds[name].attrs.get("standard_name", ""))
        if said in ("wind_speed", "sea_water_speed"):
            kin = "wind" if said == "wind_speed" else "sea_water_velocity"
            mates = [o for o in names if str(ds[o].attrs.get("standard_name", "")) in
                     (f"{kin}_from_direction", f"{kin}_to_direction")]  # fmt: skip
        elif name.endswith("speed") and name != "speed":
            mates = [o for o in names if o == f"{name.removesuffix('speed')}direction"]
        else:
            continue
        if len(mates) == 1:
            out[name] = out[mates[0]] = (name, mates[0])
    return out


def _rows(name: str, ds: xr.Dataset) -> xr.Dataset:
    """The dataset as rows along ``time``."""
    if "time" not in ds.variables or len(ds["time"].dims) != 1:
        raise WorkbenchError(f"'{name}' has no time to align by. {suggest('time', map(str, ds.variables))}")
    (dim,) = ds["time"].dims
    ds = spread(ds) if "particle" not in ds.dims else ds
    rows = ds[[n for n, v in ds.variables.items() if v.dims == (dim,) and n not in ("time", dim)]]
    if dim != "time":
        rows = rows.swap_dims({dim: "time"}) if "time" in rows.coords else rows.rename({dim: "time"})
    out = rows.reset_coords([n for n in rows.coords if n != "time"])
    return out.assign_coords(time=("time", ds["time"].values.astype("datetime64[ns]"), ds["time"].attrs))


def _ns(ds: xr.Dataset) -> Int:
    return np.asarray(ds["time"].values.astype("datetime64[ns]").astype(np.int64))


def _renamed(attrs: dict[str, Any], source: str, taken: set[Any]) -> dict[str, Any]:
    """Attributes whose ``ancillary_variables`` follow a renaming."""
    if "ancillary_variables" in attrs:
        words = str(attrs["ancillary_variables"]).split()
        attrs["ancillary_variables"] = " ".join(f"{source}_{w}" if w in taken else w for w in words)
    return attrs
