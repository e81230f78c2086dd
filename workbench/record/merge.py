"""Rows of one day from two places as one: the rolled ones, and the hot ones that came later.

A row that stands in both counts once; of each of its columns the newest value that is not missing wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.record.columns import REV, SEQ

Gone = Sequence[tuple[int, int, int, int]]


def standing(rows: pa.Table, gone: Gone) -> pa.Table:
    """`rows` without those that no longer count (see `Meta.gone`)."""
    if not gone or rows.num_rows == 0:
        return rows
    time, rev = rows["time"].to_numpy(), rows[REV].to_numpy()
    counts = np.ones(rows.num_rows, dtype=np.bool_)
    for start, stop, first, last in gone:
        counts &= ~((time >= start) & (time < stop) & (rev >= first) & (rev <= last))
    return rows if counts.all() else rows.filter(pa.array(counts))


def merged(old: pa.Table, new: pa.Table, keys: Sequence[str]) -> pa.Table:
    """`old` with `new` over it, in the order of (time, _seq, keys); both have the same columns."""
    if new.num_rows == 0 or old.num_rows == 0:
        return old if new.num_rows == 0 else new
    rows = pa.concat_tables([old, new.select(old.column_names).cast(old.schema)])
    if old["time"][-1].as_py() < new["time"][0].as_py():
        return rows
    parts = [rows["time"].to_numpy(), rows[SEQ].to_numpy(), *(codes(rows[key]) for key in keys)]
    order = np.lexsort(parts[::-1])  # stable: of equal rows the old one stands first
    differs = np.zeros(len(order), dtype=np.bool_)
    differs[0] = True
    for part in parts:
        sorted_part = part[order]
        differs[1:] |= sorted_part[1:] != sorted_part[:-1]
    first = np.flatnonzero(differs)
    if len(first) == len(order):
        return rows.take(pa.array(order))
    fixed = {"time", SEQ, REV, *keys}
    return pa.table(
        {
            name: rows[name].take(pa.array(order[first] if name in fixed else _newest(rows[name], order, first)))
            for name in rows.column_names
        }
    )


def _newest(values: pa.ChunkedArray, order: npt.NDArray[np.int64], first: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """For each group of equal rows, the number of the last row with a value, or of the last row."""
    valid = values.is_valid().to_numpy()[order]
    places = np.where(valid, np.arange(len(order)), -1)
    last = np.maximum.reduceat(places, first)
    return order[np.where(last >= 0, last, first)]


def codes(values: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Labels as numbers: equal ones are equal; none is -1."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    return np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)).astype(np.int64)
