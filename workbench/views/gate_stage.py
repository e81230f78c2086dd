"""The component of the gate editor, and the figures in it: cytograms without their particles, and the cruise below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import param
from bokeh.plotting import figure
from panel.custom import Child, Children

from workbench.core.gates import Gating
from workbench.live.preview import Plane
from workbench.raster.encode import frame, pack
from workbench.raster.levels import levels
from workbench.views import cytogram
from workbench.views.component import Component, script, style
from workbench.views.paint import LINES, NAMES, POPULATIONS, Theme
from workbench.views.planes import WHOLE

#: What a card shows, whatever gates there are: the planes that people gate on.
PLANES = (("fsc_small", "pe"), ("fsc_small", "chl_small"), ("chl_small", "pe"))
_COLOURS = {"known": POPULATIONS, "others": {theme: list(colours) for theme, colours in LINES.items()}}


class GateStage(Component):
    """What a hand draws comes as `drawn`, all else that a person wants as `asked`; the rest is told to the browser."""

    figures = Children(doc="A cytogram for each of `planes`.")
    series = Child(doc="The cruise.")
    planes = param.List(default=[], doc="[x, y] of each cytogram.")
    whole = param.List(default=[*WHOLE, *WHOLE], doc="What a double click goes back to.")
    gates = param.List(default=[], doc="As `told_gates` gives them.")
    base = param.List(default=[], doc="The gates that they are compared with.")
    state = param.Dict(default={}, doc="What may be done, what holds, what was saved.")
    told = param.Dict(default={}, doc="How many particles, of which drawing.")
    frame = param.Bytes(default=b"", doc="Pictures of all planes (`pictures`).")
    lines = param.Dict(default={}, doc="Columns time and mean of each line of `series`.")
    drawn = param.Dict(default={}, doc="population, vertices, final, n.")
    asked = param.Dict(default={}, doc="do, and what that needs.")
    colours = param.Dict(
        default=_COLOURS, doc="Population, and lines for those that nobody has heard of: theme -> colour."
    )
    names = param.Dict(default=NAMES, doc="What populations are called.")

    _esm: ClassVar[str] = script(
        "stage.js",
        "gate_curve.js",
        "svg.js",
        "gate_plane.js",
        "gate_picture.js",
        "gate_list.js",
        "gate_plan.js",
        "gate_editor.js",
    )
    _stylesheets: ClassVar[list[str]] = [style("gate_editor.css")]


def told_gates(gating: Gating | None) -> list[dict[str, Any]]:
    """Gates for the browser, in order: population, x, y, method, vertices (linear, as they are, to the last bit)."""
    return [
        {"population": g.population, "x": g.x, "y": g.y, "method": g.method, "vertices": [list(v) for v in g.vertices]}
        for g in (gating.gates if gating else ())
    ]  # fmt: skip


def planes_of(gating: Gating | None, wanted: Sequence[tuple[str, str]] = PLANES) -> list[tuple[str, str]]:
    """The planes to show: those wanted, and those of gates on another one."""
    own = [(gate.x, gate.y) for gate in (gating.gates if gating else ())]
    return list(dict.fromkeys([*wanted, *own]))


def plane(x: str, y: str, *, theme: Theme = "light") -> figure:
    """An empty cytogram for polygons: `cytogram.draw` with room for one colour a population. Pure."""
    plot = cytogram.draw(None, None, x=x, y=y, theme=theme)
    plot.name = f"gates:{x},{y}"
    mapper = plot.renderers[0].glyph.color_mapper
    mapper.tags = []  # its palette is that of the populations, which the browser makes
    return plot


def pictures(counts: Mapping[Plane, npt.NDArray[np.uint32]], populations: Sequence[str], n: int) -> bytes:
    """Cytograms by population as one frame for the browser.

    Parameters
    ----------
    counts : mapping of Plane to numpy.ndarray of uint32, shape (populations, height, width)
    populations : sequence of str
    n : int
        Grows from frame to frame.
    """
    planes, parts = [], []
    for seen, cube in counts.items():
        each, height, width = cube.shape
        shade = np.asarray(levels(np.ascontiguousarray(cube).reshape(each * height, width)))
        parts.append(shade.reshape(-1, width))
        box = {edge: getattr(seen.viewport, edge) for edge in ("x0", "x1", "y0", "y1")}
        planes.append({"name": f"gates:{seen.x},{seen.y}", "width": width, "height": height, **box})
    return frame({"n": n, "populations": list(populations), "planes": planes}, _packed(parts))


def _packed(parts: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    """Levels of several pictures, one after the other, deflated once."""
    flat = np.concatenate([part.reshape(-1) for part in parts]) if parts else np.zeros(1, np.uint8)
    return pack(flat.reshape(1, -1))
