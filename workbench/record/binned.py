"""A table in few rows: intervals of equal length, from the pyramids of rolled days and the rows of the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
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
from workbench.record.days import DAY, Day
from workbench.record.lazy import lazily
from workbench.record.look import Look, Part, Stamps, bounds, edges, promised, times_of

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
    return 2**63 - 1


def binned(look: Look, stamps: Sequence[Stamps], points: int) -> xr.Dataset:
    """See `Record.open`; there are more rows than `points`."""
    if points < 1:
        raise WorkbenchError(f"max_points must be 1 or more, not {points}")
    first, last = edges(stamps)
    width = interval(first, last, points)
    columns = [column for column in look.meta.columns.values() if column.kind in "iuf"]
    left = [column.name for column in look.meta.columns.values() if column.kind not in "iuf"]
    ds = _dense(look, stamps, width, columns) if look.meta.keys else _flat(look, stamps, width, columns)
    return ds.assign_attrs(look.meta.attrs | {"interval": width / SECOND, "left_out": " ".join(left)})


def _flat(look: Look, stamps: Sequence[Stamps], width: int, columns: Sequence[Column]) -> xr.Dataset:
    level = max((each for each in LEVELS if width % each == 0), default=0)
    pieces, numbers_, times = [], [], []
    for part, each in zip(look.parts, stamps, strict=True):
        for piece, bins, firsts in _pieces(look, part, each, level, width):
            pieces.append(piece)
            numbers_.append(bins)
            times.append(firsts)
    number, first = np.unique(np.concatenate(numbers_), return_index=True)
    answer = Answer(look, tuple(pieces), width, number)
    time = np.concatenate(times)[first].view("datetime64[ns]")
    made: dict[str, Any] = {"time": ("time", time, look.meta.time_attrs)}
    for column in columns:
        for kind, suffix in (("mean", ""), ("min", "_min"), ("max", "_max")):
            lazy = indexing.LazilyIndexedArray(_Kind(answer, column, kind))
            made[column.name + suffix] = xr.Variable("time", lazy, column.attrs)
    coords = [column.name for column in columns if column.coord]
    return xr.Dataset(made).set_coords(coords)


def _pieces(
    look: Look, part: Part, stamps: Stamps, level: int, width: int
) -> Iterator[tuple[Piece, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """A day: whole files from their pyramid, the rest from its rows. With the bins of each piece, and their first times."""
    for run in stamps:
        if isinstance(run, Day):
            pyramid = Pyramid.of(Path(run.path), run.footer.id) if level else None
            whole = Part(part.number, *bounds(part.number), run.footer.rows)
            if pyramid is not None:
                fine, firsts, _ = pyramid.axis(level)
                number, first = grouped(fine * level, width)
                yield Piece(whole, level, run.footer.id), number, firsts[first]
                continue
        times = run.times if isinstance(run, Day) else run
        if len(times):
            number, first = grouped(times, width)
            yield Piece(Part(part.number, int(times[0]), int(times[-1]) + 1, len(times))), number, times[first]


class Answer:
    """The bins of one question; a variable is worked out when it is asked for, and kept."""

    def __init__(self, look: Look, pieces: tuple[Piece, ...], width: int, number: npt.NDArray[np.int64]) -> None:
        self.look = look
        self.pieces = pieces
        self.width = width
        self.number = number
        self._kept: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Answer, (self.look, self.pieces, self.width, self.number)

    def of(self, column: Column) -> dict[str, npt.NDArray[np.float64]]:
        """``count``, ``min``, ``max``, ``mean`` of a variable in each bin."""
        with self._lock:  # mean, minimum and maximum are asked for at once
            if column.name not in self._kept:
                self._kept[column.name] = self._made(column)
            return self._kept[column.name]

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
        number, first = grouped(pyramid.axis(piece.level)[0] * piece.level, self.width)
        values = pyramid.values(piece.level, column.name)
        if values is None:
            nothing = np.full(len(first), np.nan)
            return number, {"count": np.zeros(len(first)), "min": nothing, "max": nothing, "mean": nothing}
        return number, combined(values, first, column)


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


def _dense(look: Look, stamps: Sequence[Stamps], width: int, columns: Sequence[Column]) -> xr.Dataset:
    """Tables with further dims are small: they are read."""
    time = times_of(stamps)
    first = grouped(time, width)[1]
    whole = lazily(look, stamps)
    made: dict[str, Any] = {"time": ("time", time[first].view("datetime64[ns]"), look.meta.time_attrs)}
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
