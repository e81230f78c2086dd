"""T-S diagrams and charts by latitude on the board: values of the same moments, legs apart, kept up to date."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.live.standin import Item, RowSource, StandInCruise, at, stop_clock
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views.beside import nearest
from workbench.views.by_latitude import ByLatitude
from workbench.views.t_s import TS

ROWS = 400
UP = np.concatenate([np.linspace(-2, 2, ROWS // 2), np.linspace(2, -2, ROWS // 2)])


def session() -> Session:
    stop_clock(at(ROWS * 180))
    time = [at(180 * k) for k in range(ROWS)]
    salinity = np.where(np.arange(ROWS) % 50 == 3, 5.0, 35 + UP / 10)
    sfl = RowSource("sfl", time=time, salinity=salinity, sea_water_temperature=20 + UP, latitude=UP)
    pops = RowSource("pops", time=time[::2], abundance_prochloro=np.arange(ROWS // 2) * 1.0)
    feeds = Feeds(StandInCruise(sfl, pops, board=(Item("t_s", "sfl"), Item("by_latitude", "pops"))))
    feeds.poll()
    return Session(feeds, query="time=all")


def clouds(plot):
    return [r.data_source for r in plot.renderers if r.name == "cloud"]


def test_a_t_s_diagram_has_both_legs_and_no_failed_pump() -> None:
    view = TS(session())
    view.card()
    assert view.source == "sfl"
    (plot,) = view._figures
    assert [item.label.value for item in plot.above[0].items] == ["northbound", "southbound"]
    drawn = [source.data for source in clouds(plot)]
    assert sum(len(d["x"]) for d in drawn) == ROWS - ROWS // 50
    assert min(d["x"].min() for d in drawn) > 20
    for d in drawn:
        np.testing.assert_allclose(d["x"], 35 + (d["y"] - 20) / 10)
    assert [r for r in plot.renderers if r.name == "isopycnals"]


def test_a_sea_that_is_fresh_is_no_failed_pump() -> None:
    """The Baltic: all of it is under 20."""
    stop_clock(at(1000))
    source = RowSource("ctd", time=[at(60 * k) for k in range(9)], salinity=np.linspace(6, 8, 9),
                       sea_water_temperature=np.linspace(12, 14, 9))  # fmt: skip
    feeds = Feeds(StandInCruise(source))
    feeds.poll()
    view = TS(Session(feeds, query="time=all"), "ctd")
    view.card()
    assert [len(source.data["x"]) for source in clouds(view._figures[0])] == [9]


def test_latitude_of_another_source_and_only_what_there_is() -> None:
    view = ByLatitude(session(), "pops", variables=["abundance_prochloro", "abundance_none", "sfl.salinity"])
    view.card()
    assert view.variables == ("pops.abundance_prochloro", "sfl.salinity")
    assert view.latitude == "sfl.latitude"
    first, second = view._figures
    assert first.x_range is second.x_range
    assert type(first.y_scale).__name__ == "LogScale"
    north, south = (source.data for source in clouds(first))
    assert len(north["x"]) + len(south["x"]) == ROWS // 2 - 1, "nothing stands at 0 on a log axis"
    rows = np.concatenate([north["y"], south["y"]]).astype(int)
    np.testing.assert_array_equal(np.concatenate([north["x"], south["x"]]), UP[::2][rows])
    assert (np.diff(north["x"]) > 0).mean() > 0.95
    assert (np.diff(south["x"]) < 0).mean() > 0.95
    assert [p.xaxis[0].axis_label for p in view._figures] == ["", view.label_of("sfl.latitude")]


def test_new_rows_come_into_the_same_figure() -> None:
    view = TS(session())
    view.card()
    (plot,) = view._figures
    feed = view.feeds["sfl"]
    stop_clock(at(ROWS * 180 + 600))
    feed.source.add(at(ROWS * 180 + 180), salinity=36.5, sea_water_temperature=25.0, latitude=-2.1)
    view.feeds.poll()
    assert view._figures == [plot]
    assert clouds(plot)[1].data["x"][-1] == 36.5
    assert plot.x_range.end > 36.5
    assert plot.y_range.end > 25
    lines = next(r for r in plot.renderers if r.name == "isopycnals").data_source.data
    assert max(xs.max() for xs in lines["xs"]) > 36.5


def test_without_latitude_there_are_no_legs_and_without_rows_there_is_a_card() -> None:
    stop_clock(at(1000))
    source = RowSource("ctd", time=[at(0), at(60)], salinity=[35.0, 35.1], sea_water_temperature=[20.0, 21.0])
    feeds = Feeds(StandInCruise(source, RowSource("none")))
    feeds.poll()
    view = TS(Session(feeds, query="time=all"), "ctd")
    view.card()
    assert [len(source.data["x"]) for source in clouds(view._figures[0])] == [2]
    for kind in (TS, ByLatitude):
        empty = kind(Session(feeds), "none")
        assert empty.card() is not None
        assert empty.stage.empty == "No data in this time range"


MOMENTS = st.lists(st.integers(0, 2000), min_size=1, max_size=12, unique=True).map(sorted)


@given(MOMENTS, MOMENTS)
def test_the_nearest_is_the_nearest_and_nothing_comes_from_afar(here: list[int], there: list[int]) -> None:
    time, other = (np.array([at(s) for s in seconds], "M8[ns]") for seconds in (here, there))
    found = nearest(time, other, np.array(there, float))
    for second, value in zip(here, found, strict=True):
        gap = min(abs(second - s) for s in there)
        assert np.isnan(value) if gap > 240 else abs(second - value) == gap


@pytest.mark.parametrize("kind", [TS, ByLatitude])
def test_nothing_follows_a_closed_view(kind) -> None:
    s = session()
    view = kind(s)
    view.card()
    view.close()
    s.close()
