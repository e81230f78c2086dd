"""The page as a whole: every view of the catalog, restored from its URL, gone when its tab is gone."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from types import SimpleNamespace

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc, state

from workbench.catalog.cruise import open_cruise
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views.component import Words
from workbench.views.cruise_map import CruiseMap
from workbench.views.cytogram import Cytogram
from workbench.views.page import page, views_of
from workbench.views.series import Series
from workbench.views.tiles import Tiles
from workbench.views.time_control import Tab


@pytest.fixture(scope="module")
def feeds(simulated) -> Feeds:
    feeds = Feeds(open_cruise(simulated))
    feeds.poll()
    return feeds


def test_every_item_of_the_board_is_there(feeds: Feeds) -> None:
    views = views_of(Session(feeds), route="live/ws", marks=lambda: ())
    assert [view.kind for view in views] == [
        {"cruise_map": "map", "populations": "series", "t_s": "against", "by_latitude": "against"}.get(
            item.view, item.view
        )
        for item in feeds.cruise.board
    ]


def test_a_url_brings_everything_back(feeds: Feeds) -> None:
    first = Session(feeds)
    first.colour, first.time = "sfl.salinity", "2025-01-14T21:00..2025-01-14T22:00"
    first.planes = [("chl_small", "pe"), *first.planes[1:]]
    first.charts = [("sfl.par", "sfl.salinity")]
    again = Session(feeds, query=first.to_query())
    views = {view.kind: view for view in views_of(again, route="live/ws", marks=lambda: ())[::-1]}
    assert views["cytogram"].axes == ("chl_small", "pe")
    assert views["series"].variables == ("sfl.par", "sfl.salinity")
    assert again.colour == "sfl.salinity"
    assert again.window == first.window


def test_closing_a_tab_leaves_nothing(feeds: Feeds) -> None:
    gc.collect()
    before = feeds.listeners
    session = Session(feeds)
    document = page(session).server_doc(Document())
    assert feeds.listeners == before + 1
    gone = weakref.ref(session)
    session.close()
    for call in list(document.session_destroyed_callbacks):
        call(SimpleNamespace(_document=document, id="tab"))
    pn.io.server._cleanup_doc(document, destroy=True)
    del session, document, call
    gc.collect()
    assert feeds.listeners == before
    assert gone() is None


@pytest.mark.parametrize("kind", [CruiseMap, Cytogram, Series, Tiles])
def test_views_show_a_cruise_in_a_notebook(simulated, kind) -> None:
    view = kind(open_cruise(simulated))
    card = view.__panel__()
    assert card.get_root()
    assert card.height == kind.tall


def test_what_cannot_be_shown_is_told(feeds: Feeds) -> None:
    with pytest.raises(TypeError, match="open_cruise"):
        CruiseMap("catalog.yaml")


@pytest.mark.parametrize("broken", [False, True], ids=["", "one card cannot be drawn"])
def test_what_is_looked_at_first_is_drawn_first(feeds: Feeds, broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bokeh.io.doc._PATCHED_CURDOCS", [])  # Bokeh leaves a document there whose callback fails
    session = Session(feeds)
    document = Document()
    tab = SimpleNamespace(
        server_context=None, request=SimpleNamespace(arguments={}, headers={}, cookies={}), id="a tab"
    )
    document._session_context = lambda: tab
    with set_curdoc(document):
        made = page(session)
        cards = [card for card in made.main[0].select(pn.Column) if "card" in card.css_classes]
        filled = [card for card in cards if len(card) > 1]  # the others have their name only
        assert {kind for card in filled for kind in card.css_classes} >= {"map", "cytogram"}
        assert 0 < len(cards) - len(filled) < len(cards)
        session.time = "all"  # what is not there yet is not brought up to date
        state._on_load(document)
        if broken:
            monkeypatch.setattr(Series, "_build", lambda self: 1 / 0)
        for _ in cards:
            for callback in document.session_callbacks:
                with suppress(ZeroDivisionError):
                    callback.callback()
    empty = [card for card in cards if "timebar" not in card.css_classes and len(card) != 2]
    assert all("series" in card.css_classes for card in empty) and bool(empty) == broken
    session.close()


def test_a_card_is_filled_once(feeds: Feeds) -> None:
    session = Session(feeds)
    view = Series(session, "sfl")
    view.later = True
    card = view.card()
    assert [head.title for head in card] == [view.title] and view.card() is card, "its name stands there at once"
    view.fill()
    body = card[1]
    view.fill()
    assert card[1] is body and len(card) == 2
    session.close()


def test_modules_are_known_by_their_text() -> None:
    """So that the browser takes each once, as it is."""
    document = Document()
    keys = [Words("one")._get_properties(document)["bundle"], Words("two")._get_properties(document)["bundle"]]
    assert keys[0] == keys[1] and keys[0] != Tab._module_key()
    assert "interface " not in str(Words._esm) and ": string" not in str(Words._esm)
