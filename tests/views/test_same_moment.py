"""Tabs that take turns see the same moment: what is made of the data is made once, and held once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.live.standin import Item, RowSource, StandInCruise, at, stop_clock
from workbench.core.window import Window
from workbench.live.feeds import Feeds
from workbench.live.pace import Pace
from workbench.live.session import Session
from workbench.views import say
from workbench.views.page import _Top
from workbench.views.populations import Populations
from workbench.views.series import Series
from workbench.views.time_control import Tab


@pytest.mark.parametrize("many", [True, False])
def test_views_of_many_tabs_ask_once_and_hold_the_same_arrays(many: bool) -> None:
    stop_clock(at(3 * 86400))
    time = [at(180 * k) for k in range(480)]
    rows = RowSource("sfl", time=time, par=np.arange(480.0))
    pops = RowSource("pops", time=time, abundance_synecho=np.arange(480.0) + 1)
    feeds = Feeds(StandInCruise(rows, pops, board=(Item("series", "sfl", {"variables": ("par",)}), Item("populations", "pops"))))  # fmt: skip
    feeds.poll()
    pace, turns = Pace(), list[Any]()
    sessions = [Session(feeds, schedule=turns.append, pace=pace) for _ in range(4)]
    series = [Series(s, "sfl", variables=("par",)) for s in sessions]
    populations = [Populations(s, "pops") for s in sessions]
    for view in [*series, *populations]:
        view.card()
    pace.cost = 10.0 if many else 0.001
    assert (pace.patience > 1) is many
    asked = _counted(feeds)
    ticked = []
    for k, session in enumerate(sessions):  # between two turns, new rows come
        for source, name in ((rows, "par"), (pops, "abundance_synecho")):
            source.add(at(180 * (480 + k)), **{name: 7.0})
        feeds.poll()
        session._tick()
        ticked.append((len(asked), series[k]._sources[0].data["mean"], _line(populations[k])))
    if many:
        assert all(told[0] == ticked[0][0] for told in ticked), "only the first one's turn made anything"
        assert all(told[1] is ticked[0][1] and told[2] is ticked[0][2] for told in ticked)
    else:
        assert [len(told[1]) for told in ticked] == [len(ticked[0][1]) + k for k in range(4)], "who is alone waits not"
    for session in sessions:
        session.close()


def test_a_cruise_that_ends_within_a_second_is_finished_on_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head is made once a second for all pages; nothing changes after the end, so that this one stays."""
    stop_clock(at(1))
    cruise: Any = StandInCruise(RowSource("sfl", time=[at(0)], par=1.0), end=at(10))
    cruise.ship = cruise.title = None
    feeds = Feeds(cruise)
    feeds.poll()
    session = Session(feeds)
    top, tab = _Top(session), Tab(session)
    monkeypatch.setattr("workbench.views.page.time.monotonic", lambda: 100.0)
    assert "Live" in top._html()
    stop_clock(at(9))
    session.refresh()
    stop_clock(at(11))
    session.refresh()
    assert "Finished" in top._html()
    assert tab.clock == {"now": say.milliseconds(at(10)), "warp": 0.0}, "the browser's clock does not run on"
    session.close()


def _line(view: Populations) -> Any:
    return next(r for r in view._figures[0].renderers if r.name == "line:synecho").data_source.data["mean"]


def _counted(feeds: Feeds) -> list[str]:
    """Whatever is asked of the feeds from now on."""
    asked: list[str] = []
    for feed in feeds.values():
        plain: Any = feed
        before = plain.series

        def series(variable: str, window: Window, *more: Any, _before: Any = before, **told: Any) -> Any:
            asked.append(variable)
            return _before(variable, window, *more, **told)

        plain.series = series
    return asked


def test_what_is_kept_is_of_the_newest_moment() -> None:
    from workbench.views.once import _AT_ONCE, _KEPT, _made, once

    feed: Any = Feeds(StandInCruise(RowSource("sfl", time=[at(0)], par=1.0)))["sfl"]
    made: list[int] = []

    def ask(n: int) -> None:
        for k in range(n):
            once(feed, k, lambda k=k: made.append(k))

    for _ in range(3):
        ask(_AT_ONCE - 10)
    assert len(made) == _AT_ONCE - 10, "tabs that look at several ranges in turn take nothing from one another"
    ask(3 * _AT_ONCE)
    assert len(_made[feed]) <= _AT_ONCE
    feed.revision += 1
    ask(10)
    assert len(_made[feed]) <= _KEPT, "of a moment that has passed little is kept"
