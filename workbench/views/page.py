"""The board: the views that a catalog names, laid out on one page of one person."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui
from bokeh.themes import Theme
from panel.util import edit_readonly

from workbench.catalog.declared import PAGES, BoardItem
from workbench.core.plugins import find
from workbench.live.feeds import Feeds
from workbench.live.particle_feed import ParticleFeed
from workbench.live.row_feed import RowFeed
from workbench.live.session import CYTOGRAMS, Session
from workbench.record.state import State
from workbench.views import head as page_head
from workbench.views.component import Words, style
from workbench.views.layout import lay_out, row, time_bar
from workbench.views.marked import Marked
from workbench.views.notes import Notes, marks_of
from workbench.views.once import once
from workbench.views.pages import Link
from workbench.views.time_control import Tab
from workbench.views.view import View, told_clock

#: Figures carry both themes themselves; Material UI is told to leave them alone (a theme of our own, with nothing in it).
_OURS = Theme(
    json={"attrs": {name: {} for name in ("Axis", "Grid", "Legend", "BaseColorBar", "Title", "Plot", "Figure")}}
)
#: Options of views that a person may change on the page.
_CHOSEN = {"cytogram": ("x", "y"), "file_cytogram": ("x", "y"), "cruise_map": ("colour",), "series": ("variables",)}
#: Cards of the upper row; further cytograms stand below. They are drawn first.
_UPPER = 3
_FIRST = ("map", "cytogram", "file")
#: Milliseconds that a browser has to paint them before it gets the next card, and then each further one.
_FIRST_SEEN, _BETWEEN = 600, 50
_HEAD = {
    "& .MuiAppBar-root": {
        "backgroundColor": "#10293a !important",
        "backgroundImage": "none !important",
        "boxShadow": "none",
    },
    "&.mui-dark .MuiAppBar-root": {"backgroundColor": "#0d1f2c !important"},
    "& .MuiAppBar-root .MuiIconButton-root": {"color": "#dde6ed !important", "ml": {"xs": 0, "sm": "6px"}},
    "& .MuiLinearProgress-root": {"display": "none"},
    "& .MuiToolbar-root > .MuiBox-root": {"minWidth": 0},  # what the head says gets shorter, not pushed out of sight
    "& .MuiToolbar-root": {"minHeight": "54px !important", "m": 0, "px": {"xs": "10px", "sm": "20px"}},
}
_THEME = {
    "light": {
        "palette": {
            "primary": {"main": "#10293a", "contrastText": "#ffffff"}, "background": {"default": "#eef2f5", "paper": "#ffffff"},
            "text": {"primary": "#16232e", "secondary": "#566877"},
        },
    },
    "dark": {
        "palette": {
            "primary": {"main": "#5cb8e4", "contrastText": "#0a1016"}, "background": {"default": "#0a1016", "paper": "#121b23"},
            "text": {"primary": "#dde6ed", "secondary": "#92a4b2"},
        },
    },
}  # fmt: skip


def page(
    session: Session, *, route: str = "live/ws", read_only: bool = False, health: str = "healthz", name: str = "",
    items: Sequence[BoardItem] | None = None, links: Sequence[Link] = (),
) -> pmui.Page:  # fmt: skip
    """The whole page of one tab.

    Parameters
    ----------
    session : Session
    route : str
        Websocket route of the live pictures, relative to the page.
    read_only : bool
        True where nobody may write notes.
    health : str
        What a page that lost its server asks, relative to the page, before it loads again.
    name : str
        Which page of the board; "" is the front page.
    items : sequence of BoardItem, optional
        Its pictures, which the session knows too; those of the catalog's board unless told.
    links : sequence of Link
        The navigation.
    """
    cruise = session.feeds.cruise
    if pn.state.curdoc is not None:
        pn.state.curdoc.theme = _OURS
    state = State(cruise.folder)
    views = views_of(session, route=route, marks=lambda: marks_of(state), items=items)
    top = _Top(session, name, links)
    tab = Tab(session, health=health)
    notes = Notes(state, session, read_only=read_only)
    _draw_later(session, views)
    board = lay_out(session, views, tab, notes, name, top) if name else _lay_out(session, views, tab, notes, top)
    made = pmui.Page(
        main=[board], header=[top.words], title="", meta_title=f"{cruise.id} · {PAGES.get(name, name).lower()}", theme_config=_THEME, sx=_HEAD,
        busy_indicator=None, raw_css=[style("tab.css")],
    )  # fmt: skip
    with edit_readonly(made):
        # It follows Panel's global state, which so keeps every page that was ever opened. Follow something of our own.
        made.busy = made.param.contextbar_open
    return made


def views_of(
    session: Session, *, route: str, marks: Callable[[], Sequence[Any]], items: Sequence[BoardItem] | None = None
) -> list[View]:
    """The views of a page, in the catalog's order; without a board, what its sources have to show."""
    shown = session.feeds.cruise.board if items is None else items
    counts = {"cytogram": 0, "series": 0}
    several = sum(item.view == "series" for item in shown) > 1
    views = []
    for item in shown or (_usual(session.feeds) if items is None else ()):
        view: Any = find("workbench.views", item.view)
        given = dict(item.options)
        if shown:
            # The session holds what may be chosen on the page, from the board's options or the URL.
            given = {key: value for key, value in given.items() if key not in _CHOSEN.get(item.view, ())}
        kind = "cytogram" if item.view in CYTOGRAMS else item.view
        if kind == "cytogram":
            given |= {"plane": counts["cytogram"], "path": route}
        elif issubclass(view, Marked):
            given |= {"marks": marks}
        elif item.view == "series":
            given |= {"chart": counts["series"], "marks": marks}
            if several and item.source:
                given.setdefault("title", f"Time series · {item.source}")
        counts[kind] = counts.get(kind, 0) + 1
        views.append(view(session, item.source, **given))
    return views


