"""Names of populations as small numbers, given once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError

#: Populations that everybody has, in the order in which they are told.
KNOWN = ("prochloro", "synecho", "picoeuk", "croco", "beads", "unknown")
#: The number of a particle without a population (it is not in focus at that quantile).
NOBODY = 255
#: Most populations that one picture tells apart.
MOST = 24


class Labels:
    """Population <-> number. Safe to use from several threads."""

    def __init__(self) -> None:
        self._names: list[str] = list(KNOWN)
        self._lock = Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Names by their number."""
        return tuple(self._names)

    def codes(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """The number of each name; `NOBODY` where there is none.

        Raises
        ------
        WorkbenchError
            When there are more than `MOST` names.
        """
        import pandas as pd

        indices, found = pd.factorize(values)
        table = np.full(len(found) + 1, NOBODY, np.uint8)  # the last is for what is missing: index -1
        for i, name in enumerate(found):
            table[i] = self._code(str(name)) if name else NOBODY
        return np.asarray(table[indices])

    def _code(self, name: str) -> int:
        with self._lock:
            if name not in self._names:
                if len(self._names) >= MOST:
                    raise WorkbenchError(f"more than {MOST} populations: '{name}' is one too many for a picture")
                self._names.append(name)
            return self._names.index(name)


def order(names: Sequence[str]) -> list[int]:
    """Indices of `names` as they are told: the known ones first, the others by name."""
    return sorted(range(len(names)), key=lambda i: (i >= len(KNOWN), names[i] if i >= len(KNOWN) else "", i))
