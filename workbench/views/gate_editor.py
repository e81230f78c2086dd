"""The gate editor: polygons drawn on cytograms, with what they give; saved into the plan of the cruise.

What is saved is the draft, whose corners are the ones on the screen to the last bit; whoever may not change anything sees
the same, read-only. Everything a browser sends is checked here again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import panel as pn
from bokeh.plotting import figure

from workbench.catalog.decided import Gates
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gating
from workbench.live.feed import Feed
from workbench.live.particle_feed import ParticleFeed
from workbench.live.preview import Estimate
from workbench.views.choose import Choice
from workbench.views.gate_answers import WHOLE, Answers, Box, box_of
from workbench.views.gate_drawing import Drawing
from workbench.views.gate_look import columns_of
from workbench.views.gate_stage import GateStage, pictures, plane, planes_of, told_gates
from workbench.views.gate_state import told_counts, told_state
from workbench.views.gate_through import Through
from workbench.views.gate_water import Water, populations_of
from workbench.views.paint import Theme
from workbench.views.plan_editor import Asked, PlanEditor


class GateEditor(PlanEditor):
    """Gates of a plan, drawn on particles."""

    options: ClassVar[Mapping[str, str]] = {
        "plan": "source of the gates", "populations": "source of abundances, for the cruise below",
        "title": "head line of the card",
    }  # fmt: skip
    headline = "Gates"
    tall = 900
    room, takes, shows = Gates, Drawing, "gates"

    def __init__(
        self, data: Any, source: str | None = None, *, plan: str | None = None, populations: str | None = None,
        title: str | None = None, at: np.datetime64 | None = None,
    ) -> None:  # fmt: skip
        """As for `View`; `plan` and `populations` as in `options`, `at` the time to look at (the newest unless told)."""
        super().__init__(data, source, plan=plan, title=title, at=at)
        self.drawing: Drawing = self.hand
        self._through = Through(Water(self.feeds, populations or populations_of(self.feeds, self.plan)))
        self._among = self._focus()
        self._frames = self._again = self._asked_first = self._asked_last = self._answered = 0
        self._asked: Any = None
        self._last: Estimate | None = None
        self._answers: Answers | None = None
        self._counted: ParticleFeed | None = None
        self._planes: list[tuple[str, str]] = []
        self._zooms: dict[tuple[str, str], Box] = {}

    def draw(self, gating: Gating | None = None, *, theme: Theme = "light") -> list[figure]:
        """The empty cytograms that a gating is drawn on. Pure."""
        return [plane(x, y, theme=theme) for x, y in planes_of(gating)]

    # what is looked at

    def _fits(self, feed: Feed) -> bool:
        return bool(feed.source.is_particles)

    def _first(self) -> str:
        """Particles in focus, once there are some: before an engine has worked, raw ones."""
        fitting = sorted(
            self.sources(), key=lambda name: (not self.feeds[name].rows, not getattr(self.feeds[name], "groups", ()))
        )
        return next(iter([*fitting, *self.feeds]), "")

    def _focus(self) -> str:
        return next(iter(columns_of(self.feed)), "") if self._has_particles else ""

    def _choices(self) -> list[Choice]:
        def source(value: list[str]) -> None:
            if value[0] in self.sources() and value[0] != self.source:
                self.source = value[0]

        def among(value: list[str]) -> None:
            self._among = value[0] if value[0] in columns_of(self.feed) else ""
            self._renew()

        def columns() -> dict[str, str]:
            told = {name: f"quantile {name.rpartition('q')[2]}" for name in columns_of(self.feed) if "q" in name}
            return {**told, "": "all particles"}

        return [
            Choice("source", "particles", "Particles that are shown and counted",
                   lambda: {name: name for name in self.sources()}, lambda: [self.source], source),
            Choice("among", "in focus", "Which of them count", columns, lambda: [self._among], among),
        ]  # fmt: skip

    # the card

    def _build(self) -> pn.viewable.Viewable:
        self.stage = GateStage(sizing_mode="stretch_both")
        self.session.at_close(self.close)
        self._figures()
        self.stage.param.watch(lambda event: self._on_drawn(dict(event.new)), "drawn")
        self.stage.param.watch(lambda event: self._on_asked(dict(event.new)), "asked")
        self.stage.gates = told_gates(self.drawing.shown)
        self._renew()
        return self.stage

    def _figures(self) -> None:
        """The cytograms and the cruise below, made anew only when a plane or a population came."""
        shown, made = self.drawing.shown, dict[str, Any]()
        planes = planes_of(shown)
        if planes != self._planes:
            self._planes = planes
            made["planes"] = [list(each) for each in planes]
            made["figures"] = [pn.pane.Bokeh(plane(x, y), sizing_mode="stretch_both") for x, y in planes]
        span = (self.feed.span if self._has_particles else None) or self.session.window
        chart = self._through.shape([*shown.populations, *self.drawing.base.populations], span, self._among)
        if chart is not None:
            made["series"] = pn.pane.Bokeh(chart, sizing_mode="stretch_both")
        if made:
            self.stage.param.update(**made)

    def _renew(self) -> None:
        """Follow the session: particles that came, the range, who looks."""
        if not self._has_particles:
            self.fault = self.fault or "There are no particles to draw on: the catalog names no source of particles"
            self._nothing("No particles here")
            return
        if self._among not in ("", *columns_of(self.feed)) or self._counted is not self.feed:
            self._among = self._focus()
        self._follow()
        self._count()
        self._tell()

    def redraw(self) -> None:
        """Show the draft as it is now."""
        self._figures()
        drawing = self.drawing
        mine = {gate.population: gate for gate in drawing.shown.gates}
        beneath = Gating("", tuple(g for g in drawing.base.gates if mine.get(g.population) != g))
        self.stage.param.update(gates=told_gates(drawing.shown), base=told_gates(beneath))
        self._count()
        self._present()
        self._tell()

    def _tell(self) -> None:
        """Everything that stands around the drawing."""
        if self.session.closed or not hasattr(self, "stage"):
            return
        state = told_state(
            self.drawing, self.session, self._look, scope=self._scope, newest=self._time is None, fault=self._broken,
            others=self.presence.others(), abundances=self._through.abundances(self._among), now=self.feeds.now(),
        )  # fmt: skip
        if state != self.stage.state:
            self.stage.state = state

    # answers

    def _count(self) -> None:
        """Ask what the gates on the screen give, if that was not asked yet."""
        feed: Any = self.feed
        if self._answers is None or self._counted is not feed:
            self._counted = feed
            if self._answers is not None:
                self._answers.close()
            self._answers = Answers(feed, self.session.soon, self._take)
        rows = feed.table.digest(feed.table.within(self._look.window)), len(feed.table)
        planes = tuple((x, y, self._zooms.get((x, y), WHOLE)) for x, y in self._planes)
        question = (rows, *self._look.particles, self._among, planes, self.drawing.shown.gates)
        if question == self._asked:
            self._asked_last = self._n  # which the answer to it, if that is to come, answers as well
            if self._answered == self._asked_first and self.stage.told:
                self.stage.told = {**self.stage.told, "n": self._n}
            return
        if self._asked is None or rows != self._asked[0]:
            self._answers.forget()
        self._asked, self._asked_first, self._asked_last = question, self._n, self._n
        try:
            self._answers.ask(self.drawing.shown, *self._look.particles, self._among, planes=planes, n=self._n)
        except WorkbenchError as error:
            self._answered = self._n
            self.stage.told = {"n": self._n, "state": "fault", "cover": str(error), "done": True}

    def _take(self, estimate: Estimate, n: int) -> None:
        """An answer came, on this page."""
        if self.session.closed or self._answers is None:
            return
        if n < 0:
            if estimate.done:
                self._told_before()
            return
        self._answered, self._last = n, estimate
        if estimate.pictures:
            self._frames += 1
            self.stage.frame = pictures(estimate.pictures, estimate.populations, self._frames)
        self._told(estimate)
        if estimate.series is not None:
            self._draw("now", estimate)
        if estimate.done:
            if self._before() is None and self.drawing.base.gates:
                self._answers.compare(self.drawing.base, *self._look.particles, self._among)
            else:
                self._told_before()
        if self._card is not None:
            pn.io.push_notebook(self._card)

    def _before(self) -> Estimate | None:
        return (
            None if self._answers is None else self._answers.held(self.drawing.base, *self._look.particles, self._among)
        )

    def _told(self, estimate: Estimate) -> None:
        n = self._asked_last if self._answered == self._asked_first else self._answered
        told = told_counts(estimate, self._before(), self._look.text) | {"n": n, "again": self._again}
        faults = estimate.faults
        self._unread = f"{len(faults)} files cannot be read; the first: {faults[0]}" if faults else ""
        self.stage.told = told
        if faults:
            self._tell()

    def _told_before(self) -> None:
        before = self._before()
        if self._last is not None:
            self._told(self._last)
        self._draw("before", before)

    def _draw(self, kind: str, estimate: Estimate | None) -> None:
        self._through.show(kind, estimate, self._among)
        self.stage.lines = dict(self._through.lines)

    # what a person does

    def _on_drawn(self, drawn: Mapping[str, Any]) -> None:
        """A polygon while it is dragged, or its end."""
        self._n = max(self._n, int(drawn.get("n") or 0))
        if not self._may():
            return
        final = bool(drawn.get("final"))
        try:
            self.drawing.drag(str(drawn.get("population")), drawn.get("vertices") or (), final=final)
        except WorkbenchError as error:
            self._wrong(error)
            return
        if final:
            self.drawing.said = "", ""
            self.redraw()
        else:
            self._count()

    def _looking(self) -> Mapping[str, Callable[[Asked], None]]:
        return {
            "time": self._to_time, "zoom": self._zoom, "compare": self._compare, "hello": self._hello,
        }  # fmt: skip

    def _do(self, what: str, asked: Asked) -> None:
        super()._do(what, asked)
        if what in ("save", "withdraw"):
            self._told_before()

    def _hello(self, _: Asked) -> None:
        """A notebook missed what was told while its cell was being shown: tell it again."""
        self._again += 1
        if self._last is not None:
            self._take(self._last, self._answered)

    def _to_time(self, asked: Asked) -> None:
        feed: Any = self.feed
        times = feed.table.times
        if len(times):
            wanted = int(float(asked["time"]) * 1e6)
            self._time = np.datetime64(int(times[np.abs(times - wanted).argmin()]), "ns")
            self._scope = "file" if self._scope == "range" else self._scope
            self._renew()

    def _zoom(self, asked: Asked) -> None:
        box = box_of(asked["range"])
        if box is not None:
            self._zooms[self._planes[int(asked["plane"])]] = box
            self._count()

    def _compare(self, asked: Asked) -> None:
        self.drawing.compare(str(asked.get("id")))
        self._draw("before", None)
        self.redraw()
        self._told_before()
        if self._before() is None and self._answers is not None:
            self._answers.compare(self.drawing.base, *self._look.particles, self._among)

    def close(self) -> None:
        """Stop following the session."""
        super().close()
        if self._answers is not None:
            self._answers.close()
            self._answers = None
