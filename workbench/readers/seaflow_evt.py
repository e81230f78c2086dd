"""SeaFlow EVT: raw particles, one file per three minutes, as the instrument writes them and as they are archived."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.codes import CHANNELS, LOG
from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.readers import paths as locate
from workbench.readers import seaflow_files as names
from workbench.readers import seaflow_layout as layout
from workbench.readers import seaflow_parquet, sequence
from workbench.readers.reader import Paths, Reader, window_of
from workbench.readers.seaflow_layout import V2

__all__ = ["V2", "SeaflowEvt", "write_evt"]

_ALL = tuple(dict.fromkeys((*layout.V2, *layout.V1)))


class SeaflowEvt(Reader):
    """Raw SeaFlow particles (EVT): v1, v2, Parquet, plain or compressed.

    A dataset with the dims ``particle`` and ``file``: channels along ``particle``, and for each file its ``time``
    (UTC, from its name), ``file_id`` and ``row_size``. The rows of the files follow each other in the order of time
    (a CF contiguous ragged array). Channels are uint16 log codes (v1, v2) or float32 log values (Parquet), with attrs
    ``scale="log"``, ``decades=3.5``; ``workbench.linear(ds)`` converts. Where layouts are mixed, the channels common to
    all are given as float32 log values, and attr ``left_out`` names the others.

    Opening reads names and headers, no particles. A file whose length does not fit its header is refused as a whole:
    raised when it is opened alone, else listed in attr ``refused`` (lines ``path: reason``). A file that stands plain
    and compressed under one name is one file, read from the first of plain, ``.zst``, ``.gz``, ``.parquet`` that is
    whole; attr ``repeated`` counts files whose name came before in another folder. The names of 2009 to 2013 (``YYYY_DDD/N.evt``) have no time of day: theirs is NaT (attr ``undated`` counts
    them), they are ordered by day and number, and no window but that of all time holds them; an SFL or SDS dates them.
    """

    description = "SeaFlow EVT: raw particles"
    provides: ClassVar[tuple[VariableSpec, ...]] = tuple(
        VARIABLES[name] for name in ("time", "file_id", "row_size", *_ALL)
    )
    patterns: ClassVar[tuple[str, ...]] = names.PATTERNS
    appends: ClassVar[bool] = False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
    ) -> xr.Dataset:
        """Open files, folders, globs or lists of them; only files with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
            Whole files are chosen by the time in their name.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        ReaderError
            When the one file named is broken, or a path does not exist.
        """
        found = locate.find(filename_or_obj, _claims)
        window = window_of(start, stop)
        groups = names.grouped(found.paths)
        inside = window.contains(np.array([group[0].time for group in groups], dtype="datetime64[ns]"))
        chosen = [group for group, take in zip(groups, inside.tolist(), strict=True) if take]
        opened, refused = _probe_all(chosen, found.alone)
        kinds = sorted({header.layout for _, _, header in opened}) or _first_kind(groups)
        return _dataset(opened, kinds, [*found.refused, *refused], drop_variables)

    def complete(self, path: str | PathLike[str]) -> int:
        """The size of the file when its length fits its header, else 0: an EVT file is whole or of no use."""
        try:
            layout.probe(fspath(path))
            return os.stat(path).st_size
        except (ReaderError, OSError):
            return 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """The time in the file's name, twice; NaT when it has none."""
        time = names.named(fspath(path)).time64
        return time, time

    def columns(self, path: str | PathLike[str], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Channels of one file: contiguous uint16 log codes (v1, v2) or float32 log values (Parquet)."""
        plain = fspath(path)
        return layout.columns(plain, layout.probe(plain), names)

    def files(self, named: Paths) -> list[Path]:
        """The files behind `named` in time order, each once, however often it stands compressed."""
        return [Path(candidates[0]) for _, candidates in names.grouped(locate.find(named, _claims).paths)]


_claims = locate.matcher(names.PATTERNS)


def _probe_all(
    groups: Iterable[tuple[names.Name, list[str]]], alone: bool
) -> tuple[list[tuple[names.Name, str, layout.Header]], list[str]]:
    opened, refused = [], []
    for name, candidates in groups:
        for path in candidates:
            try:
                opened.append((name, path, layout.probe(path)))
                break
            except ReaderError as error:
                if alone:
                    raise
                refused.append(str(error))
    return opened, refused


def _first_kind(groups: Iterable[tuple[names.Name, list[str]]]) -> list[str]:
    """The layout of the first whole file: an empty window has the channels of its folder."""
    for group in groups:
        opened, _ = _probe_all([group], alone=False)
        if opened:
            return [opened[0][2].layout]
    return []


def _dataset(
    opened: list[tuple[names.Name, str, layout.Header]],
    kinds: list[str],
    refused: list[str],
    drop: str | Iterable[str] | None,
) -> xr.Dataset:
    dropped = {drop} if isinstance(drop, str) else set(drop or ())
    sizes = np.array([header.rows for _, _, header in opened], dtype=np.int64)
    times = np.array([name.time for name, _, _ in opened], dtype="datetime64[ns]")
    ids = np.array([name.file_id for name, _, _ in opened], dtype=np.str_)
    channels, dtype, left_out = _common(kinds)
    files = EvtFiles([path for _, path, _ in opened], [header for _, _, header in opened])
    variables: dict[str, Any] = {
        "file_id": ("file", ids, {**VARIABLES["file_id"].attrs(), "cf_role": "trajectory_id"}),
        "row_size": ("file", sizes, {**VARIABLES["row_size"].attrs(), "sample_dimension": "particle"}),
    }
    split = sequence.chunks(sizes)
    for name in channels:
        attrs = VARIABLES[name].attrs() | (LOG if name in CHANNELS else {})
        variables[name] = sequence.variable("particle", files, name, sizes, dtype, attrs, split)
    attrs = {
        "Conventions": "CF-1.11",
        "layout": kinds[0] if len(kinds) == 1 else ("mixed: " if kinds else "") + ", ".join(kinds),
        "left_out": ", ".join(left_out),
        "undated": int(np.isnat(times).sum()),
        "repeated": len(ids) - len(set(ids.tolist())),
        "refused": "\n".join(refused),
    }
    time = xr.Variable("file", times, VARIABLES["time"].attrs())
    ds = xr.Dataset({name: var for name, var in variables.items() if name not in dropped}, {"time": time}, attrs)
    return ds.drop_vars([name for name in dropped if name in ds.coords])


def _common(kinds: list[str]) -> tuple[tuple[str, ...], type[np.generic], list[str]]:
    """Channels that files of these layouts share, their dtype, and the channels that only some have."""
    if not kinds:
        return layout.PARQUET, np.uint16, []
    if len(kinds) == 1:
        return layout.CHANNELS[kinds[0]], np.float32 if kinds == ["parquet"] else np.uint16, []
    held = [set(layout.CHANNELS[kind]) for kind in kinds]
    shared = set.intersection(*held)
    return tuple(n for n in _ALL if n in shared), np.float32, [n for n in _ALL if n in set.union(*held) - shared]


class EvtFiles:
    """The files behind one dataset: paths and headers. A file is read and inflated once for all its channels."""

    def __init__(self, paths: list[str], headers: list[layout.Header]) -> None:
        self.paths = paths
        self.headers = headers

    def read(self, index: int, name: str) -> npt.NDArray[Any]:
        """Channel `name` of file `index`: uint16 or float32, not to be written to."""
        path, header = self.paths[index], self.headers[index]
        if header.layout == "parquet":
            return layout.columns(path, header, [name])[name]
        table = _recent.rows(path, header)
        return table[:, layout.CHANNELS[header.layout].index(name)]

    def read_rows(self, index: int, name: str, begin: int, stop: int) -> npt.NDArray[Any]:
        """Some rows of a channel: of a long file that is not compressed, no others are read."""
        path, header = self.paths[index], self.headers[index]
        if header.layout == "parquet":
            return seaflow_parquet.rows(path, header.rows, name, begin, stop)
        if path.endswith((".gz", ".zst")) or header.size <= _recent.limit:
            return self.read(index, name)[begin:stop]
        return layout.some_rows(path, header, begin, stop)[:, layout.CHANNELS[header.layout].index(name)]


class _Recent:
    """Rows of the files read within the last `seconds`, up to `limit` bytes; safe between threads."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self.held = 0
        self.tables: OrderedDict[tuple[str, int, int, int], npt.NDArray[np.uint16]] = OrderedDict()
        self.used: dict[tuple[str, int, int, int], float] = {}
        self.lock = threading.Lock()

    def rows(self, path: str, header: layout.Header) -> npt.NDArray[np.uint16]:
        try:
            stat = os.stat(path)
        except OSError as error:
            raise ReaderError.unreadable(path, error) from error
        key = (path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        now = time.monotonic()
        with self.lock:
            if key in self.tables:
                self.tables.move_to_end(key)
                self.used[key] = now
                return self.tables[key]
        table = layout.rows(path, header)
        with self.lock:
            if key not in self.tables and table.nbytes <= self.limit:
                self.tables[key], self.used[key] = table, now
                self.held += table.nbytes
            while self.tables and (self.held > self.limit or now - self.used[next(iter(self.tables))] > self.seconds):
                oldest, gone = self.tables.popitem(last=False)
                del self.used[oldest]
                self.held -= gone.nbytes
        return table


#: All channels of a chunk are read within moments of each other; what is older is of use to nobody.
_recent = _Recent(64 << 20, 20.0)


def write_evt(path: str | PathLike[str], columns: Mapping[str, npt.ArrayLike]) -> None:
    """Write a v2 EVT file: ``u32 14``, ``u32 N``, then N rows of 7 ``u16``, little endian.

    Parameters
    ----------
    path : path-like
        Folders are made. The file appears whole or not at all (temp file, then rename).
    columns : mapping of str to array_like
        Every v2 channel (`V2`): N values in 0..65535, N at least 1.

    Raises
    ------
    ValueError
        When channels are missing or unknown, or their lengths or values do not fit.
    """
    if set(columns) != set(V2):
        raise ValueError(f"a v2 EVT row has the channels {', '.join(V2)}, not {', '.join(sorted(columns))}")
    arrays = {name: np.asarray(columns[name]) for name in V2}
    n = len(arrays["D1"])
    if n == 0 or any(a.shape != (n,) for a in arrays.values()):
        raise ValueError(f"the channels of an EVT file need one length of at least 1: "
                         f"{ {name: a.shape for name, a in arrays.items()} }")  # fmt: skip
    rows = np.empty((n, len(V2)), dtype="<u2")
    for i, (name, array) in enumerate(arrays.items()):
        if array.dtype != np.uint16 and (array.min() < 0 or array.max() > 65535):
            raise ValueError(f"{name} has values outside 0..65535")
        rows[:, i] = array
    folder, base = os.path.split(fspath(path))
    os.makedirs(folder or ".", exist_ok=True)
    temp = os.path.join(folder, f".{base}.{os.getpid()}")
    with open(temp, "wb") as file:
        file.write(layout.Header("v2", n).start)
        file.write(rows.data)
    os.replace(temp, fspath(path))