def _draw_later(session: Session, views: Sequence[View]) -> None:
    """Have a browser show what is looked at first; it then gets the other cards, one by one."""
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        return
    first = sorted((view for view in views if view.kind != "tiles"), key=lambda view: view.kind not in _FIRST)
    waiting = first[_UPPER:]
    for view in waiting:
        view.later = True

    def draw() -> None:
        if waiting and not session.closed:
            document.add_timeout_callback(draw, _BETWEEN)  # first: a card that cannot be drawn keeps no other from it
            waiting.pop(0).fill()

    pn.state.onload(lambda: document.add_timeout_callback(draw, _FIRST_SEEN))


def _usual(feeds: Feeds) -> list[BoardItem]:
    """A board for a catalog that declares none."""
    rows = [name for name, feed in feeds.items() if isinstance(feed, RowFeed)]
    ship = [name for name in rows if "latitude" in feeds[name].specs]
    particles = [name for name, feed in feeds.items() if isinstance(feed, ParticleFeed)]
    items = [BoardItem("tiles")] if feeds.cruise.kpis else []
    items += [BoardItem("cruise_map", name) for name in ship[:1]]
    items += [BoardItem("cytogram", name) for name in particles[:1]]
    items += [BoardItem("series", name, {"variables": _curves(feeds, name)}) for name in rows[:1]]
    items += [BoardItem("files", name) for name in particles[:1]]
    return items


def _curves(feeds: Feeds, name: str) -> tuple[str, ...]:
    known = [n.partition(".")[2] for n in feeds.names() if n.startswith(f"{name}.")]
    return tuple(n for n in known if n not in ("latitude", "longitude"))[:4]


class _Top:
    """The head of the page, kept up to date."""

    def __init__(self, session: Session, name: str = "", links: Sequence[Link] = ()) -> None:
        self._session, self._name, self._links = session, name, links
        #: The navigation once more, for a page too narrow to have it in its head.
        self.navigation = Words(self._nav(), css_classes=["pages"], margin=0, sizing_mode="stretch_width")
        self.words = Words(
            self._html(), clock=told_clock(session), sizing_mode="stretch_width", css_classes=["pagehead"]
        )
        session.param.watch(self._renew, ["revision", "now"])

    def _told(self) -> list[tuple[str, str, bool]]:
        """Label and address of each page, with the time range that is looked at."""
        query = urlencode({"time": self._session.time}, safe=",:.")
        return [
            (one.label, f"{one.href}{'&' if '?' in one.href else '?'}{query}", one.name == self._name)
            for one in self._links
        ]

    def _nav(self) -> str:
        return page_head.navigation(self._told())

    def _html(self) -> str:
        feeds, told = self._session.feeds, self._told()
        seen = feeds.cruise.finished, *(feed.seen for feed in feeds.values())
        key = "head", tuple(told), int(time.monotonic()), seen
        return once(next(iter(feeds.values())), key, lambda: page_head.draw(page_head.head_of(feeds, told)))

    def _renew(self, *_: Any) -> None:
        if not self._session.closed:
            self.words.say(self._html())
            self.navigation.say(self._nav())


def _lay_out(session: Session, views: Sequence[View], tab: Tab, notes: Notes, top: _Top) -> pn.Column:
    css = [style("board.css")]
    kinds: dict[str, list[View]] = {}
    for view in views:
        known = ("tiles", "map", "cytogram", "series", "against", "files")
        kinds.setdefault(view.kind if view.kind in known else "other", []).append(view)
    timebar = time_bar(session, views, notes)
    pictures = [view.card() for kind in ("map", "cytogram") for view in kinds.get(kind, [])]
    upper, more = pictures[:_UPPER], pictures[_UPPER:]
    more += [view.card() for view in kinds.get("against", [])]
    lower = [view.card() for kind in ("series", "other", "files") for view in kinds.get(kind, [])]
    rows: list[Any] = [view.bare() for view in kinds.get("tiles", [])]
    rows += [row(*upper, kind="upper")] if upper else []
    rows += [row(*lower, kind="lower")] if lower else []
    rows += [row(*more[i : i + _UPPER], kind="more") for i in range(0, len(more), _UPPER)]
    return pn.Column(
        top.navigation,
        timebar,
        *rows,
        tab,
        css_classes=["board"],
        stylesheets=css,
        sizing_mode="stretch_both",
        margin=0,
    )
