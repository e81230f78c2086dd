"""The loops that put points into cells (numba, no GIL held).

Each loop has two stages: the cells of 1,024 points at a time are computed into a buffer that stays in the first-level
cache (the compiler vectorises that), then a scalar loop counts, and asks for the points of the next block meanwhile
(`machine`: a third of the time would go by waiting for memory). Four things keep real particles as fast as
simulated ones:

- Rows are padded to an odd number of cache lines. With rows of a power of two, the crowded columns of real particles
  fall into a few cache sets and cost ten times more.
- Counters are uint8, so that the crowded part of a picture of 512 x 512 stays in the first-level cache, the rest in the
  second. One that comes round to 0 is noted: each note is worth 256 (`drain` adds them).
- What lies outside goes to one of 16 spare cells in turn, instead of a branch.
- So do the points of a cell that holds a third of a block or more (noise at code 0, saturated particles): adding to one
  cell again and again makes each addition wait for the one before. Its points are put back when another cell is as
  busy, or at the end.

Pictures here are flat: ``height * stride + EXTRA`` cells of uint8; padding and spare cells are zero between calls. `notes` has
room for a note of each 256 points that are counted until it is drained, and `EXTRA` more; each loop is told how many it
holds, and tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.raster.machine import CHUNK, FACTOR, TOGETHER, cells_of, fetch, rarely, shifted

BLOCK = 1024
_STRAIGHT = 8  # cells counted without a jump
_LOOK = 8  # blocks from one look for the busiest cell to the next
EXTRA = 32  # 16 spare cells for what lies outside, 16 for the busiest cell
_LINE = 64  # uint8 cells in a cache line
WORTH = 8  # bits of a counter
_NONE = np.uint32(0xFFFFFFFF)


def stride_of(width: int) -> int:
    """Cells from one row to the next: at least `width`, an odd number of cache lines."""
    return (-(-width // _LINE) | 1) * _LINE


@njit(cache=True, nogil=True)
def _in_turn(first: int) -> Any:
    """`first` .. `first` + 15, again and again, for each point of a block."""
    cells = np.empty(BLOCK, np.uint32)
    for i in range(BLOCK):
        cells[i] = first + (i & 15)
    return cells


@njit(nogil=True, inline="always")
def _tally(cells: Any, at: int, flat: Any, notes: Any, noted: int) -> int:
    """Count `CHUNK` cells from `at` on; how many notes there are then."""
    for start in range(np.uint32(at), np.uint32(at + CHUNK), np.uint32(_STRAIGHT)):
        for i in range(_STRAIGHT):
            cell = cells[start + np.uint32(i)]
            now = np.uint8(flat[cell] + np.uint8(1))
            if rarely(now == 0):
                notes[noted] = cell
                noted += 1
            flat[cell] = now  # after the jump: so it and the addition are one step
    return noted


@njit(cache=True, nogil=True)
def _whole_cells(xs: Any, ys: Any, size: int, sx: Any, sy: Any, row: Any, buffer: Any) -> None:
    """The cells of points of which none lies outside, in any order."""
    done = size // TOGETHER * TOGETHER if sx > 0 and sy > 0 and row < FACTOR else 0
    for i in range(0, done, TOGETHER):
        cells_of(xs, ys, i, sx, sy, row, buffer)
    for i in range(done, size):
        buffer[i] = np.uint32(shifted(np.uint32(ys[i]), sy) * row) + shifted(np.uint32(xs[i]), sx)


@njit(cache=True, nogil=True)
def _busiest(buffer: Any, size: int, spare: int, busy: Any) -> Any:
    """The cell that holds a third of this block, by 16 of its points; without one, that of before."""
    step = size // 16
    for i in range(3 if step else 0):
        cell, same = buffer[i * step], 0
        for j in range(16):
            same += buffer[j * step] == cell
        if same >= 6 and cell < spare:
            return cell
    return busy


@njit(cache=True, nogil=True)
def _settle(flat: Any, spare: int, busy: Any, notes: Any, settled: int, noted: int) -> int:
    """Put the busiest cell's points back, forget what lies outside; how many notes there are then."""
    kept = settled
    for i in range(settled, noted):
        cell = notes[i]
        if cell < spare or cell >= spare + 16:
            notes[kept] = cell if cell < spare else busy
            kept += 1
    if busy != _NONE:
        held = np.uint32(flat[busy])
        for i in range(spare + 16, spare + 32):
            held += np.uint32(flat[i])
        flat[busy] = np.uint8(held & np.uint32(0xFF))
        for _ in range(held >> np.uint32(WORTH)):
            notes[kept] = busy
            kept += 1
    flat[spare : spare + EXTRA] = 0
    return kept


