"""The rolled part of the series: ``series/TABLE/YYYY-MM-DD.parquet``, one sorted file a day.

Any tool that reads Parquet reads them: ``time`` (UTC), the labels of further dims, the variables by their names;
``_seq`` and ``_rev`` are the record's own. Written as a temporary file, synced, renamed.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import ReaderError
from workbench.record.columns import REV, SEQ, Column
from workbench.record.meta import Meta
from workbench.record.newest import Newest

#: Nanoseconds.
DAY = 86_400_000_000_000
_SUFFIX = ".parquet"
_KEY = b"workbench"
_TIMES: Newest[npt.NDArray[np.int64]] = Newest(128)
_FOOTERS: Newest[Footer] = Newest(8192)


@dataclass(frozen=True)
class Footer:
    """What the end of a day's file says.

    Attributes
    ----------
    rows : int
    times : int
        Different (time, _seq).
    first, last : int
        Times (ns).
    revs : tuple of int
        The lowest and the highest ``_rev``.
    id : str
        The pyramid with the same belongs to it.
    names : frozenset of str
        Columns.
    """

    rows: int
    times: int
    first: int
    last: int
    revs: tuple[int, int]
    id: str
    names: frozenset[str]


@dataclass(frozen=True)
class Day:
    """One file as it was at one moment.

    Attributes
    ----------
    path : str
    number : int
        Days since 1970.
    mark : tuple of int
        Changes with every rewriting.
    """

    path: str
    number: int
    mark: tuple[int, int, int]

    @property
    def footer(self) -> Footer:
        return _FOOTERS.get(self.path, self.mark, lambda: _footer(self.path))

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """All times, sorted (ns); not to be written to."""
        return _TIMES.get(self.path, self.mark, lambda: _times(self.path))


def name_of(number: int) -> str:
    """``2024-05-01`` of a number of days since 1970."""
    return str(np.datetime64(number, "D"))


def listed(folder: Path) -> dict[int, Day]:
    """The days of one table, by number, in order."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.endswith(_SUFFIX) or entry.name.startswith("."):
                    continue
                number = _number(entry.name.removesuffix(_SUFFIX))
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue  # a temporary name that has gone
                if number is not None:
                    found[number] = Day(entry.path, number, (status.st_ino, status.st_size, status.st_mtime_ns))
    except FileNotFoundError:
        return {}
    return dict(sorted(found.items()))


def one(folder: Path, number: int) -> Day | None:
    """The file of one day, looked for now."""
    path = folder / f"{name_of(number)}{_SUFFIX}"
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return Day(os.fspath(path), number, (status.st_ino, status.st_size, status.st_mtime_ns))


def _number(text: str) -> int | None:
    try:
        return int(np.datetime64(text, "D").astype(np.int64))
    except ValueError:
        return None


def read(day: Day, meta: Meta, columns: Sequence[Column]) -> pa.Table:
    """Rows of a day: ``time`` (int64 ns), ``_seq``, ``_rev``, the keys, `columns`; missing ones are null.

    Raises
    ------
    ReaderError
        When the file cannot be read.
    """
    wanted = [*meta.keys, *columns]
    try:
        with pq.ParquetFile(day.path, memory_map=True) as file:
            there = set(file.schema_arrow.names)
            found = file.read([name for name in ("time", SEQ, REV, *(c.name for c in wanted)) if name in there])
    except (OSError, pa.ArrowException) as error:
        raise ReaderError(
            day.path, f"cannot be read ({error})", hint="Restore it, or replay the journal of that day"
        ) from error
    arrays: dict[str, Any] = {"time": found["time"].cast(pa.int64()), SEQ: found[SEQ].cast(pa.int64()), REV: found[REV]}
    for column in wanted:
        values = found[column.name] if column.name in there else pa.nulls(found.num_rows, column.arrow)
        arrays[column.name] = values if values.type == column.arrow else values.cast(column.arrow, safe=False)
    return pa.table(arrays)


def write(path: Path, rows: pa.Table, meta: Meta) -> tuple[Path, Footer]:
    """Write rows as `read` gives them into a temporary file beside `path`, and sync it.

    Returns
    -------
    Path
        The temporary file, to be renamed.
    Footer
    """
    time, seq, rev = (rows[name].to_numpy() for name in ("time", SEQ, REV))
    different = 1 + int(np.count_nonzero((np.diff(time) != 0) | (np.diff(seq) != 0)))
    about = {"rows": rows.num_rows, "times": different, "first": int(time[0]), "last": int(time[-1]),
             "revs": [int(rev.min()), int(rev.max())], "id": uuid.uuid4().hex}  # fmt: skip
    arrays = {"time": rows["time"].cast(pa.timestamp("ns")), SEQ: rows[SEQ].cast(pa.int32()), REV: rows[REV]}
    encoding = {"time": "DELTA_BINARY_PACKED", REV: "DELTA_BINARY_PACKED"}
    kept = [*meta.keys, *(c for c in meta.columns.values() if rows[c.name].null_count < rows.num_rows)]
    for column in kept:
        arrays[column.name] = rows[column.name]
        if column.kind == "M":
            encoding[column.name] = "DELTA_BINARY_PACKED"
    table = pa.table(arrays)
    table = table.replace_schema_metadata({_KEY: json.dumps(about).encode()})
    temp = path.with_name(f".{path.name}.{os.getpid()}.{about['id'][:8]}")
    temp.parent.mkdir(parents=True, exist_ok=True)
    try:
        pq.write_table(
            table, temp, compression="zstd", column_encoding=encoding,
            use_dictionary=[name for name in arrays if name not in encoding],
        )  # fmt: skip
        sync(temp)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    return temp, _said(about, table.column_names)


def sync(path: Path) -> None:
    """Bring a file (or what a folder lists) onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _said(about: Mapping[str, Any], names: Sequence[str]) -> Footer:
    low, high = about["revs"]
    return Footer(
        about["rows"], about["times"], about["first"], about["last"], (low, high), about["id"], frozenset(names)
    )


def _footer(path: str) -> Footer:
    try:
        found = pq.read_metadata(path)
        return _said(json.loads(found.metadata[_KEY]), found.schema.names)
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise ReaderError(
            path, f"is no day of the record ({error})", hint="Restore it, or replay its journal"
        ) from error


def _times(path: str) -> npt.NDArray[np.int64]:
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            found = file.read(["time"])["time"].cast(pa.int64())
    except (OSError, pa.ArrowException) as error:
        raise ReaderError(path, f"cannot be read ({error})", hint="Restore it, or replay its journal") from error
    times = found.to_numpy()
    times.flags.writeable = False
    return np.asarray(times)
