"""Broken bytes: what disks, networks and half-finished copies do to files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_LONG = (0, 1, 10, 14, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def cuts(size: int, n: int, seed: int = 0) -> list[int]:
    """`n` lengths below `size`, sorted: the first and last few bytes, and some between.

    Parameters
    ----------
    size : int
        Bytes of the whole file.
    n : int
        How many at most.
    seed : int
    """
    ends = [*range(min(size, 16)), *range(max(size - 16, 0), size)]
    between = np.random.default_rng(seed).integers(0, max(size, 1), size=n)
    chosen = dict.fromkeys([*ends[:: max(1, len(ends) * 2 // n)], *between.tolist()])
    return sorted(list(chosen)[:n])


def mutants(raw: bytes, n: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """`n` damaged copies of `raw`, each with a word for what was done to it.

    Bits flipped (half of them in the first 64 bytes, where headers stand), numbers of four bytes set to 0, 10, 14 and
    the largest ones, pieces cut out, doubled, zeroed, put at the end, other files' bytes, nothing at all.
    """
    rng = np.random.default_rng(seed)
    kinds = (_flip, _number, _cut, _double, _zero, _append, _noise)
    for i in range(n):
        kind = kinds[i % len(kinds)]
        yield f"{kind.__name__.lstrip('_')} (seed {seed}, mutant {i})", kind(raw, rng)


def _somewhere(raw: bytes, rng: np.random.Generator) -> int:
    near = min(len(raw), 64) if rng.random() < 0.5 else len(raw)
    return int(rng.integers(0, max(near, 1)))


def _flip(raw: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        if out:
            out[_somewhere(raw, rng)] ^= 1 << int(rng.integers(0, 8))
    return bytes(out)


def _number(raw: bytes, rng: np.random.Generator) -> bytes:
    at = _somewhere(raw, rng) & ~3
    return raw[:at] + int(rng.choice(_LONG)).to_bytes(4, "little") + raw[at + 4 :]


def _cut(raw: bytes, rng: np.random.Generator) -> bytes:
    at = _somewhere(raw, rng)
    return raw[:at] + raw[at + int(rng.integers(1, 1 + max(len(raw) // 2, 1))) :]


def _double(raw: bytes, rng: np.random.Generator) -> bytes:
    at = _somewhere(raw, rng)
    return raw[:at] + raw[at : at + int(rng.integers(1, 200))] + raw[at:]


def _zero(raw: bytes, rng: np.random.Generator) -> bytes:
    at, length = _somewhere(raw, rng), int(rng.integers(1, 200))
    return raw[:at] + bytes(len(raw[at : at + length])) + raw[at + length :]


def _append(raw: bytes, rng: np.random.Generator) -> bytes:
    return raw + rng.bytes(int(rng.integers(1, 64)))


def _noise(raw: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(int(rng.integers(0, 256)))
