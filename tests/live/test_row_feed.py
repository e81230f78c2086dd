"""A feed of rows: everything that came, in bounded memory, whatever went wrong in between."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alone import FRAMES, held
from tests.live.standin import DAY, SECOND, T0, RowSource, at, stop_clock
from workbench.catalog.source import Source
from workbench.core.errors import ReaderError
from workbench.core.window import ALWAYS, Window
from workbench.live import row_feed, rows
from workbench.live.feed import open_feed
from workbench.live.row_feed import RowFeed
from workbench.products.geodesic import distance


def feed_of(n: int, step: float = 1.0, seed: int = 0, **more: object) -> tuple[RowFeed, RowSource]:
    rng = np.random.default_rng(seed)
    time = T0 + (np.arange(n) * round(step * 1e9)).astype("m8[ns]")
    source = RowSource(time=time, par=rng.normal(size=n).cumsum(), **more)  # type: ignore[arg-type]
    feed = open_feed(source)  # type: ignore[arg-type]
    assert isinstance(feed, RowFeed)
    feed.poll()
    return feed, source


@given(st.lists(st.lists(st.integers(0, 5000), max_size=6), max_size=6), st.integers(0, 5000), st.integers(1, 5000))
def test_in_any_steps_and_order_the_same_rows(pieces: list[list[int]], start: int, length: int) -> None:
    source = RowSource(time=[], par=[])
    feed, value = RowFeed(source), 0
    for piece in pieces:
        source.add([at(s) for s in piece], par=np.arange(value, value + len(piece), dtype=float))
        value += len(piece)
        assert feed.poll() == bool(piece)
    order = np.argsort(source.time, kind="stable")
    window = Window(at(start), at(start + length))
    inside = window.contains(source.time[order])
    found = feed.series("par", window)
    assert feed.rows == value
    assert np.array_equal(found["time"].values, source.time[order][inside])
    assert np.array_equal(found["par"].values, source.columns["par"][order][inside])


def test_nothing_yet() -> None:
    feed = RowFeed(RowSource(time=[], par=[], latitude=[], longitude=[]))
    assert not feed.poll()
    assert (feed.rows, feed.span, feed.newest, feed.step, feed.age(T0)) == (0, None, None, None, None)
    assert feed.series("par", ALWAYS).sizes["time"] == 0
    assert feed.track(ALWAYS).sizes["time"] == 0
    value, time = feed.value("par", "last", DAY, T0)
    assert np.isnan(value)
    assert np.isnat(time)
    assert feed.stale(T0)


def test_a_wrong_name_names_the_nearest() -> None:
    feed, _ = feed_of(3)
    with pytest.raises(KeyError, match="Did you mean 'par'"):
        feed.series("pra", ALWAYS)


@pytest.mark.parametrize("days", [0.01, 0.5, 3])
@pytest.mark.parametrize("points", [50, 1500])
def test_long_series_keep_their_extremes(days: float, points: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 1000)
    feed, source = feed_of(round(86_400 * days / 4), 4.0)
    span = feed.span
    assert span is not None
    found = feed.series("par", span, points)
    assert 0 < found.sizes["time"] <= max(points, 1) + 1
    assert found["par_min"].min() == source.columns["par"].min()
    assert found["par_max"].max() == source.columns["par"].max()
    assert (found["par_min"] <= found["par"] + 1e-9).all()
    assert (np.diff(found["time"].values) > np.timedelta64(0)).all()


def test_a_short_window_far_back_is_read_from_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 1000)
    monkeypatch.setattr(rows, "BINS", 256)
    feed, source = feed_of(50_000)
    window = Window(at(1000), at(1100))
    found = feed.series("par", window)
    inside = window.contains(source.time)
    assert np.array_equal(found["par"].values, source.columns["par"][inside])
    feed.series("par", window)
    feed.value("par", "mean", 100 * SECOND, at(1100))
    assert source.opened == 2  # once for each window, however often it is asked
    monkeypatch.setattr(row_feed, "MOST", 10)
    assert feed.series("par", Window(at(3000), at(3100))).sizes["time"] < 10  # too many rows: bins
    assert source.opened == 2


def test_late_rows_show_in_a_window_that_was_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 1000)
    monkeypatch.setattr(rows, "BINS", 256)
    feed, source = feed_of(50_000)
    window = Window(at(1000), at(1100))
    assert feed.series("par", window).sizes["time"] == 100
    source.add(at(1050.5), par=99.0)
    feed.poll()
    found = feed.series("par", window)
    assert found.sizes["time"] == 101
    assert found["par"].max() == 99.0


def test_without_waiting_bins_come_first_and_rows_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 1000)
    monkeypatch.setattr(rows, "BINS", 256)
    feed, _ = feed_of(50_000)
    told: list[int] = []
    feed.told = lambda: told.append(1)
    window = Window(at(1000), at(1100))
    coarse = feed.series("par", window, wait=False)
    feed.close()
    assert coarse.sizes["time"] < 10
    assert told == [1]
    assert feed.detail == 1
    assert feed.series("par", window, wait=False).sizes["time"] == 100


def test_a_background_reading_that_fails_is_tried_once_until_data_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 1000)
    monkeypatch.setattr(rows, "BINS", 256)
    feed, source = feed_of(50_000)
    source.broken = ReaderError("file", "gone")
    for _ in range(3):
        feed.series("par", Window(at(1000), at(1100)), wait=False)
        feed.close()
    assert source.opened == 1


@pytest.mark.parametrize("reduce", ["last", "mean", "median", "min", "max", "sum", "count"])
@given(seconds=st.integers(1, 400), over=st.integers(0, 300))
def test_a_value_is_that_of_the_rows(reduce: str, seconds: int, over: int) -> None:
    feed, source = FEED
    window = Window(at(seconds - over), at(seconds) + np.timedelta64(1, "ns"))
    inside = window.contains(source.time) & np.isfinite(source.columns["par"])
    rows_inside = source.columns["par"][inside]
    found, time = feed.value("par", reduce, over * SECOND, at(seconds))
    if not rows_inside.size:
        assert np.isnan(found)
        assert np.isnat(time)
        return
    expected = {"last": rows_inside[-1], "count": rows_inside.size}.get(reduce)
    assert found == pytest.approx(getattr(np, reduce)(rows_inside) if expected is None else expected)
    assert time == source.time[inside][-1]


def _with_holes() -> tuple[RowFeed, RowSource]:
    feed, source = feed_of(1)
    source.time, source.columns = source.time[:0], {}
    rng = np.random.default_rng(1)
    par = np.where(rng.random(200) < 0.5, np.nan, rng.normal(size=200))
    source.add([at(2 * s) for s in range(200)], par=par)
    feed = RowFeed(source)
    feed.poll()
    return feed, source


FEED = _with_holes()


def test_a_value_of_too_many_rows_comes_from_the_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 100)
    monkeypatch.setattr(row_feed, "MOST", 1000)
    feed, source = feed_of(20_000)
    par = source.columns["par"]
    for reduce, expected in {
        "last": par[-1],
        "mean": par.mean(),
        "min": par.min(),
        "sum": par.sum(),
        "count": 20_000,
    }.items():
        assert feed.value("par", reduce, DAY, at(20_000))[0] == pytest.approx(expected)
    assert feed.value("par", "median", DAY, at(20_000))[0] == pytest.approx(np.median(par), abs=np.ptp(par) / 10)
    assert source.opened == 0


@pytest.mark.parametrize("newest", [100, 100_000])
def test_headings_around_north_point_north(newest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """359 and 1 come to 0, not to 180: as a value, and as a line."""
    monkeypatch.setattr(rows, "NEWEST", newest)
    monkeypatch.setattr(row_feed, "MOST", 1000)
    heading = np.where(np.arange(20_000) % 2, 357.0, 1.0)
    source = RowSource(time=T0 + np.arange(20_000) * SECOND, heading=heading)
    feed = RowFeed(source)
    feed.poll()
    for reduce in ("mean", "median"):
        found = feed.value("heading", reduce, DAY, at(20_000))[0]
        assert abs((found + 180) % 360 - 180) <= 3
    line = feed.series("heading", ALWAYS, points=50)
    assert line.sizes["time"] <= 50
    assert set(line["heading"].values) <= {1.0, 357.0}


def test_a_source_of_broken_files_alone_is_at_fault_until_one_can_be_read(simulated: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sfl"
    folder.mkdir()
    (folder / "a.sfl").write_text("nothing\nof\nthe kind\n")
    feed = open_feed(Source(reader="seaflow_sfl", url=str(folder)))
    feed.poll()
    assert "a.sfl: not an SFL header" in (feed.fault or "")
    good = next((simulated.parent / "sfl").glob("*.sfl"))
    (folder / "b.sfl").write_bytes(good.read_bytes())
    feed.poll()
    assert feed.fault is None
    assert feed.rows
    assert feed.refused


def test_a_fault_is_told_in_words_and_goes_by_itself() -> None:
    feed, source = feed_of(3)
    before = feed.revision
    source.broken = PermissionError(13, "Permission denied", "/data/rows")
    assert feed.poll()
    assert not feed.poll()
    assert feed.snapshot.fault == "/data/rows: Permission denied"
    assert feed.rows == 3
    assert feed.revision == before + 1
    assert feed._cursor == 3  # it goes on from here; nothing is read twice
    source.broken = ZeroDivisionError("a reader's own mistake")
    feed.poll()
    assert "ZeroDivisionError" in (feed.fault or "")
    source.broken = None
    source.add(at(10), par=1.0)
    assert feed.poll()
    assert feed.snapshot.fault is None
    assert feed.rows == 4


def test_rows_that_cannot_be_taken_are_taken_anew_once_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 4)
    feed, source = feed_of(3)
    source.add([at(10), at(11)], par=1.0)
    with monkeypatch.context() as patch:
        patch.setattr(rows.Rows, "_bin", lambda *_: 1 / 0)  # after the tail has taken them
        feed.poll()
        assert "ZeroDivisionError" in (feed.fault or "")
    feed.poll()
    assert feed.fault is None
    assert feed.rows == 5
    assert feed.snapshot.dataset.sizes["time"] == 4


def test_rewritten_rows_take_the_place_of_the_old() -> None:
    feed, source = feed_of(5)
    revision = feed.revision
    source.rewrite(par=np.full(5, 7.0))
    source.add(at(100), par=8.0)
    assert feed.poll()
    assert feed.revision == revision + 1
    assert feed.series("par", ALWAYS)["par"].values.tolist() == [7] * 5 + [8]


def test_rows_that_are_replaced_while_a_question_is_answered_change_nothing_of_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that was rewritten, much shorter, between two looks of one answer: it has no bins any more."""
    monkeypatch.setattr(rows, "NEWEST", 1000)
    feed, source = feed_of(50_000)
    expected = feed.series("par", ALWAYS, 100)
    resolved = RowFeed._resolved

    def then_replaced(feed: RowFeed, *asked: object) -> bool:
        found = resolved(feed, *asked)  # type: ignore[arg-type]
        feed._restart(source.changed()[0].isel(time=slice(10)))
        return found

    monkeypatch.setattr(RowFeed, "_resolved", then_replaced)
    feed._answers.clear()
    assert feed.series("par", ALWAYS, 100).identical(expected)
    assert feed.rows == 10


