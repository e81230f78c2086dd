"""All feeds at once: a slow one delays nobody, nothing is left behind."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from tests.live.standin import DAY, SECOND, ParticleSource, RowSource, StandInCruise, at, stop_clock
from workbench.catalog.cruise import open_cruise
from workbench.catalog.declared import Kpi
from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES
from workbench.core.window import ALWAYS
from workbench.live.feed import open_feed
from workbench.live.feeds import FAST, SLOW, Feeds, pause


def until(true: Any, patience: float = 60.0) -> bool:
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert until(lambda: set(threading.enumerate()) <= before)


def make(*sources: Any, **more: Any) -> Feeds:
    return Feeds(StandInCruise(*sources, **more))  # type: ignore[arg-type]


def test_new_rows_and_files_arrive_by_themselves() -> None:
    rows, files = RowSource(time=[at(0)], par=1.0), ParticleSource()
    told: list[int] = []
    with make(rows, files) as feeds:
        feeds.subscribe(lambda: told.append(feeds.revision))
        assert until(lambda: feeds["rows"].rows == 1)
        rows.add(at(1), par=2.0)
        files.random("f0", at(0))
        assert until(lambda: feeds["rows"].rows == 2 and feeds["seaflow"].rows == 500)
        assert until(lambda: told and told[-1] == feeds.revision)


def test_a_source_that_hangs_or_fails_delays_nobody() -> None:
    slow, broken, quick = (
        RowSource("slow", par=1.0, time=[at(0)]),
        RowSource("broken"),
        RowSource(par=1.0, time=[at(0)]),
    )
    gate = threading.Event()
    changed = slow.changed
    slow.changed = lambda cursor=None: gate.wait(90) and changed(cursor)  # type: ignore[method-assign,assignment,return-value]
    broken.broken = ReaderError("file", "cut")
    with make(slow, broken, quick) as feeds:
        assert until(lambda: feeds["rows"].rows == 1)
        assert until(lambda: feeds["broken"].fault is not None)
        assert feeds["slow"].rows == 0
        gate.set()
        assert until(lambda: feeds["slow"].rows == 1)


def test_a_source_that_fails_is_asked_as_often_as_one_that_does_not(caplog: pytest.LogCaptureFixture) -> None:
    """So that it is back soon after it answers; a reader's own mistake is told in the log once, not at every poll."""
    source = RowSource(par=1.0, time=[at(0)])
    feeds = make(source)
    source.broken = ZeroDivisionError("a mistake")
    for _ in range(3):
        feeds.poll()
        assert feeds["rows"].fault == "ZeroDivisionError: a mistake"
        assert pause(feeds["rows"], 0.001) == FAST
        assert pause(feeds["rows"], 60.0) == SLOW <= 2.0
    told = [record for record in caplog.records if record.getMessage() == "feed rows" and record.exc_info]
    assert len(told) == 1
    source.broken = None
    feeds.poll()
    assert feeds["rows"].rows == 1 and feeds["rows"].fault is None


def test_what_is_left_for_the_next_poll_is_fetched_at_once() -> None:
    source = RowSource(time=[at(s) for s in range(50)], par=1.0)

    def changed(cursor: Any = None) -> Any:
        ds, _ = RowSource.changed(source, cursor)
        some = ds.isel(time=slice(0, 10))
        end = (cursor or 0) + some.sizes["time"]
        return some.assign_attrs(more=50 - end), end

    source.changed = changed  # type: ignore[method-assign]
    feeds = make(source)
    feeds.poll()
    assert feeds["rows"].rows == 50


def test_a_source_that_fails_with_more_to_give_is_not_asked_for_ever() -> None:
    """A share that goes away in the middle of a long log: whoever looks once is told, and goes on."""
    source, asked = RowSource(time=[at(0)], par=1.0), list[int]()

    class TooOften(BaseException):
        pass

    def changed(cursor: Any = None) -> Any:
        asked.append(1)
        if len(asked) > 20:
            raise TooOften
        if cursor is not None:
            raise ReaderError("file", "cannot be read")
        ds, end = RowSource.changed(source, cursor)
        return ds.assign_attrs(more=1), end

    source.changed = changed  # type: ignore[method-assign]
    feeds = make(source)
    feeds.poll()
    assert len(asked) == 2 and feeds["rows"].fault == "file: cannot be read"


