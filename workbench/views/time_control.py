"""What a tab looks at, and where that stands: the time control, the URL, the theme."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import panel as pn
import param
from bokeh.events import DocumentReady

from workbench.live.session import Session
from workbench.views import say
from workbench.views.component import Component, script, style
from workbench.views.view import told_clock

#: Seconds after which the browser is told the cruise's time again.
_AGAIN = 10.0


class TimeControl(Component):
    """Presets, any range, and follow now; the session leads."""

    time = param.String(default="")
    follow = param.Boolean(default=True)
    finished = param.Boolean(default=False)
    window = param.Range(default=(0.0, 0.0), doc="Unix milliseconds.")
    message = param.String(default="")
    asked = param.Dict(default={}, doc="{time: text} or {follow: bool}, and n that makes each request another.")

    _esm: ClassVar[str] = script("control.js")
    _stylesheets: ClassVar[list[str]] = [style("control.css")]

    def __init__(self, session: Session, **params: Any) -> None:
        self._session = session
        super().__init__(**{**self._told(), **params})
        session.param.watch(self._led, ["time", "follow", "window", "message"])

    def _told(self) -> dict[str, Any]:
        s = self._session
        return {
            "time": s.time, "follow": s.follow, "window": tuple(say.milliseconds(t) for t in s.window),
            "message": s.message, "finished": s.feeds.cruise.finished,
        }  # fmt: skip

    def _led(self, *_: Any) -> None:
        if not self._session.closed:
            changed = {k: v for k, v in self._told().items() if v != getattr(self, k)}
            if changed:
                self.param.update(**changed)

    @param.depends("asked", watch=True)
    def _on_asked(self) -> None:
        if isinstance(time := self.asked.get("time"), str):
            self._session.time = time[:200]
        elif isinstance(follow := self.asked.get("follow"), bool):
            self._session.follow = follow
        self._led()


class Tab(Component):
    """The tab's URL and theme: every choice stands in the URL, and a URL opened brings it back."""

    query = param.String(default="", doc="All that was chosen, as the query of a URL without the question mark.")
    clock = param.Dict(default={}, doc="Cruise time (Unix ms) at the moment it is told, and warp.")
    health = param.String(default="healthz", doc="What to ask whether the server is back, relative to the page.")
    asked = param.Dict(default={}, doc="{query: text} when a person went back or forward.")
    drawn = param.Boolean(default=False, doc="The page is there, whether or not each of its pictures said so.")

    _esm: ClassVar[str] = script("page.js")
    _stylesheets: ClassVar[list[str]] = [style("control.css")]

    def __init__(self, session: Session, **params: Any) -> None:
        self._session = session
        told = {"query": session.to_query(), "clock": told_clock(session)}
        super().__init__(width=0, height=0, margin=0, **{**told, **params})
        self._told_at = 0.0
        chosen = ["time", "planes", "colour", "charts", "file", "turn"]
        session.param.watch(self._led, chosen, precedence=2)  # after a time that is none was taken back
        session.param.watch(self._tick, "now")

    def _tick(self, *_: Any) -> None:
        """The clock again, when it stands and once in a while: the first was told before the page had even loaded."""
        if self._session.closed:
            return
        if self._session.feeds.cruise.finished or time.monotonic() - self._told_at > _AGAIN:
            self._told_at = time.monotonic()
            self.clock = told_clock(self._session)

    def _led(self, *_: Any) -> None:
        self.query = self._session.to_query()

    @param.depends("drawn", watch=True)
    def _on_drawn(self) -> None:
        document = pn.state.curdoc
        if document is not None and not pn.state.loaded:
            document.callbacks.trigger_event(DocumentReady())  # what the browser did not say

    @param.depends("asked", watch=True)
    def _on_asked(self) -> None:
        if isinstance(query := self.asked.get("query"), str):
            self._session.from_query(query[:4000])
