"""Hourly files of SeaFlow particles (OPP, VCT), as R and Python tools write them: what one holds, and its columns.

Particles of one EVT file stand together; a file is one run of rows with the same date and ids.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError, suggest
from workbench.core.filters import QUANTILES
from workbench.core.sizes import COLUMNS
from workbench.readers.kept import Kept
from workbench.readers.seaflow_hourly import CHANNELS
from workbench.readers.seaflow_parquet import first_line, row_groups

FLAGS = tuple(f"q{q:g}" for q in QUANTILES)
LABELS = ("pop", *(f"pop_q{q:g}" for q in QUANTILES))
SIZES = ("diam", "Qc", *(f"{name}_q{q:g}" for q in QUANTILES for name in COLUMNS))
#: Columns along particles, and the kind of each.
KINDS = dict.fromkeys(CHANNELS, "number") | dict.fromkeys(FLAGS, "flag")
KINDS |= dict.fromkeys(SIZES, "number") | dict.fromkeys(LABELS, "text")
#: Columns that are the same for all particles of one EVT file.
IDS = ("file_id", "filter_id", "gating_id")
DTYPES = {"number": np.dtype(np.float64), "flag": np.dtype(np.bool_), "text": np.dtype(object)}
#: Rows that a file may hold for each of its bytes.
_RATIO = 64
_FILE_ID = np.dtype("U34")
_NAT = np.iinfo(np.int64).min
_HOUR = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)-\d\d-\d\d[+-]00-00\.1H\.")


@dataclass(frozen=True, eq=False)
class Hour:
    """What one hourly file holds.

    Attributes
    ----------
    path : str
    end : int
        Its bytes.
    rows : int
    columns : tuple of str
        Those of `KINDS` that it has.
    begins : numpy.ndarray of int64, shape (files,)
        First row of each run of particles of one EVT file.
    time : numpy.ndarray of datetime64[ns], shape (files,)
    packed : dict of str to numpy.ndarray
        Ids in little memory: bytes where all is ASCII, one where all are the same, no file ids where the times say them.
    """

    path: str
    end: int
    rows: int
    columns: tuple[str, ...]
    begins: npt.NDArray[np.int64]
    time: npt.NDArray[np.datetime64]
    packed: dict[str, npt.NDArray[Any]]

    @property
    def nbytes(self) -> int:
        return 1024 + sum(a.nbytes for a in (self.begins, self.time, *self.packed.values()))

    @property
    def row_size(self) -> npt.NDArray[np.int64]:
        """int64, shape (files,)."""
        return np.diff(np.append(self.begins, self.rows))

    @property
    def named(self) -> frozenset[str]:
        """Those of `IDS` that it has."""
        return frozenset({"file_id", *self.packed})


_KEPT: Kept[Hour] = Kept(64 << 20)


def probe(path: str) -> Hour:
    """What a file holds: its footer and the columns that say which EVT file a row is of. No particle is read.

    Raises
    ------
    ReaderError
        When it is no hourly file.
    """
    return _KEPT.get(path, None, lambda _: _probe(path))


def ids(
    name: str, hours: Sequence[Hour], chosen: Sequence[npt.NDArray[np.bool_]], time: npt.NDArray[np.datetime64]
) -> npt.NDArray[np.str_]:
    """One of `IDS`, as texts, of the chosen runs of several hours, whose times are `time`."""
    unsaid = name == "file_id" and any(name not in hour.packed for hour in hours)
    made = _made_ids(time) if unsaid else np.empty(0, np.str_)
    parts, at = [np.empty(0, np.str_)], 0
    for hour, take in zip(hours, chosen, strict=True):
        many = int(np.count_nonzero(take))
        packed = hour.packed.get(name)
        said = np.broadcast_to(packed.astype(np.str_), len(take))[take] if packed is not None else made[at : at + many]
        parts.append(said)
        at += many
    return np.concatenate(parts)


def hour_of(path: str | PathLike[str]) -> np.datetime64 | None:
    """The hour in the name of a file; None where there is none."""
    match = _HOUR.match(os.path.basename(fspath(path)))
    try:
        return np.datetime64(f"{match[1]}T{match[2]}", "ns") if match else None
    except ValueError:
        return None


def _probe(path: str) -> Hour:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size = os.stat(path).st_size
        with pq.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
            if "date" not in schema.names:
                raise ReaderError(
                    path, "not an hourly SeaFlow file", expected="a column 'date'", found=", ".join(schema.names[:8])
                )
            if not 0 <= rows <= size * _RATIO:
                raise ReaderError(
                    path, "the footer's row count does not fit", expected=f"at most {size * _RATIO}", found=rows
                )
            columns = tuple(name for name in KINDS if name in schema.names)
            for name in columns:
                _fits(path, name, schema.field(name).type)
            held = [name for name in IDS if name in schema.names]
            begins, times, ids = _runs_of(path, file, held)
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ReaderError(path, f"not an hourly SeaFlow file ({first_line(error)})") from error
    said = np.array_equal(ids.get("file_id", made := _made_ids(times)), made)
    packed = {name: _packed(each) for name, each in ids.items() if not (said and name == "file_id")}
    return Hour(path, size, rows, columns, begins, times, packed)


def _packed(ids: npt.NDArray[np.str_]) -> npt.NDArray[Any]:
    """The same in little memory, as `Hour.packed`."""
    some = ids[:1].copy() if len(ids) and (ids == ids[0]).all() else ids
    try:
        return some.astype(np.bytes_)
    except UnicodeEncodeError:
        return some


def _runs_of(
    path: str, file: Any, held: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.datetime64], dict[str, npt.NDArray[np.str_]]]:
    """Where each run of particles of one EVT file begins, its time, and its ids: of one row group after the other."""
    import pyarrow as pa

    at = 0
    begins, times, ids = (
        [np.empty(0, np.int64)],
        [np.empty(0, np.int64)],
        {name: [np.empty(0, object)] for name in held},
    )
    for group in range(file.metadata.num_row_groups):
        table = file.read_row_group(group, columns=["date", *held], use_threads=False)
        moments = table.column("date").cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64())
        time = np.asarray(moments.fill_null(_NAT).to_numpy(), dtype=np.int64)
        codes = {name: _coded(table.column(name)) for name in held}
        here = _runs([time, *(indices for indices, _ in codes.values())])
        begins.append(here + at)
        times.append(time[here])
        for name, (indices, words) in codes.items():
            ids[name].append(words[indices[here]])
        at += table.num_rows
    if at != file.metadata.num_rows:
        raise ReaderError(path, "broken Parquet file", expected=f"{file.metadata.num_rows} rows", found=at)
    when, named = np.concatenate(times), {name: np.concatenate(each).astype(np.str_) for name, each in ids.items()}
    runs = _runs([when, *(np.unique(each, return_inverse=True)[1] for each in named.values())])
    chosen = {name: each[runs] for name, each in named.items()}
    return np.concatenate(begins)[runs], when[runs].view("datetime64[ns]"), chosen


def _fits(path: str, name: str, kind: Any) -> None:
    import pyarrow as pa

    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    wanted = KINDS[name]
    right = {
        "number": pa.types.is_floating(plain) or pa.types.is_integer(plain),
        "flag": pa.types.is_boolean(plain),
        "text": pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_null(plain),
    }[wanted]
    if not right:
        raise ReaderError(path, f"column {name} is of another kind", expected=wanted, found=str(kind))


def _runs(columns: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """First rows of the runs in which no column changes."""
    rows = len(columns[0])
    begins = np.zeros(rows, dtype=np.bool_)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins).astype(np.int64)


def _coded(column: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """A column of text as indices into words; the last word is "", for nulls."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    array = column.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # none of several chunks holds a row
        array = array.chunk(0) if array.num_chunks else pa.array([], column.type)
    words = np.array([*(str(word or "") for word in array.dictionary.to_pylist()), ""], dtype=object)
    indices = np.asarray(array.indices.cast(pa.int64()).fill_null(len(words) - 1).to_numpy(zero_copy_only=False))
    return indices, words


