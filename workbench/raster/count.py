"""Points to counts: how many lie in each cell of a viewport.

A picture of counts adds up: ``combine(count(a), count(b)) == count(a and b)``, exactly. Log codes stay codes; nothing
is linearised to be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import suggest
from workbench.core.viewport import Viewport
from workbench.raster import code_cells
from workbench.raster.accumulate import Counts, Scratch, accumulate
from workbench.raster.code_cells import Codes
from workbench.raster.scatter import EXTRA, scatter_codes, scatter_few, scatter_labelled, scatter_values, stride_of
from workbench.raster.side_by_side import side_by_side

#: Rows read at a time from what is not in memory, and rows that make one dask task.
ROWS = 1 << 22


def count_codes(x: Codes, y: Codes, viewport: Viewport, out: Counts | None = None, sign: int = 1) -> Counts:
    """Count particles given as log codes.

    Parameters
    ----------
    x, y : numpy.ndarray of uint16, shape (n,)
        Log codes; strided columns of a memory map are read where they are.
    viewport : Viewport
        Whole edges; each axis has 1, 2, 4, 8 ... codes a cell. Codes outside are left out.
    out : numpy.ndarray of uint32, shape (height, width), optional
        Counts to add to.
    sign : int
        1; -1 takes off instead.

    Returns
    -------
    numpy.ndarray of uint32, shape (height, width)
        `out`, or new counts. Row 0 holds the lowest y.

    Raises
    ------
    TypeError
        When x or y is not uint16.
    ValueError
        When lengths differ, a cell is not 2**k whole codes, or `out` has another shape.
    """
    code_cells.check(x, y)
    v = viewport
    sx, sy = code_cells.shifts(v)
    out = _output(out, (v.height, v.width))
    stride = stride_of(v.width)

    def scatter(rows: slice, flat: Scratch, notes: Counts, noted: int) -> int:
        xs, ys = side_by_side(x[rows], y[rows])
        held: int = scatter_codes(xs, ys, int(v.x0), sx, v.width, int(v.y0), sy, v.height, stride, flat, notes, noted)
        return held

    accumulate(scatter, x.size, stride, out, sign=sign, strided=_strided(x, y))
    return out


def count_by(
    x: Codes, y: Codes, label: npt.NDArray[np.uint8], viewport: Viewport, n: int, out: Counts | None = None
) -> Counts:
    """Count particles by population.

    Parameters
    ----------
    x, y : numpy.ndarray of uint16, shape (rows,)
        Log codes.
    label : numpy.ndarray of uint8, shape (rows,)
        Population of each particle; n and more belong to none and are left out.
    viewport : Viewport
        As for `count_codes`.
    n : int
        How many populations.
    out : numpy.ndarray of uint32, shape (n, height, width), optional
        Counts to add to.

    Returns
    -------
    numpy.ndarray of uint32, shape (n, height, width)
        The sum over populations equals `count_codes` of the labelled particles.
    """
    code_cells.check(x, y)
    if label.shape != x.shape or label.dtype != np.uint8:
        raise ValueError(f"label must be uint8 {x.shape}, not {label.dtype} {label.shape}")
    v = viewport
    sx, sy = code_cells.shifts(v)
    out = _output(out, (n, v.height, v.width))
    stride = stride_of(v.width)

    def scatter(rows: slice, flat: Scratch, notes: Counts, noted: int) -> int:
        xs, ys = side_by_side(x[rows], y[rows])
        held: int = scatter_labelled(
            xs, ys, _beside(label[rows]), int(v.x0), sx, v.width, int(v.y0), sy, v.height, stride, n, flat, notes, noted
        )
        return held

    accumulate(scatter, x.size, stride, out.reshape(n * v.height, v.width), strided=_strided(x, y, label))
    return out


def room_by(n: int, viewport: Viewport, make: Callable[..., Counts] = np.zeros) -> Counts:
    """Counts of `n` populations, (n, height, width), that `make` fills, with the room behind that `add_by` needs."""
    cells = n * viewport.height * viewport.width
    return make(cells + EXTRA, np.uint32)[:cells].reshape(n, viewport.height, viewport.width)


def add_by(x: Codes, y: Codes, label: npt.NDArray[np.uint8], viewport: Viewport, sign: int, out: Counts) -> None:
    """Add (`sign` 1) or take off (-1) particles by population, right in `out`, which `room_by` made.

    The same as `count_by` for fewer particles than `out` has cells, in less time.
    """
    code_cells.check(x, y)
    v, flat = viewport, out.base
    if flat is None or flat.shape != (out.size + EXTRA,) or out.shape[1:] != (v.height, v.width):
        raise ValueError("out must be what room_by gives for this viewport")
    sx, sy = code_cells.shifts(v)
    one = np.uint32(sign & 0xFFFFFFFF)
    scatter_few(x, y, label, int(v.x0), sx, v.width, int(v.y0), sy, v.height, len(out), one, flat)


def count(ds: xr.Dataset, x: Hashable, y: Hashable, viewport: Viewport) -> xr.DataArray:
    """Count the rows of a dataset in each cell of a viewport.

    Log codes (uint16) and log values (float, drawn by the code they fall in) take the viewport in codes; any other
    number takes it in its own unit. Edges belong to the cell above them: ``x0 <= x < x1``. NaN, infinite and outside
    values are left out; negative ones are numbers like any other.

    Parameters
    ----------
    ds : xarray.Dataset
        In memory, lazy or dask. What is lazy is read piece by piece: memory does not grow with its length.
    x, y : hashable
        Variables with the same dimensions (or dimensions that broadcast).
    viewport : Viewport

    Returns
    -------
    xarray.DataArray of uint32, dims (y, x)
        Counts, with the cells' centres as coordinates.

    Raises
    ------
    KeyError
        When a variable is not in `ds`; the nearest known name is told.
    TypeError
        When a variable is not numbers.
    """
    xs, ys = _numbers(ds, x), _numbers(ds, y)
    if xs.dims != ys.dims:
        xs, ys = xr.broadcast(xs, ys)
    counts = _count_lazy(xs, ys, viewport) if xs.chunks or ys.chunks else _count_slices(xs, ys, viewport)
    return _picture(counts, viewport, xs, ys)


def combine(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """The counts of both: ``combine(count(p), count(q)) == count(p and q)``. Associative and exact.

    Raises
    ------
    ValueError
        When the two do not have the same cells.
    """
    try:
        a, b = xr.align(a, b, join="exact", copy=False)
    except ValueError as error:
        raise ValueError("these counts have different cells; count both with the same viewport") from error
    return a.copy(data=a.values + b.values)


# -- one block -----------------------------------------------------------------------------------------------------


def _count_block(x: npt.NDArray[Any], y: npt.NDArray[Any], viewport: Viewport, out: Counts) -> None:
    """Add any two columns of numbers to `out`."""
    v = viewport
    x, y = _native(x), _native(y)
    if x.dtype == y.dtype == np.uint16 and code_cells.fit(v):
        count_codes(x, y, v, out)
        return
    stride = stride_of(v.width)

    def scatter(rows: slice, flat: Scratch, notes: Counts, noted: int) -> int:
        held: int = scatter_values(
            _beside(x[rows]), _beside(y[rows]), float(v.x0), float(v.x1), v.width, float(v.y0), float(v.y1), v.height,
            stride, flat, notes, noted,
        )  # fmt: skip
        return held

    accumulate(scatter, x.size, stride, out, strided=_strided(x, y))


# -- many blocks ---------------------------------------------------------------------------------------------------


def _count_slices(x: xr.DataArray, y: xr.DataArray, viewport: Viewport) -> Counts:
    out = np.zeros((viewport.height, viewport.width), np.uint32)
    if not x.dims:
        x, y = x.expand_dims("row"), y.expand_dims("row")
    dim, length = x.dims[0], x.shape[0]
    step = max(1, ROWS * 2 * length // max(1, x.size))
    for start in range(0, length, step):
        some = {dim: slice(start, start + step)}
        _count_block(x.isel(some).values.reshape(-1), y.isel(some).values.reshape(-1), viewport, out)
    return out


def _count_lazy(x: xr.DataArray, y: xr.DataArray, viewport: Viewport) -> Counts:
    """A task per few chunks, then a tree of sums: at most a few chunks and pictures are alive at a time."""
    from dask.delayed import delayed

    if not x.chunks:
        x = x.chunk(y.chunksizes)
    if not y.chunks:
        y = y.chunk(x.chunksizes)
    x, y = xr.unify_chunks(x, y)
    task, add = delayed(_count_chunks, pure=False), delayed(_sum, pure=False)
    pieces = list(zip(x.data.to_delayed().ravel(), y.data.to_delayed().ravel(), strict=True))
    together = max(1, ROWS * len(pieces) // max(1, x.size))
    parts = [task(pieces[i : i + together], viewport) for i in range(0, len(pieces), together)]
    while len(parts) > 1:
        parts = [add(parts[i : i + 4]) for i in range(0, len(parts), 4)]
    return np.asarray(parts[0].compute()) if parts else _count_chunks([], viewport)


def _count_chunks(chunks: list[tuple[Any, Any]], viewport: Viewport) -> Counts:
    out = np.zeros((viewport.height, viewport.width), np.uint32)
    for x, y in chunks:
        _count_block(np.asarray(x).reshape(-1), np.asarray(y).reshape(-1), viewport, out)
    return out


def _sum(parts: list[Counts]) -> Counts:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def _strided(*columns: npt.NDArray[Any]) -> bool:
    return not all(column.flags.c_contiguous for column in columns)


#: Values side by side, as the loops are fastest with; a copy where they are not.
_beside = np.ascontiguousarray


# -- what comes in and goes out ------------------------------------------------------------------------------------


def _native(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers as the compiled loops take them (netCDF 3 and FCS files hold the bytes the other way round)."""
    if column.dtype.kind == "f" and column.dtype.itemsize not in (4, 8):
        return column.astype(np.float64)
    return column if column.dtype.isnative else column.astype(column.dtype.newbyteorder("="))


