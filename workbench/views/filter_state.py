"""What stands around the charts of the filter editor, and the numbers beside them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.live.session import Session
from workbench.views.filter_answers import FilterAnswer, Outcome
from workbench.views.filter_hand import Filtering
from workbench.views.gate_look import Look
from workbench.views.gate_presence import Other
from workbench.views.gate_state import entries_of, moments, says
from workbench.views.plan_hand import since_of


def told_filter(
    hand: Filtering, session: Session, seen: Look, *, scope: str, newest: bool, quantile: int, fault: str = "",
    others: Sequence[Other] = (), now: np.datetime64,
) -> dict[str, Any]:  # fmt: skip
    """The parameter `state` of the stage."""
    text, kind = says(hand.said, session, fault, others, "this filter")
    by_token, draft = session.by_token, hand.draft
    held, begun, other = hand.holding(seen.time), hand.held, ""
    if held is not None and hand.shown != held.parameters and (begun is None or begun.id != held.id):
        other = held.id
    return {
        "may": session.may_write and hand.plan is not None and not hand.fault, "who": session.who if session.who != "localhost" else "",
        "signed": session.may_write and by_token, "token": by_token and not session.may_write, "says": text,
        "kind": kind, "scope": scope, "looked": seen.text, "earlier": seen.earlier is not None,
        "later": seen.later is not None, "newest": newest, "undo": draft is not None and draft.can_undo,
        "redo": draft is not None and draft.can_redo, "gates": int(draft is not None), "quantile": quantile,
        "compared": hand.against, "saved": hand.saved, "replaces": hand.replaces, "moments": moments(seen.time, now),
        "holding": "No filter holds here yet" if held is None else f"The filter {since_of(held.entry)} holds here",
        "other": other, "entries": entries_of(hand.history, "" if held is None else held.id, hand.base_id),
    }  # fmt: skip


def told_numbers(answer: FilterAnswer, period: str, *, spread: int = 0) -> dict[str, Any]:
    """What the parameters give, for the browser; `spread` is of how many files these are a part."""
    beads = answer.beads
    part = f"{period}, of {spread} files" if spread > answer.files else period
    return {
        "files": answer.files, "events": answer.events, "evt": answer.evt, "period": part,
        "opp": _opp(answer.now), "was": _opp(answer.before), "left": _left_out(answer.now, answer.before),
        "beads": None if beads is None else {
            "fsc": beads.fsc.tolist(), "D1": beads.d1[::-1].tolist(), "D2": beads.d2[::-1].tolist(),
            "count": beads.count, "contrast": beads.contrast,
        },
        "no_beads": answer.no_beads, "state": "shown" if answer.evt else "empty",
        "cover": "" if answer.evt else "No events here",
    }  # fmt: skip


def _opp(outcome: Outcome | None) -> list[int] | None:
    return None if outcome is None else list(outcome.opp)


def _left_out(now: Outcome | None, before: Outcome | None) -> str:
    """How many files would have a flag, where that is not as before."""
    if now is None or before is None or now.left_out == before.left_out:
        return ""
    files = "1 file" if now.left_out == 1 else f"{now.left_out} files"
    return f"{files} would be left out by its counts; {before.left_out} before"
