"""Rows of NMEA logs as a dataset: of several files in the order of time, with what became of their lines."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES
from workbench.core.window import Window
from workbench.readers import nmea_file, sequence
from workbench.readers.nmea_file import NmeaFile
from workbench.readers.nmea_stretches import Part

NAMES = (
    "time", "time_instrument", "sentence", "latitude", "longitude", "speed", "course", "heading", "altitude",
)  # fmt: skip


class NmeaFiles:
    """The files behind one dataset: their paths, how many rows each had, and which of these are wanted (None: all)."""

    def __init__(
        self, paths: list[str], step: int, rows: list[int], wanted: list[npt.NDArray[np.int64] | None]
    ) -> None:
        self.paths = paths
        self.step = step
        self.rows = rows
        self.wanted = wanted

    def read(self, index: int, name: str) -> npt.NDArray[Any]:
        """Variable `name` of file `index`."""
        log = nmea_file.parsed(self.paths[index], self.step)
        if len(log) < self.rows[index]:
            raise ReaderError(self.paths[index], "was rewritten after it was opened", hint="Open it again")
        wanted = self.wanted[index]
        column = log.column(name)[: self.rows[index]]
        return column if wanted is None else column[wanted]


class Merged:
    """Several files whose times overlap, as one file."""

    def __init__(self, files: NmeaFiles, order: npt.NDArray[np.int64]) -> None:
        self.files = files
        self.order = order

    def read(self, index: int, name: str) -> npt.NDArray[Any]:
        """Variable `name`, all rows in order; there is only one `index`."""
        parts = [self.files.read(i, name) for i in range(len(self.files.paths))]
        return np.concatenate(parts)[self.order]


def dataset(
    opened: list[tuple[str, NmeaFile]], window: Window, step: int, refused: list[str], drop: str | Iterable[str] | None
) -> xr.Dataset:
    """The rows of `opened`, in the order of time, that lie in `window`."""
    dropped = {drop} if isinstance(drop, str) else set(drop or ())
    paths, rows, wanted, times, keys = [], [], [], [], []
    for path, log in opened:
        inside = np.flatnonzero(window.contains(log.column("time")))
        if len(inside):
            whole = len(inside) == len(log)
            paths.append(path)
            rows.append(len(log))
            wanted.append(None if whole else inside)
            times.append(log.column("time") if whole else log.column("time")[inside])
            keys.append(np.maximum.accumulate(log.times[0])[inside])
    parts = NmeaFiles(paths, step, rows, wanted)
    files: sequence.Files = parts
    sizes = np.array([len(each) for each in times], dtype=np.int64)
    time = np.concatenate(times) if times else np.empty(0, "datetime64[ns]")
    if any(after[0] < before[-1] for before, after in pairwise(keys)):
        order = np.argsort(np.concatenate(keys), kind="stable")
        files, sizes, time = Merged(parts, order), sizes.sum(keepdims=True), time[order]
    variables = {
        name: sequence.variable("time", files, name, sizes, _dtype(name), attrs(name))
        for name in NAMES
        if name not in dropped and name != "time"
    }
    coords = {} if "time" in dropped else {"time": xr.Variable("time", time, attrs("time"))}
    return xr.Dataset(variables, coords, tally(opened) | {"refused": "\n".join(refused)})


def merged(parts: list[Part], window: Window) -> xr.Dataset:
    """Rows of several logs in the order of time, in memory."""
    keys = np.concatenate([np.empty(0, np.int64), *(keys for _, keys, _ in parts)])
    order = np.argsort(keys, kind="stable")
    columns = {}
    for name in NAMES:
        rows = [
            np.empty(0, _dtype(name) if name != "time" else "datetime64[ns]"),
            *(log.column(name)[some] for log, _, some in parts),
        ]
        columns[name] = ("time", np.concatenate(rows)[order], attrs(name))
    ds = xr.Dataset(columns).set_coords("time")
    inside = window.contains(ds["time"].values)
    return ds if inside.all() else ds.isel(time=inside)


def _dtype(name: str) -> str:
    return {"sentence": "<U3", "time_instrument": "datetime64[ns]"}.get(name, "float64")


def attrs(name: str) -> dict[str, Any]:
    return VARIABLES[name].attrs()


def tally(opened: Iterable[tuple[str, NmeaFile]]) -> dict[str, Any]:
    """What became of the lines, as attributes of the dataset."""
    from workbench.readers.nmea_sentences import GARBAGE, VERDICTS

    totals = dict.fromkeys(VERDICTS, 0)
    examples: dict[str, str] = {}
    for path, log in opened:
        for verdict, count, first in zip(VERDICTS, log.counts.tolist(), log.firsts.tolist(), strict=True):
            totals[verdict] += count
            if count:
                examples.setdefault(verdict, f"first at byte {first} of {path}")
    bad = [f"{verdict}: {totals[verdict]} ({examples[verdict]})" for verdict in VERDICTS[GARBAGE:] if totals[verdict]]
    taken = {name: totals[name] for name in ("rows", "unchecked", "other")}
    return {"Conventions": "CF-1.11", **taken, "bad": "\n".join(bad)}