def _numbers(ds: xr.Dataset, name: Hashable) -> xr.DataArray:
    if name not in ds.variables:
        raise KeyError(f"no variable is called '{name}'. {suggest(str(name), map(str, ds.variables))}")
    array = ds[name]
    if array.dtype.kind not in "uif":
        raise TypeError(f"'{name}' is {array.dtype}; only numbers can be counted on an axis")
    return array


def _output(out: Counts | None, shape: tuple[int, ...]) -> Counts:
    if out is None:
        return np.zeros(shape, np.uint32)
    if out.shape != shape or out.dtype != np.uint32 or not out.flags.c_contiguous:
        raise ValueError(f"out must be uint32 {shape} in rows, not {out.dtype} {out.shape}")
    return out


def _picture(counts: Counts, viewport: Viewport, x: xr.DataArray, y: xr.DataArray) -> xr.DataArray:
    coords = {
        "y": ("y", viewport.centres_y, {"long_name": str(y.name), **_said(y)}),
        "x": ("x", viewport.centres_x, {"long_name": str(x.name), **_said(x)}),
    }
    attrs = {"long_name": "rows in the cell", "units": "1"}
    return xr.DataArray(counts, coords=coords, dims=("y", "x"), name="count", attrs=attrs)


def _said(array: xr.DataArray) -> dict[str, Any]:
    return {key: array.attrs[key] for key in ("units", "scale", "decades") if key in array.attrs}