def test_a_span_has_both_ends_at_every_moment() -> None:
    """Pages ask for it while the first rows are taken in."""
    source, spans = RowSource(time=[], par=[]), list[Window | None]()
    feed = RowFeed(source)  # type: ignore[arg-type]
    feed.poll()

    class Watched(rows.Rows):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            spans.append(self.span)

    feed._kept.__class__ = Watched
    source.add([at(1), at(2)], par=1.0)
    feed.poll()
    assert feed.fault is None
    assert feed.span == Window(at(1), at(2) + np.timedelta64(1, "ns"))
    assert {None, feed.span} == set(spans)


def test_impossible_times_are_left_out_and_counted() -> None:
    stop_clock(at(100))
    source = RowSource(time=[at(1), np.datetime64("NaT"), np.datetime64("2079-01-01"), at(2)], par=np.arange(4.0))
    feed = RowFeed(source, Window(at(2), at(1e9)))
    feed.poll()
    assert feed.series("par", ALWAYS)["par"].values.tolist() == [3.0]
    assert (feed.rows, feed.outside) == (1, 3)


def test_stale_when_silent_for_three_steps_and_never_sooner_than_a_poll_can_tell() -> None:
    feed, source = feed_of(100, 60.0)
    last = at(99 * 60)
    assert feed.step == 60 * SECOND
    assert not feed.stale(last + 180 * SECOND)
    assert feed.stale(last + 181 * SECOND)
    assert not feed.stale(last + 181 * SECOND, over=600 * SECOND)
    source.every = 100 * SECOND
    assert not feed.stale(last + 299 * SECOND)
    source.stale_after = 10 * SECOND
    assert feed.stale(last + 11 * SECOND)
    fast, _ = feed_of(100, 0.1)
    assert not fast.stale(at(9.9) + 4 * SECOND)
    assert fast.stale(at(9.9) + 6 * SECOND)


