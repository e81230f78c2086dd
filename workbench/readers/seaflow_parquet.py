"""EVT files as Parquet: a column of float32 log values for each channel, read by row groups."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError

Values = npt.NDArray[np.float32]

#: Channels that a file has, in their order.
CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")
#: A file may not claim more values than this for each of its bytes (run lengths compress without limit).
_RATIO = 2000
#: Bytes of a stored column that are in memory at once: else it is all that a row group has of it.
_BUFFER = 1 << 18


def count(path: str) -> int:
    """Particles in a file, as its footer says.

    Raises
    ------
    ReaderError
        When it is no Parquet file, lacks a channel, or cannot hold so many.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size = os.stat(path).st_size
        footer = pq.read_metadata(path)
        held = {footer.schema.column(i).path for i in range(footer.num_columns)}
        found = int(footer.num_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ReaderError(path, f"not a Parquet file ({first_line(error)})") from error
    lacking = [name for name in CHANNELS if name not in held]
    if lacking:
        raise ReaderError(
            path, f"no column {', '.join(lacking)}", expected=", ".join(CHANNELS), found=", ".join(sorted(held))
        )
    if found == 0:
        raise ReaderError(path, "the footer says 0 particles", expected="at least 1", found=0)
    if not 0 < found <= size * _RATIO:
        raise ReaderError(path, "the footer's row count does not fit", expected=f"1 to {size * _RATIO}", found=found)
    return found


def columns(path: str, total: int, names: Sequence[str]) -> dict[str, Values]:
    """Channels of a file of `total` particles.

    Raises
    ------
    ReaderError
        When the file is broken, or has not so many particles any more.
    """
    with _opened(path) as file:
        table = file.read(columns=list(names), use_threads=False)
        out = {name: np.asarray(table.column(name).to_numpy(), dtype=np.float32) for name in names}
    if table.num_rows != total:
        raise _changed(path, total, table.num_rows)
    return out


def rows(path: str, total: int, name: str, begin: int, stop: int) -> Values:
    """Rows from `begin` to `stop` of one channel: only their row groups are read.

    Raises
    ------
    ReaderError
        When the file is broken, or has not so many rows.
    """
    with _opened(path) as file:
        table, before = row_groups(file, [name], begin, stop)
        out = np.asarray(table.column(name).slice(begin - before, stop - begin).to_numpy(), dtype=np.float32)
    if len(out) != stop - begin:
        raise _changed(path, total, before + table.num_rows)
    return out


def pieces(path: str, total: int, names: Sequence[str], size: int) -> Iterator[dict[str, Values]]:
    """Channels of a file, up to `size` rows at a time, in little memory.

    Raises
    ------
    ReaderError
        When the file is broken, or has not `total` particles any more: maybe only after some pieces.
    """
    found = 0
    with _opened(path) as file:
        for batch in file.iter_batches(size, columns=list(names), use_threads=False):
            found += batch.num_rows
            yield {
                name: np.asarray(batch.column(name).to_numpy(zero_copy_only=False), dtype=np.float32) for name in names
            }
    if found != total:
        raise _changed(path, total, found)


def row_groups(file: Any, names: Sequence[str], begin: int, stop: int) -> tuple[Any, int]:
    """The row groups of an opened Parquet file that hold these rows, and the number of the first row in them."""
    groups = range(file.metadata.num_row_groups)
    ends = np.cumsum([0, *(file.metadata.row_group(i).num_rows for i in groups)])
    wanted = [i for i in groups if ends[i] < stop and ends[i + 1] > begin]
    table = file.read_row_groups(wanted, columns=list(names), use_threads=False)
    return table, int(ends[wanted[0]]) if wanted else 0


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """The file, opened; what is broken in it is a ReaderError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise ReaderError(path, f"broken Parquet file ({first_line(error)})") from error


def _changed(path: str, total: int, found: int) -> ReaderError:
    return ReaderError(path, "changed while it was read", expected=f"{total} rows", found=found)


def first_line(error: Exception) -> str:
    """What pyarrow says, in short."""
    return str(error).split("\n", 1)[0].rstrip(".")
