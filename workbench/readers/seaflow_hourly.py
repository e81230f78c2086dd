"""Hourly OPP and VCT Parquet files, in the layout that SeaFlow tools read. We write float64.

OPP: ``date, file_id, D1, D2, fsc_small, pe, chl_small, q2.5, q50, q97.5, filter_id``. VCT adds, for each quantile,
diameters, quotas and population (null where the particle is not OPP in that quantile), and ``gating_id``.
"""

from __future__ import annotations

import os
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
_TOLD = ["date", "file_id", "filter_id"]

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


def merge_hour(path: str | PathLike[str], new: pa.Table, replaced: set[str]) -> None:
    """Put the rows of some EVT files into an hourly file: the same bytes in whatever steps it was filled.

    Parameters
    ----------
    path : path-like
        Written under a temporary name, then renamed; removed when no row is left.
    new : pyarrow.Table
        Rows in the hourly file's schema, any order of files.
    replaced : set of str
        File ids whose rows already there are dropped, including those that have no new rows.
    """
    place = Path(path)
    tables = [new]
    if place.exists():
        old = read_hour(place, new.schema)
        keep = pc.invert(pc.is_in(old["file_id"].cast(pa.string()), pa.array(sorted(replaced), pa.string())))
        tables.insert(0, old.filter(keep))
    table = pa.concat_tables(tables)
    if table.num_rows == 0:
        place.unlink(missing_ok=True)
        return
    # A stable order by file: rows of one file stay as the file has them.
    ids = _sorted_dictionary(table["file_id"]).indices.to_numpy()
    if (ids[1:] < ids[:-1]).any():
        table = table.take(pa.array(np.argsort(ids, kind="stable")))
    write_hour(place, table)


def write_hour(path: str | PathLike[str], table: pa.Table) -> None:
    """Write an hourly file (snappy, one row group, dictionaries sorted): temporary name, fsync, rename."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    temp = place.with_name(f".{place.name}.{os.getpid()}")
    columns = [_whole(column) for column in table.columns]
    try:
        with temp.open("wb") as file:
            pq.write_table(
                pa.table(columns, schema=table.schema), file, compression="snappy", row_group_size=2**30,
                write_statistics=_TOLD,
            )  # fmt: skip
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, place)
    finally:
        temp.unlink(missing_ok=True)


def read_hour(path: str | PathLike[str], schema: pa.Schema) -> pa.Table:
    """Read an hourly file of any writer (float32 or 64, us or ns, any dictionary index) in our schema.

    Raises
    ------
    ReaderError
        When it is no Parquet file or lacks a column.
    """
    try:
        table = pq.read_table(fspath(path))
    except (OSError, pa.ArrowException) as error:
        raise ReaderError(path, f"not a readable Parquet file ({error})") from error
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise ReaderError(
            path,
            "not an hourly SeaFlow file",
            expected=f"a column '{missing[0]}'",
            found=f"{len(table.column_names)} others",
        )
    columns = [_as(table[field.name], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if kind == _TEXT:
        return column.cast(pa.string()).dictionary_encode().cast(_TEXT)
    return column.cast(kind, safe=False)


def _constant(text: str, n: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([text]))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """The column in one piece: how it was cut must not show in the bytes."""
    if column.type == _TEXT:
        return _sorted_dictionary(column)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


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
