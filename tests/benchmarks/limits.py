"""What the machine itself can do: the floor of what is measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True)
def _sum(words: Any) -> Any:
    total = np.uint64(0)
    for at in range(words.size):
        total += words[at]
    return total


def read(columns: list[Any], threads: int = 1) -> int:
    """Read every byte once, on so many threads; the sum of the words, so that nothing is left out."""
    parts = []
    for column in columns:
        words = column.view(np.uint8)[: column.nbytes // 8 * 8].view(np.uint64)
        edges = np.linspace(0, words.size, threads + 1).astype(int)
        parts += [words[a:b] for a, b in pairwise(edges)]
    if threads == 1:
        return sum(int(_sum(part)) for part in parts)
    with ThreadPoolExecutor(threads) as pool:
        return sum(int(total) for total in pool.map(_sum, parts))