def test_a_track_leaves_out_spikes_and_breaks_at_gaps() -> None:
    n = 600
    lat, lon = 10 + np.arange(n) * 1e-5, np.where(np.arange(n) < 300, 179.9997, -179.9999) + np.arange(n) * 1e-6
    lat[100], lon[250:255] = 11.0, 0.0
    seconds = np.arange(n) + np.where(np.arange(n) >= 400, 1000, 0)
    feed = RowFeed(RowSource(time=[at(s) for s in seconds], latitude=lat, longitude=lon))
    feed.poll()
    track = feed.track(ALWAYS)
    gap = np.isnan(track["latitude"].values)
    assert gap.sum() == 1
    assert track["time"].values[gap][0] == at((399 + 1400) / 2)
    kept = track["time"].values[~gap]
    spikes = [at(100), *(at(s) for s in range(250, 255))]
    assert not set(spikes) & set(kept)
    assert len(kept) == n - 6
    few = feed.track(ALWAYS, 50)
    assert few.sizes["time"] < 60
    assert {at(0), at(399), at(1400), at(1599)} <= set(few["time"].values)


def test_a_long_track_keeps_measured_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 100)
    monkeypatch.setattr(rows, "BINS", 512)
    monkeypatch.setattr(row_feed, "MOST", 100)
    n = 5000
    lat, lon = np.arange(n) * 1e-4, 100 + np.arange(n) * 1e-4
    lat[::7] = np.nan  # a sentence without a position
    feed = RowFeed(RowSource(time=[at(s) for s in range(n)], latitude=lat, longitude=lon))
    feed.poll()
    track = feed.track(ALWAYS)
    index = ((track["time"].values - T0) / SECOND).astype(int)
    assert len(index) > 100
    assert np.array_equal(track["latitude"].values, lat[index])
    assert np.array_equal(track["longitude"].values, lon[index])


