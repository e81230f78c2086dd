"""Sentences by rules: each says what the data say, with numbers that can be found again, and nothing when nothing was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st

from tests.reports.numbers import untold
from workbench.core.window import Window
from workbench.reports.finding import Finding, spans
from workbench.reports.rules import beads, clocks, gaps, populations, ranges, refused, way

START = np.datetime64("2025-03-01T00:00:00", "ns")
SECOND = np.timedelta64(1_000_000_000, "ns")
DAY = Window(START, START + 86_400 * SECOND)


def at(seconds: object) -> np.ndarray:
    return START + np.asarray(seconds, np.int64) * SECOND


def traced(found: list[Finding]) -> list[Finding]:
    """The findings, after a look at each number in them."""
    for finding in found:
        assert not untold(finding), f"{finding.text!r} says {untold(finding)!r}, which no number tells"
        assert finding.numbers and finding.source and finding.rule and finding.window.start <= finding.window.stop
        assert finding.text.endswith(".") and not any(word in finding.text for word in ("nan", "NaT", "None"))
    return found


def faults(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.kind == "fault"]


@given(st.lists(st.booleans(), max_size=40))
def test_spans_are_the_runs(inside: list[bool]) -> None:
    mask = np.array(inside, bool)
    found = spans(mask)
    covered = np.zeros(mask.size, bool)
    for run in found:
        assert mask[run].all() and run.stop > run.start
        covered[run] = True
    assert np.array_equal(covered, mask)
    assert all(b.start > a.stop for a, b in pairwise(found))


@given(st.lists(st.integers(1, 2000), min_size=2, max_size=60))
def test_every_gap_is_told_and_only_gaps(steps: list[int]) -> None:
    time = at(np.cumsum(steps))
    limit = max(240.0, 3 * float(np.median(steps[1:])))
    expected = sum(step > limit for step in steps[1:])
    found = traced(gaps.silent(time, "feed"))
    assert len(found) == 1
    assert (found[0].kind == "fault") == bool(expected)
    told = {n.label: n.value for n in found[0].numbers}
    assert told.get("gaps", 0) == expected
    assert len(found[0].episodes) == expected
    assert gaps.silent(time[::-1], "feed") == found


def test_a_gap_is_told_with_its_time() -> None:
    time = np.concatenate([at(np.arange(0, 3600)), at(np.arange(7200, 9000))])
    (found,) = traced(gaps.silent(time, "underway"))
    assert found.text == "No rows came from underway for 60 min, 2025-03-01 00:59 – 02:00 UTC."
    assert gaps.silent(time[:1], "underway") == []


def test_a_gap_that_lies_in_another_is_explained_by_it() -> None:
    def window(a: int, b: int) -> Window:
        return Window(*at([a, b]))

    raw = [window(0, 4000), window(9000, 12000)]
    assert gaps.explained([window(0, 4000)], raw) and gaps.explained([window(0, 4300), window(9000, 11000)], raw)
    assert not gaps.explained([window(0, 4000), window(20000, 30000)], raw)
    assert (
        not gaps.explained([window(0, 8000)], raw)
        and not gaps.explained([window(0, 9)], [])
        and not gaps.explained([], raw)
    )


def table(values: np.ndarray, variable: str = "stream_pressure", unit: str = "psi") -> xr.Dataset:
    return xr.Dataset({variable: ("time", values, {"units": unit})}, {"time": at(np.arange(len(values)) * 180)})


@given(st.lists(st.sampled_from([12.0, 12.01, 7.0, 13.0, np.nan]), min_size=3, max_size=60))
@example([7.0, *[12.0, 12.0, 12.0, 7.0] * 3])  # more often than is told time by time
def test_pressure_is_told_where_it_left_its_range(values: list[float]) -> None:
    column = np.array(values)
    found = traced(ranges.watched(table(column), "stream_pressure", "sfl", expect=(11.5, 12.5)))
    good = column[np.isfinite(column)]
    if not good.size:
        assert found == []
        return
    outside = bool(((good < 11.5) | (good > 12.5)).any())
    assert bool(faults(found)) == outside
    assert ("expected range" in found[0].text) == (not outside)
    for fault in faults(found):
        worst = {number.value for number in fault.numbers if number.label in ("lowest", "highest")}
        assert worst and worst <= {7.0, 13.0}


def test_a_pressure_fault_is_told_once_with_its_depth() -> None:
    values = np.full(480, 12.0)
    values[100:140] = 7.0
    values[120] = 6.25
    found = traced(ranges.watched(table(values), "stream_pressure", "sfl", expect=(11.5, 12.5)))
    assert [f.text for f in faults(found)] == [
        "Stream pressure fell below 11.5 psi for 1 h 57, 2025-03-01 05:00 – 06:57 UTC, down to 6.250 psi."
    ]


def test_without_an_expectation_nothing_is_a_fault() -> None:
    found = traced(ranges.watched(table(np.array([1.0, 50.0])), "stream_pressure", "sfl"))
    assert len(found) == 1 and not faults(found)
    assert ranges.watched(table(np.array([np.nan])), "stream_pressure", "sfl") == []
    assert ranges.watched(table(np.array([1.0])), "salinity", "sfl") == []


@given(st.floats(-5000, 5000), st.floats(-3, 3))
def test_a_clock_is_told_when_it_is_off(offset: float, drift: float) -> None:
    seconds = np.arange(0, 86_400, 300)
    late = np.round((offset + drift * seconds / 86_400) * 1e9).astype(np.int64).astype("m8[ns]")
    ds = xr.Dataset({"time_instrument": ("time", at(seconds) - late)}, {"time": at(seconds)})
    found = traced(clocks.told(ds, "gps"))
    middle = offset + drift / 2
    if abs(middle) > clocks.LIMIT + 0.1:
        assert ("behind" in found[0].text) == (middle > 0)
    if abs(middle) < clocks.LIMIT - 0.1:
        assert found == []


def test_a_receiver_that_lost_1024_weeks() -> None:
    time = at(np.arange(600))
    ds = xr.Dataset({"time_instrument": ("time", time - np.timedelta64(1024, "W"))}, {"time": time})
    (found,) = traced(clocks.told(ds, "pcode"))
    assert "1024 weeks" in found.text and "behind" in found.text


def sailed(lat: np.ndarray, lon: np.ndarray) -> xr.Dataset:
    return xr.Dataset({"latitude": ("time", lat), "longitude": ("time", lon)}, {"time": at(np.arange(len(lat)) * 60)})


@given(st.floats(-60, 60), st.floats(-180, 180), st.floats(0.1, 15.0), st.integers(0, 359))
def test_the_way_is_as_long_as_it_was(lat0: float, lon0: float, knots: float, course: int) -> None:
    hours = np.arange(0, 121) / 60
    miles = knots * hours
    lat = lat0 + miles / 60 * np.cos(np.radians(course))
    lon = lon0 + miles / 60 * np.sin(np.radians(course)) / np.cos(np.radians(lat))
    found = traced(way.sailed(sailed(lat, (lon + 180) % 360 - 180), "gps"))
    assert not faults(found)
    assert float(found[0].numbers[0].value) == pytest.approx(2 * knots, rel=0.01)


def test_spikes_and_crossings() -> None:
    lat, lon = np.linspace(-0.5, 0.5, 481), np.full(481, 179.9) + np.linspace(0, 0.3, 481)
    lat[100] += 3
    found = traced(way.sailed(sailed(lat, (lon + 180) % 360 - 180), "gps"))
    texts = [f.text for f in found]
    assert any("1 position lay far off the track and was left out" in t for t in texts)
    assert any("crossed the equator on 2025-03-01 04:01" in t for t in texts)
    assert any("crossed the antimeridian on" in t for t in texts)


def test_by_way_of_greenwich_no_line_is_crossed() -> None:
    lon = np.arange(-100, 100, 0.05)
    ds = xr.Dataset({"latitude": ("time", np.full(lon.size, 30.0)), "longitude": ("time", lon)},
                    {"time": at(np.arange(lon.size) * 900)})  # fmt: skip
    assert [f.kind for f in traced(way.sailed(ds, "gps"))] == ["fact"]


def test_a_ship_that_lies_on_the_equator_does_not_cross_it() -> None:
    lat = 0.0005 * np.sin(np.arange(500.0))
    found = traced(way.sailed(sailed(lat, np.linspace(10, 10.4, 500)), "gps"))
    assert [f.kind for f in found] == ["fact"]
    assert way.sailed(sailed(np.full(3, np.nan), np.full(3, np.nan)), "gps") == []


@given(st.integers(0, 3000), st.lists(st.from_regex(r"f[0-9]{1,4}", fullmatch=True), max_size=9, unique=True))
def test_files_refused_are_told(read: int, names: list[str]) -> None:
    lines = [f"/data/{name}: cut short" for name in names]
    found = traced(refused.files(read, lines, "evt", DAY, particles=read * 7))
    assert bool(faults(found)) == bool(names)
    if names:
        assert names[0] in faults(found)[0].text


def test_lines_that_are_no_rows() -> None:
    (found,) = traced(
        refused.lines(
            "bad checksum: 3 (first at byte 17 of /a/b)\ngarbage: 1 (first at byte 2 of /a/c)", 90, "gps", DAY
        )
    )
    assert found.text == "4 lines of gps could not be understood and were left out (3 × bad checksum and 1 × garbage)."
    assert refused.lines("", 90, "gps", DAY) == []


def test_a_log_and_its_files() -> None:
    found = traced(refused.unmatched(["d/a", "d/b", "d/c"], ["x/a.gz", "x/b", "x/d"], "sfl", "evt", DAY))
    assert [f.text for f in found] == [
        "1 file is listed in sfl but not among the files of evt: c.",
        "1 file is among the files of evt but not listed in sfl: d.",
    ]
    assert refused.unmatched(["a"], ["z"], "sfl", "evt", DAY) == []


def cells(**columns: list[float]) -> xr.Dataset:
    rows = len(next(iter(columns.values())))
    data = np.array(list(columns.values())).T.reshape(rows, len(columns))
    return xr.Dataset(
        {"abundance": (("time", "population"), data, {"units": "uL-1"}), "latitude": ("time", np.linspace(1, 2, rows))},
        {"time": at(np.arange(rows) * 180), "population": list(columns)},
    )


def test_populations_most_first_beads_left_out() -> None:
    found = traced(
        populations.cells(cells(beads=[5.0] * 3, synecho=[10.0, 20.0, 12.0], prochloro=[100.0, 150.0, np.nan]), "pop")
    )
    assert [f.text.split(":")[0] for f in found[:2]] == ["Prochlorococcus", "Synechococcus"]
    assert "most on 2025-03-01 00:03 UTC at 01°30.00′N" in found[0].text
    assert "ratio of Prochlorococcus to Synechococcus is 8.75" in found[2].text
    assert not any("ead" in f.text for f in found)


def test_no_populations_no_sentences() -> None:
    assert populations.cells(xr.Dataset(), "pop") == []
    assert populations.cells(cells(synecho=[np.nan, np.nan]), "pop") == []


@given(st.integers(4, 12), st.integers(0, 2**32 - 1))
def test_many_excursions_are_one_sentence_with_all_their_spans(times: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.full(60 * 12 * (times + 1), 12.0)  # a row every 5 s, an hour each
    spells = []
    for i in range(times):
        start, length = 720 * i + int(rng.integers(100, 400)), int(rng.integers(30, 200))
        values[start : start + length] = 9.0 if rng.random() < 0.7 else 14.5
        spells.append((start, length))
    ds = xr.Dataset({"stream_pressure": ("time", values, {"units": "psi"})}, {"time": at(np.arange(len(values)) * 5)})
    told = faults(traced(ranges.watched(ds, "stream_pressure", "sfl", expect=(11.5, 12.5))))
    assert len(told) == 1 and f" {times} times" in told[0].text
    assert [(w.start, w.stop) for w in told[0].episodes] == [
        (at(a * 5), at((a + n - 1) * 5) + np.timedelta64(1, "ns")) for a, n in spells
    ]
    assert {n.label: n.value for n in told[0].numbers}["together"] == sum(5 * (n - 1) for _, n in spells)


def bead_diameters(hours: int, off: dict[int, float]) -> xr.Dataset:
    values = np.full((hours * 20, 2), 1.0)
    values[:, 0] += np.random.default_rng(3).normal(0, 0.004, hours * 20)
    for hour, factor in off.items():
        values[hour * 20 : hour * 20 + 20, 0] *= factor
    return xr.Dataset(
        {"diameter": (("time", "population"), values, {"units": "um"})},
        {"time": at(np.arange(hours * 20) * 180), "population": ["beads", "prochloro"]},
    )


def test_beads_that_drift_for_hours_are_a_fault_and_those_that_stay_are_not() -> None:
    calm = traced(beads.drifted(bead_diameters(48, {}), "populations"))
    assert [f.kind for f in calm] == ["fact"]
    assert not faults(beads.drifted(bead_diameters(48, {20: 0.9}), "populations"))  # an hour is noise
    assert beads.drifted(bead_diameters(5, {}), "populations") == []
    drift = traced(beads.drifted(bead_diameters(48, dict.fromkeys(range(30, 36), 0.9)), "populations"))
    assert len(faults(drift)) == 1 and "below" in drift[0].text
    assert (drift[0].window.start, drift[0].window.stop) == (at(30 * 3600), at(36 * 3600))
    codes = xr.Dataset(
        {
            f"{n}_drift": ("time", np.where(np.arange(40) > 30, 24.0, 12.0 + np.arange(40) % 2))
            for n in ("fsc_small", "D1", "D2")
        },
        {"time": at(np.arange(40) * 3600)},
    )
    assert len(faults(traced(beads.drifted(codes, "drift")))) == 3
