"""All particles of an input that grows: files are added to what is known of them, not all opened again.

A product that works through files asks for the particles of the new ones, and of the others only for their names,
times and sizes. So of those tens of bytes are kept; they are opened when somebody does ask for their particles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from workbench.core.errors import WorkbenchError
from workbench.core.room import Room

#: Looks whose files wait to be asked for; after more all files are opened again.
_MOST = 64
Whole = Callable[[], xr.Dataset]
#: Names of the files in each folder.
Names = Mapping[str, Sequence[str]]


class Grown:
    """The files of an input, with their particles.

    Parameters
    ----------
    whole : callable
        Opens all there is, lazily and without dask: along ``file`` and ``particle``, in order of time.
    names : callable
        The files that are there now.
    """

    def __init__(self, whole: Whole, names: Callable[[], Names]) -> None:
        self._whole, self._names = whole, names
        self._like: xr.Dataset | None = None  # without its files; None while nothing is known
        self._columns: dict[str, npt.NDArray[Any]] = {}
        self._rooms: defaultdict[str, Room] = defaultdict(Room)
        self._parts: list[tuple[int, xr.Dataset]] = []  # new files, and the row at which their particles begin
        self._seen: Names = {}
        self._rows = 0

    def add(self, new: xr.Dataset) -> None:
        """Take in what a Source gives as changed."""
        if self._like is None or not (new.sizes.get("file") or new.attrs.get("replaces")):
            return
        if new.attrs.get("replaces") or len(self._parts) >= _MOST or not self._follows(new):
            self.forget()
            return
        for name, values in _packed(new).items():
            self._columns[name] = self._rooms[name].after(*_alike(self._columns[name], values))
        self._parts.append((self._rows, new))
        self._rows += new.sizes["particle"]

    def forget(self) -> None:
        """Open all files next time."""
        self._like, self._columns, self._parts, self._rows = None, {}, [], 0
        self._rooms.clear()

    def settle(self) -> None:
        """What is new was asked for, and will hardly be again."""
        self._parts = []

    def dataset(self) -> xr.Dataset:
        """All files, as `whole` gives them; attributes are those of the time when all were opened."""
        seen, before = self._names(), self._seen
        if any(names is not seen.get(at) and not {*names} <= {*seen.get(at, ())} for at, names in before.items()):
            self.forget()  # a file is gone
        self._seen = seen
        if self._like is None:
            ds = self._whole()
            if {"time", "row_size"} <= ds.variables.keys() and "particle" in ds.dims:
                self._like = ds.isel(file=slice(0), particle=slice(0)).load()
                self._columns, self._rows = _packed(ds), ds.sizes["particle"]
            return ds
        files = _Files(self, self._whole, dict(self._columns), self._parts[:], self._rows)
        made: dict[str, xr.Variable] = {}
        for name, like in self._like.variables.items():
            if name in self._columns:
                made[str(name)] = xr.Variable("file", _unpacked(self._columns[str(name)], like.dtype), like.attrs)
            else:
                lazy = indexing.LazilyIndexedArray(_Particles(files, str(name), like.dtype))
                made[str(name)] = xr.Variable("particle", lazy, like.attrs)
        data = {name: variable for name, variable in made.items() if name not in self._like.coords}
        return xr.Dataset(data, {name: made[str(name)] for name in self._like.coords}, self._like.attrs)

    def _follows(self, new: xr.Dataset) -> bool:
        """True of files that are later than all others, and like them."""
        like = self._like
        if like is None or {*map(str, like.variables)} != {*map(str, new.variables)}:
            return False
        if any(_kind(like.variables[name]) != _kind(new.variables[name]) for name in like.variables):
            return False
        before, times = self._columns["time"], new["time"].to_numpy().astype("datetime64[ns]")
        both = np.concatenate([before[-1:], times])
        if np.isnat(both).any() or not (both[1:] > both[:-1]).all() or np.isnat(before).any():
            return False
        return all(new.attrs.get(name) == like.attrs.get(name) for name in ("layout", "left_out"))


class _Files:
    """Where the particles of files are: new ones as they came; of all others all there is opened, once."""

    def __init__(
        self, grown: Grown, whole: Whole, columns: Mapping[str, npt.NDArray[Any]],
        parts: list[tuple[int, xr.Dataset]], rows: int,
    ) -> None:  # fmt: skip
        self._grown, self._whole, self._columns, self._parts, self.rows = grown, whole, columns, parts, rows
        self._opened: xr.Dataset | None = None

    def read(self, name: str, wanted: Any) -> npt.NDArray[Any]:
        if isinstance(wanted, slice):
            start, stop, step = wanted.indices(self.rows)
            for first, part in self._parts:
                if step == 1 and first <= start <= stop <= first + part.sizes["particle"]:
                    return np.asarray(part.variables[name][start - first : stop - first].to_numpy())
        return np.asarray(self._all().variables[name][: self.rows][wanted].to_numpy())

    def _all(self) -> xr.Dataset:
        if self._opened is None:
            found = self._whole()
            for name in ("time", "row_size"):
                held = self._columns[name]
                if not np.array_equal(found[name].to_numpy()[: len(held)], held, equal_nan=name == "time"):
                    self._grown.forget()
                    raise WorkbenchError("files came in between or were changed; the next look begins with all of them")
            self._opened = found
        return self._opened


class _Particles(BackendArray):
    """One variable of all particles, read when it is asked for."""

    def __init__(self, files: _Files, name: str, dtype: np.dtype[Any]) -> None:
        self.files, self.name, self.dtype = files, name, dtype
        self.shape = (files.rows,)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        (wanted,) = key.tuple
        return self.files.read(self.name, wanted)


def _kind(variable: xr.Variable) -> tuple[Any, ...]:
    dtype = variable.dtype
    return variable.dims, "text" if dtype.kind in "OU" else dtype


def _packed(ds: xr.Dataset) -> dict[str, npt.NDArray[Any]]:
    """What stands along files, texts of ASCII as bytes: a fourth of the memory."""
    found: dict[str, npt.NDArray[Any]] = {}
    for name, variable in ds.variables.items():
        if variable.dims == ("file",):
            values = variable.to_numpy()
            if values.dtype.kind in "OU":
                with suppress(UnicodeEncodeError):
                    values = values.astype(np.bytes_)
            found[str(name)] = values
    return found


def _alike(before: npt.NDArray[Any], more: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both, texts of one kind."""
    if before.dtype.kind != more.dtype.kind and {before.dtype.kind, more.dtype.kind} <= {"S", "U", "O"}:
        return before.astype(np.str_), more.astype(np.str_)
    return before, more


def _unpacked(values: npt.NDArray[Any], like: np.dtype[Any]) -> npt.NDArray[Any]:
    if values.dtype.kind in "SU" and like.kind in "OU":
        text = values.astype(np.str_)
        return text.astype(object) if like.kind == "O" else text
    return values