def _made_ids(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.str_]:
    """File ids out of times, as `file_name` makes them; none where there is no time."""
    if not times.size:
        return np.empty(0, np.str_)
    dated = times.astype("datetime64[s]")
    dated[np.isnat(times)] = 0
    day = (dated.astype("datetime64[D]") - dated.astype("datetime64[Y]")).astype(np.int64) + 1
    moment = np.strings.replace(np.datetime_as_string(dated), ":", "-")
    texts = np.array("")
    for part in (moment.astype("U4"), "_", np.strings.zfill(day.astype(np.str_), 3), "/", moment, "+00-00"):
        texts = np.strings.add(texts, part)
    return np.where(np.isnat(times), "", texts).astype(_FILE_ID)


def read(hour: Hour, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Columns of all particles of one file: float64, bool, or text (""where there is none); nothing else is read.

    Raises
    ------
    ReaderError
        When the file is broken, has changed, or has no such column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in names:
        if name not in hour.columns:
            raise ReaderError(hour.path, f"there is no column '{name}'", hint=suggest(name, hour.columns))
    try:
        with pq.ParquetFile(hour.path) as file:
            table = file.read(columns=list(names), use_threads=False)
        found = {name: _values(table.column(name), KINDS[name]) for name in names}
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ReaderError(hour.path, f"broken Parquet file ({first_line(error)})") from error
    if table.num_rows != hour.rows:
        raise ReaderError(
            hour.path, "changed while it was read", expected=f"{hour.rows} rows", found=f"{table.num_rows} rows"
        )
    return found


def read_rows(hour: Hour, name: str, begin: int, stop: int) -> npt.NDArray[Any]:
    """Particles from number `begin` to `stop` of one column of a file: only their row groups are read.

    Raises
    ------
    ReaderError
        When the file is broken or has changed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(hour.path) as file:
            rows = file.metadata.num_rows
            table, before = row_groups(file, [name], begin, stop)
            found = _values(table.column(name).slice(begin - before, stop - begin), KINDS[name])
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ReaderError(hour.path, f"broken Parquet file ({first_line(error)})") from error
    if rows != hour.rows:
        raise ReaderError(hour.path, "changed while it was read", expected=f"{hour.rows} rows", found=f"{rows} rows")
    return found


def _values(column: Any, kind: str) -> npt.NDArray[Any]:
    import pyarrow as pa

    if kind == "number":
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if kind == "flag":
        return np.asarray(column.fill_null(False).to_numpy(), dtype=np.bool_)
    indices, words = _coded(column)
    return words[indices]
