"""Cytograms: the levels drawn are the levels given; axes say 1, 10, 100, 1000."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.live.standin import Item, ParticleSource, StandInCruise, at, stop_clock
from workbench.core.codes import SIZE
from workbench.core.viewport import Viewport
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.raster import encode
from workbench.raster.count import count_codes
from workbench.raster.levels import levels
from workbench.views.cytogram import Cytogram, draw, picture

WHOLE = Viewport(0, SIZE, 0, SIZE, 64, 64)


def test_levels_are_drawn_as_they_are() -> None:
    given = np.arange(64 * 64, dtype=np.uint32).reshape(64, 64)
    shown = levels(given)
    plot = draw(shown, WHOLE, x="fsc_small", y="pe")
    (image,) = plot.renderers
    data = image.data_source.data
    assert np.array_equal(data["image"][0], shown)
    assert (data["x"], data["dw"]) == ([0], [SIZE])
    mapper = image.glyph.color_mapper
    assert (mapper.low, mapper.high) == (1, 255)
    assert mapper.low_color == "rgba(0,0,0,0)"


def test_an_empty_picture_is_a_picture() -> None:
    assert draw(None, None, x="fsc_small", y="pe").renderers
    assert picture(None, None)["image"][0].sum() == 0


def test_names_are_the_files_own_and_the_peoples() -> None:
    plot = draw(None, None, x="fsc_small", y="pe")
    assert plot.xaxis[0].axis_label == "Forward scatter · fsc_small"
    assert plot.yaxis[0].axis_label == "Phycoerythrin · pe"


def cruise() -> tuple[Feeds, ParticleSource]:
    stop_clock(at(100))
    source = ParticleSource()
    source.random("a", at(0))
    source.random("b", at(50))
    return Feeds(StandInCruise(source, board=(Item("cytogram", "seaflow", {"x": "fsc_small", "y": "pe"}),))), source


def test_without_our_route_a_page_is_answered_through_its_own_connection() -> None:
    feeds, source = cruise()
    feeds.poll()
    session = Session(feeds)
    session.time = "all"
    view = Cytogram(session)
    view.card()
    raw = {**view.stage.question, "range": [0, SIZE, 0, SIZE], "level": 64, "ask": 3, "have": ""}
    header, got = encode.decode(asyncio.run(view._answer(raw)))
    view.close()
    v = Viewport(header["x0"], header["x1"], header["y0"], header["y1"], header["width"], header["height"])
    want = sum(count_codes(f["fsc_small"], f["pe"], v) for f in source.held.values())
    assert header["ask"] == 3
    assert np.array_equal(got, levels(want))


def test_a_wrong_question_is_told_in_words() -> None:
    feeds, _ = cruise()
    feeds.poll()
    view = Cytogram(Session(feeds))
    view.card()
    assert b"nothing" in asyncio.run(view._answer({"source": "nothing", "x": "a", "y": "b", "ask": 1}))
    view.close()


def test_other_channels_reach_the_session_and_the_question() -> None:
    feeds, _ = cruise()
    feeds.poll()
    session = Session(feeds)
    view = Cytogram(session)
    view.card()
    view._head.chosen = {"key": "x", "value": ["pe"]}
    assert session.planes == [("pe", "pe")]
    assert view.stage.question["x"] == "pe"
    assert view.figure.xaxis[0].axis_label.startswith("Phycoerythrin")
    session.planes = [("fsc_small", "pe")]
    assert view._head.values["x"] == ["fsc_small"]


def test_time_goes_into_the_question_as_people_wrote_it() -> None:
    feeds, _ = cruise()
    feeds.poll()
    session = Session(feeds)
    view = Cytogram(session)
    view.card()
    session.time = "now-1h..now"
    assert view.stage.question["time"] == "now-1h..now"


@pytest.mark.parametrize("count", [1, 2])
def test_each_cytogram_has_its_own_plane(count: int) -> None:
    feeds, _ = cruise()
    feeds.poll()
    session = Session(feeds)
    views = [Cytogram(session, plane=i, x="pe", y="fsc_small") for i in range(count)]
    assert [view.axes for view in views] == [("pe", "fsc_small")] * count
