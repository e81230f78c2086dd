"""The cruise map: where we were, coloured by what we measured, and where we are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import (
    BasicTicker,
    BoxZoomTool,
    ColorBar,
    ColumnDataSource,
    GlyphRenderer,
    HoverTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

from workbench.core.viewport import Viewport
from workbench.live.feed import Feed
from workbench.raster.coastline import middle, rings
from workbench.views import axes, say
from workbench.views.choose import Choice
from workbench.views.paint import FONT, TRACK, Theme, dress, paint
from workbench.views.renew import renew
from workbench.views.stages import MapStage
from workbench.views.track import NEAR, Ring, Voyage, bounds, columns, land_columns, limits, voyage_of
from workbench.views.view import View


def draw(
    voyage: Voyage, *, land: Sequence[Ring] = (), fine: Sequence[Ring] = (), lon0: float | None = None,
    label: str = "", theme: Theme = "light",
) -> figure:  # fmt: skip
    """The map as a Bokeh figure. Pure.

    Parameters
    ----------
    voyage : Voyage
    land, fine : sequence of numpy.ndarray, shape (n, 2)
        Coarse and fine land outlines, continuous longitudes around `lon0`; the browser shows one of them.
    lon0 : float, optional
        Middle meridian; that of the track unless told.
    label : str
        What the colour means, with its unit.
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
        Data sources named ``whole``, ``track``, ``newest``, ``land``, ``fine``.
    """
    centre = middle(voyage.whole["longitude"].values) if lon0 is None else lon0
    plot = _paper(bounds(voyage.whole, centre), centre, theme)
    _land(plot, {"land": land, "fine": fine}, theme)
    sources = {name: ColumnDataSource(data, name=name) for name, data in columns(voyage, centre).items()}
    whole = plot.line("x", "y", source=sources["whole"], name="whole", line_width=1.5, line_join="round")
    paint(whole.glyph, theme, line_color="whole")
    track, mapper = _track(plot, sources["track"], theme)
    ring = plot.scatter("x", "y", source=sources["newest"], size=17, line_width=2.5, fill_alpha=0.0, name="ring")
    dot = plot.scatter("x", "y", source=sources["newest"], size=6, name="newest")
    paint(ring.glyph, theme, line_color="ink")
    paint(dot.glyph, theme, fill_color="ink", line_color="ink")
    coloured = voyage.colour is not None
    value = f"<br><b>@value{{0,0.00}}</b> {say.escape(label)}" if coloured else ""
    plot.add_tools(
        HoverTool(
            renderers=[track], line_policy="interp", attachment="horizontal", formatters={"@time": "datetime"},
            tooltips=f"<div class='tip'>@time{{%F %H:%M}} UTC{value}</div>",
        )
    )  # fmt: skip
    shown = bool(np.isfinite(sources["track"].data["value"]).any())  # a bar of no values would tell some
    plot.add_layout(_bar(mapper, label, theme, visible=shown), "right")
    return plot


def _paper(box: tuple[float, float, float, float], centre: float, theme: Theme) -> figure:
    """An empty chart of this box, its sides told in degrees, to be dragged and zoomed."""
    west, south, east, north = box
    plot = figure(
        x_range=Range1d(west, east, bounds=(centre - 270, centre + 270)), y_range=Range1d(south, north, bounds=(-95, 95)),
        tools=[], sizing_mode="stretch_both", name="cruise_map",
    )  # fmt: skip
    wheel = WheelZoomTool(zoom_on_axis=False)
    plot.add_tools(PanTool(), wheel, BoxZoomTool(match_aspect=True))
    plot.toolbar.active_scroll = wheel
    dress(plot, theme)
    paint(plot, theme, background_fill_color="sea")
    axes.few(plot.xaxis[0], plot, wide=True)
    axes.longitudes(plot.xaxis[0])
    axes.latitudes(plot.yaxis[0])
    plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=5, mantissas=[1, 2, 3, 5], num_minor_ticks=0)
    plot.yaxis[0].major_label_orientation = 0.0
    return plot


def _land(plot: figure, outlines: Mapping[str, Sequence[Ring]], theme: Theme) -> None:
    """The coasts, beneath all else; of them the coarse one is seen until the browser looks closer."""
    for name, coast in outlines.items():
        shape = plot.patch(
            "x", "y", source=ColumnDataSource(land_columns(coast), name=name), name=name, line_width=1,
            level="underlay", visible=name == "land",
        )  # fmt: skip
        paint(shape.glyph, theme, fill_color="land", line_color="land")


def _track(plot: figure, source: ColumnDataSource, theme: Theme) -> tuple[GlyphRenderer, LinearColorMapper]:
    """The selected range, coloured by its values, on a casing that sets it off."""
    low, high = limits(np.asarray(source.data["value"], float))
    mapper = LinearColorMapper(low=low, high=high, name="track")
    paint(mapper, theme, palette={k: list(v) for k, v in TRACK.items()}, nan_color="accent")
    casing = plot.segment("x0", "y0", "x1", "y1", source=source, line_width=7, line_cap="round", name="casing")
    paint(casing.glyph, theme, line_color="casing")
    track = plot.segment(
        "x0", "y0", "x1", "y1", source=source, line_width=4, line_cap="round", name="track",
        line_color={"field": "value", "transform": mapper},
    )  # fmt: skip
    return track, mapper


def _bar(mapper: LinearColorMapper, label: str, theme: Theme, *, visible: bool) -> ColorBar:
    bar = ColorBar(
        color_mapper=mapper, width=10, padding=6, margin=0, title=label, visible=visible, bar_line_color=None,
        ticker=BasicTicker(desired_num_ticks=5), major_tick_line_color=None, label_standoff=5, title_standoff=8,
        title_text_font=FONT, title_text_font_style="normal", title_text_font_size="12px", major_label_text_font=FONT,
        major_label_text_font_size="11.5px", scale_alpha=1.0, name="colour", border_line_color=None,
    )  # fmt: skip
    paint(bar, theme, title_text_color="ink", major_label_text_color="muted", background_fill_color="card")
    return bar


class CruiseMap(View):
    """The track of the ship on a chart, coloured by a variable."""

    options: ClassVar[Mapping[str, str]] = {
        "colour": "SOURCE.VARIABLE that colours the track", "title": "head line of the card",
    }  # fmt: skip
    headline = "Cruise map"
    kind = "map"
    follows = ("revision", "colour")
    tall = 460

    def __init__(
        self, data: Any, source: str | None = None, *, colour: str | None = None, title: str | None = None
    ) -> None:
        super().__init__(data, source, title=title)
        if colour is not None:
            self.session.colour = colour

    def draw(self, voyage: Voyage, viewport: Viewport | None = None, *, theme: Theme = "light") -> figure:
        """The map of `voyage` with its coast. Pure."""
        lon0 = middle(voyage.whole["longitude"].values)
        near = _near(voyage, lon0)
        label = self.label_of(self.session.colour) if voyage.colour else ""
        plot = draw(voyage, **_outlines(lon0, near), lon0=lon0, theme=theme, label=label)
        if viewport is not None:
            plot.x_range.update(start=viewport.x0, end=viewport.x1)
            plot.y_range.update(start=viewport.y0, end=viewport.y1)
        self._lon0, self._near = lon0, near
        return plot

    @staticmethod
    def explore(ds: xr.Dataset, **options: Any) -> Any:
        """The picture of a dataset alone, as HoloViews elements (``ds.cruise``)."""
        from workbench.views import explore

        return explore.track(ds, **options)

    def voyage(self) -> Voyage:
        """What the session looks at now."""
        return voyage_of(self.session, self.source)

    def _fits(self, feed: Feed) -> bool:
        return "latitude" in feed.specs

    def _choices(self) -> list[Choice]:
        def chosen(value: list[str]) -> None:
            self.session.colour = value[0]

        def names() -> dict[str, str]:
            return {"": "none", **self.labels()}

        return [Choice("colour", "colour", "Colour of the track", names, lambda: [self.session.colour], chosen)]

    def _build(self) -> pn.viewable.Viewable:
        voyage = self.voyage()
        self.figure = self.draw(voyage)
        self._sources = {str(r.name): r.data_source for r in self.figure.renderers}
        self._bar = self.figure.right[0]
        self._mapper = self._bar.color_mapper
        self.stage = MapStage(
            figure=pn.pane.Bokeh(self.figure, sizing_mode="stretch_both"), sizing_mode="stretch_both",
            home=list(bounds(voyage.whole, self._lon0)), fine=list(self._near),
        )  # fmt: skip
        return self.stage

    def _settle(self, voyage: Voyage) -> None:
        """Move the map where the ship went: off the fine coast, or over an edge of the map, which tears its track."""
        here, west, east = bounds(voyage.whole, self._lon0), self._near[0], self._near[2]
        centre = middle(voyage.whole["longitude"].values)
        own = bounds(voyage.whole, centre)
        torn = here[2] - here[0] > own[2] - own[0] + 1.0
        if not torn and west <= here[0] and here[2] <= east and self._near[1] <= here[1] and here[3] <= self._near[3]:
            return
        self._lon0 = centre if torn else self._lon0
        self._near = _near(voyage, self._lon0)
        for name, outlines in _outlines(self._lon0, self._near).items():
            self._sources[name].data = land_columns(outlines)
        self.figure.x_range.bounds = (self._lon0 - 270, self._lon0 + 270)
        self.stage.param.update(home=list(bounds(voyage.whole, self._lon0)), fine=list(self._near))

    def _renew(self) -> None:
        voyage = self.voyage()
        self._settle(voyage)
        for name, new in columns(voyage, self._lon0).items():
            renew(self._sources[name], new, key="time" if "time" in new else "x")
        value = np.asarray(self._sources["track"].data["value"], float)
        shown = bool(np.isfinite(value).any())
        low, high = limits(value)
        if shown and (low, high) != (self._mapper.low, self._mapper.high):
            self._mapper.update(low=low, high=high)
        label = self.label_of(self.session.colour) if shown else ""
        if (self._bar.title, self._bar.visible) != (label, shown):
            self._bar.update(title=label, visible=shown)


def _near(voyage: Voyage, lon0: float) -> tuple[float, float, float, float]:
    """West, south, east, north of what gets the fine coast."""
    west, south, east, north = bounds(voyage.whole, lon0)
    return west - NEAR, max(-90.0, south - NEAR), east + NEAR, min(90.0, north + NEAR)


def _outlines(lon0: float, near: tuple[float, float, float, float]) -> dict[str, list[Ring]]:
    """The land of the whole map, and finer that of the part around the cruise."""
    west, south, east, north = near
    return {
        "land": rings(lon0 - 180, lon0 + 180, -90, 90, lon0, "110m"),
        "fine": rings(west, east, south, north, lon0, "50m"),
    }
