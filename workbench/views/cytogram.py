"""Cytograms: how many particles at each pair of channel values, as uint8 levels under Bokeh axes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import panel as pn
import xarray as xr
from bokeh.models import BoxZoomTool, ColumnDataSource, LinearColorMapper, PanTool, Range1d, WheelZoomTool
from bokeh.plotting import figure

from workbench.core.codes import CHANNELS, SIZE
from workbench.core.errors import WorkbenchError
from workbench.core.viewport import Viewport
from workbench.live.feed import Feed
from workbench.live.gallery import Gallery
from workbench.live.picture import Picture
from workbench.live.question import Question
from workbench.raster import encode
from workbench.views import axes, say
from workbench.views.choose import Choice
from workbench.views.live_picture import LivePicture
from workbench.views.paint import DENSITY, Theme, dress, paint
from workbench.views.planes import WHOLE, by_of, level, question, title
from workbench.views.view import View


def draw(
    levels: npt.NDArray[np.uint8] | None, viewport: Viewport | None, *, x: str, y: str, theme: Theme = "light",
    view: tuple[float, float, float, float] | None = None,
) -> figure:  # fmt: skip
    """A cytogram as a Bokeh figure. Pure.

    Parameters
    ----------
    levels : numpy.ndarray of uint8, shape (height, width), or None
        0 nothing, 1 to 255 few to many; row 0 holds the lowest y. None: an empty picture, filled later.
    viewport : Viewport or None
        Where the levels lie, in log codes.
    x, y : str
        Channels.
    theme : {"light", "dark"}
    view : tuple of float, optional
        x0, x1, y0, y1 to look at (log codes); everything unless told.

    Returns
    -------
    bokeh.plotting.figure
        The image's data source is named ``picture``.
    """
    x0, x1, y0, y1 = view or (*WHOLE, *WHOLE)
    limits = (-3000.0, SIZE + 3000.0)
    plot = figure(
        x_range=Range1d(x0, x1, bounds=limits, min_interval=64), y_range=Range1d(y0, y1, bounds=limits, min_interval=64),
        tools=[], sizing_mode="stretch_both", name="cytogram",
    )  # fmt: skip
    wheel = WheelZoomTool()
    plot.add_tools(PanTool(), wheel, BoxZoomTool())
    plot.toolbar.active_scroll = wheel
    dress(plot, theme)
    label(plot, x, y)
    source = ColumnDataSource(picture(levels, viewport), name="picture", syncable=False)
    mapper = LinearColorMapper(low=1, high=255, low_color="rgba(0,0,0,0)", name="density")
    paint(mapper, theme, palette={name: list(colours) for name, colours in DENSITY.items()})
    plot.image("image", x="x", y="y", dw="dw", dh="dh", source=source, name="picture", color_mapper=mapper)
    for line in plot.grid:
        line.level = "underlay"
    return plot


def label(plot: figure, x: str, y: str) -> None:
    """Name and tick the axes for these channels."""
    for axis, channel in ((plot.xaxis[0], x), (plot.yaxis[0], y)):
        axis.axis_label = title(channel)
        if channel in CHANNELS:
            axes.decades(axis)
        else:
            axes.plain(axis)


def picture(levels: npt.NDArray[np.uint8] | None, viewport: Viewport | None) -> dict[str, Any]:
    """Columns of an image glyph: image, x, y, dw, dh."""
    if levels is None or viewport is None:
        return {"image": [np.zeros((1, 1), np.uint8)], "x": [0.0], "y": [0.0], "dw": [1.0], "dh": [1.0]}
    v = viewport
    return {"image": [levels], "x": [v.x0], "y": [v.y0], "dw": [v.x1 - v.x0], "dh": [v.y1 - v.y0]}


class Cytogram(View):
    """Particles by two channels, drawn once for all who look at the same."""

    options: ClassVar[Mapping[str, str]] = {
        "x": "channel along the bottom", "y": "channel up the side", "title": "head line of the card",
        "by": "population, or the column that tells it, such as pop_q97.5: a colour for each",
    }  # fmt: skip
    headline = "Cytogram"
    kind = "cytogram"
    follows = ("time", "planes")
    tall = 520

    def __init__(
        self, data: Any, source: str | None = None, *, x: str | None = None, y: str | None = None,
        by: str = "", title: str | None = None, plane: int = 0, path: str = "",
    ) -> None:  # fmt: skip
        """As for `View`; `by` as in `options`, `plane` is which of the session's planes it shows, `path` the page's route for pictures."""
        super().__init__(data, source, title=title)
        self._plane, self._path, self._by = plane, path, by
        self._gallery: Gallery | None = None
        planes = list(self.session.planes)
        while len(planes) <= plane:
            planes.append(("fsc_small", "pe"))
        planes[plane] = (x or planes[plane][0], y or planes[plane][1])
        self.session.planes = planes

    def draw(
        self, levels: npt.NDArray[np.uint8] | None = None, viewport: Viewport | None = None, *, theme: Theme = "light"
    ) -> figure:
        """The cytogram of these levels. Pure."""
        x, y = self.axes
        return draw(levels, viewport, x=x, y=y, theme=theme)

    @staticmethod
    def explore(ds: xr.Dataset, **options: Any) -> Any:
        """The picture of a dataset alone, as HoloViews elements (``ds.cruise``)."""
        from workbench.views import explore

        return explore.cytogram(ds, **options)

    @property
    def axes(self) -> tuple[str, str]:
        """The channels it shows."""
        x, y = self.session.planes[self._plane]
        return x, y

    @property
    def by(self) -> str:
        """The column whose populations have colours of their own; empty for all particles together."""
        return by_of(self.feed, self._by)

    def _fits(self, feed: Feed) -> bool:
        return bool(feed.source.is_particles)

    def _choices(self) -> list[Choice]:
        axes = [self._choice(0, "x", "along the bottom"), self._choice(1, "y", "up the side")]
        return [*axes, self._grouped()] if getattr(self.feed, "groups", ()) else axes

    def _grouped(self) -> Choice:
        def chosen(value: list[str]) -> None:
            self._by = value[0]
            self._renew()

        def columns() -> dict[str, str]:
            groups = {name: name.replace("_q", ", quantile ") for name in getattr(self.feed, "groups", ())}
            return {"": "all together", **groups}

        return Choice("by", "by", "Populations that have a colour of their own", columns, lambda: [self.by], chosen)

    def _choice(self, i: int, key: str, where: str) -> Choice:
        def chosen(value: list[str]) -> None:
            planes = list(self.session.planes)
            planes[self._plane] = (value[0], self.axes[1]) if i == 0 else (self.axes[0], value[0])
            self.session.planes = planes

        def channels() -> dict[str, str]:
            return {name: f"{name} – {say.name(name).lower()}" for name in getattr(self.feed, "channels", ())}

        return Choice(key, key, f"Channel {where}", channels, lambda: [self.axes[i]], chosen)

    def _build(self) -> pn.viewable.Viewable:
        self.figure = self.draw()
        self.stage = LivePicture(
            figure=pn.pane.Bokeh(self.figure, sizing_mode="stretch_both"), sizing_mode="stretch_both",
            question=self._question(), level=self._level(), path=self._path, fallback=True, answer=self._answer, whole=[*WHOLE, *WHOLE], plane=self._plane,
            frame=b"" if self._path else self._first_frame(),
        )  # fmt: skip
        return self.stage

    def _first_frame(self) -> bytes:
        """The picture that a notebook cell shows at once, with or without a kernel behind it."""
        try:
            question = Question.parse({**self._question(), "level": 512}, self.feeds, self.feeds.now())
        except WorkbenchError as error:
            return encode.frame({"fault": str(error)}, b"")
        feed: Any = self.feed
        table, part = feed.table, feed.table.within(question.window(self.feeds.now()))
        with ThreadPoolExecutor(1) as pool:
            made = Picture(question, feed).draw(table, part, "", pool, lambda: False)
        return encode.frame(made.header, made.packed) if made else b""

    def _question(self) -> dict[str, str]:
        x, y = self.axes
        return question(self.source, x, y, self.session.time, self.by)

    def _renew(self) -> None:
        x, y = self.axes
        for axis, channel in ((self.figure.xaxis[0], x), (self.figure.yaxis[0], y)):
            if axis.axis_label != title(channel):
                label(self.figure, x, y)
                break
        self.stage.param.update(question=self._question(), level=self._level())

    def _level(self) -> int:
        return level(self.by)

    async def _answer(self, raw: dict[str, Any]) -> bytes:
        """A frame for a page without our route, such as a notebook."""
        header: dict[str, Any] = {"ask": raw.get("ask")}
        try:
            question = Question.parse(raw, self.feeds, self.feeds.now())
        except WorkbenchError as error:
            return encode.frame({**header, "fault": str(error)}, b"")
        self._gallery = self._gallery or Gallery(self.feeds, threads=1)
        made = await self._gallery.ask(question, str(raw.get("have", "")))
        return encode.frame({**header, **made.header}, made.packed)

    def close(self) -> None:
        """Stop following the session."""
        super().close()
        if self._gallery is not None:
            self._gallery.close()
