"""The pictures of a report: the board's own views, drawn once, each with words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from workbench.core.angles import is_angle
from workbench.core.variables import GOOD, VARIABLES
from workbench.core.window import Window
from workbench.live.legs import sail, thin
from workbench.raster.coastline import middle, rings
from workbench.raster.envelope import envelope
from workbench.reports.content import Content
from workbench.reports.finding import Finding
from workbench.reports.rules.populations import NOT_CELLS, called
from workbench.reports.voyage import APART
from workbench.views import cruise_map, say, series
from workbench.views import populations as by_population
from workbench.views.curves import Columns
from workbench.views.paint import paint
from workbench.views.track import Voyage, along_name, bounds, coloured

#: Points of a curve and of a track.
POINTS = 1500
_NEAR = 6.0


@dataclass(frozen=True)
class Picture:
    """Some figures that belong together.

    Attributes
    ----------
    kind : {"map", "time", "cytogram", "mosaic", "against"}
    figures : tuple of bokeh.plotting.figure
    alt : str
        What there is to see, in words.
    title, caption : str
    told : mapping
        What the browser needs beside the figures; JSON.
    captions : tuple of str
        One for each figure of a mosaic.
    tall : int
        Pixels of each figure against time.
    """

    kind: str
    figures: tuple[figure, ...]
    alt: str
    title: str = ""
    caption: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)
    captions: tuple[str, ...] = ()
    tall: int = 92


def series_of(ds: xr.Dataset, variable: str, points: int = POINTS) -> xr.Dataset:
    """A variable in at most `points` bins, as the feeds give it to the views."""
    bins = envelope(ds["time"].values, ds[variable].values.astype(float), points)
    shown = "last" if is_angle(variable, ds[variable].attrs) else "mean"
    names = {variable: shown, f"{variable}_min": "min", f"{variable}_max": "max"}
    return xr.Dataset({n: ("time", bins[key], ds[variable].attrs) for n, key in names.items()}, {"time": bins["time"]})


def track_of(way: xr.Dataset, points: int = POINTS) -> xr.Dataset:
    """Positions of a way (`voyage.way_of`) without spikes, a row of NaN where the line breaks."""
    way = way.isel(time=np.flatnonzero(way["position_qc"].values == GOOD))
    lat, lon = (way[name].values.astype(float) for name in ("latitude", "longitude"))
    line = thin(sail(way["time"].values.astype("datetime64[ns]"), lat, lon, APART), points)
    time, cuts = line.time, line.cuts
    between = time[cuts - 1] + (time[cuts] - time[cuts - 1]) // 2
    columns = {"latitude": np.insert(line.latitude, cuts, np.nan), "longitude": np.insert(line.longitude, cuts, np.nan)}
    return xr.Dataset({n: ("time", v) for n, v in columns.items()}, {"time": np.insert(time, cuts, between)})


def name_of(content: Content, name: str) -> tuple[str, str]:
    """What ``SOURCE.VARIABLE`` is called, and its unit as people write it."""
    source, _, variable = name.partition(".")
    attrs = content.rows[source][variable].attrs if source in content.rows and variable in content.rows[source] else {}
    spec = VARIABLES.get(variable)
    return say.name(variable, attrs), say.unit(str(attrs.get("units") or (spec.unit if spec else "")))


def chart(content: Content, source: str) -> Picture:
    """The cruise map of this source's positions."""
    track = track_of(content.way(source))
    colour = next(
        (str(i.options["colour"]) for i in content.cruise.board if i.view == "cruise_map" and i.options.get("colour")),
        "",
    )
    found = content.variable(colour)
    label, variable = "", None
    if found is not None and track.sizes["time"]:
        ds, variable = found
        track = coloured(track, series_of(ds, variable), variable)
        name, unit = name_of(content, colour)
        label = f"{name} [{unit}]" if unit else name
    good = np.flatnonzero(np.isfinite(track["latitude"].values))
    last = track.isel(time=int(good[-1])) if good.size else None
    newest = None if last is None else (float(last["longitude"]), float(last["latitude"]))
    when: Any = np.datetime64("NaT", "ns") if last is None else last["time"].values[()]
    lon0 = middle(track["longitude"].values)
    west, south, east, north = bounds(track, lon0)
    near = (west - _NEAR, max(-90.0, south - _NEAR), east + _NEAR, min(90.0, north + _NEAR))
    plot = cruise_map.draw(
        Voyage(track[["latitude", "longitude"]], track, along_name(variable) if variable else None, newest, when), lon0=lon0, label=label,
        land=rings(lon0 - 180, lon0 + 180, -90, 90, lon0, "110m"), fine=rings(near[0], near[2], near[1], near[3], lon0, "50m"),
    )  # fmt: skip
    ends = (
        [say.place(float(track["latitude"][i]), float(track["longitude"][i])) for i in (good[0], good[-1])]
        if good.size
        else ["–", "–"]
    )
    alt = f"Map of the ship's track from {ends[0]} to {ends[1]}" + (f", coloured by {label.lower()}." if label else ".")
    return Picture("map", (plot,), alt, told={"home": [west, south, east, north], "fine": list(near)})


