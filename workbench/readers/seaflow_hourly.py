"""Hourly OPP and VCT Parquet files, in the layout that SeaFlow tools read. We write float64.

OPP: ``date, file_id, D1, D2, fsc_small, pe, chl_small, q2.5, q50, q97.5, filter_id``. VCT adds, for each quantile,
diameters, quotas and population (null where the particle is not OPP in that quantile), and ``gating_id``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.core.errors import ReaderError
from workbench.core.filters import QUANTILES
from workbench.core.sizes import COLUMNS

CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")
POPULATIONS = ("beads", "croco", "picoeuk", "prochloro", "synecho", "unknown")
_TEXT = pa.dictionary(pa.int32(), pa.string())
_DATE = pa.timestamp("us", tz="UTC")
#: Columns whose least and greatest value a file tells; of the others nobody asks.
TOLD = ["date", "file_id", "filter_id"]
#: Rows of a row group, all but the last: no more are in memory at once, and they are packed while later files are read.
GROUP = 1 << 16

OPP = pa.schema(
    [("date", _DATE), ("file_id", _TEXT), *((name, pa.float64()) for name in CHANNELS)]
    + [(f"q{q:g}", pa.bool_()) for q in QUANTILES]
    + [("filter_id", _TEXT)]
)
VCT = pa.schema(
    [
        *OPP,
        *(
            pa.field(f"{name}_q{q:g}", _TEXT if name == "pop" else pa.float64())
            for q in QUANTILES
            for name in (*COLUMNS, "pop")
        ),
        pa.field("gating_id", _TEXT),
    ]
)


def hour_name(time: np.datetime64, kind: str) -> str:
    """``2014-07-04T00-00-00+00-00.1H.opp.parquet``: the hourly file that holds `time`."""
    hour = np.datetime_as_string(time.astype("datetime64[h]"), unit="h")
    return f"{hour}-00-00+00-00.1H.{kind}.parquet"


def opp_table(
    time: np.datetime64, file_id: str, filter_id: str,
    channels: dict[str, npt.NDArray[np.float64]], mask: npt.NDArray[np.uint8],
) -> pa.Table:  # fmt: skip
    """The OPP rows of one EVT file.

    Parameters
    ----------
    time : datetime64
        The file's time.
    file_id, filter_id : str
    channels : dict of str to ndarray of float64 (k,)
        Linear `CHANNELS`.
    mask : ndarray of uint8 (k,)
        Bits 1, 2, 4: OPP in quantile 2.5, 50, 97.5.
    """
    n = len(mask)
    columns: list[Any] = [
        pa.array(np.full(n, time.astype("datetime64[us]")), pa.timestamp("us")).cast(_DATE),
        _constant(file_id, n),
        *(pa.array(channels[name]) for name in CHANNELS),
        *(pa.array((mask >> bit & 1).astype(np.bool_)) for bit in range(3)),
        _constant(filter_id, n),
    ]
    return pa.table(columns, schema=OPP)


def vct_table(
    opp: pa.Table, label: npt.NDArray[np.int8], names: tuple[str, ...], sizes: npt.NDArray[np.float64], gating_id: str
) -> pa.Table:
    """The VCT rows to the OPP rows of one EVT file.

    Parameters
    ----------
    opp : pyarrow.Table
        As `opp_table` gives it, k rows.
    label : ndarray of int8 (k, 3)
        Index into `names` by quantile; -1 where the particle is not OPP.
    names : tuple of str
        ``("unknown", ...)`` and the gating's populations.
    sizes : ndarray of float64 (k, 3, 6)
        Diameters (um) and quotas (pgC per cell), NaN where the particle is not OPP.
    gating_id : str
    """
    columns = list(opp.columns)
    for at in range(3):
        absent = label[:, at] < 0
        columns += [pa.array(sizes[:, at, i], mask=absent | np.isnan(sizes[:, at, i])) for i in range(len(COLUMNS))]
        indices = pa.array(np.where(absent, 0, label[:, at]).astype(np.int32), mask=absent)
        columns.append(pa.DictionaryArray.from_arrays(indices, pa.array(names)))
    columns.append(_constant(gating_id, opp.num_rows))
    return pa.table(columns, schema=VCT)


def merge_hour(path: str | PathLike[str], new: pa.Table | Iterable[pa.Table], replaced: set[str]) -> None:
    """Put the rows of some EVT files into an hourly file: the same bytes in whatever steps it was filled.

    Parameters
    ----------
    path : path-like
        Written under a temporary name, then renamed; removed when no row is left.
    new : pyarrow.Table or iterable of these
        Rows in the hourly file's schema: one table with any order of files, or tables that follow each other in the order
        of file ids, made one after the other (so that not all of an hour is in memory).
    replaced : set of str
        File ids whose rows already there are dropped, including those that have no new rows.
    """
    from workbench.readers.seaflow_hour_file import HourFile  # with numba: not to read one

    with HourFile(path, replaced) as file:
        for table in [_by_file(new)] if isinstance(new, pa.Table) else new:
            file.add(table)


def write_hour(path: str | PathLike[str], tables: pa.Table | Iterable[pa.Table]) -> None:
    """Write an hourly file: temporary name, fsync, rename; removed where there are no rows.

    Zstandard; row groups of `GROUP` rows, wherever the tables end; dictionaries sorted. Columns may come as dictionaries
    of numbers (codes, and the values that they stand for): the file is the same.
    """
    from workbench.readers.seaflow_hour_file import HourFile

    with HourFile(path) as file:
        for table in [tables] if isinstance(tables, pa.Table) else tables:
            file.add(table)


def kept(place: Path, schema: pa.Schema, replaced: set[str]) -> Iterator[pa.Table]:
    """What an hourly file holds of other EVT files, some rows at a time; at once where they are not in order."""
    gone = pa.array(sorted(replaced), pa.string())
    ids = read_hour(place, pa.schema([schema.field("file_id")]))
    parts = [read_hour(place, schema)] if not _ascending(ids) else _row_groups(place, schema)
    for part in parts:
        left = part.filter(pc.invert(pc.is_in(part["file_id"].cast(pa.string()), gone)))
        if left.num_rows:
            yield _by_file(left)


def _row_groups(place: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    with pq.ParquetFile(place) as file:
        for at in range(file.num_row_groups):
            yield _in_schema(file.read_row_group(at, columns=schema.names, use_threads=False), schema)


def _codes(table: pa.Table) -> npt.NDArray[np.int32]:
    """The place of each row's file id among those of the table, sorted."""
    return np.asarray(_sorted_dictionary(table["file_id"]).indices)


