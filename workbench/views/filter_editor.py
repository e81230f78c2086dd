"""The filter editor: D1 and D2 against forward scatter, with the beads and the three lines through them; saved into the plan.

What is saved is the draft, whose numbers are the ones on the screen; whoever may not change anything sees the same,
read-only. Everything a browser sends is checked here again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import panel as pn
from bokeh.plotting import figure

from workbench.catalog.decided import Filters
from workbench.catalog.filter_difference import FILES
from workbench.core.errors import WorkbenchError
from workbench.core.filters import QUANTILES
from workbench.live.feed import Feed
from workbench.live.particle_feed import ParticleFeed
from workbench.products.seaflow.limits import MAX_EVENTS
from workbench.raster.plane import snap
from workbench.views.choose import Choice
from workbench.views.filter_answers import DETECTORS, FilterAnswer, FilterAnswers, FilterQuestion
from workbench.views.filter_hand import Filtering
from workbench.views.filter_stage import FilterStage, charts, pictures
from workbench.views.filter_state import told_filter, told_numbers
from workbench.views.gate_answers import COARSE, FEW, FINE, WHOLE, Box, box_of
from workbench.views.gate_look import columns_of
from workbench.views.paint import Theme
from workbench.views.plan_editor import Asked, PlanEditor

_NEEDS = {"D1", "D2", "fsc_small", "pe"}


class FilterEditor(PlanEditor):
    """The filter of a plan, drawn on raw events."""

    options: ClassVar[Mapping[str, str]] = {"plan": "source of the filters", "title": "head line of the card"}
    headline = "Filter"
    tall = 960
    room, takes, shows = Filters, Filtering, "table"

    def __init__(
        self, data: Any, source: str | None = None, *, plan: str | None = None, title: str | None = None,
        at: np.datetime64 | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; `plan` as in `options`, `at` the time to look at (the newest unless told)."""
        super().__init__(data, source, plan=plan, title=title, at=at)
        self._quantile = 1
        self._boxes: dict[str, Box] = dict.fromkeys(DETECTORS, WHOLE)
        self._frames = self._spread = self._many = 0
        self._asked: Any = None
        self._last: FilterAnswer | None = None
        self._answers: FilterAnswers | None = None
        self._answered: Feed | None = None

    def draw(self, *, theme: Theme = "light") -> list[figure]:
        """The empty charts that a filter is drawn on. Pure."""
        return charts(theme=theme)

    # what is looked at

    def _fits(self, feed: Feed) -> bool:
        return isinstance(feed, ParticleFeed) and set(feed.channels) >= _NEEDS and not columns_of(feed)

    def _first(self) -> str:
        return next(iter([*self.sources(), *self.feeds]), "")

    @property
    def _has_particles(self) -> bool:
        return self.source in self.feeds and self._fits(self.feed)

    def _files(self) -> tuple[tuple[str, int], ...]:
        """The files whose events are drawn: all with events, of many some that are spread evenly."""
        feed: Any = self.feed
        table = feed.table
        part = table.within(self._look.window)
        sizes = table.sizes[part]
        rows = np.arange(part.start, part.stop)[(sizes > 0)]
        if self._look.files:
            named = table.names.among(self._look.files)
            rows = rows[named[rows]]
        self._spread = len(rows)
        if len(rows) > FILES:
            rows = rows[np.unique(np.linspace(0, len(rows) - 1, FILES).round().astype(int))]
        rows = rows[table.sizes[rows] <= MAX_EVENTS]
        self._many = int(table.sizes[rows].sum())
        return tuple((table.paths[i], int(table.serials[i])) for i in rows.tolist())

    def _choices(self) -> list[Choice]:
        def source(value: list[str]) -> None:
            if value[0] in self.sources() and value[0] != self.source:
                self.source = value[0]

        return [
            Choice("source", "events", "Raw events that are shown and counted",
                   lambda: {name: name for name in self.sources()}, lambda: [self.source], source),
        ]  # fmt: skip

    # the card

    def _build(self) -> pn.viewable.Viewable:
        self.stage = FilterStage(sizing_mode="stretch_both")
        self.stage.figures = [pn.pane.Bokeh(plot, sizing_mode="stretch_both") for plot in charts()]
        self.session.at_close(self.close)
        self.stage.param.watch(lambda event: self._on_drawn(dict(event.new)), "drawn")
        self.stage.param.watch(lambda event: self._on_asked(dict(event.new)), "asked")
        self._show()
        self._renew()
        return self.stage

    def _show(self) -> None:
        def rows(parameters: Any) -> list[list[float]]:
            return [] if parameters is None else [list(row) for row in parameters.table]

        self.stage.param.update(table=rows(self.hand.shown), base=rows(self.hand.base))

    def _renew(self) -> None:
        """Follow the session: events that came, the range, who looks."""
        if not self._has_particles:
            self.fault = self.fault or "There are no raw events to draw on: the catalog names no source of them"
            self._nothing("No events here")
            return
        self._follow()
        self._count()
        self._tell()

    def redraw(self) -> None:
        """Show the draft as it is now."""
        self._show()
        self._count()
        self._present()
        self._tell()

    def _tell(self) -> None:
        """Everything that stands around the charts."""
        if self.session.closed or not hasattr(self, "stage"):
            return
        state = told_filter(
            self.hand, self.session, self._look, scope=self._scope, newest=self._time is None, quantile=self._quantile,
            fault=self._broken, others=self.presence.others(), now=self.feeds.now(),
        )  # fmt: skip
        if state != self.stage.state:
            self.stage.state = state

    # answers

    def _count(self) -> None:
        """Ask what the filter on the screen gives, if that was not asked yet."""
        if not self._has_particles or not hasattr(self, "stage"):
            return
        feed: Any = self.feed
        if self._answers is None or self._answered is not feed:
            if self._answers is not None:
                self._answers.close()
            self._answered, self._answers = feed, FilterAnswers(feed, self.session.soon, self._take)
        files = self._files()
        cells = (COARSE if self._many < FEW else FINE, COARSE)
        boxes = tuple((snap(*self._boxes[d], cells[0]), snap(*self._boxes[d], cells[1])) for d in DETECTORS)
        question = FilterQuestion(files, self.hand.base, self.hand.shown, self._quantile, boxes)
        if question == self._asked:
            if self._last is not None and self._last.question == question:
                self.stage.told = {**self.stage.told, "n": self._n}
            return
        self._asked = question
        self._answers.ask(question, self._n)

    def _take(self, answer: FilterAnswer, n: int) -> None:
        """An answer came, on this page."""
        if self.session.closed or self._answers is None:
            return
        self._last = answer
        n = self._n if answer.question == self._asked else n  # asked again meanwhile, it was the same
        self._frames += 1
        told = told_numbers(answer, self._look.text, spread=self._spread)
        self.stage.frame = pictures(answer.pictures, self._frames)
        self.stage.told = {**told, "n": n, "frame": self._frames}
        faults = answer.faults
        unread = f"{len(faults)} files cannot be read; the first: {faults[0]}" if faults else ""
        if unread != self._unread:
            self._unread = unread
            self._tell()
        if self._card is not None:
            pn.io.push_notebook(self._card)

    # what a person does

    def _on_drawn(self, drawn: Mapping[str, Any]) -> None:
        """Beads while they are dragged, or the end of it."""
        self._n = max(self._n, int(drawn.get("n") or 0))
        if not self._may():
            return
        final = bool(drawn.get("final"))
        try:
            self.hand.drag(drawn, final=final)
        except (WorkbenchError, ValueError, TypeError) as error:
            self._wrong(error)
            return
        if final:
            self.hand.said = "", ""
            self.redraw()
        else:
            self._count()

    def _looking(self) -> Mapping[str, Callable[[Asked], None]]:
        return {"zoom": self._zoom, "compare": self._compare, "quantile": self._to_quantile, "hello": self._hello}

    def _deed(self, what: str, asked: Asked) -> None:
        if what == "propose":
            self._propose()
        else:
            super()._deed(what, asked)

    def _propose(self) -> None:
        last = self._last
        if last is None or last.beads is None:
            raise WorkbenchError(last.no_beads if last else "the beads are still looked for; try again in a moment")
        self.hand.propose(last.beads)

    def _hello(self, _: Asked) -> None:
        """A notebook missed what was told while its cell was being shown: tell it again."""
        if self._last is not None:
            self._take(self._last, self._n)

    def _to_quantile(self, asked: Asked) -> None:
        if asked.get("quantile") in range(len(QUANTILES)):
            self._quantile = int(asked["quantile"])
            self._count()
            self._tell()

    def _zoom(self, asked: Asked) -> None:
        for detector in DETECTORS:
            box = box_of(asked[detector])
            if box is not None:
                self._boxes[detector] = box
        self._count()

    def _compare(self, asked: Asked) -> None:
        self.hand.compare(str(asked.get("id")))
        self.redraw()

    def close(self) -> None:
        """Stop following the session."""
        super().close()
        if self._answers is not None:
            self._answers.close()
            self._answers = None
