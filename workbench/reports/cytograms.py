"""The cytograms of a report: all particles of a plane, and the same through time; levels embedded, finer ones for a closer look."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.codes import DECADES, SIZE
from workbench.core.window import Window
from workbench.raster.levels import levels
from workbench.reports.mosaic import FINE, PART, WHOLE, Mosaic, coarser, viewport
from workbench.reports.pictures import Picture
from workbench.views import cytogram, planes, say


def cytograms(mosaic: Mosaic, source: str) -> list[tuple[Picture, Picture]]:
    """For each plane with particles: the picture of all, and the pictures through time under the same axes."""
    out = []
    sparse = 2 * sum(part.particles == 0 for part in mosaic.parts) > len(mosaic.parts)  # gaps are told elsewhere
    for (x, y), fine in mosaic.whole.items():
        shown = int(fine.sum(dtype=np.int64))
        if not shown:
            continue  # what is missing is told in words
        big = cytogram.draw(None, None, x=x, y=y)
        big.name = f"cytogram:{source}:{x}:{y}"
        pictures = [_packed(levels(coarser(fine, WHOLE)), WHOLE), _packed(levels(fine), FINE)]
        names = f"{planes.title(x)} and {planes.title(y)}"
        peak = np.unravel_index(int(coarser(fine, 64).argmax()), (64, 64))
        alt = f"Cytogram of {say.count(shown)} particles by {names}. Most lie near {_code(int(peak[1]))} and {_code(int(peak[0]))}."
        parts = [part for part in mosaic.parts if part.particles] if sparse else list(mosaic.parts)
        many = [cytogram.draw(None, None, x=x, y=y) for _ in parts]
        for i, plot in enumerate(many):
            plot.name = f"{big.name}:{i}"
            plot.x_range, plot.y_range = big.x_range, big.y_range
            for axis in plot.axis:
                axis.visible = False
        embedded = {p.name: [_packed(levels(part.counts[x, y]), PART)] for p, part in zip(many, parts, strict=True)}
        captions = tuple(_part_caption(part.window, part.particles) for part in parts)
        caption = f"{say.count(shown)} particles" + (f", every {mosaic.every}th file" if mosaic.every > 1 else "")
        counts = ", ".join(say.count(part.particles) for part in parts)
        out.append((
            Picture("cytogram", (big,), alt, names, caption, {"levels": {big.name: pictures}}),
            Picture("mosaic", tuple(many), f"The same through time, {len(many)} pictures with {counts} particles.", names, "",
                    {"levels": embedded}, captions),
        ))  # fmt: skip
    return out


def _code(cell: int) -> str:
    """The value in the middle of one of 64 cells."""
    return say.number(float(10 ** ((cell + 0.5) / 64 * SIZE / (SIZE / DECADES))), 2)


def _part_caption(window: Window, particles: int) -> str:
    text = say.moment(window.start + np.timedelta64(30, "s"), seconds=False)[5:]
    return f"{text}\n{say.count(particles)}" if particles else f"{text}\nnone"


def _packed(picture: npt.NDArray[np.uint8], cells: int) -> dict[str, Any]:
    v = viewport(cells)
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(picture).tobytes(), 6)).decode()
    return {"x": v.x0, "y": v.y0, "dw": v.x1 - v.x0, "dh": v.y1 - v.y0, "width": cells, "height": cells, "data": data}
