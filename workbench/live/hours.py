"""Where the particles of one EVT file stand in an hourly file (OPP, VCT)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.readers.seaflow_hours import hour_of

_HOUR = 3_600_000_000_000


@dataclass(frozen=True)
class Run:
    """The rows of one EVT file inside an hourly file.

    Attributes
    ----------
    key : int
        The same for all EVT files of this version of the hour.
    rows : slice
    total : int
        Particles of the whole hour.
    """

    key: int
    rows: slice
    total: int


def hourly(files: Iterable[Path]) -> dict[int, str]:
    """Hour (ns since 1970) -> its file, of those that are named after their hour; none where two files have the same."""
    found: dict[int, str] = {}
    twice: set[int] = set()
    for path in files:
        hour = hour_of(path)
        if hour is not None:
            start = int(hour.astype(np.int64))
            twice |= {start} & found.keys()
            found[start] = str(path)
    return {start: path for start, path in found.items() if start not in twice}


def runs(
    times: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], serials: npt.NDArray[np.int64], hours: dict[int, str]
) -> dict[int, tuple[str, Run]]:
    """Place of each row in its hourly file: serial -> path, run.

    Parameters
    ----------
    times, sizes, serials : numpy.ndarray of int64, shape (n,)
        EVT files in the order of the hourly files' rows, each hour whole.
    hours : dict of int to str
        As from `hourly`.
    """
    starts = times - times % _HOUR
    placed: dict[int, tuple[str, Run]] = {}
    for start in np.unique(starts).tolist():
        path = hours.get(start)
        if path is None:
            continue
        mine = np.flatnonzero(starts == start)
        ends = np.cumsum(sizes[mine])
        key, total = int(serials[mine[0]]), int(ends[-1])
        for row, end in zip(mine.tolist(), ends.tolist(), strict=True):
            placed[int(serials[row])] = path, Run(key, slice(end - int(sizes[row]), end), total)
    return placed
