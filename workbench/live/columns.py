"""Decoded columns of the files read last: what several pictures count at about the same time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_codes, to_log
from workbench.live.labels import Labels

if TYPE_CHECKING:
    from workbench.catalog.source import Source


#: Seconds after which columns that nobody asked for again are let go of, when the next are read.
SECONDS = 60.0


class Columns:
    """Decoded columns of the files read last, up to `limit` bytes; those older than `SECONDS` go when the next are read.

    Parameters
    ----------
    source : Source
    limit : int
    labels : Labels, optional

    Attributes
    ----------
    linear : frozenset of str
        Channels that hold linear values; they are turned into codes once, when they are read.
    """

    def __init__(self, source: Source, limit: int, labels: Labels | None = None) -> None:
        self._source, self._limit, self._labels = source, limit, labels or Labels()
        self.linear: frozenset[str] = frozenset()
        self._held: OrderedDict[tuple[int, str], tuple[npt.NDArray[Any], float]] = OrderedDict()  # and when asked for
        self._bytes = 0
        self._lock = Lock()

    def read(self, path: str, serial: int, names: Sequence[str], keep: bool) -> list[npt.NDArray[Any]]:
        """The named columns of one file; another serial means another content."""
        now, found = time.monotonic(), dict[str, npt.NDArray[Any]]()
        with self._lock:
            for name in names:
                if (serial, name) in self._held:
                    found[name], _ = self._held.pop((serial, name))
                    self._held[serial, name] = found[name], now
        lacking = [name for name in names if name not in found]
        read = self._source.columns(path, lacking) if lacking else {}
        new = {name: self._coded(name, values) for name, values in read.items()}
        if keep:
            for name in lacking:
                self._hold((serial, name), new[name], now)
        return [found[name] if name in found else new[name] for name in names]

    def _coded(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if values.dtype.kind in "OUT":
            return self._labels.codes(values)
        if name not in self.linear:
            return values
        return to_log(values) if (np.isnan(values) | (values < 0)).any() else to_codes(values)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def _hold(self, key: tuple[int, str], values: npt.NDArray[Any], now: float) -> None:
        with self._lock:
            if key in self._held or values.nbytes > self._limit:
                return
            values = values if values.base is None else values.copy()  # a view would keep the whole file
            self._held[key] = values, now
            self._bytes += values.nbytes
            while self._bytes > self._limit or next(iter(self._held.values()))[1] < now - SECONDS:
                self._bytes -= self._held.popitem(last=False)[1][0].nbytes
