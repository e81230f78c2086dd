"""One file: when, how many particles, its flag; and taking it out, with a reason, or bringing it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import panel as pn
import param

from workbench.live.feed import Feed
from workbench.views import say
from workbench.views.by_file import ByFile
from workbench.views.component import Component, script, style
from workbench.views.excluded import bring_back, excluded, plan_of, take_out
from workbench.views.marked import OF_FILES, file_source, rows_of
from workbench.views.view import View

#: What is told of a file, as far as it is known: name, variable, unit.
FACTS = (
    ("Events", "evt_count", ""), ("In focus", "opp_count", ""), ("OPP/EVT", "opp_evt_ratio", ""),
    ("Event rate", "event_rate", "s-1"), ("Pressure", "stream_pressure", "psi"), ("Background", "background", "percent"),
)  # fmt: skip


def facts(files: ByFile, row: int) -> list[list[str]]:
    """Name and value of each fact of a row that is known."""
    told = []
    for label, name, unit in FACTS:
        value = float(files.column(name)[row])
        if np.isfinite(value):
            text = say.count(round(value)) if name.endswith("_count") else say.number(value)
            told.append([label, f"{text} {say.unit(unit)}".strip()])
    return told


class FileBox(Component):
    """The card's inside. A person's wishes come as `asked`; whether they are heard is decided on the server."""

    told = param.Dict(default={}, doc="{name, time, facts, flag, out: {reason, who}} of the picked file.")
    may_write = param.Boolean(default=False)
    why_not = param.String(default="", doc="Why this person may not change anything.")
    said = param.String(default="", doc="What was wrong with the last wish.")
    asked = param.Dict(default={}, doc="{do: earlier|later|leave|exclude|restore, reason, token, n}.")

    _esm: ClassVar[str] = script("file_card.js")
    _stylesheets: ClassVar[list[str]] = [style("control.css"), style("file_card.css")]


class File(View):
    """The file that is picked: its numbers, its flag, and whether it counts."""

    options: ClassVar[Mapping[str, str]] = {"title": "head line of the card"}
    headline = "File"
    kind = "file"
    follows: ClassVar[tuple[str, ...]] = ("revision", "file", "may_write", "reason")
    tall = 260

    def draw(self, files: ByFile, row: int) -> dict[str, Any]:
        """What is told of one row. Pure."""
        if row < 0:
            return {}
        return {
            "name": str(files.names[row]), "time": say.moment(files.time[row]), "facts": facts(files, row),
            "flag": files.meaning(row),
        }  # fmt: skip

    def _fits(self, feed: Feed) -> bool:
        return bool(set(OF_FILES) & set(getattr(feed, "variables", ())))

    def _first(self) -> str:
        return file_source(self.feeds)

    def files(self) -> ByFile:
        """The files of the source."""
        return rows_of(self.feed) if self.source in self.feeds else ByFile()

    def told(self) -> dict[str, Any]:
        """What the card says of the picked file."""
        files, name = self.files(), self.session.file
        told = self.draw(files, files.place(name))
        if not told and name:
            told = {"name": name, "time": "", "facts": [], "flag": "no row of this file yet"}
        out = excluded(self.feeds.cruise).get(name)
        if told and out is not None:
            told["out"] = {"reason": out.reason, "who": out.who, "when": say.moment(out.time, seconds=False)}
        return {**told, "plan": bool(plan_of(self.feeds.cruise)), "any": bool(len(files))}

    def card(self, *, alone: bool = False) -> pn.viewable.Viewable:
        """As for any view; low until a file is picked."""
        made = super().card(alone=alone)
        self._renew()
        return made

    def _build(self) -> pn.viewable.Viewable:
        self.box = FileBox(sizing_mode="stretch_both", margin=0)
        self.box.param.watch(self._asked, "asked")
        self._watchers.append(self.session.param.watch(self._tick, "now"))
        self._renew()
        return self.box

    def _tick(self, *_: Any) -> None:
        if not self.session.closed:
            self._renew()

    def _renew(self) -> None:
        s = self.session
        new = {"told": self.told(), "may_write": s.may_write, "why_not": s.reason}
        self.box.param.update(**{key: value for key, value in new.items() if value != getattr(self.box, key)})
        if self._card is not None:  # without a file it needs less room
            kinds = [kind for kind in self._card.css_classes if kind != "idle"] + ([] if s.file else ["idle"])
            if kinds != self._card.css_classes:
                self._card.css_classes = kinds

    def _asked(self, event: Any) -> None:
        wish = event.new
        do, name, reason = wish.get("do"), self.session.file, str(wish.get("reason") or "")[:1000]
        said = ""
        if do in ("earlier", "later"):
            self._step(1 if do == "later" else -1)
        elif do == "leave":
            self.session.file = ""
        elif do == "sign_in":
            said = "" if self.session.sign_in(str(wish.get("token") or "")[:500]) else self.session.reason
        elif do in ("exclude", "restore") and name:
            change = take_out if do == "exclude" else bring_back
            said = change(self.session, name, reason)
        self.box.said = said
        self._renew()

    def _step(self, by: int) -> None:
        files = self.files()
        row = files.place(self.session.file)
        if len(files):
            chosen = len(files) - 1 if row < 0 else min(max(0, row + by), len(files) - 1)
            self.session.file = str(files.names[chosen])
