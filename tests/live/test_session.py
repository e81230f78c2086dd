"""What one person looks at: it follows the clock, holds still when asked, and fits into a URL."""

from __future__ import annotations

import gc
import hashlib
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.live.standin import DAY, SECOND, Item, ParticleSource, RowSource, StandInCruise, at, stop_clock
from workbench.core.errors import WindowError
from workbench.core.window import Window
from workbench.live import timespan
from workbench.live.access import Access, Asker, Token
from workbench.live.feeds import Feeds
from workbench.live.session import TIME, Session

BOARD = (
    Item("cruise_map", "sfl", {"colour": "sfl.salinity"}),
    Item("cytogram", "seaflow", {"x": "fsc_small", "y": "pe"}),
    Item("cytogram", "seaflow", {"x": "pe", "y": "fsc_small"}),
    Item("series", "sfl", {"variables": ("par", "sfl.salinity")}),
    Item("series", "sfl", {"variables": "par"}),
)


def make(now: float = 86_400, **more: Any) -> tuple[Session, RowSource]:
    stop_clock(at(now))
    source = RowSource("sfl", time=[at(0), at(100)], par=1.0, salinity=35.0)
    feeds = Feeds(StandInCruise(source, ParticleSource(), board=BOARD))  # type: ignore[arg-type]
    feeds.poll()
    return Session(feeds, **more), source


def test_it_begins_with_the_board_of_the_catalog() -> None:
    session, _ = make()
    assert session.planes == [("fsc_small", "pe"), ("pe", "fsc_small")]
    assert session.colour == "sfl.salinity"
    assert session.charts == [("sfl.par", "sfl.salinity"), ("sfl.par",)]
    assert (session.time, session.follow, session.message) == (TIME, True, "")


def test_data_older_than_a_day_are_shown_at_once() -> None:
    session, _ = make(now=10 * 86_400)
    assert session.time == "all"
    assert session.window.start == at(0)
    assert session.window.stop - at(100) < 2 * SECOND


TIMES = st.one_of(
    st.sampled_from(["all", "now-1h..now", "now-1d..now", "last 2 days", "2024-05-01..", "now-3h..now-1h"]),
    st.builds(lambda a, b: f"{at(a)}..{at(a + b)}", st.integers(-(10**6), 10**6), st.integers(1, 10**6)),
)
PLANE = st.tuples(st.sampled_from(["fsc_small", "pe"]), st.sampled_from(["fsc_small", "pe"]))
NAME = st.sampled_from(["sfl.par", "sfl.salinity"])


CHART = st.lists(NAME, unique=True).map(tuple)


@given(TIMES, PLANE, PLANE, NAME | st.just(""), st.tuples(CHART, CHART))
def test_all_of_it_goes_into_a_url_and_back(
    time: str, plane: tuple[str, str], other: tuple[str, str], colour: str, charts: tuple[Any, Any]
) -> None:
    session, _ = make()
    session.param.update(time=time, planes=[plane, other], colour=colour, charts=list(charts))
    again, _ = make(query="?" + session.to_query())
    for name in ("time", "planes", "colour", "charts", "follow", "window", "message"):
        assert getattr(again, name) == getattr(session, name)
    assert again.to_query() == session.to_query()


@given(st.text(max_size=60) | st.lists(
    st.tuples(st.sampled_from(["time", "plane", "colour", "chart", "x"]), st.text(max_size=20)), max_size=8
).map(lambda pairs: "&".join(f"{k}={v}" for k, v in pairs)))  # fmt: skip
def test_any_query_leaves_a_session_that_works(text: str) -> None:
    session, _ = make()
    session.from_query(text)
    assert len(session.planes) == 2
    assert all(name in session.feeds.names() for chart in session.charts for name in chart)
    assert isinstance(session.window, Window)
    again, _ = make(query=session.to_query())
    assert again.message == ""


@pytest.mark.parametrize(("query", "why"), [
    ("time=yesterday", "not a time range"),
    ("time=2024-02-02..2024-01-01", "ends before it starts"),
    ("plane=fsc_smal,pe", "Did you mean 'fsc_small'"),
    ("colour=sfl.salinty", "Did you mean 'sfl.salinity'"),
    ("chart=par,sfl.salinity", "There is no 'par'"),
    ("&".join("a=b" for _ in range(300)), "cannot be read"),
])  # fmt: skip
def test_what_makes_no_sense_is_told_and_left_as_it_was(query: str, why: str) -> None:
    session, _ = make()
    before = session.to_query()
    session.from_query(query)
    assert why in session.message
    assert session.to_query() == before.replace("chart=sfl.par,", "chart=" if "chart" in query else "chart=sfl.par,")
    session.from_query("time=all")
    assert session.message == ""


def test_a_wrong_time_written_by_hand_is_told_and_taken_back() -> None:
    session, _ = make()
    shown: list[str] = []
    session.param.watch(lambda event: shown.append(event.new), "time", onlychanged=False)
    session.time = "noon"
    assert session.time == TIME
    assert shown[-1] == TIME
    assert "'noon' is not a time range" in session.message
    session.time = "all"
    assert session.message == ""


