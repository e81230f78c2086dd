"""Parquet: tables of columns, read by row groups through pyarrow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError
from workbench.readers.moments import nanoseconds
from workbench.readers.stored import Array, Stored, text

MAGIC = b"PAR1"
#: Rows that one byte of a file may stand for: run lengths and dictionaries say a lot in little.
_ROWS = 20_000


def complete(path: str) -> int:
    """Bytes of the file when its footer is there, else 0."""
    try:
        with opened(path):
            return os.path.getsize(path)
    except ReaderError:
        return 0


@contextmanager
def opened(path: str) -> Iterator[Container]:
    """Open it.

    Raises
    ------
    ReaderError
        When it is none, is cut, or what is read of it is broken.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            file.seek(max(size - 4, 0))
            if size < 12 or file.read(4) != MAGIC:
                raise ReaderError(path, "only a part of a Parquet file: its footer is missing", found=f"{size} bytes")
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False) as table:
            yield Container(path, table)
    except ReaderError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        if isinstance(error, FileNotFoundError):
            raise ReaderError(path, "no such file or folder") from error
        raise ReaderError(path, f"broken Parquet ({' '.join(str(error).split())[:200]})") from error


class Container:
    """One Parquet file, opened."""

    def __init__(self, path: str, table: Any) -> None:
        self.path = path
        self.table = table
        self.rows = int(table.metadata.num_rows)
        counts = [table.metadata.row_group(i).num_rows for i in range(table.metadata.num_row_groups)]
        self.ends = np.cumsum(np.array(counts, dtype=np.int64))
        if self.rows < 0 or min(counts, default=0) < 0 or sum(counts) != self.rows:
            raise ReaderError(path, "row groups do not add up", expected=f"{self.rows} rows", found=sum(counts))
        if self.rows > os.path.getsize(path) * _ROWS:
            raise ReaderError(path, f"claims {self.rows} rows in {os.path.getsize(path)} bytes")

    def arrays(self, group: str) -> list[Stored]:
        """Every column of numbers, times or text."""
        if group.strip("/"):
            raise ReaderError(self.path, f"there is no group '{group}': Parquet has none")
        out = []
        for field in self.table.schema_arrow:
            dtype = self._dtype(field)
            if dtype is None:
                continue
            name = (
                "index" if field.name.startswith("__index_level_") else field.name.replace(" ", "_").replace("/", "_")
            )
            said = {k.decode(): v.decode("utf-8", "replace") for k, v in (field.metadata or {}).items()}
            about = {
                key: value for key, value in said.items() if key in ("units", "standard_name", "long_name", "comment")
            }
            out.append(Stored(field.name, name, ("#0",), (self.rows,), dtype, about))
        return out

    def _dtype(self, field: Any) -> str | None:
        import pyarrow as pa

        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return "<M8[ns]"
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return "O"
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return str(np.dtype(kind.to_pandas_dtype()).str) if not self._nulls(field.name) else "<f8"
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return "<f8" if not pa.types.is_float32(kind) else "<f4"
        return None

    def _nulls(self, name: str) -> bool:
        """True unless every row group says that it has none."""
        meta = self.table.metadata
        at = next((i for i in range(meta.num_columns) if meta.schema.column(i).path == name), None)
        if at is None:
            return True
        for group in range(meta.num_row_groups):
            stats = meta.row_group(group).column(at).statistics
            if stats is None or not stats.has_null_count or stats.null_count:
                return True
        return False

    def length(self, stored: Stored) -> int:
        """Rows."""
        return self.rows

    def sound(self, stored: Stored) -> None:
        """Rows were counted when it was opened."""

    def read(self, stored: Stored, where: tuple[slice, ...]) -> Array:
        """Values of one column, from the row groups that hold these rows."""
        import pyarrow as pa

        begin, stop = int(where[0].start), int(where[0].stop)
        if stop <= begin:
            return np.empty(0, dtype=np.dtype(stored.dtype))
        first, last = np.searchsorted(self.ends, [begin, stop - 1], side="right").tolist()
        start = int(self.ends[first - 1]) if first else 0
        column = self.table.read_row_groups(list(range(first, last + 1)), columns=[stored.key], use_threads=False)
        if column.num_columns != 1 or column.num_rows != int(self.ends[last]) - start:
            raise ReaderError(self.path, f"'{stored.name}' has not as many rows as the file says")
        values = column.column(0).slice(begin - start, stop - begin)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if stored.dtype == "O":
            return text(np.array(values.to_pylist(), dtype=object))
        if "M8" in stored.dtype:
            unit = values.type.unit if pa.types.is_timestamp(values.type) else "s"
            return nanoseconds(np.asarray(values.cast(pa.timestamp(unit)).to_numpy()))
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        return np.asarray(values.to_numpy(zero_copy_only=False)).astype(stored.dtype)
