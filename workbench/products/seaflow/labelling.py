"""The populations of very many particles: the same as `classify`, to the particle, at about a nanosecond each.

    labeller = Labeller(gating)
    labels = labeller(columns)                      # uint8: 0 unknown, k is gating.populations[k - 1]
    counts = count_runs(labels, offsets, labeller.most)     # of each file

Most particles are decided by looking up the cell that they lie in (see `cells`); near an edge the polygons are tested
in linear units, gate by gate. `columns` is one array, a row for each channel: log codes or linear numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.codes import SIZE, to_linear
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.gates import Gating
from workbench.products.seaflow import cells as grid

_BLOCK = 4096
_LINEAR = to_linear(np.arange(SIZE, dtype=np.uint16))
_GRIDS = {"codes": grid.grid_of_codes(), "values": grid.grid_of_values()}


class Labeller:
    """A gating, ready to be asked about particles. Never changes; threads may share it.

    Parameters
    ----------
    gating : Gating
        Gates that are not manual are passed over.
    unknown_last : bool
        Number gates from 0, and what is in none of them after the last; else from 1, and unknown is 0.

    Attributes
    ----------
    channels : tuple of str
        What the gates ask for.
    most : int
        The highest label: the number of gates.
    """

    def __init__(self, gating: Gating, *, unknown_last: bool = False) -> None:
        asked = [(number, gate) for number, gate in enumerate(gating.gates, start=1) if gate.method == "manual"]
        if len(asked) > grid.MOST:
            raise WorkbenchError(
                f"gating {gating.id} has {len(asked)} gates; {grid.MOST} are the most that can be evaluated"
            )
        self.channels = tuple(dict.fromkeys(name for _, gate in asked for name in (gate.x, gate.y)))
        self.most = len(gating.gates)
        place = {name: at for at, name in enumerate(self.channels)}
        corners = [gate.array for _, gate in asked]
        self._starts = np.cumsum([0, *map(len, corners)])
        self._corners = np.concatenate([np.empty((0, 2)), *corners])
        self._sides = np.array([(place[gate.x], place[gate.y]) for _, gate in asked], np.int64).reshape(-1, 2)
        self._planes, self._plane = np.unique(self._sides, axis=0, return_inverse=True)
        self._unknown = self.most if unknown_last else 0
        self._names = np.full(256, self._unknown, np.uint8)
        for rank, (number, _) in enumerate(asked, start=1):
            self._names[2 * rank] = number - unknown_last
        self._tables: dict[str, npt.NDArray[np.uint8]] = {}

    def __call__(
        self,
        columns: npt.NDArray[Any],
        order: Sequence[str] | None = None,
        out: npt.NDArray[np.uint8] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Give each particle its population.

        Parameters
        ----------
        columns : numpy.ndarray of uint16 (log codes), float32 or float64 (linear units), shape (channels, n)
            A row for each channel.
        order : sequence of str, optional
            The channels of the rows; those asked for must be among them. By default `channels`.
        out : numpy.ndarray of uint8, shape (n,), optional
            Where to put the labels.

        Returns
        -------
        numpy.ndarray of uint8, shape (n,)
            0 is unknown, k is ``gating.populations[k - 1]`` (but see `unknown_last`).
        """
        order = self.channels if order is None else order
        if columns.ndim != 2 or len(columns) != len(order):
            raise ValueError(f"columns must be rows of {', '.join(order)}, not {columns.shape}")
        for name in self.channels:
            if name not in order:
                raise WorkbenchError(f"a gate asks for channel '{name}'. {suggest(name, order)}")
        rows = np.array([order.index(name) for name in self.channels], np.int64)
        out = np.empty(columns.shape[1], np.uint8) if out is None else out
        if not len(self._sides):
            out[:] = self._unknown
            return out
        gates = (self._planes, self._sides, self._starts, self._corners, self._names)
        if columns.dtype == np.uint16:
            _label_codes(columns, rows, _LINEAR, self._table("codes"), *gates, out)
        elif columns.dtype in (np.float32, np.float64):
            _label_values(columns, rows, self._table("values"), *gates, out)
        else:
            raise TypeError(f"particles are uint16 log codes or float linear values, not {columns.dtype}")
        return out

    def _table(self, kind: str) -> npt.NDArray[np.uint8]:
        """Tables of all planes; what lies outside the grid is to be tested from the plane's first gate on."""
        made = self._tables.get(kind)
        if made is None:
            lines = _GRIDS[kind]
            made = np.full((len(self._planes), len(lines), grid.STRIDE), grid.NONE, np.uint8)
            edge = np.zeros((len(lines), grid.STRIDE), np.uint8)
            for at, plane in enumerate(self._plane.tolist()):
                grid.draw(self._corners, self._starts[at], self._starts[at + 1], at + 1, lines, made[plane], edge)
            if kind == "values":
                for plane, first in enumerate(np.unique(self._plane, return_index=True)[1].tolist()):
                    made[plane, grid.VALUED, :] = made[plane, :, grid.VALUED] = 2 * first + 1
            self._tables[kind] = made
        return made


