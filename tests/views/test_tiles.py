"""KPI tiles: what is wrong is told by a sign and a word, never by colour alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.live.standin import RowSource, StandInCruise, at, stop_clock
from workbench.catalog.declared import Kpi
from workbench.core.errors import ReaderError
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.views.numbers import Reading, draw, expected, sparkline, state, why
from workbench.views.tiles import Tiles

T = np.datetime64("2014-07-04T00:10:00", "ns")


@pytest.mark.parametrize(
    ("value", "sign", "word"),
    [
        (12.0, "ok", "in range"),
        (11.4, "down", "below 11.5"),
        (12.6, "up", "above 12.5"),
        (float("nan"), "none", "no data"),
    ],
)
def test_state(value: float, sign: str, word: str) -> None:
    reading = Reading("p", "Stream pressure", value, "psi", T, (11.5, 12.5))
    assert state(reading) == (sign, word)
    assert word in draw(reading)
    assert f'class="icon {sign}"' in draw(reading)


def test_a_fault_says_so_whatever_the_value() -> None:
    reading = Reading("p", "Stream pressure", 12.0, "psi", T, (11.5, 12.5), fault="disk is gone")
    assert state(reading)[0] == "fault"
    assert "disk is gone" in draw(reading)


def test_a_fault_is_told_on_the_tile_and_all_of_it_in_the_tip() -> None:
    fault = "influxdb://ship:8086/a/b: InfluxDB at ship:8086 does not answer (Connection refused). Is it running?"
    html = draw(Reading("p", "Stream pressure", 12.0, "psi", T, (11.5, 12.5), fault=fault))
    assert "<span>InfluxDB at ship:8086 does not answer (Connection refused)</span>" in html
    assert "Is it running?" in html.split(">", 1)[0]
    assert "spark" not in html and 'class="why"' not in draw(Reading("p", "Stream pressure", 12.0, "psi", T))


@given(st.text(max_size=80))
def test_whatever_a_fault_says_something_of_it_is_told(fault: str) -> None:
    said = why(fault)
    assert said in fault
    assert bool(said.strip()) or not fault.strip() or fault.startswith(". ")


def test_value_unit_age_and_range_are_on_the_tile() -> None:
    html = draw(Reading("p", "Stream pressure", 12.0, "psi", T, (11.5, 12.5), np.timedelta64(600, "s")))
    assert ">12.00<" in html
    assert ">psi<" in html
    assert f'data-since="{T.astype("datetime64[ms]").astype(int)}"' in html
    assert 'data-stale="600000"' in html
    assert "11.5" in html
    assert "12.5" in html


def test_looking_back_shows_the_time_instead_of_an_age() -> None:
    html = draw(Reading("p", "Pressure", 12.0, "psi", T, live=False))
    assert "data-since" not in html
    assert "07-04 00:10" in html


def test_open_sides() -> None:
    assert "≥" in expected(Reading("x", "x", 1, expect=(3, float("inf"))))
    assert "≤" in expected(Reading("x", "x", 1, expect=(float("-inf"), 3)))


def test_what_came_from_a_file_is_escaped() -> None:
    html = draw(Reading("<b>", "<script>alert(1)</script>", 1.0, "<i>", T, fault='"><img src=x>'))
    assert "<script>" not in html
    assert "<img" not in html


@given(arrays(float, st.integers(0, 60), elements=st.floats(-1e6, 1e6) | st.just(float("nan"))))
def test_a_sparkline_stays_in_its_box(values: np.ndarray) -> None:
    svg = sparkline(np.arange(len(values), dtype=float), values, (0.0, 10.0))
    numbers = [float(n) for path in re.findall(r' d="([^"]+)"', svg) for n in re.findall(r"-?\d+\.\d+", path)]
    assert all(-0.05 <= n <= 100.05 for n in numbers)


def test_a_sparkline_breaks_where_data_are_missing() -> None:
    svg = sparkline(np.arange(5.0), np.array([1.0, 2.0, np.nan, 2.0, 1.0]))
    line = re.search(r'class="line" d="([^"]+)"', svg)
    assert line is not None
    assert line[1].count("M") == 2


def kpi(**more: object) -> Kpi:
    return Kpi("p", "sfl", "stream_pressure", over=np.timedelta64(600_000_000_000, "ns"), **more)  # type: ignore[arg-type]


def tiles_of(source: RowSource, declared: Kpi) -> tuple[Tiles, Feeds, Session]:
    feeds = Feeds(StandInCruise(source, kpis={declared.name: declared}))
    feeds.poll()
    session = Session(feeds)
    return Tiles(session), feeds, session


def test_the_value_is_that_of_the_data() -> None:
    stop_clock(at(100))
    source = RowSource("sfl", time=[at(10 * k) for k in range(10)], stream_pressure=np.arange(10.0) + 10)
    tiles, _, _ = tiles_of(source, kpi(expect=(11.5, 12.5)))
    (reading,) = tiles.readings()
    assert (reading.value, reading.time) == (19.0, at(90))
    assert reading.unit == "psi"
    assert reading.spark[-1] == 19.0


def test_looking_back_gives_the_value_then() -> None:
    stop_clock(at(100))
    source = RowSource("sfl", time=[at(10 * k) for k in range(10)], stream_pressure=np.arange(10.0) + 10)
    tiles, _, session = tiles_of(source, kpi())
    session.look(at(0), at(45))
    (reading,) = tiles.readings()
    assert reading.value == 14.0
    assert not reading.live


def test_a_silent_source_keeps_its_last_value_and_its_age() -> None:
    stop_clock(at(100_000))
    source = RowSource("sfl", time=[at(10 * k) for k in range(10)], stream_pressure=np.arange(10.0) + 10)
    (reading,) = tiles_of(source, kpi())[0].readings()
    assert reading.value == 19.0
    assert reading.stale is not None
    assert reading.stale < np.timedelta64(100_000, "s") - np.timedelta64(90, "s")


def test_the_unit_asked_for_is_the_unit_shown() -> None:
    stop_clock(at(100))
    source = RowSource("sfl", time=[at(0), at(1)], stream_pressure=[10.0, 10.0])
    (reading,) = tiles_of(source, kpi(unit="kPa"))[0].readings()
    assert reading.value == pytest.approx(68.947573, rel=1e-6)
    assert reading.unit == "kPa"


@pytest.mark.parametrize("unit", [None, "1", "psi"])
def test_how_many_rows_there_are_is_no_pressure(unit: str | None) -> None:
    stop_clock(at(100))
    source = RowSource("sfl", time=[at(10 * k) for k in range(10)], stream_pressure=np.full(10, 12.0))
    (reading,) = tiles_of(source, kpi(reduce="count", unit=unit, expect=(5.0, 20.0)))[0].readings()
    assert reading.value == 10
    assert reading.unit == (unit or "")
    assert not reading.spark.size, "a line of pressures, with the number of rows that is expected behind it"


def test_only_the_tile_that_changed_is_sent_and_none_is_rebuilt() -> None:
    stop_clock(at(100))
    a = RowSource("sfl", time=[at(0), at(10)], stream_pressure=[10.0, 11.0])
    b = RowSource("ship", time=[at(0), at(10)], speed=[5.0, 5.0])
    kpis = {"p": kpi(), "s": Kpi("s", "ship", "speed")}
    feeds = Feeds(StandInCruise(a, b, kpis=kpis))
    feeds.poll()
    session = Session(feeds)
    session.look(at(0), at(200))
    view = Tiles(session)
    view.bare()
    strip, before, sent = view.strip, list(view.strip.tiles), []
    strip.param.watch(lambda event: sent.append(event.new), ["tiles", "changed"])
    b.add(at(20), speed=7.0)
    feeds.poll()
    assert sent == [strip.tiles], "a browser that has not drawn them would miss a change"
    strip.drawn = True
    b.add(at(30), speed=8.0)
    feeds.poll()
    assert [list(one) for one in sent[1:]] == [["1"]]
    assert strip.tiles == [before[0], sent[1]["1"]] != sent[0]


def test_a_source_that_cannot_be_read_says_so() -> None:
    stop_clock(at(100))
    source = RowSource("sfl", time=[at(0)], stream_pressure=[12.0])
    tiles, feeds, _ = tiles_of(source, kpi())
    source.broken = ReaderError("x.sfl", "cannot be read")
    feeds.poll()
    (reading,) = tiles.readings()
    assert reading.fault
    assert "cannot be read" in reading.fault
