"""Where the cards of a page stand: the time bar, the page of the instrument, the page of the scientist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn

from workbench.live.session import Session
from workbench.views import say
from workbench.views.beside import Beside
from workbench.views.component import Words, style
from workbench.views.marked import Marked
from workbench.views.navigator import Navigator
from workbench.views.notes import Notes
from workbench.views.pages import NOTHING
from workbench.views.series import Series
from workbench.views.time_control import Tab, TimeControl
from workbench.views.turn import TurnControl
from workbench.views.view import View

#: Cards in a row.
_BESIDE = 3


def row(*cells: Any, kind: str) -> pn.Row:
    """Cards side by side; one below the other on a phone."""
    return pn.Row(*cells, css_classes=["row", kind], stylesheets=[style("board.css")], margin=0)


def time_bar(session: Session, views: Sequence[View], notes: Notes, *more: Any) -> pn.Column:
    """The time control and the strip of the whole cruise, whose brush drives the charts."""
    css = [style("board.css")]
    brush: Any = next((view.range for view in views if isinstance(view, Series | Marked)), None)
    navigator = Navigator(session, brush=brush)
    control = pn.Row(TimeControl(session), *more, notes, css_classes=["controlrow"], stylesheets=css, margin=0)
    return pn.Column(control, navigator.bare(), css_classes=["card", "timebar"], stylesheets=css, margin=0)


def lay_out(session: Session, views: Sequence[View], tab: Tab, notes: Notes, name: str, top: Any) -> pn.Column:
    """A page beside the front page.

    Charts with marks stand to the left over each other's time axis, cytograms and the file that is picked to the right
    of them; without these, the charts stand side by side. What shows one quantity against another comes below.
    """
    css = [style("board.css")]
    charts = [view for view in views if isinstance(view, Marked)]
    side = [view for view in views if view.kind in ("cytogram", "file")]
    rest = [view for view in views if view not in charts and view not in side and view.kind != "tiles"]
    turned = [view for view in views if isinstance(view, Beside)]
    for view in turned:
        view.turned = True
    controls = [TurnControl(session, turned[0].latitude)] if turned and turned[0].latitude else []
    rows: list[Any] = [view.bare() for view in views if view.kind == "tiles"]
    if charts and side:
        left = pn.Column(*(view.card() for view in charts), css_classes=["stackcol", "main"], stylesheets=css, margin=0)
        side.sort(key=lambda view: view.kind != "file")  # what can be done stands where it is seen
        right = pn.Column(*(view.card() for view in side), css_classes=["stackcol", "side"], stylesheets=css, margin=0)
        rows.append(pn.Row(left, right, css_classes=["row", "split"], stylesheets=css, margin=0))
    elif charts:
        rows.append(row(*(view.card() for view in charts), kind="charts"))
    else:
        rest = [*side, *rest]
    cards = [view.card() for view in rest]
    rows += [row(*cards[i : i + _BESIDE], kind="below") for i in range(0, len(cards), _BESIDE)]
    if not views:
        rows.append(_nothing(name))
    bar = time_bar(session, views, notes, *controls)
    kinds = ["board", "paged", name]
    return pn.Column(
        top.navigation, bar, *rows, tab, css_classes=kinds, stylesheets=css, sizing_mode="stretch_both", margin=0
    )  # fmt: skip


def _nothing(name: str) -> pn.Column:
    head, text = NOTHING.get(name, ("Nothing to show.", ""))
    words = Words(
        f'<div class="nothing"><b>{say.escape(head)}</b><p>{say.escape(text)}</p></div>',
        margin=0,
        sizing_mode="stretch_both",
    )
    return pn.Column(words, css_classes=["card", "empty"], stylesheets=[style("board.css")], margin=0)
