"""The files of particles of a feed or of a dataset, read alike: columns as the gates need them and as pictures do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import SIZE, to_codes, to_linear, to_log
from workbench.core.errors import WorkbenchError
from workbench.core.texts import Texts
from workbench.live.file_table import FileTable
from workbench.live.particle_feed import Codes, ParticleFeed


@dataclass(frozen=True)
class Column:
    """One channel of some particles.

    Attributes
    ----------
    values : numpy.ndarray of uint16 (log codes) or float64 (linear units)
        What gates are tested with.
    codes : numpy.ndarray of uint16
        Where it is drawn; the same object as `values` where those are codes.
    bad : numpy.ndarray of bool, or None
        Not drawn: no number, or no code; None where all can be drawn.
    """

    values: npt.NDArray[Any]
    codes: Codes
    bad: npt.NDArray[np.bool_] | None = None

    def part(self, rows: Any) -> Column:
        """Some of its rows."""
        values = self.values[rows]
        codes = values if self.codes is self.values else self.codes[rows]
        return Column(values, codes, None if self.bad is None else self.bad[rows])


def column_of(values: npt.NDArray[Any], linear: bool) -> Column:
    """A channel as a reader gives it (log codes, log values or linear values), as a Column."""
    if values.dtype == np.uint16:
        return Column(values, values)
    numbers = values.astype(np.float64)
    if linear and not (np.isnan(numbers) | (numbers < 0)).any():
        codes = to_codes(numbers)
        same = bool((to_linear(codes) == numbers).all())  # to the last bit: they were codes, and take a quarter so
        return Column(codes if same else numbers, codes)
    log = to_log(numbers) if linear else numbers
    good = np.isfinite(log) & (log >= 0) & (log < SIZE)
    codes = np.where(good, log, 0).astype(np.uint16)
    if linear:
        return Column(numbers, codes, ~good)
    if good.all() and (codes == log).all():
        return Column(codes, codes)
    return Column(to_linear(numbers), codes, None if good.all() else ~good)


def counting(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which particles count, by their flag, or by whether they have a population."""
    if values.dtype == np.bool_:
        return values
    if values.dtype.kind in "OUT":
        import pandas as pd

        return np.asarray(~pd.isna(values) & (values != ""))
    return np.asarray(np.nan_to_num(values) != 0)


class ParticleFiles(ABC):
    """Files in order of time, and their columns."""

    table: FileTable
    channels: tuple[str, ...]
    #: Columns that say which particles count.
    groups: tuple[str, ...]

    @abstractmethod
    def read(
        self, table: FileTable, files: Sequence[int], channels: Sequence[str], among: str
    ) -> Iterator[tuple[list[Column], npt.NDArray[np.bool_] | None] | str]:
        """The channels of each file in turn and which of its particles count (None: all), or why it cannot be read."""


class FeedFiles(ParticleFiles):
    """The files of a feed."""

    def __init__(self, feed: ParticleFeed) -> None:
        self._feed = feed

    @property
    def table(self) -> FileTable:  # type: ignore[override]
        return self._feed.table

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        return self._feed.channels

    @property
    def groups(self) -> tuple[str, ...]:  # type: ignore[override]
        specs = self._feed.specs.items()
        flags = [name for name, spec in specs if spec.dims == ("particle",) and spec.dtype == "bool"]
        return (*flags, *self._feed.groups)

    def read(
        self, table: FileTable, files: Sequence[int], channels: Sequence[str], among: str
    ) -> Iterator[tuple[list[Column], npt.NDArray[np.bool_] | None] | str]:
        last, held = "", [Column(np.empty(0, np.uint16), np.empty(0, np.uint16))]
        count: npt.NDArray[np.bool_] | None = None
        for i in files:
            path, place = table.paths[i], self._feed.place(int(table.serials[i]))
            try:
                if path != last:
                    last, (held, count) = "", self._whole(path, channels, among)
                    last = path
                total = place.total if place else int(table.sizes[i])
                if len(held[0].values) != total:
                    raise WorkbenchError(
                        f"{path}: has changed; {total} particles expected, {len(held[0].values)} found"
                    )
            except (WorkbenchError, OSError) as error:
                yield str(error)
                continue
            if place is None:
                yield held, count
            else:
                yield [column.part(place.rows) for column in held], None if count is None else count[place.rows]

    def _whole(
        self, path: str, channels: Sequence[str], among: str
    ) -> tuple[list[Column], npt.NDArray[np.bool_] | None]:
        found = self._feed.source.columns(path, [*channels, *([among] if among else [])])
        linear = self._feed.linear
        return [column_of(found[n], n in linear) for n in channels], counting(found[among]) if among else None


class DatasetFiles(ParticleFiles):
    """The files of a dataset of particles."""

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds
        along = {str(name): array for name, array in ds.variables.items() if array.dims == ("particle",)}
        numbers = {name: array for name, array in along.items() if array.dtype.kind in "uif"}
        self._linear = {name for name, array in numbers.items() if array.attrs.get("scale") == "linear"}
        self.channels = tuple(name for name in numbers if name in self._linear or not self._linear)
        self.groups = tuple(name for name, array in along.items() if array.dtype.kind in "bOUT")
        rows = ds.sizes.get("particle", 0)
        if "row_size" in ds.variables:
            sizes = ds["row_size"].to_numpy().astype(np.int64)
        else:
            sizes = np.array([rows] if rows else [], np.int64)
        if int(sizes.sum()) != rows:
            raise WorkbenchError(f"'row_size' tells {int(sizes.sum())} particles, the dataset has {rows}")
        self._ends = np.cumsum(sizes)
        count = len(sizes)
        names = [str(name) for name in ds["file_id"].to_numpy()] if "file_id" in ds.variables else [""] * count
        nat = np.full(count, np.datetime64("NaT", "ns"))
        times = ds["time"].to_numpy() if "time" in ds.variables and ds["time"].dims == ("file",) else nat
        order = np.argsort(times.astype("datetime64[ns]").astype(np.int64), kind="stable")
        self.table = FileTable(
            times.astype("datetime64[ns]").astype(np.int64)[order], sizes[order], np.zeros(count, np.int64),
            np.arange(count)[order], Texts([names[i] for i in order]), Texts([names[i] for i in order]),
        )  # fmt: skip

    def read(
        self, table: FileTable, files: Sequence[int], channels: Sequence[str], among: str
    ) -> Iterator[tuple[list[Column], npt.NDArray[np.bool_] | None] | str]:
        for i in files:
            stop = int(self._ends[table.serials[i]])
            some = self._ds[[*channels, *([among] if among else [])]].isel(
                particle=slice(stop - int(table.sizes[i]), stop)
            )
            columns = [column_of(some[name].to_numpy(), name in self._linear) for name in channels]
            yield columns, counting(some[among].to_numpy()) if among else None
