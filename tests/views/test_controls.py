"""ipywidgets and views say the same, whoever of them was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.catalog.cruise import open_cruise
from workbench.views.controls import Controls
from workbench.views.cruise_map import CruiseMap
from workbench.views.cytogram import Cytogram
from workbench.views.populations import Populations
from workbench.views.series import Series
from workbench.views.view import session_of


@pytest.fixture(scope="module")
def session(simulated: Path):
    return session_of(open_cruise(simulated))


def test_time_both_ways(session) -> None:
    controls = Controls(CruiseMap(session), Cytogram(session))
    controls.time.value = "now-1h..now"
    assert session.time == "now-1h..now"
    assert controls.range.value == "now-1h..now" and controls.follow.value
    session.look(*session.window)
    assert controls.time.value == session.time and ".." in session.time
    assert controls.range.value is None and not controls.follow.value
    controls.range.value = "all"
    assert session.time == "all" == controls.time.value
    controls.follow.value = False
    assert not session.follow


def test_a_mistake_is_told_and_taken_back(session) -> None:
    session.time = "all"
    controls = Controls(session)
    controls.time.value = "last two days"
    assert session.time == "all" == controls.time.value
    assert "not a" in controls.message.value
    controls.time.value = "now-6h..now"
    assert "not a" not in controls.message.value


def test_source_both_ways(session) -> None:
    track = CruiseMap(session)
    track.card()
    controls = Controls(track)
    assert {"sfl", "underway"} <= set(controls.source.options)
    assert "seaflow" not in controls.source.options
    assert controls.source.value == track.source
    controls.source.value = "sfl"
    assert track.source == "sfl"
    rows = session.feeds["sfl"].rows
    whole = next(each for each in track.figure.renderers if each.name == "whole")
    assert len(whole.data_source.data["x"]) <= rows + 10
    track.source = "underway"
    assert controls.source.value == "underway"


def test_what_cannot_be_chosen_is_hidden(session) -> None:
    assert Controls(Populations(session)).source.layout.display == "none", "one source alone has populations"
    assert Controls(session, Series(session, "sfl", variables=["par"])).time.value == session.time


def test_views_of_two_sessions(session) -> None:
    other = session_of(session.feeds)
    with pytest.raises(ValueError, match="different sessions"):
        Controls(CruiseMap(session), CruiseMap(other))