def strips(
    content: Content, names: Sequence[str], x_range: Range1d, found: Sequence[Finding] = (),
    expect: Mapping[str, tuple[float, float]] | None = None,
) -> Picture:  # fmt: skip
    """Variables against time, one panel each, with what was expected, what went wrong, and the nights."""
    data = [(name, *(content.variable(name) or (None, ""))) for name in names]
    rows = [(name, series_of(ds, variable), variable) for name, ds, variable in data if ds is not None]
    figures, told, words = [], {}, []
    marks = [series.Mark(event.time, event.text, event.who) for event in content.events]
    called = {f"{kpi.source}.{kpi.variable}": kpi.label for kpi in content.cruise.kpis.values() if kpi.label}
    nights = ColumnDataSource(night_columns(content))
    for i, (name, ds, variable) in enumerate(rows):
        label, unit = name_of(content, name)
        label = called.get(name, label)
        plot = series.draw(ds, variable, content.window, x_range=x_range, line=i, last=i == len(rows) - 1, marks=marks)
        plot.name = f"series:{name}"
        _bands(plot, nights, "grid", 0.5)
        owners = (name, name.partition(".")[0])
        wrong = [w for f in found if f.kind == "fault" and f.source in owners for w in f.episodes]
        _bands(plot, ColumnDataSource(_edges(wrong)), "alarm", 0.14)
        if expect and name in expect:
            _expected(plot, expect[name])
        figures.append(plot)
        told[str(plot.name)] = {"label": label, "unit": unit}
        words.append(spoken(label, unit, ds[variable].values))
    alt = f"Line charts against time, {say.period(*content.window)} UTC: " + "; ".join(words) + "."
    return Picture("time", tuple(figures), alt, told={"names": told})


def populations(content: Content, source: str, x_range: Range1d) -> Picture:
    """Abundance and diameter of each population against time, as far as the source has them."""
    ds, figures, names, words = content.populations[source], [], {}, []
    there = [name for name in by_population.QUANTITIES if name in ds and set(ds[name].dims) == {"time", "population"}]
    for i, quantity in enumerate(there):
        columns = {name: f"{quantity}_{name}" for name in map(str, ds["population"].values) if name not in NOT_CELLS}
        flat = {
            name: ds[[quantity]].sel(population=name, drop=True).rename({quantity: column})
            for name, column in columns.items()
        }
        lines = {
            name: series_of(one, columns[name])
            for name, one in flat.items()
            if np.isfinite(one[columns[name]].values).any()
        }
        unit = say.unit(str(ds[quantity].attrs.get("units", "")))
        plot = by_population.draw(
            lines, quantity, content.window, night=night_columns(content), x_range=x_range, last=i == len(there) - 1
        )
        figures.append(plot)
        told = {name: called(name) for name in lines}
        names[str(plot.name)] = {"label": say.name(quantity), "unit": unit, "lines": told}
        words += [
            spoken(f"{quantity} of {told[name]}", unit, line[columns[name]].values) for name, line in lines.items()
        ]
    alt = f"Populations against time, {say.period(*content.window)} UTC: " + "; ".join(words) + "."
    return Picture("time", tuple(figures), alt, told={"names": names}, tall=190)


def spoken(label: str, unit: str, values: npt.NDArray[Any]) -> str:
    """What a curve shows, in words."""
    good = values[np.isfinite(values)]
    if not good.size:
        return f"{label}: no data"
    return f"{label} from {say.number(float(good.min()))} to {say.number(float(good.max()))} {unit}".strip()


def _bands(plot: figure, source: ColumnDataSource, role: str, alpha: float) -> None:
    if len(source.data["left"]):
        glyph = plot.vstrip(
            x0="left", x1="right", source=source, level="underlay", line_alpha=0, fill_alpha=alpha, name="bands"
        )
        paint(glyph.glyph, fill_color=role, line_color=role)


def _expected(plot: figure, limits: tuple[float, float]) -> None:
    from bokeh.models import BoxAnnotation

    low, high = (None if np.isinf(v) else v for v in limits)
    band = BoxAnnotation(bottom=low, top=high, level="underlay", line_alpha=0, fill_alpha=0.12, name="expected")
    paint(band, fill_color="good", line_color="good")
    plot.add_layout(band)


def _edges(windows: Sequence[Window]) -> dict[str, npt.NDArray[np.float64]]:
    return {key: np.array([say.milliseconds(t) for t in times]) for key, times in
            (("left", [w.start for w in windows]), ("right", [w.stop for w in windows]))}  # fmt: skip


def night_columns(content: Content) -> Columns:
    """Columns left, right (ms) of the nights, where there is PAR that tells them."""
    source = content.first("par")
    if source is None:
        return by_population.night_columns(xr.Dataset(), "")
    return by_population.night_columns(series_of(content.rows[source], "par", 4000), "par")
