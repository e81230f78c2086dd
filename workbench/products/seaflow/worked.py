"""What came out of the files of a cruise: what its populations are made of, a row a file, in one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.core.filters import QUANTILES
from workbench.products.seaflow.limits import Flag

if TYPE_CHECKING:
    from workbench.products.seaflow.process import FileResult

#: Rows by which the array grows: half a kilobyte each, written over at once, so that memory grows in few steps.
STEP = 4096


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
        self._dtype = np.dtype([
            ("flag", "i1"),
            ("events", "f8", 4),  # all, not noise, noise, saturated
            ("opp", "f8", len(QUANTILES)),
            ("ratio", "f8", len(QUANTILES)),
            ("each", "f8", (len(index), len(QUANTILES), 3)),  # particles, diameter, carbon
        ])  # fmt: skip
        self._rows: dict[bytes, int] = {}
        self._table = np.empty(0, self._dtype)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: bytes, result: FileResult) -> None:
        """Keep what came out of a file; `key` (see `key_of`) says all that it came from."""
        at = self._rows.setdefault(key, len(self._rows))
        if at >= len(self._table):
            self._table = _longer(self._table, at + 1)
        row, found = self._table[at], result.found
        row["flag"] = int(result.flag)
        for name in ("events", "opp", "ratio", "each"):
            row[name] = np.nan
        row["events"][0] = result.events
        if found is not None:
            row["events"][1:] = found.evt_count, found.noise_count, found.saturated_count
            row["opp"], row["ratio"] = found.opp_count, found.ratio
        if result.flag is Flag.OK:
            row["each"][..., 0] = 0
        for (quantile, name), (n, numbers) in result.summary.items():
            row["each"][self._place[name], QUANTILES.index(quantile)] = n, *numbers[self._wanted[name]]

    def take(self, keys: Sequence[bytes]) -> npt.NDArray[Any]:
        """Rows of these files, in this order: ``flag``, ``events``, ``opp``, ``ratio``, ``each``."""
        return self._table[[self._rows[key] for key in keys]]

    def forget_others(self, keys: Sequence[bytes]) -> None:
        """Let go of all files but these."""
        if len(self._rows) > len(set(keys)):
            kept = self.take(keys)
            self._rows = {key: at for at, key in enumerate(dict.fromkeys(keys))}
            self._table = _longer(kept, len(kept))


def key_of(*parts: object) -> bytes:
    """A short key that is equal only for equal parts (texts and numbers)."""
    return blake2b(repr(parts).encode(), digest_size=12).digest()


def _longer(table: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    out = np.empty(-(-rows // STEP) * STEP, table.dtype)
    out.view(np.uint8).fill(0)
    out[: len(table)] = table
    return out
