"""The results of one hour's files as the rows of its Parquet files and of ``cruise.db``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.core.codes import SIZE, to_linear
from workbench.core.filters import QUANTILES
from workbench.core.sizes import COLUMNS, SizeTable
from workbench.products.seaflow.filter import Focused
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.process import CHANNELS, FileResult
from workbench.products.seaflow.summary import STATISTICS
from workbench.readers import seaflow_hourly
from workbench.record.seaflow_work import Task

Row = dict[str, Any]
Done = tuple[Task, FileResult]
_LINEAR = pa.array(to_linear(np.arange(SIZE, dtype=np.uint16)))
_EMPTY = {"opp": seaflow_hourly.OPP.empty_table(), "vct": seaflow_hourly.VCT.empty_table()}


def write(out: Path, done: Sequence[Done], table: SizeTable | None, *, together: bool = False) -> None:
    """Put the OPP and VCT rows of the files that have some into their hourly files, in place of what stands there of them.

    Parameters
    ----------
    out : Path
        Holds ``opp/`` and ``vct/``.
    done : sequence of (Task, FileResult)
        Files of one hour; one without gating has no VCT rows.
    table : SizeTable or None
        The one they were sized with.
    together : bool
        Write both at the same time, in two threads.
    """
    files, time = {task.file_id for task, _ in done}, done[0][0].time
    usable = sorted((d for d in done if d[1].flag is Flag.OK), key=lambda d: d[0].file_id)
    gated = [d for d in usable if d[0].gating is not None]
    opp_of = lru_cache(maxsize=1)(lambda some: _opp(some))
    sizes = None if table is None else [pa.array(np.ascontiguousarray(column)) for column in table.values.T]
    made = {
        "opp": (opp_of(some) for some in _some(usable)),
        "vct": (_vct(opp_of(some), some, sizes) for some in _some(gated)),
    }

    def merge(kind: str) -> None:
        rows = chain(made[kind], [_EMPTY[kind]])
        seaflow_hourly.merge_hour(out / kind / seaflow_hourly.hour_name(time, kind), rows, files)

    if together:
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(merge, "opp")
            merge("vct")
            other.result()
    else:
        for kind in made:
            merge(kind)


def _some(done: Sequence[Done]) -> Iterator[tuple[Done, ...]]:
    """Files in turn, a row group's worth of rows at a time."""
    group: list[Done] = []
    rows = 0
    for each in done:
        group.append(each)
        rows += len(each[1].label)
        if rows >= seaflow_hourly.GROUP:
            yield tuple(group)
            group, rows = [], 0
    if group:
        yield tuple(group)


def _opp(done: Sequence[Done]) -> pa.Table:
    sizes = [len(result.label) for _, result in done]
    times = np.array([task.time for task, _ in done]).astype("datetime64[us]")
    moments = pa.array(times).cast(seaflow_hourly.OPP.field("date").type)
    mask = np.concatenate([result.found.mask for _, result in done if result.found is not None])
    columns = [
        _by_code(np.repeat(np.arange(len(times), dtype=np.int32), sizes), moments),
        _repeated([task.file_id for task, _ in done], sizes),
        *(_channel([result.codes[name] for _, result in done]) for name in CHANNELS),
        *(pa.array((mask >> bit & 1).astype(np.bool_)) for bit in range(len(QUANTILES))),
        _repeated([task.filter.id for task, _ in done], sizes),
    ]
    return pa.table(columns, names=seaflow_hourly.OPP.names)


def _channel(parts: Sequence[npt.NDArray[Any]]) -> pa.Array:
    """Linear values: log codes as they are, with the value of each."""
    if all(part.dtype == np.uint16 for part in parts):
        return _by_code(np.concatenate(parts), _LINEAR)
    return pa.array(np.concatenate([to_linear(part) for part in parts]))