def test_subscribers_are_called_once_a_second_even_when_nothing_comes() -> None:
    told: list[float] = []
    with make(RowSource(time=[], par=[])) as feeds:
        leave = feeds.subscribe(lambda: told.append(time.monotonic()))
        assert until(lambda: len(told) >= 2)
        leave()
        leave()
        count = len(told)
        time.sleep(0.1)
        assert len(told) <= count + 1
        assert feeds.listeners == 0


class Listener:
    def __init__(self) -> None:
        self.heard = 0

    def hear(self) -> None:
        self.heard += 1


def test_who_forgets_to_leave_is_forgotten() -> None:
    source = RowSource(time=[at(0)], par=1.0)
    feeds, listener, kept = make(source), Listener(), Listener()
    feeds.subscribe(listener.hear)
    feeds.subscribe(kept.hear)
    del listener
    gc.collect()
    feeds.poll()
    assert feeds.listeners == 1
    assert kept.heard == 1


def test_a_subscriber_that_fails_does_not_silence_the_others(caplog: pytest.LogCaptureFixture) -> None:
    feeds, listener = make(RowSource(time=[at(0)], par=1.0)), Listener()
    feeds.subscribe(lambda: 1 / 0)
    feeds.subscribe(listener.hear)
    feeds.poll()
    assert listener.heard == 1
    assert "a subscriber failed" in caplog.text


def test_it_can_be_started_twice_and_stopped_twice() -> None:
    feeds, before = make(RowSource(time=[], par=[])), set(threading.enumerate())

    def ours() -> list[str]:
        return sorted(thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("feed"))

    feeds.start().start()
    assert ours() == ["feed:rows", "feeds"]
    feeds.stop()
    feeds.stop()
    assert ours() == []
    feeds.start()
    feeds.stop()


def test_stale_is_a_matter_of_the_source_the_kpis_and_the_cruise() -> None:
    source = RowSource(time=[at(s) for s in range(10)], stream_pressure=12.0)
    stop_clock(at(60))
    assert make(source).stale("rows")
    feeds = make(source)
    feeds.poll()
    assert feeds.stale("rows")
    kpi = Kpi("p", "rows", "stream_pressure", over=120 * SECOND)
    feeds = make(source, kpis={"p": kpi})
    feeds.poll()
    assert not feeds.stale("rows")
    assert feeds.patience("rows") == 120 * SECOND
    finished = make(source, end=at(30))
    finished.poll()
    assert not finished.stale("rows")
    assert finished.patience("rows") is None
    assert finished["rows"].age(finished.now()) == 21 * SECOND


def test_names_of_what_can_be_drawn() -> None:
    source = RowSource(time=[at(0)], par=1.0, par_qc=np.int8(1), sentence="GGA")
    feeds = make(source, ParticleSource())
    feeds.poll()
    assert feeds.names() == ("rows.par",)


def test_rows_a_month_beside_the_cruise_are_left_out() -> None:
    source = RowSource(time=[at(0) - 40 * DAY, at(0), at(0) + 50 * DAY], par=1.0)
    stop_clock(at(0))
    feeds = make(source, start=at(0), end=at(0) + 10 * DAY)
    feeds.poll()
    assert feeds["rows"].rows == 1
    assert feeds.span is not None
    assert feeds.span.start == at(0)


