"""What came out of the files of a cruise: what its populations are made of, a row a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.core.filters import QUANTILES
from workbench.products.seaflow.limits import Flag

if TYPE_CHECKING:
    from workbench.products.seaflow.process import FileResult

#: Rows by which the arrays grow: half a kilobyte each, written over at once, so that memory grows in few steps.
STEP = 4096
#: Kind of an array of keys.
KEY = np.dtype("S12")
#: Of each population and quantile: particles, median diameter, mean carbon.
EACH = ("count", "diameter", "carbon")


class Worked:
    """Numbers of files, found again by what they came from.

    Parameters
    ----------
    index : mapping of str to str
        Population -> refractive index of its diameter and carbon.
    """

    def __init__(self, index: Mapping[str, str]) -> None:
        from workbench.products.seaflow.summary import STATISTICS  # with numba: not to open a catalog

        self.index = dict(index)
        self._place = {name: at for at, name in enumerate(index)}
        self._wanted = {name: [STATISTICS.index(f"diam_{of}_med"), STATISTICS.index(f"Qc_{of}_mean")]
                        for name, of in index.items()}  # fmt: skip
        each = (len(index), len(QUANTILES))
        self._columns: dict[str, npt.NDArray[Any]] = {
            "key": np.empty(0, KEY),
            "flag": np.empty(0, np.int8),
            "events": np.empty((4, 0)),  # all, not noise, noise, saturated
            "opp": np.empty((0, len(QUANTILES))),
            "ratio": np.empty((0, len(QUANTILES))),
            **{name: np.empty((0, *each)) for name in EACH},
        }
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def known(self, keys: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bool_]:
        """Which of these were added."""
        return self._find(keys) >= 0

    def add(self, key: bytes, result: FileResult, asked: Iterable[str] | None = None) -> None:
        """Keep what came out of a file that is not known; `key` (see `key_of`) says all that it came from.

        `asked` are the populations whose gates were (all unless told): of others nobody knows how many particles there are.
        """
        if self._rows >= len(self._columns["key"]):
            self._columns = {name: _longer(held, self._rows, name) for name, held in self._columns.items()}
        at, columns, found = self._rows, self._columns, result.found
        columns["key"][at], columns["flag"][at] = key, int(result.flag)
        columns["events"][:, at] = result.events, np.nan, np.nan, np.nan
        for name in ("opp", "ratio", *EACH):
            columns[name][at] = np.nan
        if found is not None:
            columns["events"][1:, at] = found.evt_count, found.noise_count, found.saturated_count
            columns["opp"][at], columns["ratio"][at] = found.opp_count, found.ratio
        if result.flag is Flag.OK:
            columns["count"][at, [self._place[name] for name in (self._place if asked is None else asked)]] = 0
        for (quantile, name), (n, numbers) in result.summary.items():
            for column, number in zip(EACH, (n, *numbers[self._wanted[name]]), strict=True):
                columns[column][at, self._place[name], QUANTILES.index(quantile)] = number
        self._rows += 1

    def take(self, keys: npt.NDArray[np.bytes_]) -> dict[str, npt.NDArray[Any]]:
        """Numbers of these files, in this order: ``flag``, ``events`` (4, n), ``opp``, ``ratio`` and `EACH`.

        Where all are asked for as they were added, nothing is copied: what is given cannot be written to.
        """
        rows: Any = self._find(keys)
        if np.array_equal(rows, np.arange(len(rows))):
            rows = slice(len(rows))
        found = {name: _rows(held, rows, name) for name, held in self._columns.items() if name != "key"}
        for values in found.values():
            values.flags.writeable = False
        return found

    def forget_others(self, keys: npt.NDArray[np.bytes_]) -> None:
        """Let go of all files but these."""
        kept = np.unique(self._find(keys))
        if len(kept) < self._rows:
            self._columns = {name: _longer(_rows(held, kept, name), len(kept), name)
                             for name, held in self._columns.items()}  # fmt: skip
            self._rows = len(kept)

    def _find(self, keys: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int64]:
        """The row of each, -1 where there is none."""
        held = self._columns["key"][: self._rows]
        if not len(held):
            return np.full(len(keys), -1)
        order = np.argsort(held)
        found = order[np.minimum(np.searchsorted(held, keys, sorter=order), len(held) - 1)]
        return np.where(held[found] == keys, found, -1)


def key_of(*parts: object) -> bytes:
    """A short key that is equal only for equal parts (texts and numbers)."""
    return blake2b(repr(parts).encode(), digest_size=12).digest()


def _rows(held: npt.NDArray[Any], rows: Any, name: str) -> npt.NDArray[Any]:
    return held[:, rows] if name == "events" else held[rows]


def _longer(held: npt.NDArray[Any], rows: int, name: str) -> npt.NDArray[Any]:
    """Room for one file more than there are rows, in whole steps."""
    room = -(-(rows + 1) // STEP) * STEP
    shape = (len(held), room) if name == "events" else (room, *held.shape[1:])
    out = np.empty(shape, held.dtype)
    out.fill(0)
    _rows(out, slice(rows), name)[...] = _rows(held, slice(rows), name)
    return out