def test_the_real_positions(data: Path) -> None:
    source = Source("nmea_log", str(data / "underway/NBP1406/s330/raw")).named("underway")
    feed = RowFeed(source)
    feed.poll()
    track = feed.track(ALWAYS)
    lat, lon = track["latitude"].values, track["longitude"].values
    assert (feed.rows, feed.fault) == (3125, None)
    assert (lat[0], lon[0]) == pytest.approx((-22.0018483, -17.9393239), abs=1e-7)
    assert (lat[-1], lon[-1]) == pytest.approx((-22.0229556, -17.9580083), abs=1e-7)
    assert distance(lat[:-1], lon[:-1], lat[1:], lon[1:]).sum() == pytest.approx(3034.6, abs=0.5)


def test_sixty_days_of_seconds_take_no_more_memory_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "NEWEST", 2000)
    monkeypatch.setattr(rows, "BINS", 1024)
    monkeypatch.setattr(rows, "AHEAD", 1000 * DAY)
    stop_clock(T0)
    feed = RowFeed(RowSource(time=[], par=[], latitude=[], longitude=[]))
    feed_of(5000)  # what is loaded when it is needed
    kept, step, sizes = feed._kept, 86_400, []
    tracemalloc.start(FRAMES)
    try:
        for day in range(60):
            time = T0 + np.arange(day * step, (day + 1) * step).astype("m8[s]")
            source = RowSource(time=time, par=np.ones(step), latitude=np.ones(step), longitude=np.ones(step))
            kept.take(source.changed()[0])
            if day >= 45:
                sizes.append(held("live", "raster", "core", __file__))
    finally:
        tracemalloc.stop()
    assert feed.rows == 60 * 86_400 and sizes[-1] > 100_000
    assert max(sizes) - min(sizes) < 200_000
    assert sizes[-1] < 6_000_000


def test_bins_are_made_of_all_rows_once_the_tail_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows have no bins; whenever they begin, they hold what they would have held from the start."""
    monkeypatch.setattr(rows, "NEWEST", 100)
    feed, source = feed_of(60)
    assert not feed._kept._overviews
    for second in range(60, 130, 10):
        source.add([at(second + i) for i in range(10)], par=float(second))
        feed.poll()
        whole = rows.Overview(("par",), rows.BINS)
        whole.append(source.time, {"par": source.columns["par"]})
        if len(source.time) > 100:
            held = feed._kept.overview("par").bins("par", at(0), at(1000))
            wanted = whole.bins("par", at(0), at(1000))
            assert all(np.array_equal(held[key], wanted[key]) for key in wanted)
        else:
            assert not feed._kept._overviews
