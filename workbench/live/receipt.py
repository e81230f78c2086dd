"""What came in, before anything read it; and where it is handed to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workbench.core.errors import WorkbenchError


class NotKept(WorkbenchError):
    """Bytes could not be put on disk; nothing of them may be acknowledged. It can be tried again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Bytes as they came in at one moment: a datagram, a piece of a stream, a message, a file's name and sum.

    Attributes
    ----------
    name : str
        The Source they are for.
    body : bytes
        Exactly what came.
    peer : str
        From where.
    time : numpy.datetime64[ns]
        When (UTC).
    """

    name: str
    body: bytes
    peer: str
    time: np.datetime64


class Door(Protocol):
    """Where listeners hand in what they receive. A `Journal` is one."""

    def take(self, receipts: Sequence[Receipt]) -> object:
        """Keep the receipts of one Source. When it returns, they survive a kill; NotKept when they could not be kept."""

    def earlier(self, name: str) -> Iterable[Receipt]:
        """What was taken for a Source before, the oldest first."""
