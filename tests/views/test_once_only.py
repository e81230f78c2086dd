"""What changes once reaches a page that is open, whatever else happened in that moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.live.standin import RowSource, StandInCruise, at, stop_clock
from workbench.core.variables import VariableSpec
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.record.state import State
from workbench.views.corrected_by_latitude import CorrectedByLatitude
from workbench.views.cruise_map import CruiseMap
from workbench.views.navigator import Navigator
from workbench.views.notes import Notes
from workbench.views.once import slowly
from workbench.views.populations import Populations
from workbench.views.series import Series


def session(*sources: RowSource, query: str = "time=all") -> Session:
    stop_clock(at(3600))
    feeds = Feeds(StandInCruise(*sources))
    feeds.poll()
    return Session(feeds, query=query)


def rows(view: Series) -> int:
    return len(view._sources[0].data["time"])


def test_a_view_that_fails_keeps_no_other_from_it_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    source = RowSource("sfl", time=[at(0)], par=[1.0])
    s = session(source)
    bad, good = (Series(s, "sfl", variables=["par"], chart=i) for i in range(2))
    for view in (bad, good):
        view.card()
    renew, bad._renew = bad._renew, lambda: 1 / 0  # type: ignore[method-assign]
    source.add(at(10), par=2.0)
    s.feeds.poll()
    assert (rows(bad), rows(good)) == (1, 2)
    s.refresh()
    assert caplog.text.count("Traceback") == 1, "told once, not with every tick"
    assert "Series of sfl cannot be drawn" in caplog.text
    bad._renew = renew  # type: ignore[method-assign]
    s.refresh()  # although nothing new came
    assert rows(bad) == 2
    revision = s.revision
    s.refresh()
    assert s.revision == revision, "nothing is drawn again that is up to date"


class Promises(RowSource):
    """A source whose reader provides more than comes."""

    def variables(self) -> dict[str, VariableSpec]:
        return {**super().variables(), "par": VariableSpec("par", (), "float64", "1", None, "par")}


def test_a_map_is_drawn_without_a_colour_that_was_promised() -> None:
    ship = RowSource("ship", time=[at(0), at(60)], latitude=[1.0, 1.003], longitude=[2.0, 2.003])
    sfl = Promises("sfl")
    s = session(ship, sfl)
    view, strip = CruiseMap(s, "ship", colour="sfl.par"), Navigator(s, variable="sfl.par")
    view.card(), strip.card()
    sfl.add([at(0), at(60)], salinity=[35.0, 35.1])
    ship.add(at(120), latitude=1.006, longitude=2.006)
    s.feeds.poll()
    assert len(view._sources["track"].data["x0"]) == 2
    assert not view._failed and not strip._failed
    CruiseMap(session(ship, sfl), "ship", colour="sfl.par").card()  # one opened later


def test_a_latitude_that_colours_the_track_does_not_move_it() -> None:
    ship = RowSource("ship", time=[at(0), at(60)], latitude=[1.0, 1.003], longitude=[2.0, 2.003])
    other = RowSource("other", time=[at(0), at(60)], latitude=[50.0, 60.0])
    view = CruiseMap(session(ship, other), "ship", colour="other.latitude")
    view.card()
    track = view._sources["track"].data
    assert track["y0"].tolist() == [1.0]
    assert track["value"].tolist() == [55.0]


def test_older_rows_that_come_late_are_on_the_picture_of_the_whole_cruise() -> None:
    source = RowSource("sfl", time=[at(0), at(3600)], par=[1.0, 2.0])
    feed = session(source).feeds["sfl"]

    def whole() -> list[float]:
        return slowly(feed, "par", lambda: feed.snapshot.dataset["par"].values.tolist())

    assert whole() == [1.0, 2.0]
    source.add(at(1800), par=7.0)
    feed.poll()
    assert whole() == [1.0, 7.0, 2.0]
    source.rewrite(par=np.array([1.0, 2.0, 8.0]))
    feed.poll()
    assert 8.0 in whole()


def test_other_names_can_be_chosen_at_once() -> None:
    source = RowSource("sfl", time=[at(0)], par=[1.0])
    s = session(source)
    view = Series(s, "sfl", variables=["par"])
    view.card()
    source.add(at(10), par=2.0)
    s.feeds.poll()
    source.add(at(20), par=2.0, salinity=35.0)
    s.feeds.poll()
    assert view._head is not None
    assert [value for value, _ in view._head.options["variables"]] == ["sfl.par", "sfl.salinity"]


def test_the_latitude_may_come_after_the_populations() -> None:
    time = [at(180 * k) for k in range(5)]
    populations = RowSource("populations", time=time, abundance_synecho=np.arange(1.0, 6.0))
    sfl = RowSource("sfl")
    s = session(populations, sfl)
    view = CorrectedByLatitude(s, "populations")
    view.card()
    sfl.add(time, latitude=np.linspace(10, 12, 5))
    s.feeds.poll()
    (plot,) = view._figures
    assert sum(len(r.data_source.data["x"]) for r in plot.renderers if r.name == "cloud") == 5


def test_a_note_is_shown_although_the_clock_stands_still(tmp_path: Path) -> None:
    s, state = session(RowSource("sfl", time=[at(0)], par=[1.0])), State(tmp_path)
    notes = Notes(state, s)
    state.note("a whale", who="ana")
    s.refresh()
    assert [text for _, text, _ in notes.notes] == ["a whale"]


def test_a_view_without_a_source_takes_the_one_that_comes() -> None:
    sfl, populations = RowSource("sfl", time=[at(0)], par=[1.0]), RowSource("populations")
    s = session(sfl, populations)
    view = Populations(s)
    view.card()
    assert view.stage.empty == "No populations yet"
    populations.add(at(10), abundance_synecho=7.0)
    s.feeds.poll()
    assert view.source == "populations"
    assert view.quantities == ("abundance",)
    assert view.stage.empty == ""


def test_one_that_had_no_source_at_all_takes_it_too() -> None:
    populations = RowSource("populations")
    s = session(RowSource("sfl", time=[at(0)], latitude=[1.0]), populations)
    view = CorrectedByLatitude(s)
    view.card()
    assert view.source == ""
    populations.add(at(10), abundance_synecho=7.0)
    s.feeds.poll()
    assert view.source == "populations"
    assert len(view._figures) == 1


def test_a_source_that_a_person_set_stays() -> None:
    s = session(RowSource("sfl", time=[at(0)], par=[1.0]), RowSource("populations"))
    view = Populations(s)
    view.card()
    view.source = "populations"  # of which nothing has come yet
    s.refresh()
    assert view.source == "populations"
