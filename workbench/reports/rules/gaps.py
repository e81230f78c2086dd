"""When nothing came from a source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workbench.core.window import Window
from workbench.reports.finding import Finding, Number, joined, plural, window_of
from workbench.views import say

TOPIC = "Gaps"
#: A silence over four minutes is a gap (over three of the usual steps where rows are sparse).
LEAST = np.timedelta64(240_000_000_000, "ns")
_NONE = np.timedelta64(0, "ns")


def gaps(
    time: npt.NDArray[np.datetime64], every: np.timedelta64 | None = None, allowed: np.timedelta64 = LEAST
) -> list[Window]:
    """From the last row before each gap to the first one after it.

    Parameters
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
        In any order.
    every : numpy.timedelta64, optional
        How often a row is due; the median step unless told.
    allowed : numpy.timedelta64
        A silence that is none.
    """
    known = _ascending(time)
    if known.size < 2:
        return []
    steps = np.diff(known)
    usual = np.median(steps) if every is None else every
    at = np.flatnonzero(steps > max(LEAST, 3 * usual, allowed))
    return [Window(known[i], known[i + 1]) for i in at.tolist()]


def _ascending(time: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Each time once, in order; the array itself where it is so."""
    if not np.isnat(time).any() and (time[1:] > time[:-1]).all():
        return time
    return np.unique(time[~np.isnat(time)])


def silent(
    time: npt.NDArray[np.datetime64], source: str, *, every: np.timedelta64 | None = None,
    allowed: np.timedelta64 | None = None, what: str = "rows",
) -> list[Finding]:  # fmt: skip
    """One sentence about the gaps of a source: none, one, or how many and the longest.

    Parameters
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
    source : str
    every : numpy.timedelta64, optional
    allowed : numpy.timedelta64, optional
        How long it may be silent (`stale_after` in the catalog): a log that says something now and then only.
    what : str
        What its rows are called.
    """
    known = _ascending(time)
    may = LEAST if allowed is None else allowed
    if known.size < 2 or (allowed is not None and known[-1] - known[0] < allowed):
        return []
    found, whole = gaps(known, every, may), window_of(known[[0, -1]])
    steps = np.diff(known)
    usual = every if every is not None else np.median(steps)
    limit = max(LEAST, 3 * usual, may)
    rule = f"a step of more than {say.age(limit)} between two {what}"
    about = (Number("first", whole.start), Number("last", known[-1]), Number("longest step", _seconds(steps.max()), "s"),
             Number("a gap is more than", _seconds(limit), "s"))  # fmt: skip
    if not found:
        text = f"{source} came without interruption: no two {what} were more than {_age(limit)} apart."
        return [Finding(TOPIC, "fact", text, about, source, whole, rule)]
    return [_told(found, source, what, about, rule)]


def explained(found: Sequence[Window], others: Sequence[Window]) -> bool:
    """Whether there are gaps, and nine tenths of each lie in one of the `others`."""
    shared = [max((min(gap.stop, o.stop) - max(gap.start, o.start) for o in others), default=_NONE) for gap in found]
    return bool(found) and all(10 * s >= 9 * (gap.stop - gap.start) for gap, s in zip(found, shared, strict=True))


def _told(found: list[Window], source: str, what: str, about: tuple[Number, ...], rule: str) -> Finding:
    lengths = [gap.stop - gap.start for gap in found]
    total, longest = sum(lengths, np.timedelta64(0, "ns")), max(lengths)
    numbers = (
        Number("gaps", len(found)), Number("together", _seconds(total), "s"), Number("longest", _seconds(longest), "s"),
        *(Number(f"gap {i + 1}", say.period(*gap)) for i, gap in enumerate(found[:40])), *about,
    )  # fmt: skip
    window = Window(found[0].start, found[-1].stop)
    if len(found) == 1:
        text = f"No {what} came from {source} for {_age(longest)}, {say.period(*found[0])} UTC."
    else:
        first = sorted(found, key=lambda gap: gap.start - gap.stop)[:3]
        longer = joined(f"{say.period(*gap)} UTC" for gap in sorted(first, key=lambda gap: gap.start))
        text = (
            f"{source} has {plural(len(found), 'gap')} of {_age(total)} together, the longest of {_age(longest)}; "
            f"{'they are' if len(found) <= 3 else 'the three longest are'} {longer}."
        )
    return Finding(TOPIC, "fault", text, numbers, source, window, rule, tuple(found))


def _age(span: np.timedelta64) -> str:
    return say.age(span)


def _seconds(span: np.timedelta64) -> float:
    return float(span / np.timedelta64(1, "s"))
