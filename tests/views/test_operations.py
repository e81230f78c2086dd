"""The instrument's charts, the scientist's and the pages: what they draw of which sources, and what they say without any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.live.standin import SECOND, Item, RowSource, StandInCruise, at, stop_clock
from workbench.catalog.cruise import open_cruise
from workbench.catalog.declared import Kpi
from workbench.core.window import Window
from workbench.live.feeds import Feeds
from workbench.live.row_feed import RowFeed
from workbench.live.session import Session
from workbench.views.charts import Chart, Limit, draw
from workbench.views.corrected import Corrected, corrected_of, raw_of, shown
from workbench.views.corrected_by_latitude import CorrectedByLatitude
from workbench.views.file_card import facts
from workbench.views.head import Head, head_of
from workbench.views.head import draw as draw_head
from workbench.views.marked import rows_of
from workbench.views.numbers import reading_of
from workbench.views.operations import Operations
from workbench.views.pages import items_of, links
from workbench.views.track import _newest
from workbench.views.turn import proposed

N = 200


def session(**more: object) -> Session:
    stop_clock(at(180 * N))
    time = [at(180 * k) for k in range(N)]
    flag = np.zeros(N, np.int8)
    flag[7] = 2
    pops = RowSource(
        "pops", time=time, file_id=np.array([f"f{k}" for k in range(N)], object), file_flag=flag,
        all_count=np.full(N, 1800), evt_count=np.full(N, 1700), opp_count=np.full(N, 17), opp_evt_ratio=np.full(N, 0.01),
        file_duration=np.full(N, 180.0), stream_pressure=np.full(N, 12.0), volume=np.full(N, 100.0),
        n_count_synecho=np.arange(N), abundance_synecho=np.arange(N) / 2.0, diameter_synecho=np.full(N, 0.9),
        latitude=np.linspace(0, 5, N), longitude=np.zeros(N),
    )  # fmt: skip
    sources = [pops, *more.values()]
    feeds = Feeds(StandInCruise(*sources, board=(Item("series", "pops"),)))  # type: ignore[arg-type]
    feeds.poll()
    s = Session(feeds)
    s.time = "all"
    return s


def log() -> RowSource:
    events = np.array(["PMT1", "trigger_level", "write_evt", "pump_fault", "write_evt"], object)
    return RowSource(
        "log", time=[at(t) for t in (0, 0, 600, 700, 900)], event=events, value=np.array([0.9, -2, 0, np.nan, 1]),
        message=np.array([f"{e}: said" for e in events], object),
    )  # fmt: skip


def test_a_source_that_loses_its_rows_between_two_looks_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written anew is empty for a moment."""
    s = session(log=log())
    s.feeds.cruise.ship = s.feeds.cruise.title = None  # type: ignore[misc]
    view, kpi = Operations(s), Kpi("p", "pops", "stream_pressure", over=600 * SECOND)
    view.card()
    span, looked = RowFeed.span.fget, set[str]()  # type: ignore[attr-defined]

    def then_none(feed: RowFeed) -> Window | None:
        first = feed.name not in looked
        looked.add(feed.name)
        return span(feed) if first else None  # type: ignore[no-any-return]

    monkeypatch.setattr(RowFeed, "span", property(then_none))
    for draws in (
        lambda: head_of(s.feeds),
        lambda: view._setting("gains"),
        lambda: _newest(s.feeds["pops"]),
        lambda: proposed(s, "pops.latitude"),
        lambda: reading_of(s, kpi),
    ):
        looked.clear()
        draws()


def test_charts_are_those_that_the_sources_can_tell() -> None:
    view = Operations(session())
    view.card()
    assert view.source == "pops"
    assert [chart.key for chart in view._charts()] == [
        "event_rate",
        "counts",
        "opp_evt_ratio",
        "stream_pressure",
        "volume",
    ]
    counted = view._charts()[0].curves["counted"]["mean"]
    assert counted.tolist() == [10.0] * N
    assert any("bead_drift" in text for text in view.stage.missing)
    assert any("seaflow_log" in text for text in view.stage.missing)