def _ascending(table: pa.Table) -> bool:
    codes = _codes(table)
    return not (codes[1:] < codes[:-1]).any()


def _by_file(table: pa.Table) -> pa.Table:
    """A stable order by file: rows of one file stay as the file has them."""
    codes = _codes(table)
    if (codes[1:] < codes[:-1]).any():
        return table.take(pa.array(np.argsort(codes, kind="stable")))
    return table


def files_of(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables of one EVT file each, or of a part of it."""
    for table in tables:
        codes = _codes(table)
        edges = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist(), len(codes)]
        yield from (table.slice(a, b - a) for a, b in pairwise(edges) if b > a)


def file_id(table: pa.Table) -> str:
    return str(table["file_id"][0].as_py())


def read_hour(path: str | PathLike[str], schema: pa.Schema) -> pa.Table:
    """Read an hourly file of any writer (float32 or 64, us or ns, any dictionary index) in our schema.

    Raises
    ------
    ReaderError
        When it is no Parquet file or lacks a column.
    """
    try:
        held = set(pq.read_schema(fspath(path)).names)
        table = pq.read_table(fspath(path), columns=[name for name in schema.names if name in held])
    except (OSError, pa.ArrowException) as error:
        raise ReaderError(path, f"not a readable Parquet file ({error})") from error
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise ReaderError(
            path,
            "not an hourly SeaFlow file",
            expected=f"a column '{missing[0]}'",
            found=f"{len(held)} others",
        )
    return _in_schema(table, schema)


def _in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return pa.table([_as(table[field.name], field.type) for field in schema], schema=schema)


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if kind == _TEXT:
        return column.cast(pa.string()).dictionary_encode().cast(_TEXT)
    return column.cast(kind, safe=False)


def _constant(text: str, n: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([text]))


def _sorted_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """The column with the words it uses, sorted, as its dictionary."""
    if column.num_chunks == 1:
        only = column.chunk(0)
        words = only.dictionary.to_pylist()
        used = len(pc.unique(only.indices.drop_null()))
        if used == len(words) and all(a < b for a, b in pairwise(words)):
            return only
    text = column.cast(pa.string()).combine_chunks()
    words = sorted(word for word in pc.unique(text).to_pylist() if word is not None)
    return pa.DictionaryArray.from_arrays(
        pc.index_in(text, pa.array(words, pa.string())).cast(pa.int32()), pa.array(words, pa.string())
    )
