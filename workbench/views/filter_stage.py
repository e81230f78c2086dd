"""The component of the filter editor, and the charts in it: D1 and D2 against forward scatter, of EVT and of OPP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import param
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d
from bokeh.plotting import figure
from panel.custom import Children, JSComponent

from workbench.core.filters import FIELDS, QUANTILES
from workbench.raster.encode import frame, pack
from workbench.raster.levels import levels
from workbench.views import axes, cytogram
from workbench.views.component import script, style
from workbench.views.filter_answers import DETECTORS, LAYERS, Pictures
from workbench.views.paint import LINES, POPULATIONS, ROLES, Theme, paint
from workbench.views.planes import WHOLE

#: Charts, by what they show and the detector up their side.
CHARTS = tuple((kind, detector) for detector in DETECTORS for kind in ("evt", "opp"))
_SHADES = 32


class FilterStage(JSComponent):
    """What a hand moves comes as `drawn`, all else that a person wants as `asked`; the rest is told to the browser."""

    figures = Children(doc="A chart for each of `charts`.")
    charts = param.List(default=[list(c) for c in CHARTS], doc="[evt or opp, detector] of each.")
    fields = param.List(default=list(FIELDS), doc="Columns of `table`.")
    quantiles = param.List(default=list(QUANTILES), doc="Rows of `table`.")
    whole = param.List(default=[*WHOLE, *WHOLE], doc="What a double click goes back to.")
    table = param.List(default=[], doc="Filter parameters shown: quantiles by fields, log codes; empty without any.")
    base = param.List(default=[], doc="Those that they are compared with.")
    state = param.Dict(default={}, doc="What may be done, what holds, what was saved.")
    told = param.Dict(default={}, doc="What the parameters give.")
    frame = param.Bytes(default=b"", doc="Pictures of all layers (`pictures`).")
    drawn = param.Dict(default={}, doc="quantile, fsc, d1 or d2, together, final, n.")
    asked = param.Dict(default={}, doc="do, and what that needs.")
    colours = param.Dict(
        default={theme: list(lines[:3]) for theme, lines in LINES.items()},
        doc="A colour for each quantile: theme -> colours.",
    )

    _esm: ClassVar[str] = script(
        "stage.js", "svg.js", "gate_picture.js", "gate_plan.js", "filter_lines.js", "filter_numbers.js",
        "filter_editor.js",
    )  # fmt: skip
    _stylesheets: ClassVar[list[str]] = [style("gate_editor.css"), style("filter_editor.css")]


def charts(*, theme: Theme = "light") -> list[figure]:
    """The empty charts, zoomed together along forward scatter and by detector. Pure."""
    limits = (-3000.0, 2.0**16 + 3000.0)
    made: list[figure] = []
    ranges = {name: Range1d(*WHOLE, bounds=limits, min_interval=256) for name in ("fsc_small", *DETECTORS)}
    for kind, detector in CHARTS:
        plot = cytogram.draw(None, None, x="fsc_small", y=detector, theme=theme)
        plot.name = f"filter:{kind},{detector}"
        plot.x_range, plot.y_range = ranges["fsc_small"], ranges[detector]
        for axis, channel in ((plot.xaxis[0], "fsc_small"), (plot.yaxis[0], detector)):
            axis.axis_label = f"{channel}, log codes"
            axes.plain(axis)
        plot.renderers = []
        for layer in LAYERS if kind == "evt" else LAYERS[1:]:
            _layer(plot, layer, theme)
        made.append(plot)
    for one in ranges.values():
        one.syncable = False
    return made


def _layer(plot: figure, name: str, theme: Theme) -> None:
    source = ColumnDataSource(cytogram.picture(None, None), name=name, syncable=False)
    mapper = LinearColorMapper(low=1, high=255, low_color="rgba(0,0,0,0)", name=name)
    paint(mapper, theme, palette={key: list(_palette(name, key)) for key in ROLES})
    plot.image("image", x="x", y="y", dw="dw", dh="dh", source=source, name=name, color_mapper=mapper)


#: Colour of each layer: greys for all events, one blue for those in focus, the beads' red for their cloud.
_LAYERS: Mapping[str, tuple[Mapping[Theme, str], float, float]] = {
    "evt": ({theme: roles["ink"] for theme, roles in ROLES.items()}, 0.18, 0.7),
    "opp": ({theme: roles["accent"] for theme, roles in ROLES.items()}, 0.6, 1.0),
    "beads": (POPULATIONS["beads"], 0.75, 1.0),
}


def _palette(layer: str, theme: Theme) -> tuple[str, ...]:
    """Few to many, from near the paper to the layer's colour."""
    full, low, high = _LAYERS[layer]
    return tuple(_blend(full[theme], ROLES[theme]["card"], share) for share in np.linspace(low, high, _SHADES))


def _blend(a: str, b: str, share: float) -> str:
    mixed = (round(int(a[i : i + 2], 16) * share + int(b[i : i + 2], 16) * (1 - share)) for i in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def pictures(counts: Pictures, n: int) -> bytes:
    """Layers as one frame for the browser; `n` grows from frame to frame."""
    planes, parts = [], []
    for (layer, detector), (box, counted) in counts.items():
        parts.append(np.asarray(levels(counted)).reshape(-1))
        edges = {edge: getattr(box, edge) for edge in ("x0", "x1", "y0", "y1")}
        planes.append({"layer": layer, "detector": detector, "width": box.width, "height": box.height, **edges})
    flat = np.concatenate(parts) if parts else np.zeros(1, np.uint8)
    return frame({"n": n, "planes": planes}, pack(flat.reshape(1, -1)))
