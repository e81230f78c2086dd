"""Populations against time: one panel a quantity, one line a population, nights as bands behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import ColumnDataSource, Range1d, Span
from bokeh.plotting import figure

from workbench.core.window import Window
from workbench.live.feed import Feed
from workbench.products.night import nights
from workbench.views import axes, say
from workbench.views.curves import Columns, shown
from workbench.views.paint import NAMES, POPULATIONS, Theme, paint, population_colour
from workbench.views.renew import renew
from workbench.views.series import POINTS, look, time_range
from workbench.views.stages import TimeStage, tell
from workbench.views.view import View, once, split

#: What is drawn unless told, as far as the source has it.
QUANTITIES = ("abundance", "diameter")
#: Quantities whose values span decades.
LOGARITHMIC = ("abundance", "biomass", "n_count", "count")

#: Not drawn until somebody asks for them in the legend.
HIDDEN = ("beads", "unknown")


def populations_of(variables: Sequence[str], quantity: str) -> tuple[str, ...]:
    """The populations for which there is a ``<quantity>_<population>``, the known ones first."""
    found = {name.removeprefix(f"{quantity}_") for name in variables if name.startswith(f"{quantity}_")}
    known = [name for name in POPULATIONS if name in found]
    others = sorted(name for name in found - {*known, "se"} if "_" not in name)  # the standard error is none
    return (*known, *others)


def night_columns(ds: xr.Dataset, variable: str) -> Columns:
    """Columns left, right (Unix ms) of the nights in one PAR series."""
    if variable not in ds or not ds.sizes.get("time"):
        return {"left": np.empty(0), "right": np.empty(0)}
    edges = nights(ds["time"].values, ds[variable].values).astype(np.int64) / 1e6
    return {"left": edges[:, 0], "right": edges[:, 1]}


def draw(
    lines: Mapping[str, xr.Dataset], quantity: str, window: Window, *, night: Columns | None = None,
    x_range: Range1d | None = None, last: bool = True, theme: Theme = "light",
) -> figure:  # fmt: skip
    """One quantity of several populations against time as a Bokeh figure. Pure.

    Parameters
    ----------
    lines : mapping of str to xarray.Dataset
        Population -> dim time, ``<quantity>_<population>`` (and its ``_min``, ``_max`` where rows were binned).
    quantity : str
    window : Window
        What the axis shows.
    night : columns, optional
        As from `night_columns`.
    x_range : bokeh.models.Range1d, optional
        Shared with the other panels.
    last : bool
        True for the lowest panel: it carries the time labels.
    theme : {"light", "dark"}

    Returns
    -------
    bokeh.plotting.figure
        A renderer named ``line:<population>`` for each, ``night``, and ``paper``.
    """
    log = quantity in LOGARITHMIC
    x_range = x_range or time_range(window)
    plot = axes.timed(f"populations:{quantity}", x_range, log=log, last=last, theme=theme)
    bands = plot.vstrip(x0="left", x1="right", source=ColumnDataSource(night or night_columns(xr.Dataset(), "")),
                        line_color=None, fill_alpha=0.5, level="underlay", name="night")  # fmt: skip
    paint(bands.glyph, theme, fill_color="grid")
    columns = {name: shown(positive(ds, log), f"{quantity}_{name}", window) for name, ds in lines.items()}
    source = ColumnDataSource(paper(columns.values(), window), name="paper")
    curves = [plot.scatter("time", "value", source=source, fill_alpha=0, line_alpha=0, name="paper")]
    for population in lines:
        source = ColumnDataSource(columns[population], name=population)
        line = plot.line("time", "mean", source=source, line_width=1.6, line_join="round", name=f"line:{population}")
        paint(line.glyph, theme, line_color=population_colour(population))
        line.visible = population not in HIDDEN or not set(lines) - set(HIDDEN)
        curves.append(line)
    plot.y_range.update(range_padding=0.12, only_visible=True, renderers=curves, name="value")  # type: ignore[attr-defined]
    hair = Span(dimension="height", line_width=1, visible=False, name="hair")
    paint(hair, theme, line_color="muted")
    plot.add_layout(hair)
    return plot


def paper(columns: Iterable[Columns], window: Window) -> Columns:
    """Columns time, value of what nobody sees: a point where no line has any, so that the axes still stand."""
    points = 0 if any(np.isfinite(each["mean"].astype(float)).any() for each in columns) else 1
    return {"time": np.full(points, say.milliseconds(window.start)), "value": np.zeros(points)}


def positive(ds: xr.Dataset, log: bool) -> xr.Dataset:
    """On a log axis nothing stands at 0."""
    return ds.where(ds > 0) if log and ds.data_vars else ds


class Populations(View):
    """Abundance and diameter of each population, one panel each."""

    options: ClassVar[Mapping[str, str]] = {
        "quantities": "list such as abundance, diameter", "night": "SOURCE.VARIABLE of PAR, for night bands",
        "title": "head line of the card",
    }  # fmt: skip
    headline = "Populations"
    kind = "series"
    follows = ("revision",)
    tall = 420

    def __init__(
        self, data: Any, source: str | None = None, *, quantities: Sequence[str] | None = None,
        night: str | None = None, title: str | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; `quantities` and `night` as in `options`."""
        super().__init__(data, source, title=title)
        self._wanted, self._night = tuple(quantities or ()), night
        #: The time axis of all panels.
        self.range = time_range(self.session.window)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is drawn: what was asked for, as far as the source has it."""
        variables = self._variables()
        wanted = self._wanted or QUANTITIES
        return tuple(name for name in wanted if populations_of(variables, name))

    @property
    def night(self) -> str:
        """SOURCE.VARIABLE of the light; empty without one."""
        return self._night or next((name for name in self.feeds.names() if name.endswith(".par")), "")

    def draw(self, ds: xr.Dataset, quantity: str, window: Window | None = None, *, theme: Theme = "light") -> figure:
        """One panel from columns ``<quantity>_<population>``. Pure."""
        found = populations_of([str(name) for name in ds.data_vars], quantity)
        return draw(dict.fromkeys(found, ds), quantity, window or self.session.window, theme=theme)

    def _fits(self, feed: Feed) -> bool:
        return any(populations_of(getattr(feed, "variables", ()), name) for name in QUANTITIES)

    def _variables(self) -> tuple[str, ...]:
        return tuple(getattr(self.feed, "variables", ())) if self.source in self.feeds else ()

    def _data(self, name: str) -> xr.Dataset:
        source, variable = split(name)
        feed: Any = self.feeds[source]
        window = self.session.window
        return once(feed, ("series", variable, window), lambda: feed.series(variable, window, POINTS, wait=False))

    def _lines(self, quantity: str) -> dict[str, xr.Dataset]:
        found = populations_of(self._variables(), quantity)
        return {name: self._data(f"{self.source}.{quantity}_{name}") for name in found}

    def _columns(self, quantity: str, population: str) -> Columns:
        name, window = f"{quantity}_{population}", self.session.window
        log = quantity in LOGARITHMIC

        def made() -> Columns:
            return shown(positive(self._data(f"{self.source}.{name}"), log), name, window)

        return once(self.feed, ("population", name, window), made)

    def _nights(self) -> Columns:
        night = self.night
        if not night or night not in self.feeds.names():
            return night_columns(xr.Dataset(), "")
        source, variable = split(night)
        key = ("nights", variable, self.session.window)
        return once(self.feeds[source], key, lambda: night_columns(self._data(night), variable))

    def _build(self) -> pn.viewable.Viewable:
        self.stage = TimeStage(sizing_mode="stretch_both")
        self.stage.param.watch(lambda event: look(self.session, event.new), "asked")
        self._shown: list[tuple[str, tuple[str, ...]]] = []
        self._figures: list[figure] = []
        self._renew()
        return self.stage

    def _renew(self) -> None:
        window = self.session.window
        asked = [(name, populations_of(self._variables(), name)) for name in self.quantities]
        if asked != self._shown:
            self._rebuild(asked)
        else:
            night = self._nights()
            for (quantity, populations), plot in zip(asked, self._figures, strict=True):
                renew(_source(plot, "night"), night, key="left")
                columns = {name: self._columns(quantity, name) for name in populations}
                renew(_source(plot, "paper"), paper(columns.values(), window))
                for population, each in columns.items():
                    renew(_source(plot, f"line:{population}"), each)
        self.stage.empty = "" if asked else self._why_not("No populations yet")
        tell(self.range, *(say.milliseconds(t) for t in window))

    def _rebuild(self, asked: list[tuple[str, tuple[str, ...]]]) -> None:
        self._shown, night = asked, self._nights()
        self._figures = [
            draw(self._lines(quantity), quantity, self.session.window, night=night, x_range=self.range,
                 last=i == len(asked) - 1)
            for i, (quantity, _) in enumerate(asked)
        ]  # fmt: skip
        told = {
            f"populations:{quantity}": {
                "label": say.name(quantity), "unit": say.unit(self.unit_of(self.source, f"{quantity}_{found[0]}")),
                "lines": {name: NAMES.get(name, say.name(name)) for name in found},
            }
            for quantity, found in asked
        }  # fmt: skip
        panes = [pn.pane.Bokeh(plot, sizing_mode="stretch_both") for plot in self._figures]
        self.stage.param.update(names=told, figures=panes)


def _source(plot: figure, name: str) -> ColumnDataSource:
    return next(r.data_source for r in plot.renderers if r.name == name)
