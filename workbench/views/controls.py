"""Controls for notebooks: source and time range as ipywidgets, linked both ways with views.

    map, plane = CruiseMap(session), Cytogram(session)
    Controls(map, plane)

What is chosen here is drawn there; what is drawn there (a brush, a zoom in time, code) is told here. They are ordinary
ipywidgets: put them into any layout, observe them, link them to others.
"""

from __future__ import annotations

import html
from typing import Any

import ipywidgets

from workbench.live.session import Session
from workbench.views.view import View

#: What one click chooses.
RANGES = {"1 h": "now-1h..now", "6 h": "now-6h..now", "1 day": "now-1d..now", "all": "all"}


class Controls(ipywidgets.VBox):  # type: ignore[misc]
    """Source and time range of some views.

    Parameters
    ----------
    *views : View or Session
        Of one session; the source is that of the views whose choice it is.

    Attributes
    ----------
    time : ipywidgets.Text
        The time range as people write it; Enter takes it.
    range : ipywidgets.ToggleButtons
    follow : ipywidgets.Checkbox
    source : ipywidgets.Dropdown
        Hidden where there is nothing to choose.
    """

    def __init__(self, *views: View | Session) -> None:
        if not views:
            raise TypeError("controls of what? Controls(view) or Controls(session)")
        self._views = [view for view in views if isinstance(view, View)]
        self.session = views[0] if isinstance(views[0], Session) else views[0].session
        if any(view.session is not self.session for view in self._views):
            raise ValueError("these views look at different sessions; make one: session = session_of(cruise)")
        self.range = ipywidgets.ToggleButtons(options=RANGES, value=None, layout={"width": "auto"})
        self.range.style.button_width = "4.5em"
        self.time = ipywidgets.Text(
            description="Time", continuous_update=False, layout={"width": "26em"},
            placeholder="last 6h, 2025-01-14..2025-01-15 or all",
        )  # fmt: skip
        self.follow = ipywidgets.Checkbox(description="follow", indent=False, layout={"width": "6em"})
        self.source = ipywidgets.Dropdown(description="Source", options=self._sources())
        if len(self.source.options) < 2:
            self.source.layout.display = "none"
        self.message = ipywidgets.HTML()
        super().__init__(
            [ipywidgets.HBox([self.range, self.time, self.follow]), ipywidgets.HBox([self.source, self.message])]
        )
        self._led()
        self._link()

    def _sources(self) -> list[str]:
        """What every view can show."""
        given = [view.sources() for view in self._views]
        return [name for name in given[0] if all(name in other for other in given)] if given else []

    def _link(self) -> None:
        self.session.param.watch(self._led, ["time", "follow", "message"])
        for view in self._views:
            view.param.watch(self._led, "source")
        self.range.observe(self._pick, "value")
        self.time.observe(lambda change: self._set(time=change["new"]), "value")
        self.follow.observe(lambda change: self._set(follow=change["new"]), "value")
        self.source.observe(self._choose, "value")

    def _pick(self, change: Any) -> None:
        if change["new"] is not None:
            self._set(time=change["new"])

    def _set(self, **chosen: Any) -> None:
        name, value = next(iter(chosen.items()))
        if not self.session.closed and getattr(self.session, name) != value:
            setattr(self.session, name, value)

    def _choose(self, change: Any) -> None:
        for view in self._views:
            if change["new"] and view.source != change["new"]:
                view.source = change["new"]

    def _led(self, *_: Any) -> None:
        """Tell what is in force."""
        session = self.session
        self.time.value, self.follow.value = session.time, session.follow
        self.range.value = session.time if session.time in RANGES.values() else None
        self.message.value = f"<span style='color:#c62828'>{html.escape(session.message)}</span>"
        sources = {view.source for view in self._views}
        if len(sources) == 1 and sources <= set(self.source.options):
            self.source.value = sources.pop()
