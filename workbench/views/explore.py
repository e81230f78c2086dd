"""Pictures of any dataset as HoloViews elements, for exploring in notebooks: what ``ds.cruise`` draws.

Pure: a dataset in, an element out; nothing follows a session. Overlays share their axes with whatever has the same
dimensions (longitude, latitude, time), hvplot's among them. The live board does not come this way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import DECADES, SIZE
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.viewport import Viewport
from workbench.raster.coastline import middle, rings, unwrap
from workbench.raster.count import count
from workbench.views import axes, say
from workbench.views.curves import columns
from workbench.views.paint import TRACK

#: Degrees of coast around a track.
NEAR = 3.0
#: Points of a line at most.
POINTS = 4000
_WIDE, _HIGH = 640, 400


def ready() -> None:
    """HoloViews with its Bokeh backend; in a notebook its scripts with the cell that draws first."""
    import holoviews.plotting.bokeh  # noqa: F401

    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is not None:
        if not getattr(hv.extension, "_loaded", False):
            hv.extension("bokeh", logo=False)
    elif hv.Store.current_backend not in hv.Store.renderers:
        hv.Store.set_current_backend("bokeh")


def _options_told(draw: Callable[..., Any]) -> Callable[..., Any]:
    """`draw`, which names its options to who misspells one."""
    known = [name for name in signature(draw).parameters if name != "ds"]

    @wraps(draw)
    def drawn(ds: xr.Dataset, **options: Any) -> Any:
        for name in options:
            if name not in known:
                raise WorkbenchError(f"there is no option '{name}'. {suggest(name, known)}")
        return draw(ds, **options)

    return drawn


@_options_told
def track(ds: xr.Dataset, *, colour: str | None = None, points: int = POINTS) -> hv.Overlay:
    """The way of the ship on its coast.

    Parameters
    ----------
    ds : xarray.Dataset
        latitude and longitude (degrees) along one dim.
    colour : str, optional
        A variable along the same dim.
    points : int
        Positions drawn at most.

    Returns
    -------
    holoviews.Overlay
        Land, line, points; dimensions longitude (continuous around the track) and latitude.
    """
    ready()
    found = _positions(ds)
    dim = found["latitude"].dims[0]
    names = ["latitude", "longitude"]
    if colour is not None:
        _known(ds, colour, "variable")
        if ds[colour].dims != (dim,):
            raise WorkbenchError(f"'{colour}' has dims {ds[colour].dims}, positions have ({dim},); {_ALIGN}")
        names.append(colour)
    table = ds[names].load().dropna(dim, subset=["latitude", "longitude"])
    table = table.isel({dim: slice(None, None, max(1, -(-table.sizes[dim] // points)))})
    lon0 = middle(table["longitude"].values)
    x, y = unwrap(table["longitude"].values, lon0), table["latitude"].values.astype(float)
    if not x.size:
        raise WorkbenchError(f"none of these {ds.sizes[dim]} rows has a position; open a longer time range")
    line = hv.Curve((x, y), *_PLACE).opts(backend="bokeh", color="#566877", line_width=1)
    parts = [_land(x, y, lon0), line]
    if colour is None:
        parts.append(
            hv.Points(([x[-1]], [y[-1]]), list(_PLACE)).opts(backend="bokeh", color="#c62828", size=9, tools=["hover"])
        )
    else:
        parts.append(_coloured(x, y, table, colour, str(dim)))
    return hv.Overlay(parts).opts(backend="bokeh", hooks=[_degrees], show_legend=False, **_SIZE)


@_options_told
def cytogram(ds: xr.Dataset, *, x: str = "fsc_small", y: str = "pe", cells: int = 512) -> hv.Image:
    """How many rows lie in each cell of the plane of two variables; none is left out.

    Parameters
    ----------
    ds : xarray.Dataset
        Lazy is best: it is read piece by piece.
    x, y : str
        Variables along the same dim.
    cells : int
        Along each axis; a power of two.

    Returns
    -------
    holoviews.Image
        Dimensions x and y (log codes as they are, their ticks in linear values) and particles.
    """
    ready()
    for name in (x, y):
        _known(ds, name, "channel")
    if cells < 2 or cells & (cells - 1):
        raise WorkbenchError(f"cells={cells} is not a power of two; write 256, 512 or 1024")
    x0, x1 = _ends(ds[x])
    y0, y1 = _ends(ds[y])
    counted = count(ds, x, y, Viewport(x0, x1, y0, y1, cells, cells)).values.astype(np.float32)
    counted[counted == 0] = np.nan
    total = int(np.nansum(counted))
    image = hv.Image(
        counted[::-1], bounds=(x0, y0, x1, y1), kdims=[_axis(ds, x), _axis(ds, y)],
        vdims=hv.Dimension("particles", label="Particles"), label=f"{say.count(total)} particles",
    )  # fmt: skip
    ticks = {key: _TICKS for key, name in (("xticks", x), ("yticks", y)) if _is_log(ds[name])}
    return image.opts(backend="bokeh", cmap="viridis_r", cnorm="eq_hist", frame_width=330, frame_height=330, tools=["hover"],
                       colorbar=True, **ticks)  # fmt: skip


@_options_told
def series(ds: xr.Dataset, *, variables: Sequence[str] = (), points: int = POINTS) -> hv.Layout:
    """Variables against time, one panel each, gaps left open.

    Parameters
    ----------
    ds : xarray.Dataset
        dim time.
    variables : sequence of str
        The first four that are numbers, unless told.
    points : int
        Of each line at most.

    Returns
    -------
    holoviews.Layout
    """
    ready()
    names = [variables] if isinstance(variables, str) else list(variables)
    lines = [str(n) for n, a in ds.data_vars.items() if a.dims == ("time",) and a.dtype.kind == "f"]
    if not lines:
        raise WorkbenchError(f"nothing here lies along time; there are dims {tuple(ds.dims)}")
    for name in names:
        if name not in lines:
            raise WorkbenchError(f"there is no line '{name}' along time. {suggest(name, lines)}")
    names = names or [n for n in lines if n not in ("latitude", "longitude", "file_duration")][:4] or lines[:4]
    table = ds[names].load()
    table = table.isel(time=slice(None, None, max(1, -(-table.sizes["time"] // points))))
    time = hv.Dimension("time", label="Time (UTC)")
    curves = [
        hv.Curve(_broken(table, name), time, _axis(ds, name)).opts(
            backend="bokeh", width=720, height=190, tools=["hover"], framewise=True
        )
        for name in names
    ]
    return hv.Layout(curves).cols(1)


# parts

_PLACE = (hv.Dimension("longitude", label="Longitude"), hv.Dimension("latitude", label="Latitude"))
_SIZE = {"frame_width": _WIDE, "frame_height": _HIGH}
_TICKS = [(np.log10(v) / DECADES * SIZE, f"{v:g}") for v in (1, 10, 100, 1000)]
_ALIGN = 'put them on one time axis with cruise.align(["underway", "sfl"])'


def _positions(ds: xr.Dataset) -> xr.Dataset:
    missing = [name for name in ("latitude", "longitude") if name not in ds.variables]
    if missing:
        raise WorkbenchError(
            f"there are no positions here (no {' or '.join(missing)}). Open a source that has them, as "
            f'cruise["underway"].open("last 2 days").cruise.map(), or {_ALIGN}'
        )
    return ds[["latitude", "longitude"]]


def _known(ds: xr.Dataset, name: str, what: str) -> None:
    if name not in ds.variables:
        known = [str(n) for n in ds.data_vars]
        raise WorkbenchError(f"there is no {what} '{name}' here. {suggest(name, known)}")


def _land(x: npt.NDArray[Any], y: npt.NDArray[Any], lon0: float) -> hv.Polygons:
    west, east = max(x.min() - NEAR, lon0 - 180), min(x.max() + NEAR, lon0 + 180)
    south, north = max(y.min() - NEAR, -90.0), min(y.max() + NEAR, 90.0)
    found = rings(west, east, south, north, lon0, "50m" if east - west < 60 else "110m")
    return hv.Polygons([{"longitude": r[:, 0], "latitude": r[:, 1]} for r in found], list(_PLACE)).opts(
        backend="bokeh", color="#d8d2c4", line_color="#9b937f"
    )


def _coloured(x: npt.NDArray[Any], y: npt.NDArray[Any], table: xr.Dataset, colour: str, dim: str) -> hv.Points:
    value = _axis(table, colour)
    columns = {"longitude": x, "latitude": y, colour: table[colour].values.astype(float)}
    vdims = [value]
    if dim in table.coords and table[dim].dtype.kind == "M":
        columns["when"] = table[dim].values
        vdims.append(hv.Dimension("when", label="Time (UTC)"))
    good = np.isfinite(columns[colour])
    columns = {name: column[good] for name, column in columns.items()}
    return hv.Points(columns, list(_PLACE), vdims).opts(
        backend="bokeh",
        color=colour,
        cmap=list(TRACK["light"]),
        colorbar=True,
        clabel=value.pprint_label,
        size=5,
        tools=["hover"],
    )


def _axis(ds: xr.Dataset, name: str) -> hv.Dimension:
    label = say.name(name, dict(ds[name].attrs))
    unit = say.unit(str(ds[name].attrs.get("units", "")))
    return hv.Dimension(name, label=label, **({"unit": unit} if unit and unit != "1" else {}))


def _broken(table: xr.Dataset, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Times and values, with a row of NaN in every gap."""
    line = columns(table, name)
    return (line["time"].astype(float) * 1e6).astype("datetime64[ns]"), line["mean"]


def _is_log(array: xr.DataArray) -> bool:
    return array.dtype == np.uint16 or array.attrs.get("scale") == "log"


def _ends(array: xr.DataArray) -> tuple[float, float]:
    """The whole plane of log codes; else from the lowest to the highest value."""
    if _is_log(array):
        return 0.0, float(SIZE)
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low + high):
        raise WorkbenchError(f"'{array.name}' has no values here; open a longer time range")
    return low, float(np.nextafter(high if high > low else low + 1.0, np.inf))


def _degrees(plot: Any, element: Any) -> None:
    """East and west, north and south on the axes of Bokeh."""
    for key, label in (("xaxis", axes.longitudes), ("yaxis", axes.latitudes)):
        if key in plot.handles:
            _each(plot.handles[key], label)


def _each(axis: Any, label: Callable[[Any], None]) -> None:
    for one in axis if isinstance(axis, list | tuple) else (axis,):
        label(one)
