"""An index along a coordinate that is not read before somebody selects by it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import xarray as xr
from xarray import Index, Variable
from xarray.core.indexes import PandasIndex
from xarray.core.indexing import IndexSelResult

__all__ = ["LateIndex", "late_coordinates"]


def late_coordinates(name: str, variable: Variable) -> xr.Coordinates:
    """Coordinates of a dataset with `variable` (one dim, its own name), lazily indexed.

    ``ds.sel(time=...)`` then works as with any dataset, and is what reads the times.
    """
    return xr.Coordinates({name: variable}, indexes={name: LateIndex(variable)})


class LateIndex(Index):
    """An index made when it is needed.

    Parameters
    ----------
    variable : xarray.Variable
        One-dimensional, lazy.
    """

    def __init__(self, variable: Variable) -> None:
        self._variable = variable
        self._made: PandasIndex | None = None

    def _index(self) -> PandasIndex:
        if self._made is None:
            self._made = PandasIndex(self._variable.to_numpy(), str(self._variable.dims[0]))
        return self._made

    @classmethod
    def from_variables(cls, variables: Mapping[Any, Variable], *, options: Mapping[str, Any]) -> LateIndex:
        return cls(next(iter(variables.values())))

    @classmethod
    def concat(
        cls, indexes: Sequence[Any], dim: Hashable, positions: Iterable[Iterable[int]] | None = None
    ) -> LateIndex:
        joined = Variable.concat([each._variable for each in indexes], dim=str(dim), positions=positions)  # type: ignore[no-untyped-call]
        return cls(joined)

    def create_variables(self, variables: Mapping[Any, Variable] | None = None) -> dict[Any, Variable]:
        return {self._variable.dims[0]: self._variable}

    def to_pandas_index(self) -> pd.Index[Any]:
        return self._index().index

    def isel(self, indexers: Mapping[Any, Any]) -> LateIndex | None:
        part = self._variable.isel(indexers)
        return type(self)(part) if part.dims == self._variable.dims else None

    def sel(self, labels: dict[Any, Any], method: Any = None, tolerance: Any = None) -> IndexSelResult:
        return self._index().sel(labels, method=method, tolerance=tolerance)

    def equals(self, other: Index, **_: Any) -> bool:
        if not isinstance(other, LateIndex):
            return False
        return other is self or other._variable is self._variable or self._index().equals(other._index())

    def join(self, other: LateIndex, how: Any = "inner") -> LateIndex:
        joined = self._index().join(other._index(), how=how)
        return type(self)(next(iter(joined.create_variables().values())))

    def reindex_like(self, other: LateIndex, method: Any = None, tolerance: Any = None) -> dict[Hashable, Any]:
        return self._index().reindex_like(other._index(), method=method, tolerance=tolerance)

    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> LateIndex:
        dim = self._variable.dims[0]
        return type(self)(Variable((dims_dict.get(dim, dim),), self._variable._data, self._variable.attrs))