@njit(cache=True, nogil=True)
def scatter_codes(
    x: Any, y: Any, x0: int, shift_x: int, width: int, y0: int, shift_y: int, height: int, stride: int, flat: Any,
    notes: Any, noted: int,
) -> Any:  # fmt: skip
    """Count uint16 codes; a cell is ``1 << shift`` codes wide, the first one starts at `x0`, `y0`."""
    buffer = np.empty(BLOCK, np.uint32)
    left, low = np.uint32(np.int32(x0)), np.uint32(np.int32(y0))
    sx, sy, row = np.uint32(shift_x & 31), np.uint32(shift_y & 31), np.uint32(stride)
    span_x, span_y = np.uint32(width << shift_x), np.uint32(height << shift_y)
    whole = x0 == 0 and y0 == 0 and span_x >= 65536 and span_y >= 65536
    spare, busy = height * stride, _NONE
    outside, again = _in_turn(spare), _in_turn(spare + 16)
    settled = noted
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys = x[start : start + size], y[start : start + size]
        if whole:
            _whole_cells(xs, ys, size, sx, sy, row, buffer)
            for i in range(size if busy != _NONE else 0):
                buffer[i] = buffer[i] if buffer[i] != busy else again[i]
        else:
            for i in range(size):
                u, v = np.uint32(np.uint32(xs[i]) - left), np.uint32(np.uint32(ys[i]) - low)
                cell = np.uint32(shifted(v, sy) * row + shifted(u, sx))
                cell = cell if cell != busy else again[i]
                buffer[i] = cell if (u < span_x) & (v < span_y) else outside[i]
        buffer[size:] = spare
        for at in range(0, size, CHUNK):
            fetch(x, start + BLOCK + at)
            fetch(y, start + BLOCK + at)
            noted = _tally(buffer, at, flat, notes, noted)
        found = _busiest(buffer, size, spare, busy) if start % (_LOOK * BLOCK) == 0 else busy
        if found != busy:
            noted, busy = _settle(flat, spare, busy, notes, settled, noted), found
            settled = noted
    return _settle(flat, spare, busy, notes, settled, noted)


@njit(cache=True, nogil=True)
def scatter_labelled(
    x: Any, y: Any, label: Any, x0: int, shift_x: int, width: int, y0: int, shift_y: int, height: int, stride: int,
    planes: int, flat: Any, notes: Any, noted: int,
) -> Any:  # fmt: skip
    """As `scatter_codes`, into one of `planes` pictures of `height` rows each, by a small unsigned label."""
    buffer = np.empty(BLOCK, np.uint32)
    left, low = np.uint32(np.int32(x0)), np.uint32(np.int32(y0))
    sx, sy, row = np.uint32(shift_x & 31), np.uint32(shift_y & 31), np.uint32(stride)
    span_x, span_y = np.uint32(width << shift_x), np.uint32(height << shift_y)
    whole = x0 == 0 and y0 == 0 and span_x >= 65536 and span_y >= 65536
    plane, count = np.uint32(height * stride), np.uint32(planes)
    spare, busy = planes * height * stride, _NONE
    outside, again = _in_turn(spare), _in_turn(spare + 16)
    settled = noted
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys, names = x[start : start + size], y[start : start + size], label[start : start + size]
        if whole:
            for i in range(size):
                which = np.uint32(names[i])
                base = np.uint32(shifted(np.uint32(ys[i]), sy) * row + shifted(np.uint32(xs[i]), sx))
                cell = np.uint32(np.uint32(which * plane) + base)
                cell = cell if cell != busy else again[i]
                buffer[i] = cell if which < count else outside[i]
        else:
            for i in range(size):
                u, v = np.uint32(np.uint32(xs[i]) - left), np.uint32(np.uint32(ys[i]) - low)
                which = np.uint32(names[i])
                cell = np.uint32(np.uint32(which * plane) + np.uint32(shifted(v, sy) * row) + shifted(u, sx))
                cell = cell if cell != busy else again[i]
                buffer[i] = cell if (u < span_x) & (v < span_y) & (which < count) else outside[i]
        buffer[size:] = spare
        for at in range(0, size, CHUNK):
            fetch(x, start + BLOCK + at)
            fetch(y, start + BLOCK + at)
            fetch(label, start + BLOCK + at)
            noted = _tally(buffer, at, flat, notes, noted)
        found = _busiest(buffer, size, spare, busy) if start % (_LOOK * BLOCK) == 0 else busy
        if found != busy:
            noted, busy = _settle(flat, spare, busy, notes, settled, noted), found
            settled = noted
    return _settle(flat, spare, busy, notes, settled, noted)


