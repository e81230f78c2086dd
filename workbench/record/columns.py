"""What a table of the record knows about each of its variables: dtype, dims, attributes, and how they may grow.

A column starts as the first block that has it says. Later blocks may widen it (int to float, short to longer text);
rows without a value make it a type that can say "missing". Numbers never turn into text or times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xarray as xr

from workbench.core.errors import WorkbenchError
from workbench.core.variables import MISSING

#: Columns of our own, in SQLite and in Parquet.
SEQ, REV = "_seq", "_rev"
OURS = ("time", SEQ, REV)
_KINDS = {"b": "numbers", "i": "numbers", "u": "numbers", "f": "numbers", "M": "times", "m": "durations", "U": "text",
          "O": "text"}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One variable of a table.

    Attributes
    ----------
    name : str
    dtype : str
        numpy dtype as text; ``object`` is text of any length.
    dims : tuple of str
        Beyond ``time``.
    described : str
        Its attributes, as `dumps` writes them.
    coord : bool
        True for a coordinate.
    sql : str
        Its name in SQLite, which does not tell ``T`` from ``t``.
    """

    name: str
    dtype: str
    dims: tuple[str, ...] = ()
    described: str = "{}"
    coord: bool = False
    sql: str = ""

    @classmethod
    def of(cls, name: str, array: xr.Variable, coord: bool) -> Column:
        """The column that keeps `array`.

        Raises
        ------
        WorkbenchError
            When its values are neither numbers, text, truth values nor times.
        """
        dims = tuple(str(dim) for dim in array.dims if dim != "time")
        return cls._of(name, array.dtype, dims, _described(array.attrs), coord)

    @classmethod
    @lru_cache(maxsize=4096)
    def _of(cls, name: str, dtype: np.dtype[Any], dims: tuple[str, ...], described: str, coord: bool) -> Column:
        if dtype.kind == "T" or not isinstance(dtype, np.dtype):
            dtype = np.dtype(object)
        if dtype.kind not in _KINDS:
            raise WorkbenchError(f"variable '{name}' has dtype {dtype}; the record keeps numbers, text and times")
        if dtype.kind in "Mm":
            dtype = np.dtype(f"{dtype.kind}8[ns]")
        elif dtype.kind == "f" and dtype.itemsize not in (4, 8):
            dtype = np.dtype("float32" if dtype.itemsize < 4 else "float64")
        return cls(name, np.dtype(dtype).newbyteorder("=").str.lstrip("|="), dims, described, coord)

    @property
    def attrs(self) -> dict[str, Any]:
        return dict(loads(self.described))

    @cached_property
    def kind(self) -> str:
        return np.dtype(self.dtype).kind

    def joined(self, new: Column, table: str) -> Column:
        """The column that holds what both hold; attributes are those of `new`.

        Raises
        ------
        WorkbenchError
            When one holds numbers and the other text or times, or their dims differ.
        """
        if _KINDS[self.kind] != _KINDS[new.kind]:
            raise WorkbenchError(
                f"table '{table}': variable '{self.name}' holds {_KINDS[self.kind]} so far and {_KINDS[new.kind]} now. "
                "Give the new one another name."
            )
        if self.dims != new.dims:
            raise WorkbenchError(
                f"table '{table}': variable '{self.name}' has dims {('time', *self.dims)} so far and "
                f"{('time', *new.dims)} now. Give the new one another name."
            )
        both = np.result_type(np.dtype(self.dtype), np.dtype(new.dtype))
        return replace(self, dtype=both.str.lstrip("|="), described=new.described, coord=new.coord)

    def lacking(self) -> Column:
        """The column that can also say "missing"."""
        if self.kind in "iub" and not self.flags:
            return replace(self, dtype=np.dtype("float64").str)
        return self

    @property
    def flags(self) -> bool:
        """True for quality flags, which have a value of their own for "missing"."""
        return "flag_values" in self.described and MISSING in np.atleast_1d(self.attrs.get("flag_values", [])).tolist()

    @property
    def missing(self) -> Any:
        """What stands where there is no value."""
        if self.kind in "Mm":
            return np.array("NaT", self.dtype)[()]
        if self.kind in "UO":
            return "" if self.kind == "U" else None
        return np.nan if self.kind == "f" else MISSING if self.flags else 0

    @cached_property
    def arrow(self) -> pa.DataType:
        """Its type in Arrow and Parquet."""
        return pa.string() if self.kind in "UO" else pa.from_numpy_dtype(np.dtype(self.dtype))

    def pack(self, values: npt.NDArray[Any]) -> pa.Array:
        """One dimension of values as Arrow keeps them: missing ones are null."""
        if self.kind in "UO":
            return pa.array([_text(value) for value in values.tolist()], pa.string())
        if self.kind == "u" and values.size and int(values.max()) > np.iinfo(np.int64).max:
            raise WorkbenchError(f"variable '{self.name}' holds {int(values.max())}; whole numbers end at 2^63 - 1")
        plain = np.ascontiguousarray(values).astype(np.dtype(self.dtype), copy=False)
        return pa.array(plain, self.arrow, from_pandas=True)

    def unpack(self, values: pa.ChunkedArray | pa.Array) -> npt.NDArray[Any]:
        """What `pack` made, as numpy knows it."""
        dtype = np.dtype(self.dtype)
        if self.kind in "UO":
            known = values.fill_null("") if self.kind == "U" else values
            return np.asarray(
                known.to_numpy(zero_copy_only=False) if isinstance(known, pa.Array) else known.to_numpy()
            ).astype(dtype)
        if values.type != self.arrow:
            values = values.cast(self.arrow, safe=False)
        if values.null_count and self.kind in "iub":
            values = values.fill_null(pa.scalar(int(self.missing), pa.int64()).cast(self.arrow))
        flat = values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy()
        return np.asarray(flat).astype(dtype, copy=False)

    def from_sql(self, values: list[Any]) -> pa.Array:
        """What SQLite gave back, as Arrow keeps it."""
        if self.kind == "b":
            return pa.array(values, pa.int64()).cast(pa.bool_())
        if self.kind in "Mm":
            return pa.array(values, pa.int64()).cast(self.arrow)
        return pa.array(values, self.arrow)

    def to_sql(self, values: pa.ChunkedArray) -> list[Any]:
        """Plain Python values, which SQLite keeps as they are."""
        if self.kind in "Mm":
            values = values.cast(pa.int64())
        return list(values.to_pylist()) if values.null_count or self.kind in "UO" else list(values.to_numpy().tolist())


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and value != value):
        return None
    return value if isinstance(value, str) else str(value)


