"""A sentence of a report together with the numbers it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from workbench.core.window import Window

#: `fact`: how it was; `fault`: something went wrong; `change`: something in the water or on the way changed.
Kind = Literal["fact", "fault", "change"]


@dataclass(frozen=True)
class Number:
    """One number behind a sentence.

    Attributes
    ----------
    label : str
    value : float, int, numpy.datetime64 or str
    unit : str
        UDUNITS; empty for times, text and counts.
    """

    label: str
    value: float | int | np.datetime64 | str
    unit: str = ""


@dataclass(frozen=True)
class Finding:
    """One sentence, and how it came about.

    Attributes
    ----------
    topic : str
        Heading it stands under, such as ``"Track"``.
    kind : {"fact", "fault", "change"}
    text : str
        The sentence. Every number in it is one of `numbers`.
    numbers : tuple of Number
    source : str
        SOURCE or SOURCE.VARIABLE the numbers were taken from.
    window : Window
        The time the sentence is about.
    rule : str
        Name of the rule that made it, and its limits in words.
    episodes : tuple of Window
        The times within `window` when it was so, to be marked in the charts.
    """

    topic: str
    kind: Kind
    text: str
    numbers: tuple[Number, ...]
    source: str
    window: Window
    rule: str
    episodes: tuple[Window, ...] = ()


def spans(inside: npt.NDArray[np.bool_], breaks: npt.NDArray[np.bool_] | None = None) -> list[slice]:
    """Runs of True, as slices.

    Parameters
    ----------
    inside : numpy.ndarray of bool, shape (n,)
    breaks : numpy.ndarray of bool, shape (n - 1,), optional
        True where two neighbours belong to different runs whatever they are.
    """
    if not inside.size:
        return []
    changed = np.diff(inside)
    if breaks is not None:
        changed = changed | breaks
    edges = np.concatenate([[0], np.flatnonzero(changed) + 1, [inside.size]])
    return [slice(int(a), int(b)) for a, b in pairwise(edges) if inside[a]]


def window_of(time: npt.NDArray[np.datetime64]) -> Window:
    """From the first of these times to just after the last; NaT count for nothing."""
    known = time[~np.isnat(time)].astype("datetime64[ns]")
    if not known.size:
        zero = np.datetime64(0, "ns")
        return Window(zero, zero)
    return Window(known.min(), known.max() + np.timedelta64(1, "ns"))


def joined(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def plural(count: int, one: str, many: str = "", number: Callable[[int], str] = str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
