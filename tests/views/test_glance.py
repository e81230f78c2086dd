"""What a page shows at a glance is what it shows afterwards, and is made without Panel."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from workbench.catalog.cruise import open_cruise
from workbench.core.plugins import find
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views import glance
from workbench.views.cytogram import Cytogram
from workbench.views.links import links
from workbench.views.page import views_of
from workbench.views.tiles import Tiles


@pytest.fixture(scope="module")
def feeds(simulated) -> Feeds:
    feeds = Feeds(open_cruise(simulated))
    feeds.poll()
    return feeds


@pytest.fixture
def told(feeds: Feeds) -> dict:
    session = Session(feeds, query="time=all")
    told = glance.told_of(session, feeds.cruise.board, links())
    session.close()
    return told


def test_it_is_what_the_page_shows(feeds: Feeds, told: dict) -> None:
    session = Session(feeds, query="time=all")
    views = views_of(session, route="live/ws", marks=lambda: ())
    tiles = next(view for view in views if isinstance(view, Tiles))
    tiles.bare()
    assert told["tiles"] == tiles.strip.tiles
    upper = sorted((v for v in views if v.kind in ("map", "cytogram")), key=lambda v: v.kind != "map")[: glance.UPPER]
    assert [(card["kind"], card["title"]) for card in told["cards"]] == [(view.kind, view.title) for view in upper]
    for card, view in zip(told["cards"], upper, strict=True):
        assert [(c["key"], [c["value"]], c["label"]) for c in card["choices"]] == [
            (c.key, list(c.value()), c.label) for c in view._choices()
        ]
        assert [dict(c["options"]) for c in card["choices"]] == [dict(c.options()) for c in view._choices()]
        if isinstance(view, Cytogram):
            asked = {k: v for k, v in card["picture"].items() if k not in ("range", "level")}
            assert asked == view._question()
            view.card()
            x, y = view.figure.x_range, view.figure.y_range
            assert card["picture"]["range"] == [x.start, x.end, y.start, y.end]
    assert told["lower"] == [v.kind for v in views if v.kind == "series"] + [v.kind for v in views if v.kind == "files"]
    session.close()


def test_the_track_is_that_of_the_map(told: dict, feeds: Feeds) -> None:
    session = Session(feeds, query="time=all")
    (view,) = [v for v in views_of(session, route="live/ws", marks=lambda: ()) if v.kind == "map"]
    view.card()
    drawn = view._sources["track"].data
    for name in ("x0", "y0", "x1", "y1", "value"):
        sent = np.frombuffer(base64.b64decode(told["cards"][0]["track"][name]), "<f4")
        assert np.array_equal(sent, np.asarray(drawn[name], "<f4"), equal_nan=True)
    session.close()


def test_kinds_are_those_of_the_views() -> None:
    for name, kind in glance.KINDS.items():
        assert find("workbench.views", name).kind == kind


def test_nothing_that_came_from_a_file_ends_the_script(told: dict) -> None:
    told["cards"][0]["title"] = "</script><img src=x onerror=alert(1)><!--"
    html = glance.html_of(told)
    assert html.count("</script>") == 1 and html.endswith("</script>")
    assert "<img src=x" not in html
    (text,) = re.findall(r"^glance\((.*)\)$", html, re.MULTILINE)
    assert json.loads(text)["cards"][0]["title"].startswith("</script>")


def test_it_needs_no_panel() -> None:
    code = "import sys, workbench.apps.board, workbench.views.glance as g; g._program(); print([m for m in ('panel', 'bokeh.models', 'datashader') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