@njit(cache=True, nogil=True)
def scatter_values(
    x: Any, y: Any, x0: float, x1: float, width: int, y0: float, y1: float, height: int, stride: int, flat: Any,
    notes: Any, noted: int,
) -> Any:  # fmt: skip
    """Count numbers of any kind; NaN and what lies outside ``x0 <= x < x1``, ``y0 <= y < y1`` is left out."""
    buffer = np.empty(BLOCK, np.uint32)
    per_x, per_y = width / (x1 - x0), height / (y1 - y0)
    last_x, last_y, row = np.int32(width - 1), np.int32(height - 1), np.int32(stride)
    spare, busy = height * stride, _NONE
    outside, again = _in_turn(spare), _in_turn(spare + 16)
    settled = noted
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys = x[start : start + size], y[start : start + size]
        for i in range(size):
            a, b = np.float64(xs[i]), np.float64(ys[i])
            inside = (a >= x0) & (a < x1) & (b >= y0) & (b < y1)
            u = min(np.int32((a - x0) * per_x if inside else 0.0), last_x)
            v = min(np.int32((b - y0) * per_y if inside else 0.0), last_y)
            cell = np.uint32(np.int32(v * row) + u)
            cell = cell if cell != busy else again[i]
            buffer[i] = cell if inside else outside[i]
        buffer[size:] = spare
        for at in range(0, size, CHUNK):
            fetch(x, start + BLOCK + at)
            fetch(y, start + BLOCK + at)
            noted = _tally(buffer, at, flat, notes, noted)
        found = _busiest(buffer, size, spare, busy) if start % (_LOOK * BLOCK) == 0 else busy
        if found != busy:
            noted, busy = _settle(flat, spare, busy, notes, settled, noted), found
            settled = noted
    return _settle(flat, spare, busy, notes, settled, noted)


@njit(cache=True, nogil=True)
def scatter_few(
    x: Any, y: Any, label: Any, x0: int, shift_x: int, width: int, y0: int, shift_y: int, height: int, planes: int,
    sign: Any, out: Any,
) -> None:  # fmt: skip
    """Add (`sign` 1) or take off (2**32 - 1) labelled codes right in ``planes * height * width + EXTRA`` counts.

    For fewer points than cells: a picture between would take longer to empty than the points to count.
    """
    buffer = np.empty(BLOCK, np.uint32)
    left, low = np.uint32(np.int32(x0)), np.uint32(np.int32(y0))
    sx, sy, row, plane = np.uint32(shift_x & 31), np.uint32(shift_y & 31), np.uint32(width), np.uint32(width * height)
    span_x, span_y, count = np.uint32(width << shift_x), np.uint32(height << shift_y), np.uint32(planes)
    outside = _in_turn(planes * width * height)
    for start in range(0, x.size, BLOCK):
        size = min(BLOCK, x.size - start)
        xs, ys, names = x[start : start + size], y[start : start + size], label[start : start + size]
        for i in range(size):
            u, v = np.uint32(np.uint32(xs[i]) - left), np.uint32(np.uint32(ys[i]) - low)
            which = np.uint32(names[i])
            cell = np.uint32(np.uint32(which * plane) + np.uint32(shifted(v, sy) * row) + shifted(u, sx))
            buffer[i] = cell if (u < span_x) & (v < span_y) & (which < count) else outside[i]
        buffer[size:] = planes * width * height
        for at in range(0, size, CHUNK):
            fetch(x, start + BLOCK + at)
            fetch(y, start + BLOCK + at)
            fetch(label, start + BLOCK + at)
            part = buffer[at : at + CHUNK]
            for i in range(CHUNK):
                out[part[i]] += sign
    out[planes * width * height :] = 0


@njit(cache=True, nogil=True)
def drain(flat: Any, stride: int, notes: Any, sign: Any, out: Any) -> None:
    """Add (`sign` 1) or take off (2**32 - 1) the padded counts and the notes, and leave `flat` zero.

    `out` is (height, width).
    """
    height, width = out.shape
    for r in range(height):
        cells = flat[r * stride : r * stride + width]
        target = out[r]
        for c in range(width):
            target[c] += np.uint32(np.uint32(cells[c]) * sign)
            cells[c] = 0
    row, worth = np.uint32(stride), np.uint32(sign << np.uint32(WORTH))
    if notes.size > height * row // 4:
        _add_many(notes, stride, worth, out)
    else:
        for i in range(notes.size):
            out[notes[i] // row, notes[i] % row] += worth


@njit(cache=True, nogil=True)
def _add_many(notes: Any, stride: int, worth: Any, out: Any) -> None:
    """Add many notes: to padded rows first, since the crowded columns of `out` may lie in a few cache sets."""
    height, width = out.shape
    padded = np.zeros(height * stride, np.uint32)
    for i in range(notes.size):
        padded[notes[i]] += worth
    for r in range(height):
        out[r] += padded[r * stride : r * stride + width]
