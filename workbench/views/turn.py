"""Where a cruise turned around: proposed from the latitudes, or set by a person; the way there and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import param

from workbench.core.errors import WindowError
from workbench.core.window import moment
from workbench.live.session import Session
from workbench.views import say
from workbench.views.component import Component, script, style
from workbench.views.view import slowly, split

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]
_NAT = np.datetime64("NaT", "ns")
#: Degrees of latitude that must be sailed back before it was a turn.
FAR = 0.5


@dataclass(frozen=True)
class Turn:
    """A turn-around.

    Attributes
    ----------
    time : numpy.datetime64[ns]
        NaT when the ship did not turn (yet).
    north_first : bool
        The way there leads north.
    """

    time: np.datetime64 = _NAT
    north_first: bool = True


def propose(time: Times, latitude: Floats, far: float = FAR) -> Turn:
    """The turn that the latitudes propose: where the ship was furthest from where it began.

    Parameters
    ----------
    time : numpy.ndarray of datetime64[ns], shape (n,)
        In order.
    latitude : numpy.ndarray of float64, shape (n,)
    far : float
        Degrees that must lie before and after the turn; less is no turn.
    """
    good = np.flatnonzero(np.isfinite(latitude))
    if not good.size:
        return Turn()
    values = latitude[good]
    away = values - values[0]
    place = int(np.argmax(np.abs(away)))
    north = bool(away[place] >= 0)
    turned = abs(away[place]) >= far and abs(values[place] - values[-1]) >= far
    return Turn(time[good[place]] if turned else _NAT, north)


def parts(time: Times, turn: Turn) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Northbound and southbound rows, as far as there are any; all of one kind without a turn."""
    names = ("northbound", "southbound") if turn.north_first else ("southbound", "northbound")
    there = np.ones(time.size, bool) if np.isnat(turn.time) else np.asarray(time < turn.time)
    found = sorted(zip(names, (there, ~there), strict=True))
    return [(name, mask) for name, mask in found if mask.any()] or [(names[0], there)]


def proposed(session: Session, latitude: str) -> Turn:
    """What the latitudes of the whole cruise propose."""
    source, variable = split(latitude)
    feed: Any = session.feeds.get(source)
    span = None if feed is None else feed.span
    if span is None or variable not in getattr(feed, "variables", ()):
        return Turn()

    def make() -> Turn:
        ds = feed.series(variable, span, 2000, wait=False)
        values = ds[variable].to_numpy().astype(float) if variable in ds else np.empty(0)
        return propose(ds["time"].to_numpy().astype("M8[ns]"), values)

    return slowly(feed, ("turn", variable), make)


def turn_of(session: Session, latitude: str) -> Turn:
    """The turn that holds: the one that was set, else the proposal."""
    found = proposed(session, latitude)
    if session.turn:
        try:
            return Turn(moment(session.turn, session.feeds.now()), found.north_first)
        except WindowError:
            return found
    return found


class TurnControl(Component):
    """The turn-around: what is proposed, and a line to set another one."""

    turn = param.String(default="", doc="As set by a person; empty for the proposal.")
    proposal = param.String(default="", doc="What the latitudes propose; empty when the ship did not turn.")
    message = param.String(default="")
    asked = param.Dict(default={}, doc="{turn: text, n}.")

    _esm: ClassVar[str] = script("turn.js")
    _stylesheets: ClassVar[list[str]] = [style("control.css"), style("turn.css")]

    def __init__(self, session: Session, latitude: str, **params: Any) -> None:
        self._session, self._latitude = session, latitude
        super().__init__(margin=0, css_classes=["turn"], **{**self._told(), **params})
        session.param.watch(self._led, ["turn", "revision"])

    def _told(self) -> dict[str, str]:
        time = proposed(self._session, self._latitude).time
        return {"turn": self._session.turn, "proposal": "" if np.isnat(time) else say.moment(time, seconds=False)}

    def _led(self, *_: Any) -> None:
        if not self._session.closed:
            self.param.update(**{k: v for k, v in self._told().items() if v != getattr(self, k)})

    @param.depends("asked", watch=True)
    def _on_asked(self) -> None:
        text = str(self.asked.get("turn") or "").strip()[:60].replace(" ", "T")
        message = ""
        if text:
            try:
                moment(text, self._session.feeds.now())
            except WindowError as error:
                message, text = str(error), self._session.turn
        self._session.turn = text
        self.message = message
        self._led()