def _described(attrs: Mapping[Any, Any]) -> str:
    """`dumps`, remembered where that can be."""
    if not attrs:
        return "{}"
    try:
        return _remembered(tuple(attrs.items()))
    except TypeError:  # a list or an array
        return dumps(attrs)


@lru_cache(maxsize=4096)
def _remembered(items: tuple[tuple[Any, Any], ...]) -> str:
    return dumps(dict(items))


def dumps(attrs: Mapping[Any, Any]) -> str:
    """Attributes as JSON, arrays and numpy numbers with their dtype."""
    return json.dumps({str(key): value for key, value in attrs.items()}, default=_plain) if attrs else "{}"


@lru_cache(maxsize=4096)
def loads(text: str) -> dict[str, Any]:
    """What `dumps` wrote; not to be altered."""
    found: dict[str, Any] = json.loads(text, object_hook=_back)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "Mm":
            unit = np.datetime_data(array.dtype)[0]
            return {"_dtype": f"{array.dtype.kind}8[{unit}]", "_values": array.astype(np.int64).tolist()}
        return {"_dtype": array.dtype.str, "_values": array.tolist()}
    return str(value)


def _back(found: dict[str, Any]) -> Any:
    if set(found) != {"_dtype", "_values"}:
        return found
    array = np.array(found["_values"])
    return array.astype(np.dtype(found["_dtype"]))[()]
