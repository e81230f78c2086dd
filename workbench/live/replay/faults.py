"""What goes wrong on purpose: decided by the seed alone, the same at every pace."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from workbench.live.replay.pieces import Piece
from workbench.simulate.chance import uniform

_MINUTE = 60 * 10**9
_BLOCK = 4096


@dataclass(frozen=True)
class Faults:
    """Shares from 0 to 1.

    Attributes
    ----------
    gaps : float
        Of the minutes in which a feed says nothing.
    split : float
        Of what is sent in two portions.
    reorder : float
        Of what is sent after the next one of its feed.
    duplicate : float
        Of what is sent twice.
    late : float
        Of the whole files that come up to an hour late.
    seed : int
        The same seed spoils the same.
    """

    gaps: float = 0.0
    split: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    seed: int = 7

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self) if field.name != "seed")

    def spoil(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """The pieces of one stream, spoilt; still in the order of the time they are sent."""
        for share, fault in (
            (self.gaps, self._gaps), (self.late, self._late), (self.duplicate, self._duplicate),
            (self.reorder, self._reorder), (self.split, self._split),
        ):  # fmt: skip
            if share > 0:
                pieces = fault(pieces)
        return pieces

    def _gaps(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        chance = _Chance(self.seed, "gaps")
        return (piece for piece in pieces if piece.file or chance(piece, piece.time // _MINUTE) >= self.gaps)

    def _late(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        chance, how = _Chance(self.seed, "late"), _Chance(self.seed, "how late")
        waiting: list[tuple[int, int, Piece]] = []
        for index, piece in enumerate(pieces):
            while waiting and waiting[0][0] <= piece.time:
                yield heapq.heappop(waiting)[2]
            if piece.file and chance(piece, index) < self.late:
                due = piece.time + int(60 * _MINUTE * how(piece, index))
                heapq.heappush(waiting, (due, index, replace(piece, time=due)))
            else:
                yield piece
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _duplicate(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        chance = _Chance(self.seed, "duplicate")
        for index, piece in enumerate(pieces):
            yield piece
            if not piece.file and chance(piece, index) < self.duplicate:
                yield piece

    def _reorder(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        chance, held = _Chance(self.seed, "reorder"), None
        for index, piece in enumerate(pieces):
            if held is not None:
                yield piece
                yield replace(held, time=piece.time)
                held = None
            elif not piece.file and chance(piece, index) < self.reorder:
                held = piece
            else:
                yield piece
        if held is not None:
            yield held

    def _split(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        chance, where = _Chance(self.seed, "split"), _Chance(self.seed, "split where")
        for index, piece in enumerate(pieces):
            body = piece.payload
            if piece.file or len(body) < 2 or chance(piece, index) >= self.split:
                yield piece
                continue
            cut = len(piece.body) - len(body) + 1 + int(where(piece, index) * (len(body) - 1))
            yield replace(piece, body=piece.body[:cut])
            yield replace(piece, body=piece.body[cut:])


class _Chance:
    """Numbers in [0, 1) by index, for the feed that a piece is of."""

    def __init__(self, seed: int, what: str) -> None:
        self.seed = seed
        self.what = what
        self.block = -1
        self.numbers: npt.NDArray[np.float64] = np.empty(0)

    def __call__(self, piece: Piece, index: int) -> float:
        block, at = divmod(index, _BLOCK)
        if block != self.block:
            first = block * _BLOCK
            self.numbers = uniform(self.seed, f"replay {self.what} {piece.source}", np.arange(first, first + _BLOCK))
            self.block = block
        return float(self.numbers[at])