def test_looking_back_pauses_and_follow_returns_to_now() -> None:
    session, _ = make()
    session.time = "now-6h..now"
    session.look(at(10), at(50.5))
    assert not session.follow
    assert session.time == "2024-05-01T00:00:10..2024-05-01T00:00:50.5"
    assert session.window == Window(at(10), at(50.5))
    session.follow = True
    assert session.time == "now-6h..now"
    assert session.window.stop >= at(86_400)


def test_pausing_holds_the_window_still() -> None:
    session, _ = make()
    window = session.window
    session.follow = False
    assert session.window == window
    assert "now" not in session.time
    stop_clock(at(90_000))
    session.refresh()
    assert session.window == window
    assert session.now == at(90_000)


def test_data_and_the_clock_arrive_through_schedule_one_hop_at_a_time() -> None:
    hops: list[Callable[[], None]] = []
    session, source = make(schedule=hops.append)
    revision = session.revision
    for i in range(3):
        source.add(at(200 + i), par=2.0)
        session.feeds.poll()
    assert len(hops) == 1
    assert session.revision == revision
    hops.pop()()
    assert session.revision == revision + 1
    stop_clock(at(86_400 + 3600))
    session.refresh()
    assert session.revision == revision + 2
    assert session.window.stop > at(86_400 + 3600)
    session.refresh()
    assert session.revision == revision + 2


def test_a_closed_session_leaves_nothing() -> None:
    hops: list[Callable[[], None]] = []
    session, source = make(schedule=hops.append)
    feeds = session.feeds
    source.add(at(200), par=2.0)
    feeds.poll()
    session.close()
    session.close()
    hops.pop()()  # a hop under way when the tab closed
    session.time = "all"
    assert session.closed
    assert feeds.listeners == 0
    with pytest.raises(RuntimeError, match="closed"):
        _ = session.feeds
    found = weakref.ref(session)
    del session
    gc.collect()
    assert found() is None


def test_a_hundred_sessions_that_nobody_closed_are_forgotten() -> None:
    session, _ = make()
    feeds = session.feeds
    found = [weakref.ref(Session(feeds)) for _ in range(100)]
    gc.collect()
    assert not any(ref() for ref in found)
    assert feeds.listeners == 1


# the time range


@given(
    st.integers(0, 10**6), st.sampled_from(["now-1h..now", "now-1d..now", "all", "last 6h", "2024-05-01T00:00:07.5.."])
)
def test_a_window_that_follows_holds_now_and_moves_in_shared_strides(now: int, text: str) -> None:
    known = Window(at(-50), at(20))
    window = timespan.resolve(text, at(now), known)
    plain = timespan.parse(text, at(now))
    assert window.start <= max(plain.start, at(-50))
    end = at(now) if "now" in text or "last" in text else known.stop
    assert end < window.stop
    assert window.stop - end <= max(SECOND, (window.stop - window.start) / 900)
    soon = timespan.resolve(text, at(now) + np.timedelta64(1, "ms"), known)
    assert soon == window or soon.stop > window.stop


@pytest.mark.parametrize(("text", "start", "stop"), [
    ("2024-05-01T01:00..2024-05-01T02:00", at(3600), at(7200)),
    ("..2024-05-01T02:00", at(-50), at(7200)),
    ("now-2h..now-1h", at(0), at(3600)),
])  # fmt: skip
def test_a_window_that_holds_still_is_exact(text: str, start: np.datetime64, stop: np.datetime64) -> None:
    assert timespan.resolve(text, at(7200), Window(at(-50), at(20))) == Window(start, stop)


def test_with_nothing_there_all_is_the_last_day() -> None:
    window = timespan.resolve("all", at(0), None)
    assert window.stop - window.start >= DAY


@given(st.text(max_size=40))
def test_any_text_is_a_window_or_an_error_that_says_so(text: str) -> None:
    with suppress(WindowError):
        assert timespan.resolve(text, at(0), None)


def test_whoever_has_the_program_writes_in_their_own_name() -> None:
    session, _ = make()
    assert session.may_write
    assert session.who
    assert session.reason == ""


def test_a_scientist_signs_in_and_out() -> None:
    ann = Token("Ann", "scientist", hashlib.sha256(b"secret").hexdigest())
    eve = Token("Eve", "viewer", hashlib.sha256(b"other").hexdigest())
    access = Access("0.0.0.0", tokens=(ann, eve))
    session, _ = make(rights=access.rights(Asker("10.0.0.9", "10.0.0.4:5006")))
    assert (session.may_write, session.who, session.reason) == (False, "", "A token is needed to write.")
    assert session.sign_in("secret")
    assert (session.may_write, session.who, session.reason) == (True, "Ann", "")
    assert not session.sign_in("other")
    assert (session.may_write, session.who, session.reason) == (False, "", "A viewer may not change anything here.")
    session.sign_in("secret")
    session.sign_out()
    assert not session.may_write


def test_beyond_localhost_without_tokens_nobody_changes_anything() -> None:
    session, _ = make(rights=Access("0.0.0.0").rights(Asker("127.0.0.1", "localhost")))
    assert not session.may_write
    assert "read-only" in session.reason