def test_what_variables_are_is_asked_once_and_again_when_new_ones_come() -> None:
    """A page asks for units at every tick: no server and no file may be asked for them."""
    asked = []

    class Counting(RowSource):
        def variables(self):  # type: ignore[no-untyped-def]
            asked.append(1)
            return super().variables()

    source = Counting(time=at(0), par=1.0)
    feed = open_feed(source)  # type: ignore[arg-type]
    assert feed.specs["par"].unit == VARIABLES["par"].unit
    for i in range(1, 5):
        source.add(at(i), par=2.0)
        feed.poll()
        feed.series("par", ALWAYS)
        assert feed.specs["par"].unit == VARIABLES["par"].unit
    assert len(asked) == 2
    source.add(at(9), par=1.0, salinity=35.0)
    feed.poll()
    assert feed.specs["salinity"].name == "salinity" and len(asked) == 3


def test_units_of_what_a_row_has_many_of() -> None:
    """A variable of each population is told under a name of its own, with its unit."""

    class Populations(RowSource):
        def _dataset(self, rows: Any) -> xr.Dataset:
            n = len(self.time[rows])
            data = {"abundance": (("time", "population"), np.ones((n, 2)), {"units": "uL-1"})}
            return xr.Dataset(data, {"time": self.time[rows], "population": ["synecho", "prochloro"]})

    feed = open_feed(Populations(time=at(0), x=1.0))  # type: ignore[arg-type]
    feed.poll()
    assert "abundance_synecho" in feed.variables  # type: ignore[attr-defined]
    assert feed.specs["abundance_synecho"].unit == "uL-1"


def test_no_feed_follows_what_people_decided(simulated: Path) -> None:
    """Filters and gates come when somebody writes them: never silent, and their times stretch no time axis."""
    feeds = Feeds(open_cruise(simulated))
    assert set(feeds) == set(feeds.cruise) - {"plan"}
    with dask.config.set(scheduler="sync"):
        feeds.poll()
    assert feeds.span is not None and feeds.span.stop <= feeds.now() + np.timedelta64(1, "h")


def test_who_never_listened_is_not_silent(tmp_path: Path) -> None:
    """A board without an engine says nothing of its feeds; once an engine was there, silence is told."""
    (tmp_path / "c.yaml").write_text(
        'metadata: {cruise: {id: x}}\nsources: {ship: {driver: workbench, args: {reader: nmea_log, listen: "udp://127.0.0.1:0"}}}\n'
    )
    feeds = Feeds(open_cruise(tmp_path / "c.yaml"))
    feeds.poll()
    assert not feeds.stale("ship")
    feeds.cruise.folder.mkdir(exist_ok=True)
    (feeds.cruise.folder / "engine.json").write_text("{}")
    assert feeds.stale("ship")


def test_who_comes_within_a_moment_sees_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    source = RowSource("sfl", time=[at(0), at(1)], sst=1.0)
    feeds = make(source)
    feeds.poll()
    clock = [100.0]
    monkeypatch.setattr("workbench.live.feeds.time.monotonic", lambda: clock[0])
    first = feeds.moment(3.0)
    seen = feeds["sfl"].seen
    source.add(at(2), sst=3.0)
    feeds.poll()
    clock[0] += 2.9
    assert feeds.moment(3.0) is first
    assert feeds["sfl"].seen == seen != (feeds["sfl"].revision, feeds["sfl"].detail)
    clock[0] += 0.2
    assert feeds["sfl"].seen == (feeds["sfl"].revision, feeds["sfl"].detail)
    assert feeds.moment(0.0).revision > first.revision
    source.add(at(3), sst=3.0)
    feeds.poll()
    assert feeds.moment(0.0).revision == feeds.revision  # who is alone waits for nobody


def test_what_comes_while_a_moment_is_made_belongs_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a tab takes as seen what it did not draw, and never draws it."""
    source = RowSource("sfl", time=[at(0), at(1)], sst=1.0)
    feeds = make(source)
    feeds.poll()
    feed = feeds["sfl"]
    hold = feed.hold

    def then_rows(until: float) -> None:
        hold(until)
        source.add(at(2), sst=3.0)
        feed.poll()

    monkeypatch.setattr(feed, "hold", then_rows)
    moment = feeds.moment(60.0)
    assert moment.revision <= sum(feed.seen)
    assert moment.revision < feeds.revision
