"""Whole planes of counts in square tiles, compressed: what an index along time is made of.

A `Layer` is one plane (two channels, perhaps by population) at one fineness. Its tiles hold uint32 counts, their bytes
shuffled and packed with LZ4: unpacked at 12 GB/s on one core. Shuffled bits (numcodecs) take 6 % less room and 4 times
as long. An empty tile takes no bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.codes import SIZE
from workbench.core.viewport import Viewport

Counts = npt.NDArray[np.uint32]

#: Cells along the side of a tile; a level up to twice that is one tile.
TILE = 256
#: Cells along an axis, and the particles from one checkpoint to the next: finer levels cost more to unpack anyway.
STEPS = {512: 1 << 19, 2048: 1 << 21, 4096: 1 << 21}
#: Of numcodecs' Blosc: bytes of the same rank side by side; blocks of so many bytes.
_SHUFFLE, _BLOCK = 1, 1 << 17
#: Of a tile's first 16 bytes: how long it is unpacked, and packed.
_HEAD = Struct("<4xI4xI")


@dataclass(frozen=True, order=True)
class Layer:
    """One plane of an index at one level.

    Attributes
    ----------
    x, y : str
        Channels.
    by : str
        Column of the particles' populations; empty: all together.
    level : int
        Cells along an axis, a power of two from 16 to 4096.
    step : int
        Particles after which there is a checkpoint.
    """

    x: str
    y: str
    by: str = ""
    level: int = 512
    step: int = 1 << 20

    @property
    def cell(self) -> int:
        """Codes in a cell."""
        return SIZE // self.level

    @property
    def tile(self) -> int:
        """Cells along the side of a tile."""
        return self.level if self.level <= 2 * TILE else TILE

    @property
    def across(self) -> int:
        """Tiles along an axis."""
        return self.level // self.tile

    @property
    def whole(self) -> Viewport:
        """Every code, a pixel a cell."""
        return Viewport(0, SIZE, 0, SIZE, self.level, self.level)

    def draws(self, viewport: Viewport) -> bool:
        """True when the pixels of `viewport` are whole cells of this layer."""
        v, cell = viewport, self.cell
        edges = (v.x0, v.x1, v.y0, v.y1)
        return (
            all(edge % cell == 0 and 0 <= edge <= SIZE for edge in edges)
            and _power(v.cell_x / cell)
            and _power(v.cell_y / cell)
        )


def layers(x: str, y: str, by: str = "") -> tuple[Layer, ...]:
    """The layers that a plane is indexed at."""
    return tuple(Layer(x, y, by, level, step) for level, step in STEPS.items())


def _power(ratio: float) -> bool:
    return ratio >= 1 and ratio == int(ratio) and int(ratio) & (int(ratio) - 1) == 0


def pack_tile(counts: Counts) -> bytes:
    """Compress a tile; nothing for a tile without counts."""
    return bytes(_blosc().compress(np.ascontiguousarray(counts), b"lz4", 1, _SHUFFLE, _BLOCK))


@cache
def _blosc() -> Any:
    """On the calling thread alone: waking others takes longer than a tile."""
    from numcodecs import blosc

    blosc.use_threads = False
    return blosc


def unpack_tile(data: Any, out: Counts) -> None:
    """Decompress into `out`. ValueError when it is not a tile of that size."""
    if len(data) < _HEAD.size or _HEAD.unpack_from(data) != (out.nbytes, len(data)):
        raise ValueError("this is no tile of counts")
    try:
        _blosc().decompress(data, out)
    except RuntimeError as error:
        raise ValueError(f"this is no tile of counts ({error})") from error


def add_tile(tile: Counts, row: int, column: int, sign: int, shift_y: int, shift_x: int, out: Counts) -> None:
    """Add (`sign` 1) or take off (-1) a tile whose first cell lies `row`, `column` cells from the first cell of `out`.

    A pixel of `out` is ``1 << shift`` cells wide; what lies outside is left out.
    """
    height, width = out.shape[0] << shift_y, out.shape[1] << shift_x
    top, bottom = max(0, -row), min(tile.shape[0], height - row)
    left, right = max(0, -column), min(tile.shape[1], width - column)
    if top >= bottom or left >= right:
        return
    part = tile[top:bottom, left:right]
    if shift_y or shift_x:
        _add_coarser(part, row + top, column + left, np.uint32(sign & 0xFFFFFFFF), shift_y, shift_x, out)
        return
    target = out[row + top : row + bottom, column + left : column + right]
    (np.add if sign > 0 else np.subtract)(target, part, out=target)


@njit(cache=True, nogil=True)
def _add_coarser(part: Any, row: int, column: int, factor: Any, shift_y: int, shift_x: int, out: Any) -> None:
    """The same where several cells make a pixel; the factor -1 is 2**32 - 1."""
    for i in range(part.shape[0]):
        source, target = part[i], out[(row + i) >> shift_y]
        for j in range(part.shape[1]):
            target[(column + j) >> shift_x] += np.uint32(source[j] * factor)


def sort_by_tile(
    x: npt.NDArray[np.uint16], y: npt.NDArray[np.uint16], label: npt.NDArray[np.uint8], planes: int, layer: Layer
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
    """The cells of particles, tile after tile: counting in one small tile at a time stays in the cache.

    Parameters
    ----------
    x, y : numpy.ndarray of uint16, shape (n,)
    label : numpy.ndarray of uint8, shape (n,) or (0,)
        Population; those of `planes` and more are left out. Empty: all are of the first.
    planes : int
    layer : Layer
        With tiles of `TILE` cells.

    Returns
    -------
    cells : numpy.ndarray of uint16
        Row and column inside the tile, a byte each.
    ends : numpy.ndarray of int64, shape (planes * tiles + 1,)
        The cells of tile i are those from ``ends[i]`` to ``ends[i + 1]``.
    """
    cells = np.empty(x.size, np.uint16)
    ends = np.zeros(planes * layer.across**2 + 1, np.int64)
    _sort_by_tile(x, y, label, planes, layer.cell.bit_length() - 1, layer.across, cells, ends)
    return cells, ends


@njit(cache=True, nogil=True)
def _sort_by_tile(x: Any, y: Any, label: Any, planes: int, shift: int, across: int, cells: Any, ends: Any) -> None:
    tiles = across * across
    side, by = shift + 8, label.size > 0
    for i in range(x.size):
        plane = np.int64(label[i]) if by else np.int64(0)
        if plane < planes:
            ends[1 + plane * tiles + (np.int64(y[i]) >> side) * across + (np.int64(x[i]) >> side)] += 1
    for k in range(1, ends.size):
        ends[k] += ends[k - 1]
    at = ends[:-1].copy()
    for i in range(x.size):
        plane = np.int64(label[i]) if by else np.int64(0)
        if plane < planes:
            u, v = np.int64(x[i]), np.int64(y[i])
            t = plane * tiles + (v >> side) * across + (u >> side)
            cells[at[t]] = np.uint16(((v >> shift) & 255) << 8 | ((u >> shift) & 255))
            at[t] += 1


@njit(cache=True, nogil=True)
def count_cells(cells: Any, flat: Any, stride: int, tile: Any) -> None:
    """Add cells of one tile to it, by way of a zeroed scratch tile with padded rows, which is left zero."""
    for i in range(cells.size):
        cell = np.int64(cells[i])
        flat[(cell >> 8) * stride + (cell & 255)] += np.uint32(1)
    for r in range(tile.shape[0]):
        row, target = flat[r * stride : r * stride + tile.shape[1]], tile[r]
        for c in range(tile.shape[1]):
            target[c] += row[c]
            row[c] = 0


def warm() -> None:
    """Load what a first picture out of an index would wait for."""
    tile, out = np.zeros((TILE, TILE), np.uint32), np.zeros((TILE // 2, TILE // 2), np.uint32)
    unpack_tile(np.frombuffer(pack_tile(tile), np.uint8), tile)
    add_tile(tile, 0, 0, 1, 1, 1, out)
