"""Which rows of a block are new, and where they stand among rows of equal time.

A table by time alone: rows of equal time are counted in the order they come (``_seq``). Where the journal's mark says
that a block is new, all its rows are. Else a row that says the same as one that is there, at the same time, is that
row (the second of two equal rows of a block is the second there): what is sent twice counts once, and a clock set back
overwrites nothing. A table with further dims: a cell is what (time, labels) say, and a new value replaces the old one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.record.columns import SEQ
from workbench.record.meta import Meta


@dataclass(frozen=True, eq=False)
class Placed:
    """Rows to be written.

    Attributes
    ----------
    rows : pyarrow.Table
        With ``_seq`` and all keys.
    new : int
        How many of them were not there.
    altered : bool
        True when a value that had been there becomes another.
    """

    rows: pa.Table
    new: int
    altered: bool = False


def by_time(rows: pa.Table, there: pa.Table, meta: Meta, *, all_new: bool) -> Placed:
    """Rows of a table by time alone.

    Parameters
    ----------
    rows : pyarrow.Table
        The block.
    there : pyarrow.Table
        Rows that stand at the same times already, with all columns.
    meta : Meta
    all_new : bool
        True when none of `rows` can be there.
    """
    if there.num_rows == 0:
        return Placed(rows, rows.num_rows)
    times, seq = rows["time"].to_numpy(), np.array(rows[SEQ].to_numpy())
    known = there["time"].to_numpy()
    next_free = {t: int(top) + 1 for t, top in zip(known.tolist(), there[SEQ].to_pylist(), strict=True)}  # in order
    if all_new:
        seq = seq + np.array([next_free.get(t, 0) for t in times.tolist()], dtype=np.int64)
        return Placed(_with(rows, seq), rows.num_rows)
    keep = np.ones(len(times), dtype=np.bool_)
    touched = np.flatnonzero(np.isin(times, known))
    standing = Counter(_said(there, meta))
    for row, said in zip(touched.tolist(), _said(rows.take(pa.array(touched)), meta), strict=True):
        if standing[said] > 0:
            standing[said] -= 1
            keep[row] = False
            continue
        moment = int(times[row])
        seq[row] = next_free[moment]
        next_free[moment] += 1
    placed = _with(rows, seq)
    return Placed(placed if keep.all() else placed.filter(pa.array(keep)), int(keep.sum()))


def by_labels(rows: pa.Table, there: pa.Table, meta: Meta) -> Placed:
    """Rows of a table with further dims; see `by_time`."""
    for key in meta.keys:
        if key.name not in rows.column_names:
            rows = rows.append_column(key.name, pa.nulls(rows.num_rows, key.arrow))
    keys = ["time", SEQ, *(key.name for key in meta.keys)]
    names = [name for name in meta.columns if name in rows.column_names]
    old = {_key(row, keys): row for row in there.to_pylist()} if there.num_rows else {}
    keep, new, altered = [], 0, False
    for i, row in enumerate(rows.to_pylist()) if old else ():
        before = old.get(_key(row, keys))
        if before is None:
            new += 1
            keep.append(i)
        elif any(row[name] is not None and row[name] != before[name] for name in names):
            altered = True
            keep.append(i)
    if not old:
        return Placed(rows, rows.num_rows)
    return Placed(rows.take(pa.array(keep, pa.int64())), new, altered)


def _key(row: dict[str, Any], keys: list[str]) -> tuple[Any, ...]:
    return tuple(row[key] for key in keys)


def _said(rows: pa.Table, meta: Meta) -> list[tuple[Any, ...]]:
    """Time and all values of each row, to be compared; missing is None."""
    columns = [rows["time"].to_pylist()]
    for name, column in meta.columns.items():
        columns.append(column.to_sql(rows[name]) if name in rows.column_names else [None] * rows.num_rows)
    return list(zip(*columns, strict=True))


def _with(rows: pa.Table, seq: Any) -> pa.Table:
    return rows.set_column(rows.column_names.index(SEQ), SEQ, pa.array(seq))
