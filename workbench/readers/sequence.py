"""Many files as one lazy dataset: the rows of each file after those of the one before."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

#: Rows that one dask chunk should hold: small files are grouped, large ones stand alone.
CHUNK = 1 << 20


class Files(Protocol):
    """What lies end to end; pickled with every variable, so it holds paths and numbers, no data."""

    def read(self, index: int, name: str) -> npt.NDArray[Any]:
        """The variable `name` of file `index`, whole.

        One that can read some of it has `read_rows(index, name, begin, stop)` as well.
        """


class EndToEnd(BackendArray):
    """One variable of many files, read file by file when it is asked for.

    Parameters
    ----------
    files : Files
    name : str
        Passed to ``files.read``.
    sizes : array of int64
        Rows of each file.
    dtype : numpy.dtype
    """

    def __init__(self, files: Files, name: str, sizes: npt.NDArray[np.int64], dtype: npt.DTypeLike) -> None:
        self.files = files
        self.name = name
        self.ends = np.cumsum(sizes, dtype=np.int64)
        self.dtype = np.dtype(dtype)
        self.shape = (int(self.ends[-1]) if len(self.ends) else 0,)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        # Not through xarray's adapter: it reads all rows between the first and the last of a list, and fails on
        # empty slices that step back (xarray 2026.9).
        (wanted,) = key.tuple
        if isinstance(wanted, slice):
            start, stop, step = wanted.indices(self.shape[0])
            return self._rows(start, stop) if step == 1 else self._picked(np.arange(start, stop, step))
        rows = np.asarray(wanted)
        return self._picked(rows.ravel()).reshape(rows.shape)[()]

    def _picked(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Single rows, file by file; negative ones count from the end."""
        rows = np.where(rows < 0, rows + self.shape[0], rows)
        out = np.empty(rows.shape, dtype=self.dtype)
        indices = np.searchsorted(self.ends, rows, side="right")
        for index in np.unique(indices).tolist():
            here = indices == index
            begin = int(self.ends[index - 1]) if index else 0
            out[here] = self.files.read(index, self.name)[rows[here] - begin]
        return out

    def _rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        out = np.empty(max(stop - start, 0), dtype=self.dtype)
        index = int(np.searchsorted(self.ends, start, side="right"))
        at = start
        while at < stop:
            begin = int(self.ends[index - 1]) if index else 0
            end = min(int(self.ends[index]), stop)
            if end > at:
                out[at - start : end - start] = self._read(
                    index, at - begin, end - begin, int(self.ends[index]) - begin
                )
            at, index = end, index + 1
        return out

    def _read(self, index: int, begin: int, stop: int, rows: int) -> npt.NDArray[Any]:
        """Some rows of one of the files, which has so many."""
        some = getattr(self.files, "read_rows", None)
        if some is None or stop - begin == rows:
            return self.files.read(index, self.name)[begin:stop]
        return np.asarray(some(index, self.name, begin, stop))


def variable(
    dim: str,
    files: Files,
    name: str,
    sizes: npt.NDArray[np.int64],
    dtype: npt.DTypeLike,
    attrs: dict[str, Any],
    preferred: tuple[int, ...] | None = None,
) -> xr.Variable:
    """A lazy variable over all `files`, with the chunks that suit it.

    Parameters
    ----------
    dim : str
        The row dimension.
    files, name, sizes, dtype
        See `EndToEnd`.
    attrs : dict
    preferred : tuple of int, optional
        Chunk lengths, where `chunks` has been asked already.
    """
    lazy = indexing.LazilyIndexedArray(EndToEnd(files, name, sizes, dtype))
    split = preferred if preferred is not None else chunks(sizes)
    return xr.Variable((dim,), lazy, attrs, encoding={"preferred_chunks": {dim: split}})


def chunks(sizes: npt.NDArray[np.int64], target: int = CHUNK) -> tuple[int, ...]:
    """Chunk lengths along the rows: whole files, grouped until a chunk would exceed `target` rows."""
    out: list[int] = []
    for size in sizes.tolist():
        if out and out[-1] + size <= target:
            out[-1] += size
        else:
            out.append(size)
    return tuple(out) or (0,)
