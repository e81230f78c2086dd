"""Rows of a measurement as a dataset: in memory, or in partitions along time that are read when they are needed."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES
from workbench.readers.influxdb_dialect import Dialect, Schema, Table
from workbench.readers.influxdb_naming import Naming
from workbench.readers.late_index import late_coordinates

__all__ = ["Measurement", "Part"]

#: Rows of a partition, about.
PART = 200_000
#: Bins in which rows are counted to cut partitions.
GRID = 1024
#: Bytes of partitions kept for who reads one variable after the other.
KEPT = 128 << 20
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Measurement:
    """A measurement, how it is asked for and what its fields are called.

    Attributes
    ----------
    dialect : Dialect
    naming : Naming
    schema : Schema
    """

    dialect: Dialect
    naming: Naming
    schema: Schema

    def along_time(self) -> Measurement:
        """The same, with every tag along ``time``: whether rows differ in it may be another tomorrow."""
        tags = dict.fromkeys(self.schema.tags)
        return replace(self, schema=replace(self.schema, tags=tags))

    @property
    def url(self) -> str:
        return str(self.dialect.server.place)

    def arrays(self, table: Table) -> Arrays:
        """The variables of rows, in their units: time, fields, and the tags in which rows differ."""
        out: Arrays = {"time": table.time}
        for field, kind in self.schema.fields.items():
            out[self.naming.name(field)] = self.naming.values(field, kind, table.fields[field], self.url)
        for tag in self.schema.varied:
            out[self.naming.tag(tag, self.schema)] = table.tags[tag]
        return out

    def loaded(self, table: Table) -> xr.Dataset:
        """Rows as a dataset in memory."""
        arrays = self.arrays(table)
        return self._dataset(arrays, xr.Coordinates({"time": ("time", arrays["time"])}))

    def lazy(self, parts: list[Part]) -> xr.Dataset:
        """A dataset of dask arrays; what is asked for of one partition is one query."""
        import dask.array as da
        from dask.delayed import delayed

        held = [delayed(Part.read, pure=False)(part) for part in parts]
        empty = self.arrays(self.dialect.rows(self.schema, 0, 0))

        def column(name: str) -> Any:
            dtype = empty[name].dtype
            pieces = zip(held, parts, strict=True)
            return da.concatenate([da.from_delayed(all_[name], (part.rows,), dtype) for all_, part in pieces])  # type: ignore[no-untyped-call]

        chunks = {"preferred_chunks": {"time": tuple(part.rows for part in parts)}}
        variable = xr.Variable("time", column("time"), encoding=chunks)
        ds = self._dataset({name: column(name) for name in empty if name != "time"}, late_coordinates("time", variable))
        for name in ds.data_vars:
            ds[name].encoding |= chunks
        return ds

    def _dataset(self, arrays: dict[str, Any], time: xr.Coordinates) -> xr.Dataset:
        naming, schema = self.naming, self.schema
        fields = {}
        for field, kind in schema.fields.items():
            fields[naming.name(field)] = ("time", arrays[naming.name(field)], naming.attrs(field, kind))
        ds = xr.Dataset(fields, time, self.attrs())
        ds["time"].attrs |= VARIABLES["time"].attrs()
        for tag, value in schema.tags.items():
            name = naming.tag(tag, schema)
            attrs = {"long_name": name.replace("_", " "), "influxdb": "tag"}
            ds.coords[name] = ((), value, attrs) if value is not None else ("time", arrays[name], attrs)
        return ds

    def attrs(self) -> dict[str, Any]:
        """Attributes of the dataset."""
        place = self.dialect.server.place
        return {
            "Conventions": "CF-1.11", "database": place.database, "measurement": place.measurement,
            "server": place.server, "refused": "",
        }  # fmt: skip

    def parts(self, start: int, stop: int) -> list[Part]:
        """Partitions of ``start <= time < stop``; nothing is read, rows are counted."""
        token = uuid.uuid4().hex
        cuts = _grouped(self._counted(start, stop))
        return [Part(self, token, begin, end, rows) for begin, end, rows in cuts]

    def count(self, start: int, stop: int) -> int:
        """Rows with ``start <= time < stop``."""
        return int(self.dialect.counts(self.schema, start, stop, max(1, stop - start))[1].sum())

    def _counted(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        width = max(1, -(-(stop - start) // GRID))
        begins, n = self.dialect.counts(self.schema, start, stop, width)
        ends = [*(start + (begins[1:] - start) // width * width).tolist(), stop]
        for end, rows in zip(ends, n.tolist(), strict=False):
            if rows > 4 * PART and width > 1:
                yield from self._counted(start, end)
            else:
                yield start, end, rows
            start = end


def _grouped(bins: Iterator[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Neighbouring bins together, up to about `PART` rows; none is left out, in case something lies between."""
    begin = end = rows = 0
    for start, stop, n in bins:
        if rows and rows + n > PART:
            yield begin, end, rows
            rows = 0
        begin = start if not rows else begin
        end, rows = stop, rows + n
    if rows:
        yield begin, end, rows


@dataclass(frozen=True)
class Part:
    """Rows of ``start <= time < stop``, counted when the dataset was opened.

    Attributes
    ----------
    measurement : Measurement
    token : str
        The same for all partitions of one opening.
    start, stop : int
    rows : int
    """

    measurement: Measurement
    token: str
    start: int
    stop: int
    rows: int

    def read(self) -> Arrays:
        """The variables, by one query.

        Raises
        ------
        ReaderError
            When there are more or fewer rows than were counted: some were written since, or hold only some fields.
        """
        return _KEPT.get((self.token, self.start), self._ask)

    def _ask(self) -> Arrays:
        measurement = self.measurement
        dialect, schema = measurement.dialect, measurement.schema
        table = dialect.rows(schema, self.start, self.stop)
        if len(table) != self.rows:
            if dialect.counts(schema, self.start, self.stop, self.stop - self.start)[1].sum() != len(table):
                dialect.sparse()
            raise ReaderError(
                measurement.url, "rows between two moments are not those that were counted when it was opened",
                expected=self.rows, found=len(table), hint="Some came since then; open it again",
            )  # fmt: skip
        return measurement.arrays(table)


class _Kept:
    """Partitions read last. Each is asked for once, also by several threads at the same time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: OrderedDict[Any, Arrays] = OrderedDict()
        self._locks: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Any, ask: Any) -> Arrays:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        try:
            with lock:
                with self._lock:
                    if key in self._held:
                        self._held.move_to_end(key)
                        return self._held[key]
                found: Arrays = ask()
                with self._lock:
                    self._held[key] = found
                    while len(self._held) > 1 and sum(map(_bytes, self._held.values())) > self.limit:
                        self._held.popitem(last=False)
                return found
        finally:
            with self._lock:
                self._locks.pop(key, None)


def _bytes(arrays: Arrays) -> int:
    return sum(values.nbytes for values in arrays.values())


_KEPT = _Kept(KEPT)


def times(first: int, last: int) -> tuple[np.datetime64, np.datetime64]:
    """Nanoseconds as moments."""
    return np.datetime64(first, "ns"), np.datetime64(last, "ns")
