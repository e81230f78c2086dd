"""What stands around the drawing: what may be done, what holds, what was saved, who else draws. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.core.decisions import Entry
from workbench.live.preview import Estimate
from workbench.live.session import Session
from workbench.views import say
from workbench.views.gate_drawing import Drawing
from workbench.views.gate_look import Look
from workbench.views.gate_presence import Other
from workbench.views.plan_hand import since_of


def entries_of(entries: Sequence[Entry[Any]], holds: str, compared: str) -> list[dict[str, Any]]:
    """The history for the browser, the newest start first."""
    return [
        {
            "id": e.id, "start": "" if np.isnat(e.start) else say.moment(e.start), "who": e.who,
            "when": "" if np.isnat(e.when) else say.moment(e.when, seconds=False), "note": e.note,
            "withdrawn": "" if e.withdrawn is None else e.withdrawn.who, "holds": e.id == holds,
            "compared": e.id == compared, "mine": not e.from_file,
        }
        for e in reversed(entries)
    ]  # fmt: skip


def moments(time: np.datetime64, now: np.datetime64) -> list[list[str]]:
    """Where saved gates may begin: label and time (UTC)."""
    hour = time.astype("datetime64[h]").astype("datetime64[ns]")
    return [[label, say.moment(each)] for label, each in (("this file", time), ("this hour", hour), ("now", now))]


def says(
    said: tuple[str, str], session: Session, fault: str, others: Sequence[Other], what: str = "these gates"
) -> tuple[str, str]:
    """The one thing to tell, and its kind: what just happened, what is broken, who else draws, why nothing may be drawn."""
    if said[0]:
        return said
    if fault:
        return fault, "wrong"
    if others:
        first, more = others[0], len(others) - 1
        who = f"{first.who} and {more} more are" if more else f"{first.who} is"
        return f"{who} changing {what} too, since {say.moment(first.since)[11:16]} UTC", "others"
    if not session.may_write:
        return f"Read-only. {session.reason}", ""
    return "", ""


def told_state(
    drawing: Drawing, session: Session, seen: Look, *, scope: str, newest: bool, fault: str = "",
    others: Sequence[Other] = (), abundances: bool = False, now: np.datetime64,
) -> dict[str, Any]:  # fmt: skip
    """The parameter `state` of the stage."""
    text, kind = says(drawing.said, session, fault, others)
    by_token = session.by_token
    draft, what = drawing.draft, "Abundance through the cruise" if abundances else "Particles in each file"
    told: dict[str, Any] = {
        "may": session.may_write and drawing.gates is not None and not drawing.fault, "who": session.who if session.who != "localhost" else "",
        "signed": session.may_write and by_token, "token": by_token and not session.may_write, "says": text,
        "kind": kind, "scope": scope, "looked": seen.text, "view": [say.milliseconds(t) for t in seen.window], "earlier": seen.earlier is not None,
        "later": seen.later is not None, "newest": newest, "undo": draft.can_undo, "redo": draft.can_redo,
        "gates": len(draft.gating.gates), "compared": drawing.against, "saved": drawing.saved,
        "replaces": drawing.replaces, "moments": moments(seen.time, now), "chart": f"{what} with these gates; in grey, before",
    }  # fmt: skip
    return told | _plan(drawing, seen)


def _plan(drawing: Drawing, seen: Look) -> dict[str, Any]:
    """What holds and what was saved."""
    if drawing.gates is None:
        return {"entries": [], "holding": "", "other": ""}
    held, begun, other = drawing.holding(seen.time), drawing.held, ""
    holding = "No gates hold here yet" if held is None else f"Gates {since_of(held.entry)} hold here"
    if held is not None and held.gating.gates != drawing.draft.gating.gates and (begun is None or begun.id != held.id):
        other = held.id
    entries = entries_of(drawing.history, "" if held is None else held.id, drawing.base_id)
    return {"entries": entries, "holding": holding, "other": other}


def told_counts(estimate: Estimate, before: Estimate | None, period: str) -> dict[str, Any]:
    """What the gates give, for the browser; `before` what those gave that held when the drawing began."""
    told: dict[str, Any] = {
        "approximate": estimate.approximate, "particles": int(estimate.particles), "period": period,
        "populations": list(estimate.populations), "counts": [float(c) for c in estimate.counts],
        "percent": [None if np.isnan(p) else float(p) for p in estimate.percent], "done": estimate.done,
        "state": "shown" if estimate.particles else "empty", "cover": "" if estimate.particles else "No particles here",
    }  # fmt: skip
    if before is not None:
        told["before"] = dict(zip(before.populations, map(float, before.counts), strict=True))
    return told