def _by_code(codes: npt.NDArray[Any], values: pa.Array, known: pa.Buffer | None = None, absent: int = 0) -> pa.Array:
    """`values` by their places; null where `known`, bit by bit, says so (in `absent` places)."""
    indices = pa.Array.from_buffers(pa.from_numpy_dtype(codes.dtype), len(codes), [known, pa.py_buffer(codes)], absent)
    return pa.DictionaryArray.from_arrays(indices, values, safe=False)


def _vct(opp: pa.Table, done: Sequence[Done], sizes: Sequence[pa.Array] | None) -> pa.Table:
    words = sorted({"unknown", *(name for _, result in done for name in result.populations)})
    label = np.concatenate([_by_word(result, words) for _, result in done])
    rows = np.concatenate([result.rows for _, result in done])
    columns = list(opp.columns)
    for at in range(len(QUANTILES)):
        word, row = np.ascontiguousarray(label[:, at]), np.ascontiguousarray(rows[:, at])
        there = word >= 0
        known, absent = pa.py_buffer(np.packbits(there, bitorder="little")), len(word) - int(there.sum())
        if sizes is None:
            columns += [pa.nulls(len(rows), pa.float64())] * len(COLUMNS)
        else:
            columns += [_by_code(row, column, known, absent) for column in sizes]
        columns.append(_by_code(word, pa.array(words), known, absent))
    columns.append(_repeated([task.gating.id for task, _ in done if task.gating], [len(r.label) for _, r in done]))
    return pa.table(columns, names=seaflow_hourly.VCT.names)


def _by_word(result: FileResult, words: Sequence[str]) -> npt.NDArray[np.int16]:
    """Labels as indices into `words`; -1 stays -1."""
    of_label = np.array([words.index(name) for name in ("unknown", *result.populations)] + [-1], np.int16)
    return of_label[result.label]


def _repeated(texts: Sequence[str], sizes: Sequence[int]) -> pa.DictionaryArray:
    """Each text as often as `sizes` says."""
    words = sorted(set(texts))
    return _by_code(np.repeat(np.array([words.index(text) for text in texts], np.int32), sizes), pa.array(words))


def database_rows(done: Iterable[Done]) -> dict[str, list[Row]]:
    """Rows of the tables opp, opp2, vct and outlier of ``cruise.db``."""
    out: dict[str, list[Row]] = {"opp": [], "opp2": [], "vct": [], "outlier": []}
    for task, result in done:
        out["opp"] += _opp_rows(task, result)
        out["opp2"].append(_opp2_row(task, result))
        out["outlier"].append({"file": task.file_id, "flag": 0})
        if task.gating is not None:
            out["vct"] += _vct_rows(task, result, task.gating.id)
    return out


def _opp_rows(task: Task, result: FileResult) -> list[Row]:
    found = result.found or _NOTHING
    return [
        {
            "file": task.file_id, "all_count": result.events, "opp_count": n, "evt_count": found.evt_count, "opp_evt_ratio": r,
            "filter_id": task.filter.id, "quantile": q,
        }
        for q, n, r in zip(QUANTILES, found.opp_count, found.ratio, strict=True)
    ]  # fmt: skip


def _opp2_row(task: Task, result: FileResult) -> Row:
    found = result.found or _NOTHING
    return {
        "file": task.file_id, "all_count": result.events, "evt_count": found.evt_count, "opp_count": found.opp_count[1],
        "opp_evt_ratio": found.ratio[1], "noise_count": found.noise_count, "saturated_count": found.saturated_count,
        "filter_id": task.filter.id, "message": result.message, "file_flag": int(result.flag),
    }  # fmt: skip


def _vct_rows(task: Task, result: FileResult, gating: str) -> list[Row]:
    return [
        {
            "file": task.file_id, "pop": population, "count": count, **dict(zip(STATISTICS, numbers.tolist(), strict=True)),
            "gating_id": gating, "filter_id": task.filter.id, "quantile": quantile,
        }
        for (quantile, population), (count, numbers) in result.summary.items()
    ]  # fmt: skip


_NOTHING = Focused(np.empty(0, np.int64), np.empty(0, np.uint8), 0, 0, 0, (0, 0, 0))
