"""The glance at a page: made from feeds and pictures as they are, in some milliseconds, without Panel.

A board can give it before it has loaded what pages are made with, and while it makes the page.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from workbench.apps.desk import Desk
from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.live.question import Question
from workbench.live.session import Session
from workbench.raster.encode import frame as framed

log = logging.getLogger(__name__)

#: Seconds that a glance waits for pictures which nobody has looked at yet.
PATIENCE = 1.0


async def glance(desk: Desk, query: str) -> str:
    """The glance at the front page as HTML; empty where there is nothing to see at a glance, or something went wrong.

    Parameters
    ----------
    desk : Desk
    query : str
        Of the page's URL.
    """
    try:
        from workbench.views.glance import html_of

        told = _told(desk, query)
        if not told["cards"]:
            return ""
        await asyncio.gather(*(_picture(desk, card) for card in told["cards"] if card.get("picture")))
        return html_of(told)
    except Exception:
        log.exception("a glance could not be made")
        return ""


def session_for(desk: Desk, query: str, **options: Any) -> Session:
    """What somebody who opens the page looks at; all there is where that is short, and the address does not say."""
    session = Session(desk.feeds, query=query, **options)
    if "time" not in parse_qs(query) and _short(desk.feeds.span):
        session.time = "all"
    return session


def _short(span: Window | None) -> bool:
    return span is not None and bool(span.stop - span.start < np.timedelta64(1, "D"))


def _told(desk: Desk, query: str) -> dict[str, Any]:
    from workbench.views.glance import told_of
    from workbench.views.links import links

    session = session_for(desk, query)
    try:
        return told_of(session, desk.feeds.cruise.board, links())
    finally:
        session.close()


async def _picture(desk: Desk, card: dict[str, Any]) -> None:
    """Give a card its picture, when it is there or made in a moment."""
    try:
        question = Question.parse(card["picture"], desk.feeds, desk.feeds.now())
        made = await asyncio.wait_for(desk.gallery.ask(question, ""), PATIENCE)
    except (TimeoutError, WorkbenchError):
        return  # the page says why
    card["frame"] = base64.b64encode(framed(made.header, made.packed)).decode("ascii")
