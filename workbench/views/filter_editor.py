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
from workbench.catalog.held import FilterAt
from workbench.core.errors import WorkbenchError
from workbench.core.filters import QUANTILES
from workbench.live.feed import Feed
from workbench.live.particle_feed import ParticleFeed
from workbench.products.seaflow.filter import MAX_EVENTS
from workbench.raster.plane import snap
from workbench.views.choose import Choice
from workbench.views.filter_answers import DETECTORS, FilterAnswer, FilterAnswers, FilterQuestion
from workbench.views.filter_hand import Filtering
from workbench.views.filter_stage import FilterStage, charts, pictures
from workbench.views.filter_state import told_filter, told_numbers
from workbench.views.gate_answers import COARSE, FEW, FINE, WHOLE, Box, box_of
from workbench.views.gate_look import SCOPES, Look, Scope, columns_of, look
from workbench.views.gate_presence import Presence
from workbench.views.paint import Theme
from workbench.views.view import View

_NEEDS = {"D1", "D2", "fsc_small", "pe"}


class FilterEditor(View):
    """The filter of a plan, drawn on raw events."""

    options: ClassVar[Mapping[str, str]] = {"plan": "source of the filters", "title": "head line of the card"}
    headline = "Filter"
    kind = "gates"
    follows = ("revision", "now", "may_write", "who", "reason")
    tall = 960

    def __init__(
        self, data: Any, source: str | None = None, *, plan: str | None = None, title: str | None = None,
        at: np.datetime64 | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; `plan` as in `options`, `at` the time to look at (the newest unless told)."""
        super().__init__(data, source, title=title)
        cruise, filters, self.fault, self._unread = self.feeds.cruise, None, "", ""
        try:
            filters = Filters(cruise, plan)
        except WorkbenchError as error:
            self.fault = str(error)
        self.hand = Filtering(filters)
        plan_name = "" if filters is None else filters.source
        self.presence = Presence(cruise.folder, f"{plan_name}: filter", self._others)
        self._scope: Scope = "hour" if at is None else "file"
        self._time, self._quantile = at, 1
        self._boxes: dict[str, Box] = dict.fromkeys(DETECTORS, WHOLE)
        self._n = self._frames = self._spread = self._many = 0
        self._asked: Any = None
        self._pictured: Any = None
        self._last: FilterAnswer | None = None
        self._answers: FilterAnswers | None = None
        self._answered: Feed | None = None
        self._look = self._looked()
        self.hand.begin(self._look.time)

    @classmethod
    def edit(cls, plan: FilterAt) -> FilterEditor:
        """The editor of what holds at a time: ``cruise.filters.at(time).edit()`` in a notebook."""
        if not getattr(pn.extension, "_loaded", False):
            pn.extension()
        start = plan.entry.start
        return cls(plan.filters.cruise, plan=plan.filters.source, at=None if np.isnat(start) else start)

    def draw(self, *, theme: Theme = "light") -> list[figure]:
        """The empty charts that a filter is drawn on. Pure."""
        return charts(theme=theme)

    @property
    def draft(self) -> Any:
        """The `products.seaflow.filter_draft.FilterDraft` on the screen; change it by hand, then `redraw`."""
        return self.hand.draft

    # what is looked at

    def _fits(self, feed: Feed) -> bool:
        return isinstance(feed, ParticleFeed) and set(feed.channels) >= _NEEDS and not columns_of(feed)

    def _first(self) -> str:
        return next(iter([*self.sources(), *self.feeds]), "")

    @property
    def _has_events(self) -> bool:
        return self.source in self.feeds and self._fits(self.feed)

    def _looked(self) -> Look:
        feed: Any = self.feed if self._has_events else None
        window = self.session.window
        return look(feed.table, self._scope, self._time, window) if feed else Look(window, (), "", window.start)

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
        if not self._has_events:
            self.fault = self.fault or "There are no raw events to draw on: the catalog names no source of them"
            self._tell()
            return
        before, self._look = self._look, self._looked()
        if before.time != self._look.time and self.hand.follow(self._look.time):
            self.redraw()
        self._count()
        self._tell()

    def redraw(self) -> None:
        """Show the draft as it is now."""
        self._show()
        self._count()
        self.presence.say((self.session.who or "somebody") if self.hand.changed else None)
        self._tell()

    def _tell(self) -> None:
        """Everything that stands around the charts."""
        if self.session.closed or not hasattr(self, "stage"):
            return
        state = told_filter(
            self.hand, self.session, self._look, scope=self._scope, newest=self._time is None, quantile=self._quantile,
            fault=self.fault or self._unread, others=self.presence.others(), now=self.feeds.now(),
        )  # fmt: skip
        if state != self.stage.state:
            self.stage.state = state

    def _others(self) -> None:
        self.session.soon(self._tell)

    # answers

    def _count(self) -> None:
        """Ask what the filter on the screen gives, if that was not asked yet."""
        if not self._has_events or not hasattr(self, "stage"):
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

    def _may(self) -> bool:
        if self.session.may_write and self.hand.plan is not None:
            return True
        self.hand.said = self.session.reason or self.fault or "This board is read-only", "wrong"
        self._tell()
        return False

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

    def _on_asked(self, asked: dict[str, Any]) -> None:
        self._n = max(self._n, int(asked.get("n") or 0))
        looking: dict[str, Callable[[dict[str, Any]], None]] = {
            "scope": self._to_scope, "step": self._to_step, "now": self._to_now, "zoom": self._zoom, "sign": self._sign,
            "forget": self._forget, "compare": self._compare, "quantile": self._to_quantile, "hello": self._hello,
        }  # fmt: skip
        what = str(asked.get("do"))
        if what not in looking and not self._may():
            return
        if what not in ("zoom", "hello"):
            self.hand.said = "", ""
        try:
            if what in looking:
                looking[what](asked)
            else:
                self._do(what, asked)
        except (WorkbenchError, ValueError, TypeError, LookupError) as error:
            self._wrong(error)

    def _do(self, what: str, asked: dict[str, Any]) -> None:
        """What changes the draft or the plan."""
        if what == "snap":
            held = self.hand.holding(self._look.time)
            what, asked = "take", {"id": "" if held is None else held.id}
        if what in ("save", "withdraw") and (self.session.by_token or not asked.get("who")):
            asked["who"] = self.session.who  # in nobody else's name
        if what == "propose":
            self._propose()
        else:
            self.hand.do(what, asked)
        if what == "withdraw":
            self.hand.follow(self._look.time)
        self.redraw()
        if what in ("save", "withdraw"):
            self.presence.changed()

    def _propose(self) -> None:
        last = self._last
        if last is None or last.beads is None:
            raise WorkbenchError(last.no_beads if last else "the beads are still looked for; try again in a moment")
        self.hand.propose(last.beads)

    def _wrong(self, error: Exception) -> None:
        self.hand.said = str(error)[:1].upper() + str(error)[1:], "wrong"
        self.stage.param.trigger("table")  # what is shown is the draft, whatever the hand did
        self._tell()

    def _hello(self, _: dict[str, Any]) -> None:
        """A notebook missed what was told while its cell was being shown: tell it again."""
        if self._last is not None:
            self._take(self._last, self._n)

    def _to_scope(self, asked: dict[str, Any]) -> None:
        if asked.get("scope") in SCOPES:
            self._scope = asked["scope"]
            self._renew()

    def _to_step(self, asked: dict[str, Any]) -> None:
        to = self._look.earlier if asked.get("by") == -1 else self._look.later
        if to is not None:
            self._time = to
            self._renew()

    def _to_now(self, _: dict[str, Any]) -> None:
        self._time = None
        self._renew()

    def _to_quantile(self, asked: dict[str, Any]) -> None:
        if asked.get("quantile") in range(len(QUANTILES)):
            self._quantile = int(asked["quantile"])
            self._count()
            self._tell()

    def _zoom(self, asked: dict[str, Any]) -> None:
        for detector in DETECTORS:
            box = box_of(asked[detector])
            if box is not None:
                self._boxes[detector] = box
        self._count()

    def _sign(self, asked: dict[str, Any]) -> None:
        well = self.session.sign_in(str(asked.get("token") or ""))
        self.hand.said = (f"Signed in as {self.session.who}", "good") if well else (self.session.reason, "wrong")
        self._tell()

    def _forget(self, _: dict[str, Any]) -> None:
        self.hand.replaces = None
        self._tell()

    def _compare(self, asked: dict[str, Any]) -> None:
        self.hand.compare(str(asked.get("id")))
        self.redraw()

    def close(self) -> None:
        """Stop following the session."""
        super().close()
        if self._answers is not None:
            self._answers.close()
            self._answers = None
        self.presence.leave()
