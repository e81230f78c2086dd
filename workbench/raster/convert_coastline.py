"""Make ``coastline.npz`` from the npm package world-atlas (Natural Earth as TopoJSON). Run once, by hand::

    npm pack world-atlas@2.0.2
    python -m workbench.raster.convert_coastline world-atlas-2.0.2.tgz workbench/raster/coastline.npz

Rings are made whole on the way: longitudes run on across 180 degrees, islands cut in two there are joined, lakes
are joined to the shore of their land by a slit, so that a polygon is always one ring.

Source of the format: the TopoJSON specification (quantised, delta-coded arcs; ``~i`` is arc i backwards).
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

#: Grid steps (of the file) around the world.
TURN = 99_999
Ring = npt.NDArray[np.int64]


def convert(package: Path, target: Path) -> None:
    """Write both resolutions of land into `target`."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    with tarfile.open(package) as archive:
        for resolution in ("110m", "50m"):
            member = archive.extractfile(f"package/land-{resolution}.json")
            if member is None:
                raise ValueError(f"{package}: no land-{resolution}.json; expected world-atlas 2.0.2")
            topology = json.load(member)
            rings = join(land(topology))
            steps = [np.diff(ring, axis=0, prepend=ring[:1]) for ring in rings]
            arrays |= {
                f"size_{resolution}": np.array([len(ring) for ring in rings], np.int32),
                f"first_{resolution}": np.array([ring[0] for ring in rings], np.int32),
                f"step_{resolution}": np.concatenate(steps).astype(np.int16),
                f"scale_{resolution}": np.array(topology["transform"]["scale"]),
                f"origin_{resolution}": np.array(topology["transform"]["translate"]),
            }
            if any(np.abs(step).max() > np.iinfo(np.int16).max for step in steps):
                raise ValueError(f"land-{resolution}.json: a step does not fit 16 bits")
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]


def land(topology: dict[str, Any]) -> list[Ring]:
    """Open rings (the first point is not repeated) in grid steps, longitudes running on; one that goes around the
    pole ends one turn away from where it began."""
    arcs = [np.cumsum(np.array(arc, np.int64), axis=0) for arc in topology["arcs"]]
    polygons: list[list[list[int]]] = []
    for shape in topology["objects"]["land"]["geometries"]:
        polygons += shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
    out = []
    for polygon in polygons:
        outline, *lakes = (_unwrap(_ring(arcs, ring)) for ring in polygon)
        for lake in lakes:
            if np.ptp(lake[:, 1]) > 0:  # the 50m Antarctica has a hole without area at the pole
                outline = _slit(outline, lake)
        out.append(outline)
    return out


def _ring(arcs: list[Ring], numbers: list[int]) -> Ring:
    pieces = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in numbers]
    return np.concatenate([piece[(k > 0) :] for k, piece in enumerate(pieces)])


def _unwrap(ring: Ring) -> Ring:
    step = np.diff(ring[:, 0])
    turns = np.cumsum(np.where(step > TURN / 2, -1, 0) + np.where(step < -TURN / 2, 1, 0))
    ring = ring.copy()
    ring[1:, 0] += turns * TURN
    ring = ring[np.r_[True, (np.diff(ring, axis=0) != 0).any(axis=1)]]
    return _centred(ring if ring[-1, 0] != ring[0, 0] else ring[:-1])


def _centred(ring: Ring) -> Ring:
    """The copy whose middle lies between -180 and 180 degrees (steps 0 to `TURN`)."""
    middle = (ring[:, 0].min() + ring[:, 0].max()) // 2
    centred: Ring = ring - np.array([middle // TURN * TURN, 0])
    return centred


def _slit(outline: Ring, lake: Ring) -> Ring:
    """Go from the outline to the nearest point of the lake, around it, and back."""
    distance = ((outline[:, None, :] - lake[None, :, :]) ** 2).sum(axis=2)
    i, j = np.unravel_index(np.argmin(distance), distance.shape)
    around = np.roll(lake, -int(j), axis=0)
    return np.concatenate([outline[: i + 1], around, around[:1], outline[i:]])


def join(rings: list[Ring]) -> list[Ring]:
    """Join the halves of islands that were cut along 180 degrees."""
    halves = [_half(ring) for ring in rings]
    whole = [ring for ring, half in zip(rings, halves, strict=True) if half is None]
    waiting: list[Ring] = []
    for half in halves:
        if half is None:
            continue
        # the same latitudes, the other way round (the file has them to a grid step)
        other = next((o for o in waiting if np.abs(o[[0, -1], 1] - half[[-1, 0], 1]).max() <= 2), None)
        if other is None:
            waiting.append(half)
        else:
            waiting = [o for o in waiting if o is not other]
            whole.append(_centred(np.concatenate([half, (other + np.array([half[-1, 0] - other[0, 0], 0]))[1:-1]])))
    if waiting:
        raise ValueError(f"{len(waiting)} islands are cut at 180 degrees and have no other half")
    return whole


def _half(ring: Ring) -> Ring | None:
    """The shore of half an island, from the cut to the cut; None for a ring that is not cut."""
    on = ring[:, 0] % TURN == 0
    along = on & np.roll(on, -1)  # an edge along the cut begins here
    if not along.any() or np.abs(ring[0, 0] - ring[-1, 0]) == TURN:
        return None
    last = next(k for k in range(len(ring)) if along[k] and not along[(k + 1) % len(ring)])
    shore = np.roll(ring, -(last + 1), axis=0)
    return shore[: len(ring) - int(along.sum()) + 1]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
