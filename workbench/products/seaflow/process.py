"""One EVT file, all the way: filter, gate, size, summarize. The only thing a whole cruise adds is the virtual core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_linear
from workbench.core.filters import QUANTILES, FilterParameters
from workbench.core.gates import Gating
from workbench.core.sizes import SizeTable
from workbench.products.seaflow.classify import classify
from workbench.products.seaflow.filter import MAX_EVENTS, MAX_OPP, Flag, Focused, focus
from workbench.products.seaflow.size import size
from workbench.products.seaflow.summary import summarize

#: Channels that OPP and VCT files carry, linear.
CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")


@dataclass(frozen=True, eq=False)
class FileResult:
    """What came out of one file.

    Attributes
    ----------
    found : Focused or None
        None when the file could not be read or is empty.
    flag : Flag
    message : str
        Why `flag` is not OK; empty otherwise.
    channels : dict of str to ndarray of float64 (k,)
        Linear `CHANNELS` of the OPP; empty arrays when the flag is not OK.
    label : ndarray of int8 (k, 3)
        Population by quantile, as `classify` gives it; -1 where the particle is not OPP in that quantile.
    sizes : ndarray of float64 (k, 3, 6)
        Diameter and carbon by quantile; NaN where it is not OPP in that quantile, or without a size table.
    populations : tuple of str
    summary : dict of (quantile, population) to (count, ndarray)
    """

    found: Focused | None
    flag: Flag
    message: str = ""
    channels: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    label: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty((0, 3), np.int8))
    sizes: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3, 6)))
    populations: tuple[str, ...] = ()
    summary: Mapping[tuple[float, str], tuple[int, npt.NDArray[np.float64]]] = field(default_factory=dict)


def process(
    codes: Mapping[str, npt.NDArray[np.generic]],
    parameters: FilterParameters,
    gating: Gating | None = None,
    table: SizeTable | None = None,
    *,
    max_events: int = MAX_EVENTS,
    max_opp: int = MAX_OPP,
) -> FileResult:
    """Filter, classify, size and summarize the events of one file.

    Parameters
    ----------
    codes : mapping of str to ndarray (n,)
        `CHANNELS` on the log scale (codes or log values).
    parameters : FilterParameters
    gating : Gating, optional
        Without it every particle is unknown.
    table : SizeTable, optional
        Without it diameters and quotas are NaN.
    max_events, max_opp : int
        A file with more is left out, flagged.

    Returns
    -------
    FileResult
    """
    events = int(codes["D1"].size)
    if events > max_events:
        return FileResult(None, Flag.TOO_MANY_EVENTS, f"{events} events, more than {max_events}")
    found = focus(codes["D1"], codes["D2"], codes["fsc_small"], parameters)
    flag = found.flag(max_events=max_events, max_opp=max_opp)
    if flag is not Flag.OK:
        return FileResult(found, flag, _why(found, flag, max_opp))
    channels = {name: to_linear(codes[name][found.index]) for name in CHANNELS}
    every = gating or Gating("", ())
    label = np.full((len(found.index), 3), -1, np.int8)
    sizes = np.full((len(found.index), 3, 6), np.nan)
    summary: dict[tuple[float, str], tuple[int, npt.NDArray[np.float64]]] = {}
    classes = classify(channels, every)
    for at, quantile in enumerate(QUANTILES):
        rows = (found.mask >> at & 1).astype(np.bool_)
        label[rows, at] = classes[rows]
        if table is not None:
            sizes[rows, at] = size(channels["fsc_small"][rows], float(parameters.beads_fsc[at]), table)
        some = {name: values[rows] for name, values in channels.items()}
        for population, row in summarize(some, sizes[rows, at], classes[rows], every.populations).items():
            summary[quantile, population] = row
    return FileResult(found, flag, "", channels, label, sizes, every.populations, summary)


def _why(found: Focused, flag: Flag, max_opp: int) -> str:
    if flag is Flag.UNREADABLE:
        return "no particles"
    if flag is Flag.TOO_MANY_OPP:
        return f"{max(found.opp_count)} OPP in a quantile, more than {max_opp}"
    empty = [f"{q:g}" for q, n in zip(QUANTILES, found.opp_count, strict=True) if n == 0]
    return f"no OPP in quantile {', '.join(empty)}"
