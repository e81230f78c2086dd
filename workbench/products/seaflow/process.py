"""One EVT file, all the way: filter, gate, size, summarize. The only thing a whole cruise adds is the virtual core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.codes import CHANNELS as LOGARITHMIC
from workbench.core.codes import to_linear
from workbench.core.filters import QUANTILES, FilterParameters
from workbench.core.gates import Gating
from workbench.core.sizes import SizeTable
from workbench.products.seaflow.classify import asked, by_quantile, classify
from workbench.products.seaflow.filter import Focused, Focusing
from workbench.products.seaflow.limits import MAX_EVENTS, MAX_OPP, Flag
from workbench.products.seaflow.size import rows_by_quantile
from workbench.products.seaflow.summary import of_quantiles

#: Channels that OPP and VCT files carry, linear.
CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")
Codes = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class FileResult:
    """What came out of one file.

    Attributes
    ----------
    found : Focused or None
        None when the file could not be read, or has too many events to look at.
    flag : Flag
    message : str
        Why `flag` is not OK, or why nothing in the file has a population; empty otherwise.
    events : int
        Events in the file, as far as they are known.
    codes : dict of str to ndarray (k,)
        `CHANNELS` of the OPP on the log scale, as they were given; empty when the flag is not OK.
    label : ndarray of int8 (k, 3)
        Population by quantile, as `classify` gives it; -1 where the particle is not OPP in that quantile.
    rows : ndarray of int32 (k, 3)
        Row of the size table by quantile; -1 where it is not OPP in that quantile, or without a size table.
    populations : tuple of str
    summary : dict of (quantile, population) to (count, ndarray)
        As `summary.summarize` gives it.
    """

    found: Focused | None
    flag: Flag
    message: str = ""
    events: int = 0
    codes: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    label: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty((0, 3), np.int8))
    rows: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 3), np.int32))
    populations: tuple[str, ...] = ()
    summary: Mapping[tuple[float, str], tuple[int, npt.NDArray[np.float64]]] = field(default_factory=dict)


def process(
    pieces: Iterable[Codes],
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
    pieces : iterable of mapping of str to ndarray (n,)
        `CHANNELS` on the log scale (codes or log values), some events after the other, and the `others` that gates ask
        for and the file has. A piece may be overwritten when the next one is asked for.
    parameters : FilterParameters
    gating : Gating, optional
        Without it every particle is unknown, and so it is where a gate asks for a channel that is not there.
    table : SizeTable, optional
        Without it diameters and quotas are NaN.
    max_events, max_opp : int
        A file with more is left out, flagged.

    Returns
    -------
    FileResult
    """
    focusing, parts, more = Focusing(parameters), [], others(gating)
    held: tuple[str, ...] = CHANNELS
    for piece in pieces:
        at = focusing.add(piece["D1"], piece["D2"], piece["fsc_small"])
        if focusing.events > max_events:
            return too_many(focusing.events, max_events)
        held = (*CHANNELS, *(name for name in more if name in piece))
        parts.append({name: piece[name][at] for name in held})
    found, kept = focusing.result()
    flag = found.flag(max_events=max_events, max_opp=max_opp)
    if flag is not Flag.OK:
        return FileResult(found, flag, _why(found, flag, max_opp), found.all_count)
    codes = {name: np.concatenate([part[name] for part in parts])[kept] for name in held}
    return _populations(found, codes, parameters, gating or Gating("", ()), table)


def others(gating: Gating | None) -> tuple[str, ...]:
    """Channels beside `CHANNELS` that gates ask for; some layouts of EVT files have them."""
    return tuple(name for name in asked(gating) if name in LOGARITHMIC and name not in CHANNELS)


def lacking(gating: Gating | None, held: Iterable[str]) -> str:
    """What is to be said of particles with the channels `held`, where the gates ask for others; empty where they do not."""
    known = {*held}
    absent = [name for name in asked(gating) if name not in known]
    return f"gates ask for {', '.join(absent)}, which the file does not have: all particles are unknown" * bool(absent)


def too_many(events: int, most: int) -> FileResult:
    """The result of a file that is left out for its number of events."""
    return FileResult(None, Flag.TOO_MANY_EVENTS, f"{events} events, more than {most}", events)


def _populations(
    found: Focused, codes: dict[str, npt.NDArray[Any]], parameters: FilterParameters, gating: Gating, table: SizeTable | None
) -> FileResult:  # fmt: skip
    said = lacking(gating, codes)
    if said:  # as popcycle has it: an error of one gate, and all are unknown
        classes = np.zeros(len(found.index), np.int8)
    else:
        classes = classify({name: to_linear(codes[name]) for name in asked(gating)}, gating, len(found.index))
    codes = {name: codes[name] for name in CHANNELS}
    label, beads = by_quantile(found.mask, classes), parameters.beads_fsc.tolist()
    sized = np.full(label.shape, -1, np.int32)
    if table is not None:
        sized = rows_by_quantile(codes["fsc_small"], found.mask, beads, table)
    names = ("unknown", *gating.populations)
    count, numbers = of_quantiles(codes, beads, table, classes, found.mask, len(names))
    each = [(quantile, name) for quantile in QUANTILES for name in names]
    summary = {key: (int(n), row) for key, n, row in zip(each, count, numbers, strict=True) if n}
    return FileResult(found, Flag.OK, said, found.all_count, codes, label, sized, gating.populations, summary)


def _why(found: Focused, flag: Flag, max_opp: int) -> str:
    if flag is Flag.UNREADABLE:
        return "no particles"
    if flag is Flag.TOO_MANY_OPP:
        return f"{max(found.opp_count)} OPP in a quantile, more than {max_opp}"
    empty = [f"{q:g}" for q, n in zip(QUANTILES, found.opp_count, strict=True) if n == 0]
    return f"no OPP in quantile {', '.join(empty)}"
