"""A table in few rows: intervals of equal length, from the pyramids of rolled days and the rows of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from workbench.core.errors import WorkbenchError
from workbench.record import days
from workbench.record.bins import LEVELS, SECOND, Pyramid, combined, grouped, numbers, reduced
from workbench.record.columns import Column
from workbench.record.days import DAY
from workbench.record.lazy import lazily
from workbench.record.look import Look, Part, promised, untouched

_NICE = (
    *(n * unit for unit in (1, 1000, 1_000_000) for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(n * SECOND for n in (1, 2, 5, 10, 15, 20, 30)),
    *(n * 60 * SECOND for n in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(n * 3600 * SECOND for n in (1, 2, 3, 4, 6, 8, 12)),
    *(n * DAY for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)),
)


@dataclass(frozen=True)
class Piece:
    """Rows that are put into bins in one way.

    Attributes
    ----------
    part : Part
        Its ``start`` and ``stop`` bound the piece; its ``size`` is the rows it must have, where they are read.
    level : int
        Width (ns) of the bins of the pyramid that are taken; 0 reads the rows.
    id : str
        The pyramid's.
    """

    part: Part
    level: int = 0
    id: str = ""


def interval(first: int, last: int, points: int) -> int:
    """The shortest nice width (ns) that puts `first` to `last` into at most `points` bins."""
    for width in _NICE:
        if last // width - first // width < points:
            return width
    return _NICE[-1] * 100


def binned(look: Look, times: Sequence[npt.NDArray[np.int64]], points: int) -> xr.Dataset:
    """See `Record.open`; there are more rows than `points`."""
    if points < 1:
        raise WorkbenchError(f"max_points must be 1 or more, not {points}")
    width = interval(int(times[0][0]), int(times[-1][-1]), points)
    columns = [column for column in look.meta.columns.values() if column.kind in "iuf"]
    left = [column.name for column in look.meta.columns.values() if column.kind not in "iuf"]
    ds = _dense(look, times, width, columns) if look.meta.keys else _flat(look, times, width, columns)
    return ds.assign_attrs(look.meta.attrs | {"interval": width / SECOND, "left_out": " ".join(left)})


def _flat(look: Look, times: Sequence[npt.NDArray[np.int64]], width: int, columns: Sequence[Column]) -> xr.Dataset:
    time = np.concatenate(times)
    number, first = grouped(time, width)
    answer = Answer(look, tuple(_pieces(look, times, width)), width, number)
    made: dict[str, Any] = {"time": ("time", time[first].astype("datetime64[ns]"), look.meta.time_attrs)}
    for column in columns:
        for kind, suffix in (("mean", ""), ("min", "_min"), ("max", "_max")):
            lazy = indexing.LazilyIndexedArray(_Kind(answer, column, kind))
            made[column.name + suffix] = xr.Variable("time", lazy, column.attrs)
    coords = [column.name for column in columns if column.coord]
    return xr.Dataset(made).set_coords(coords)


def _pieces(look: Look, times: Sequence[npt.NDArray[np.int64]], width: int) -> list[Piece]:
    """Each day from its pyramid, but for its ends outside whole bins."""
    level = max((each for each in LEVELS if width % each == 0), default=0)
    rolled = days.listed(look.folder) if level else {}
    found = []
    for part, stamps in zip(look.parts, times, strict=True):
        day = rolled.get(part.number)
        plain = day is not None and part.number not in look.recent and untouched(day, look.meta)
        if not plain or Pyramid.of(Path(day.path), day.footer.id) is None:  # type: ignore[union-attr]
            found.append(Piece(part))
            continue
        low, high = -(-part.start // level) * level, part.stop // level * level
        for start, stop, of in ((part.start, low, 0), (low, high, level), (high, part.stop, 0)):
            size = int(np.diff(np.searchsorted(stamps, [start, stop]))[0]) if start < stop else 0
            if size:
                found.append(Piece(Part(part.number, start, stop, size), of, day.footer.id if of else ""))  # type: ignore[union-attr]
    return found


class Answer:
    """The bins of one question; a variable is worked out when it is asked for, and kept."""

    def __init__(self, look: Look, pieces: tuple[Piece, ...], width: int, number: npt.NDArray[np.int64]) -> None:
        self.look = look
        self.pieces = pieces
        self.width = width
        self.number = number
        self._kept: dict[str, dict[str, npt.NDArray[np.float64]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": {}}

    def of(self, column: Column) -> dict[str, npt.NDArray[np.float64]]:
        """``count``, ``min``, ``max``, ``mean`` of a variable in each bin."""
        kept = self._kept.get(column.name)
        if kept is None:
            kept = self._kept[column.name] = self._made(column)
        return kept

    def _made(self, column: Column) -> dict[str, npt.NDArray[np.float64]]:
        places, parts = [], []
        for piece in self.pieces:
            number, values = self._piece(piece, column)
            places.append(number)
            parts.append(values)
        every = np.concatenate(places)
        first = np.flatnonzero(np.r_[True, np.diff(every) != 0])
        joined = {kind: np.concatenate([part[kind] for part in parts]) for kind in ("count", "min", "max", "mean")}
        return combined(joined, first, column)

    def _piece(self, piece: Piece, column: Column) -> tuple[npt.NDArray[np.int64], Any]:
        if piece.level:
            pyramid = Pyramid.of(self.look.folder / f"{days.name_of(piece.part.number)}.parquet", piece.id)
            if pyramid is not None:
                return self._of_pyramid(pyramid, piece, column)
        rows = self.look.rows(piece.part, (column,))
        promised(rows.num_rows, piece.part, self.look.folder)
        number, first = grouped(rows["time"].to_numpy(), self.width)
        return number, reduced(numbers(column.unpack(rows[column.name]), column), first, column)

    def _of_pyramid(self, pyramid: Pyramid, piece: Piece, column: Column) -> tuple[npt.NDArray[np.int64], Any]:
        fine = pyramid.axis(piece.level)[0]
        a, b = np.searchsorted(fine, [piece.part.start // piece.level, piece.part.stop // piece.level])
        number, first = grouped(fine[a:b] * piece.level, self.width)
        values = pyramid.values(piece.level, column.name)
        if values is None:
            nothing = np.full(len(first), np.nan)
            return number, {"count": np.zeros(len(first)), "min": nothing, "max": nothing, "mean": nothing}
        return number, combined({kind: array[a:b] for kind, array in values.items()}, first, column)


class _Kind(BackendArray):
    """One statistic of one variable."""

    def __init__(self, answer: Answer, column: Column, kind: str) -> None:
        self.answer = answer
        self.column = column
        self.kind = kind
        self.dtype = np.dtype(column.dtype if column.flags else "f4" if column.dtype == "<f4" else "f8")
        self.shape = (len(answer.number),)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        # one dimension: numpy does what xarray asks for
        support = indexing.IndexingSupport.VECTORIZED
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._picked)

    def _picked(self, key: tuple[Any, ...]) -> Any:
        return _typed(self.answer.of(self.column)[self.kind], self.column, self.dtype)[key]


def _typed(values: npt.NDArray[np.float64], column: Column, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    return np.where(np.isnan(values), column.missing, values).astype(dtype) if column.flags else values.astype(dtype)


def _dense(look: Look, times: Sequence[npt.NDArray[np.int64]], width: int, columns: Sequence[Column]) -> xr.Dataset:
    """Tables with further dims are small: they are read."""
    time = np.concatenate(times)
    first = grouped(time, width)[1]
    whole = lazily(look, times)
    made: dict[str, Any] = {"time": ("time", time[first].astype("datetime64[ns]"), look.meta.time_attrs)}
    for column in columns:
        values = whole[column.name].to_numpy()
        flat = values.reshape(len(time), -1)
        plain = replace(column, dims=())
        bins = [reduced(numbers(flat[:, i], column), first, plain) for i in range(flat.shape[1])]
        for kind, suffix in (("mean", ""), ("min", "_min"), ("max", "_max")):
            array = np.stack([each[kind] for each in bins], axis=1) if bins else np.empty((len(first), 0))
            shaped = array.reshape(len(first), *values.shape[1:])
            dtype = np.dtype(column.dtype) if column.flags else np.dtype("f8")
            made[column.name + suffix] = (("time", *column.dims), _typed(shaped, column, dtype), column.attrs)
    coords = {key.name: whole[key.name] for key in look.meta.keys}
    return xr.Dataset(made, coords)