def count_runs(labels: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Particles of each label in each run of rows.

    Parameters
    ----------
    labels : numpy.ndarray of uint8, shape (n,)
    offsets : numpy.ndarray of int64, shape (runs + 1,)
        Where each run begins, and where the last one ends.
    most : int
        The highest label; higher ones are left out.

    Returns
    -------
    numpy.ndarray of int64, shape (runs, most + 1)
    """
    out = np.zeros((len(offsets) - 1, most + 1), np.int64)
    _count_runs(labels, offsets, out)
    return out


@njit(cache=True, nogil=True)
def _label_codes(
    columns: Any,
    rows: Any,
    linear: Any,
    tables: Any,
    planes: Any,
    sides: Any,
    starts: Any,
    corners: Any,
    names: Any,
    out: Any,
) -> None:
    channels, n = rows.size, columns.shape[1]
    cells, least, near = (
        np.empty((channels, _BLOCK), np.uint16),
        np.empty(_BLOCK, np.uint8),
        np.empty(_BLOCK + 1, np.int64),
    )
    values = np.empty((channels, _BLOCK))
    for start in range(0, n, _BLOCK):
        size = min(_BLOCK, n - start)
        for c in range(channels):
            column, mine = columns[rows[c], start : start + size], cells[c, :size]
            for i in range(size):
                mine[i] = np.uint32(np.uint32(column[i]) + np.uint32(grid.LAST)) >> np.uint32(grid.SHIFT)
        count = _look(cells, size, tables, planes, least, near)
        for c in range(channels):
            column = columns[rows[c], start : start + size]
            for i in range(count):
                values[c, i] = linear[column[near[i]]]
        _settle(values, count, near, sides, starts, corners, least)
        part = out[start : start + size]
        for i in range(size):
            part[i] = names[least[i]]


@njit(cache=True, nogil=True)
def _label_values(
    columns: Any, rows: Any, tables: Any, planes: Any, sides: Any, starts: Any, corners: Any, names: Any, out: Any
) -> None:
    channels, n = rows.size, columns.shape[1]
    cells, least, near = (
        np.empty((channels, _BLOCK), np.uint16),
        np.empty(_BLOCK, np.uint8),
        np.empty(_BLOCK + 1, np.int64),
    )
    values = np.empty((channels, _BLOCK))
    for start in range(0, n, _BLOCK):
        size = min(_BLOCK, n - start)
        for c in range(channels):
            column, mine = columns[rows[c], start : start + size], cells[c, :size]
            for i in range(size):
                value = np.float64(column[i])
                bits = np.uint64(value.view(np.uint64) >> np.uint64(grid.BITS)) - np.uint64(grid.ONE)
                mine[i] = np.uint64(0) if value == 1.0 else min(bits, np.uint64(grid.VALUED - 1)) + np.uint64(1)
        count = _look(cells, size, tables, planes, least, near)
        for c in range(channels):
            column = columns[rows[c], start : start + size]
            for i in range(count):
                values[c, i] = column[near[i]]
        _settle(values, count, near, sides, starts, corners, least)
        part = out[start : start + size]
        for i in range(size):
            part[i] = names[least[i]]


@njit(cache=True, nogil=True)
def _look(cells: Any, size: int, tables: Any, planes: Any, least: Any, near: Any) -> Any:
    """The smallest byte of each particle, and the particles that are to be tested: their number, and which."""
    for p in range(planes.shape[0]):
        table, xs, ys = tables[p].reshape(-1), cells[planes[p, 0]], cells[planes[p, 1]]
        if p == 0:
            for i in range(size):
                least[i] = table[np.uint32(xs[i]) * np.uint32(grid.STRIDE) + np.uint32(ys[i])]
        else:
            for i in range(size):
                least[i] = min(least[i], table[np.uint32(xs[i]) * np.uint32(grid.STRIDE) + np.uint32(ys[i])])
    count = 0
    for i in range(size, _BLOCK):
        least[i] = grid.NONE
    eights = least.view(np.uint64)
    for e in range(-(-size // 8)):
        if eights[e] & np.uint64(0x0101010101010101):
            for i in range(8 * e, 8 * e + 8):
                near[count] = i
                count += least[i] & 1
    return count


@njit(cache=True, nogil=True)
def _settle(values: Any, count: int, near: Any, sides: Any, starts: Any, corners: Any, least: Any) -> None:
    """Test the particles near an edge, gate by gate: the first that holds one has it."""
    gates = sides.shape[0]
    for g in range(gates):
        corner = corners[starts[g] : starts[g + 1]]
        left, low = corner[:, 0].min(), corner[:, 1].min()
        right, top = corner[:, 0].max(), corner[:, 1].max()
        xs, ys = values[sides[g, 0]], values[sides[g, 1]]
        turn = 2 * g + 1
        for i in range(count):
            if least[near[i]] != turn:
                continue
            a, b = xs[i], ys[i]
            if left <= a <= right and low <= b <= top and grid.holds(a, b, corners, starts[g], starts[g + 1]):
                least[near[i]] = turn + 1
            else:
                least[near[i]] = turn + 2 if g + 1 < gates else grid.NONE


@njit(cache=True, nogil=True)
def _count_runs(labels: Any, offsets: Any, out: Any) -> None:
    for run in range(offsets.size - 1):
        part = labels[offsets[run] : offsets[run + 1]]
        for label in range(out.shape[1]):
            found = 0
            for i in range(part.size):
                found += part[i] == label
            out[run, label] = found
