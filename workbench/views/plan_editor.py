"""What the editors of a plan share: who may change it, which particles are looked at, what a browser asks for.

`gate_editor` and `filter_editor` are the two. Everything a browser sends is checked here again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import panel as pn

from workbench.core.errors import WorkbenchError
from workbench.live.particle_feed import ParticleFeed
from workbench.views.gate_look import SCOPES, Look, Scope, look
from workbench.views.gate_presence import Presence
from workbench.views.plan_hand import PlanHand
from workbench.views.view import View

Asked = dict[str, Any]


class PlanEditor(View):
    """A base: a plan in somebody's hands, beside particles.

    Parameters
    ----------
    plan : str, optional
        The plan's Source.
    at : numpy.datetime64, optional
        The time to look at; the newest unless told.
    """

    kind: ClassVar[str] = "gates"
    follows: ClassVar[tuple[str, ...]] = ("revision", "now", "may_write", "who", "reason")
    #: The room of the cruise that is changed (Gates, Filters), and the hand that holds it.
    room: ClassVar[type]
    takes: ClassVar[type[PlanHand]]
    #: The parameter of the stage that shows the draft.
    shows: ClassVar[str]

    def __init__(
        self, data: Any, source: str | None = None, *, plan: str | None = None, title: str | None = None,
        at: np.datetime64 | None = None,
    ) -> None:  # fmt: skip
        super().__init__(data, source, title=title)
        cruise, found, self.fault, self._unread = self.feeds.cruise, None, "", ""
        try:
            found = self.room(cruise, plan)
        except WorkbenchError as error:
            self.fault = str(error)
        self.hand: Any = self.takes(found)
        self.plan = "" if found is None else found.source
        self.presence = Presence(cruise.folder, f"{self.plan}: {self.takes.word}", self._others)
        self._scope: Scope = "hour" if at is None else "file"
        self._time, self._n = at, 0
        self._look = self._looked()
        self.hand.begin(self._look.time)

    @classmethod
    def edit(cls, plan: Any) -> Self:
        """The editor of what holds at a time: ``cruise.gates.at(time).edit()`` in a notebook."""
        if not getattr(pn.extension, "_loaded", False):
            pn.extension()
        start, room = plan.entry.start, plan.room
        return cls(room.cruise, plan=room.source, at=None if np.isnat(start) else start)

    @property
    def draft(self) -> Any:
        """The draft on the screen; change it by hand, then `redraw`."""
        return self.hand.draft

    # what subclasses do

    def redraw(self) -> None:
        """Show the draft as it is now."""
        raise NotImplementedError

    def _tell(self) -> None:
        """Everything that stands around the pictures."""
        raise NotImplementedError

    def _looking(self) -> Mapping[str, Callable[[Asked], None]]:
        """What everybody may ask for, beside what the base knows."""
        raise NotImplementedError

    def _deed(self, what: str, asked: Asked) -> None:
        """Change the draft or the plan."""
        self.hand.do(what, asked)

    # what is looked at

    @property
    def _has_particles(self) -> bool:
        return self.source in self.feeds and isinstance(self.feed, ParticleFeed)

    def _looked(self) -> Look:
        feed: Any = self.feed if self._has_particles else None
        window = self.session.window
        return look(feed.table, self._scope, self._time, window) if feed else Look(window, (), "", window.start)

    def _nothing(self, cover: str) -> None:
        """There is nothing to draw on, and no other answer will come."""
        self.stage.told = self.stage.told or {"n": self._n, "state": "empty", "cover": cover, "done": True}
        self._tell()

    @property
    def _broken(self) -> str:
        """What keeps this from working, for people."""
        return str(self.fault or self.hand.fault or self._unread)

    def _follow(self) -> None:
        """Look again; take up what holds there, or what can be read again, where nothing was changed."""
        before, self._look = self._look, self._looked()
        if (before.time != self._look.time or self.hand.fault) and self.hand.follow(self._look.time):
            self.redraw()

    def _others(self) -> None:
        self.session.soon(self._tell)

    def _present(self) -> None:
        """Tell other editors whether something is changed here."""
        self.presence.say((self.session.who or "somebody") if self.hand.changed else None)

    # what a person does

    def _may(self) -> bool:
        if self.session.may_write and self.hand.plan is not None and not self.hand.fault:
            return True
        self.hand.said = self.session.reason or self._broken or "This board is read-only", "wrong"
        self._tell()
        return False

    def _on_asked(self, asked: Asked) -> None:
        self._n = max(self._n, int(asked.get("n") or 0))
        looking = {
            "scope": self._to_scope, "step": self._to_step, "now": self._to_now, "sign": self._sign,
            "forget": self._forget, **self._looking(),
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

    def _do(self, what: str, asked: Asked) -> None:
        """What changes the draft or the plan."""
        if what == "snap":
            held = self.hand.holding(self._look.time)
            what, asked = "take", {"id": "" if held is None else held.id}
        if what in ("save", "withdraw") and (self.session.by_token or not asked.get("who")):
            asked["who"] = self.session.who  # in nobody else's name
        self._deed(what, asked)
        if what == "withdraw":
            self.hand.follow(self._look.time)
        self.redraw()
        if what in ("save", "withdraw"):
            self.presence.changed()

    def _wrong(self, error: Exception) -> None:
        self.hand.said = str(error)[:1].upper() + str(error)[1:], "wrong"
        self.stage.param.trigger(self.shows)  # what is shown is the draft, whatever the hand did
        self._tell()

    def _to_scope(self, asked: Asked) -> None:
        if asked.get("scope") in SCOPES:
            self._scope = asked["scope"]
            self._renew()

    def _to_step(self, asked: Asked) -> None:
        to = self._look.earlier if asked.get("by") == -1 else self._look.later
        if to is not None:
            self._time = to
            self._renew()

    def _to_now(self, _: Asked) -> None:
        self._time = None
        self._renew()

    def _sign(self, asked: Asked) -> None:
        well = self.session.sign_in(str(asked.get("token") or ""))
        self.hand.said = (f"Signed in as {self.session.who}", "good") if well else (self.session.reason, "wrong")
        self._tell()

    def _forget(self, _: Asked) -> None:
        self.hand.replaces = None
        self._tell()

    def close(self) -> None:
        """Stop following the session."""
        super().close()
        self.presence.leave()