def test_the_log_gives_settings_and_marks_on_every_chart() -> None:
    view = Operations(session(log=log()))
    view.card()
    assert [chart.key for chart in view._charts()][-2:] == ["gains", "trigger"]
    assert view.stage.missing == ["Bead drift needs a source with product: bead_drift."]
    assert {str(one["kind"]): one["count"] for one in view.stage.legend} == {
        "pump_fault": 1,
        "write_off": 1,
        "flagged": 1,
    }
    for plot in view._figures:
        for group in ("faults", "files"):
            lines = next(r for r in plot.renderers if r.name == group)
            assert len(lines.data_source.data["time"]) == 1, plot.name
        assert next(r for r in plot.renderers if r.name == "spans").data_source.data["left"].tolist() == [
            float(at(600).astype(np.int64)) / 1e6
        ]


def test_charts_may_be_chosen() -> None:
    view = Operations(session(), charts=["volume", "counts"])
    view.card()
    assert [plot.name for plot in view._figures] == ["chart:volume", "chart:counts"]
    assert view.stage.missing == []


def test_a_click_picks_the_nearest_file_and_again_lets_it_go() -> None:
    view = Operations(session())
    view.card()
    ms = float(at(180 * 5).astype(np.int64)) / 1e6
    view.stage.clicked = {"time": ms + 30_000, "reach": 10, "n": 1}
    assert view.session.file == "f5"
    assert view.shared.picked.data["time"].tolist() == [ms]
    view.stage.clicked = {"time": ms, "reach": 10, "n": 2}
    assert view.session.file == ""
    view.stage.clicked = {"time": ms - 86_400_000, "reach": 10, "n": 3}
    assert view.session.file == "", "too far from any file"
    assert "file" not in view.session.to_query()


def test_a_tick_without_news_sends_nothing() -> None:
    view = Operations(session(log=log()))
    view.card()
    sources = [r.data_source for plot in view._figures for r in plot.renderers]
    before = [id(source.data) for source in sources]
    view.session.refresh()
    view._tick()
    view._renew()
    assert [id(source.data) for source in sources] == before


def test_the_pressure_line_is_in_view() -> None:
    view = Operations(session())
    view.card()
    plot = next(plot for plot in view._figures if plot.name == "chart:stream_pressure")
    limits = [r.data_source.data["value"].tolist() for r in plot.renderers if r.name == "limit"]
    assert limits == [[12.0, 12.0], [11.5, 11.5]]
    assert all(r in plot.y_range.renderers for r in plot.renderers if r.name == "limit")


def test_raw_is_by_the_files_own_ratio_and_corrected_leaves_files_out() -> None:
    s = session()
    files = rows_of(s.feeds["pops"])
    assert raw_of(files, "abundance", "synecho").tolist() == list(np.arange(N) / (100 * 0.01))
    best = corrected_of(files, "abundance", "synecho", ["f3"])
    gone = [3, 7]
    assert np.isnan(best[gone]).all()
    kept = np.setdiff1d(np.arange(N), gone)
    assert (best[kept] == kept / 2).all()
    assert files.column("abundance_synecho")[3] == 1.5, "the columns themselves stay as they are"
    assert shown(["abundance_synecho", "abundance_beads"], "abundance") == ("synecho",)
    assert shown(["abundance_synecho", "abundance_beads"], "abundance", ["beads"]) == ("beads",)
    view = Corrected(s, quantities=["abundance"])
    view.card()
    assert [plot.name for plot in view._figures] == ["chart:abundance_synecho"]


def test_on_a_log_axis_nothing_stands_at_zero() -> None:
    ends = {"time": np.array([0.0, 1.0]), "mean": np.array([0.0, 5.0])}
    chart = Chart(
        "x", "X", curves={"a": {**ends, "low": np.zeros(2), "high": np.array([0.0, 9.0])}}, log=True,
        hollow={"time": np.array([0.0]), "value": np.array([0.0])}, limits=(Limit(1.0),),
    )  # fmt: skip
    plot = draw(chart, Window(at(0), at(60)))
    data = next(r for r in plot.renderers if r.name == "line").data_source.data
    assert np.isnan(data["mean"][0])
    assert data["low"].tolist()[1] == 5.0
    assert len(next(r for r in plot.renderers if r.name == "hollow").data_source.data["time"]) == 0


