"""HDF5 and its kin: NetCDF, tables, pandas' stores, MATLAB v7.3, and Zarr and Parquet through the same door."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.variables import PARTICLE, VARIABLES, VariableSpec
from workbench.readers import containers, rows_columns
from workbench.readers import paths as locate
from workbench.readers.hdf5_file import again
from workbench.readers.moments import known as known_unit
from workbench.readers.reader import Reader, columns_of, window_of, without
from workbench.readers.rows_columns import Column
from workbench.readers.rows_index import Asked, Index, Known, rows_of
from workbench.readers.rows_layout import Layout, times
from workbench.readers.rows_opening import TIMELESS, Missing, Opening, Options, time_attrs

_memory = Index()
_named: dict[str, Index] = {}


class Hdf5(Reader):
    """HDF5 of any layout, NetCDF-3 and 4, pandas' HDFStore, MATLAB v7.3, Zarr and Parquet.

    A dataset along ``time`` (UTC): whatever in the file is a time, whichever way it is kept, is found by its unit and its
    name, or by the option `time`. Everything that runs along the same axis is a variable, lazily; a table's columns are
    variables each. Axes without a name get one that says what runs along them. What has no rows stays as it is; what runs
    along another time is named in attr ``left_out``.

    `variables` chooses and renames. A canonical variable (by name, by CF standard name, or so chosen) comes out in its
    canonical unit; `units` says what the file is in where it does not. Missing values are NaN, NaT or ``""``.

    Many files open as one, in the order of their times; of those, only what is not in the `index` (or in memory) is
    looked into. Files may be growing: those in SWMR mode are followed while they are written, and read when their writer
    was killed; nobody is ever kept out by a lock. A part of a file is refused by its first bytes.
    """

    description = "HDF5, NetCDF, Zarr and Parquet"
    provides: ClassVar[tuple[VariableSpec, ...]] = tuple(spec for spec in VARIABLES.values() if spec.dims != PARTICLE)
    patterns: ClassVar[tuple[str, ...]] = (
        "*.nc", "*.nc4", "*.cdf", "*.h5", "*.hdf5", "*.hdf", "*.he5", "*.mat", "*.zarr", "*.parquet",
    )  # fmt: skip
    appends: ClassVar[bool] = False
    grows: ClassVar[Literal["bytes", "rows"] | None] = "rows"
    fixed: ClassVar[bool] = False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        group: str = "",
        time: str | None = None,
        time_units: str | None = None,
        variables: dict[str, str] | None = None,
        units: dict[str, str] | None = None,
        index: str | None = None,
        missing: Missing = "error",
    ) -> xr.Dataset:
        """Open files, folders, globs or lists of them, lazily; only rows with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        group : str
            The group to look in, such as ``"underway/ctd"``; all of the file by default.
        time : str, optional
            The array that is the time.
        time_units : str, optional
            ``"seconds since 1970-01-01"``, ``s``, ``ms``, ``us``, ``ns``, ``datenum`` (MATLAB), ``julian_day`` or ``iso``.
        variables : dict of str to str, optional
            Our name of each array that is wanted, by its name or path in the file.
        units : dict of str to str, optional
            Unit in the file, by our name.
        index : str, optional
            Where to keep what is known of the files (SQLite; made when it is not there).
        missing : {"error", "nan"}
            What becomes of a file that is gone when its rows are read.

        Returns
        -------
        xarray.Dataset
            Attrs: ``refused`` (broken files, ``path: reason`` lines), ``left_out``, ``files``, ``rows``.

        Raises
        ------
        ReaderError
            When the one file named is broken, a path does not exist, or an option names what is not in it.
        """
        asked = _asked(group, time, time_units, variables)
        opened, files = _opening(filename_or_obj, asked, Options(variables, units, missing), index)
        ds = opened.dataset(files, window_of(start, stop))
        return without(ds, drop_variables)

    def stretches(
        self, filename_or_obj: Any, size: int, rows: int, *, start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None, group: str = "", time: str | None = None, time_units: str | None = None,
        variables: dict[str, str] | None = None, units: dict[str, str] | None = None, index: str | None = None,
        missing: Missing = "error",
    ) -> list[Callable[[], xr.Dataset]] | None:  # fmt: skip
        """What opens `rows` rows at a time, lazily."""
        asked = _asked(group, time, time_units, variables)
        opened, files = _opening(filename_or_obj, asked, Options(variables, units, missing), index)
        return opened.stretches(files, window_of(start, stop), rows)

    def complete(self, path: str | PathLike[str]) -> int:
        """The size of the file when its first bytes (its metadata, its footer) say that it is whole, else 0."""
        return containers.complete(fspath(path))

    def span(
        self, path: str | PathLike[str], *, group: str = "", time: str | None = None, time_units: str | None = None,
        variables: dict[str, str] | None = None, index: str | None = None,
    ) -> tuple[np.datetime64, np.datetime64]:  # fmt: skip
        """Least and greatest time in one file; NaT when it holds no rows, or nothing in it is a time."""
        (known,) = _index(index).look([fspath(path)], _asked(group, time, time_units, variables))
        if isinstance(known, ReaderError):
            raise known
        first, last = np.array([known.first, known.last], dtype="datetime64[ns]")
        return first, last

    def columns(
        self, path: str | PathLike[str], names: Sequence[str], *, group: str = "", time: str | None = None,
        time_units: str | None = None, variables: dict[str, str] | None = None, units: dict[str, str] | None = None,
        index: str | None = None,
    ) -> dict[str, npt.NDArray[Any]]:  # fmt: skip
        """Row variables of one file as plain arrays."""
        ds = self.open_dataset(fspath(path), group=group, time=time, time_units=time_units, variables=variables,
                               units=units, index=index)  # fmt: skip
        return columns_of(path, ds, names)

    @again
    def rows_from(
        self, path: str | PathLike[str], offset: int, *, group: str = "", time: str | None = None,
        time_units: str | None = None, variables: dict[str, str] | None = None, units: dict[str, str] | None = None,
        index: str | None = None, missing: Missing = "error",
    ) -> tuple[xr.Dataset, int]:  # fmt: skip
        """Rows from row `offset` on, loaded, and the number of whole rows there are."""
        asked, plain = _asked(group, time, time_units, variables), fspath(path)
        with containers.opened(plain) as container:
            layout, columns = _known(plain, container, asked, Options(variables, units, missing))
            if layout.time is None:
                raise ReaderError(path, "nothing in it is a time of rows", hint=TIMELESS)
            rows, when = rows_of(container, layout)
            begin = min(offset, rows)
            made: dict[str, Any] = {}
            for name, column in columns.items():
                if column.axis >= 0:
                    values = np.moveaxis(_slice(container, column, begin, rows), 0, column.axis)
                    made[name] = (column.dims, values, dict(column.attrs))
        coords = {"time": ("time", when[begin:rows], time_attrs(layout))}
        return xr.Dataset(made, coords, {"Conventions": "CF-1.11", "rows": rows - begin}), rows

    @again
    def signs(
        self, path: str | PathLike[str], rows: int, *, group: str = "", time: str | None = None,
        time_units: str | None = None, variables: dict[str, str] | None = None, units: dict[str, str] | None = None,
        index: str | None = None, missing: Missing = "error",
    ) -> tuple[int, int]:  # fmt: skip
        """Checksums of the first row and of row `rows - 1`, times and values: other rows have others.

        Raises
        ------
        ReaderError
            When there are not so many rows.
        """
        asked, plain = _asked(group, time, time_units, variables), fspath(path)
        with containers.opened(plain) as container:
            layout, columns = _known(plain, container, asked, Options(variables, units, missing))
            if layout.time is None or container.length(layout.time) < rows:
                raise ReaderError(path, f"has no {rows} rows")
            out = []
            for row in (0, rows - 1):
                crc = zlib.crc32(times(container, layout, row, row + 1).tobytes())
                for column in columns.values():
                    if column.axis >= 0:
                        values = _slice(container, column, row, row + 1)
                        raw = (
                            repr(values.tolist()).encode()
                            if values.dtype == object
                            else np.ascontiguousarray(values).tobytes()
                        )
                        crc = zlib.crc32(raw, crc)
                out.append(crc)
        return out[0], out[1]


def _opening(named: Any, asked: Asked, options: Options, index: str | None) -> tuple[Opening, list[Known]]:
    """The files behind what was named that can be opened."""
    found = _find(named)
    files = _index(index).look(found.paths, asked)
    if found.alone and isinstance(files[0], ReaderError):
        raise files[0]
    opened = Opening(_index(index), asked, options, found.alone, [*found.refused])
    return opened, [each for each in files if opened.good(each) and isinstance(each, Known)]


def _slice(container: Any, column: Column, begin: int, stop: int) -> npt.NDArray[Any]:
    """Rows of one column of an opened file, the row axis first."""
    container.sound(column.stored)
    where = [slice(0, n) for n in column.stored.shape]
    there = min(stop, container.length(column.stored)) if column.axis == 0 else stop
    where[column.axis] = slice(min(begin, there), there)
    values = np.moveaxis(column.decode(container.read(column.stored, tuple(where))), column.axis, 0)
    short = stop - begin - len(values)
    return np.concatenate([values, column.missing((short, *values.shape[1:]))]) if short > 0 else values


def _known(path: str, container: Any, asked: Asked, options: Options) -> tuple[Layout, dict[str, Column]]:
    _, layout = _memory.recognise(path, container, asked)
    return layout, rows_columns.plan(path, layout, options.variables, options.units)


def _asked(group: str, time: str | None, unit: str | None, variables: Mapping[str, str] | None) -> Asked:
    if unit is not None:
        known_unit(unit)
    return Asked(group, time or (variables or {}).get("time", ""), unit or "")


def _index(path: str | None) -> Index:
    return _memory if path is None else _named.setdefault(os.path.abspath(path), Index(path))


def _find(named: Any) -> locate.Found:
    return locate.find(named, locate.matcher(Hdf5.patterns))
