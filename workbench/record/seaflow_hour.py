"""The results of one hour's files as the rows of its Parquet files and of ``cruise.db``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.core.codes import SIZE, to_linear
from workbench.core.filters import QUANTILES
from workbench.core.sizes import COLUMNS, SizeTable
from workbench.products.seaflow.filter import Focused
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.process import CHANNELS, FileResult
from workbench.readers import seaflow_hourly
from workbench.readers.seaflow_hour_file import HourFile
from workbench.record.seaflow_work import Task

Row = tuple[Any, ...]
Done = tuple[Task, FileResult]
_LINEAR = pa.array(to_linear(np.arange(SIZE, dtype=np.uint16)))
#: Rows that are turned into columns at once: an hour of most cruises, so that it is done beside the next one's files, and
#: the threads that work on these wait for the interpreter but once.
STEP = 1 << 17
_EMPTY = {"opp": seaflow_hourly.OPP.empty_table(), "vct": seaflow_hourly.VCT.empty_table()}


class Hour:
    """The two Parquet files of an hour, filled while its EVT files are still worked on.

    Used with ``with``, or ended with `end` or `leave`: at the end they take their places, and they leave nothing behind
    when it does not come to that.

    Parameters
    ----------
    out : Path
        Holds ``opp/`` and ``vct/``.
    time : numpy.datetime64
        In the hour.
    files : iterable of str
        Ids of the EVT files that will come; what stands there of them is replaced.
    table : SizeTable or None
        The one they were sized with.
    """

    def __init__(self, out: Path, time: np.datetime64, files: Iterable[str], table: SizeTable | None) -> None:
        replaced = {*files}
        self._files = {
            kind: HourFile(out / kind / seaflow_hourly.hour_name(time, kind), replaced) for kind in ("opp", "vct")
        }
        self._sizes = None if table is None else [pa.array(np.ascontiguousarray(column)) for column in table.values.T]
        self._waiting: list[Done] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def add(self, task: Task, result: FileResult) -> None:
        """Add the rows of a file, if it has any; files come in order of their ids. One without gating has no VCT rows."""
        if result.flag is Flag.OK:
            self._waiting.append((task, result))
            self._rows += len(result.label)
            if self._rows >= STEP:
                self._write()

    def _write(self) -> None:
        some, self._waiting, self._rows = self._waiting, [], 0
        opp = _opp(some) if some else _EMPTY["opp"]
        self._files["opp"].add(opp)
        gated = [each for each in some if each[0].gating is not None]
        whole = opp if len(gated) == len(some) else _opp(gated) if gated else None
        self._files["vct"].add(_EMPTY["vct"] if not gated or whole is None else _vct(whole, gated, self._sizes))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.end()
        else:
            self.leave()

    def end(self) -> None:
        """Pack what is left and take the places; in whatever thread, when nothing more is added."""
        try:
            self._write()  # neither takes its place before both have all their rows
            for file in self._files.values():
                file.finish()
        finally:
            self.leave()

    def leave(self) -> None:
        """Close; what has not come to its end goes."""
        for file in self._files.values():
            file.leave()


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


def database_rows(task: Task, result: FileResult) -> dict[str, list[Row]]:
    """Rows of the tables opp, opp2 and vct of ``cruise.db``, their values as `popcycle.TABLES` names them."""
    name, found, events, filter_id = task.file_id, result.found or _NOTHING, result.events, task.filter.id
    evt = found.evt_count
    opp: list[Row] = [
        (name, events, n, evt, ratio, filter_id, quantile)
        for quantile, n, ratio in zip(QUANTILES, found.opp_count, found.ratio, strict=True)
    ]
    opp2 = (
        name, events, evt, found.opp_count[1], found.ratio[1], found.noise_count, found.saturated_count, filter_id,
        result.message, int(result.flag),
    )  # fmt: skip
    vct: list[Row] = []
    if task.gating is not None:
        vct = [
            (name, population, count, *numbers.tolist(), task.gating.id, filter_id, quantile)
            for (quantile, population), (count, numbers) in result.summary.items()
        ]
    return {"opp": opp, "opp2": [opp2], "vct": vct}


_NOTHING = Focused(np.empty(0, np.int64), np.empty(0, np.uint8), 0, 0, 0, (0, 0, 0))