def test_pages_have_usual_content_and_what_the_catalog_says() -> None:
    s = session(log=log())
    assert [item.view for item in items_of(s.feeds, "instrument")] == ["operations", "file"]
    assert [item.view for item in items_of(s.feeds, "science")] == ["corrected"] * 2 + ["corrected_by_latitude"] * 2
    s.feeds.cruise.pages = {"instrument": (Item("files", "pops"),), "science": ()}  # type: ignore[attr-defined]
    assert [item.view for item in items_of(s.feeds, "instrument")] == ["files"]
    assert items_of(s.feeds, "science") == ()


def test_a_card_says_why_nothing_comes() -> None:
    source = RowSource("pops", time=[at(0), at(180)], event_rate=np.ones(2))
    source.broken = OSError("the disk is gone")
    s = Session(Feeds(StandInCruise(source, board=())))
    view = Operations(s, "pops")
    view.card()
    assert view._told([])[0] == "Nothing to draw yet."
    s.feeds.poll()
    s.refresh()
    view._renew()
    assert view.stage.missing[0].startswith("pops cannot be read: ")
    assert "the disk is gone" in view.stage.missing[0]
    source.broken = None
    s.feeds.poll()
    view._renew()
    assert not any("cannot be read" in text for text in view.stage.missing)


def test_without_sources_a_page_has_nothing() -> None:
    feeds = Feeds(StandInCruise(RowSource("winds", time=[at(0)], speed=np.ones(1)), board=()))
    feeds.poll()
    assert items_of(feeds, "instrument") == items_of(feeds, "science") == ()


def test_gates_are_drawn_on_particles_that_are_there(simulated: Path) -> None:
    feeds = Feeds(open_cruise(simulated))  # no engine wrote those in focus yet
    feeds.poll()
    assert [(item.view, item.source) for item in items_of(feeds, "gates")] == [("gate_editor", "seaflow")]


def test_the_head_links_the_pages() -> None:
    text = draw_head(Head("C", links=[("Board", "./?time=all", False), ("Instrument", "instrument?time=all", True)]))
    assert '<a href="instrument?time=all" aria-current=page>Instrument</a>' in text
    assert "<nav" not in draw_head(Head("C"))
    assert [one.href for one in links()][:3] == ["./", "instrument", "science"]
    assert links("./?catalog=a.yaml")[1].href == "./?catalog=a.yaml&page=instrument"


def test_a_file_tells_what_is_known() -> None:
    told = dict(facts(rows_of(session().feeds["pops"]), 3))
    assert told["Events"].replace("\u2009", " ") == "1 700"
    assert told["OPP/EVT"] == "0.010"
    assert "Background" not in told


@pytest.mark.parametrize("text", ["2024-05-01T03:00", ""])
def test_the_turn_and_the_file_stand_in_the_url(text: str) -> None:
    s = session()
    s.turn, s.file = text, "2014_185/2014-07-04T00-03-02+00-00"
    again = Session(s.feeds, query=s.to_query())
    assert (again.turn, again.file) == (s.turn, s.file)


def test_by_latitude_follows_the_turn_and_the_choice_and_nothing_else() -> None:
    s = session()
    view = CorrectedByLatitude(s, quantities=["abundance", "diameter"])
    view.card()
    drawn = view._charts()
    assert [cloud.name for cloud in drawn[0].clouds] == ["northbound"]
    assert np.isnan(drawn[0].clouds[0].y[7]), "a file with a flag does not count"
    calls = []
    view._charts = lambda: calls.append(1) or CorrectedByLatitude._charts(view)  # type: ignore[method-assign, func-returns-value]
    s.revision += 1
    assert not calls, "a tick without news draws nothing"
    s.turn = str(at(180 * 50))
    assert calls
    names = [cloud.name for cloud in CorrectedByLatitude._charts(view)[0].clouds]
    assert names == ["northbound", "southbound"]
    view._which = "raw"
    view._renew()
    assert len(calls) == 2
    assert not np.isnan(CorrectedByLatitude._charts(view)[0].clouds[0].y[7])


def test_without_a_light_meter_nights_are_by_the_sun() -> None:
    view = Operations(session())
    view.card()
    (stop,) = view.shared.night.data["right"]
    hours = (stop - at(0).astype(np.int64) / 1e6) / 3_600_000
    assert abs(hours - 5.85) < 0.1, "sunrise some degrees north at Greenwich, 1 May"
