"""Times as files keep them: whatever is written in a unit is read back, whatever cannot be a time is NaT."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.readers import moments

SECONDS = st.lists(st.integers(0, 4 * 10**9), min_size=1, max_size=20)
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
BEGIN = np.datetime64("1970-01-01", "ns")


def times(seconds: list[int]) -> np.ndarray:
    return BEGIN + np.array(seconds, dtype=np.int64) * np.timedelta64(1, "s")


@given(SECONDS, st.sampled_from([*UNITS]))
def test_whole_numbers_come_back_exactly(seconds: list[int], unit: str) -> None:
    stored = np.array(seconds, dtype=np.int64) * UNITS[unit]
    np.testing.assert_array_equal(moments.decode(stored, moments.known(unit)), times(seconds))


@given(st.lists(st.integers(0, 4 * 10**18), min_size=1, max_size=20))
def test_no_nanosecond_is_lost(numbers: list[int]) -> None:
    stored = np.array(numbers, dtype=np.int64)
    np.testing.assert_array_equal(moments.decode(stored, moments.known("ns")).astype(np.int64), stored)


@given(SECONDS, st.sampled_from(["datenum", "julian_day"]))
def test_days_as_floats_come_back_within_what_a_float_can_tell(seconds: list[int], unit: str) -> None:
    begin = {"datenum": 719_529.0, "julian_day": 2_440_587.5}[unit]
    stored = begin + np.array(seconds) / 86400
    off = np.abs((moments.decode(stored, unit) - times(seconds)).astype(np.int64))
    assert (off <= np.spacing(stored) * 86400e9 * 2 + 1).all()


@given(SECONDS)
def test_iso_texts_come_back(seconds: list[int]) -> None:
    want = times(seconds)
    for suffix in ("", "Z", "+00:00"):
        texts = np.array([f"{moment.astype('M8[s]')}{suffix}" for moment in want], dtype=object)
        np.testing.assert_array_equal(moments.decode(texts, "iso"), want)


@given(st.lists(st.floats(width=64), min_size=1, max_size=20), st.sampled_from([*moments.NAMED]))
def test_any_float_is_a_time_or_nat(values: list[float], name: str) -> None:
    """What is no number, or too far off, is NaT; nothing wraps round."""
    unit = moments.known(name)
    if unit == "iso":
        return
    stored = np.array(values)
    out = moments.decode(stored, unit)
    assert np.isnat(out[~np.isfinite(stored)]).all()
    finite = [(a, b) for a, b in zip(stored, out, strict=True) if np.isfinite(a) and not np.isnat(b)]
    finite.sort(key=lambda pair: pair[0])
    assert all(a[1] <= b[1] for a, b in pairwise(finite)), "order is kept"


@given(SECONDS, st.integers(0, 4 * 10**9))
def test_fill_is_missing(seconds: list[int], fill: int) -> None:
    out = moments.decode(np.array(seconds, dtype=np.int64), moments.known("s"), "", fill)
    np.testing.assert_array_equal(np.isnat(out), np.array(seconds) == fill)


@given(st.integers(315_532_800, 4 * 10**9), st.sampled_from([*UNITS]))
def test_a_guessed_unit_gives_a_time_of_our_days(seconds: int, unit: str) -> None:
    stored = np.array([seconds * UNITS[unit]], dtype=np.int64)
    assert moments.guess(stored) == moments.NAMED[unit]


@given(st.text(max_size=30))
def test_a_word_is_a_unit_or_an_error_that_names_some(word: str) -> None:
    if word not in moments.NAMED and not moments.is_time_unit(word):
        with pytest.raises(WorkbenchError, match="datenum"):
            moments.known(word)


def test_zones_count() -> None:
    stored = np.array([0, 3600], dtype=np.int64)
    got = moments.decode(stored, "seconds since 2024-01-01 02:00:00 +02:00")
    np.testing.assert_array_equal(got, np.array(["2024-01-01T00", "2024-01-01T01"], "M8[ns]"))


@pytest.mark.parametrize("zone", ["-6:00", "-06:00", "-0600", "-600", "-6", "-06"])
def test_zones_are_written_in_many_ways(zone: str) -> None:
    """The first is that of the example in the CF conventions."""
    got = moments.decode(np.zeros(1), f"seconds since 1992-10-8 15:15:42.5 {zone}")
    assert got[0] == np.datetime64("1992-10-08T21:15:42.5")


def test_before_the_year_1_comes_1_bc() -> None:
    """Julian days count from noon of the first day of 4713 BC."""
    days = np.array([2456842.5, 2440587.5])
    got = moments.decode(days, "days since -4713-01-01 12:00:00")
    np.testing.assert_array_equal(got, moments.decode(days, "julian_day"))


def test_half_a_zone_is_none() -> None:
    assert not moments.is_time_unit("seconds since 1992-10-8 15:15:42.5 -6:0")


def test_other_calendars_are_refused() -> None:
    with pytest.raises(WorkbenchError, match="noleap"):
        moments.decode(np.zeros(1), "days since 2000-01-01", "noleap")


@pytest.mark.parametrize("unit", ["D", "s", "ms", "us"])
def test_a_day_that_stands_for_none_is_missing(unit: str) -> None:
    """Databases and spreadsheets write 9999-12-31 (or the year 1): it is no time of the year 1816."""
    words = ["2024-01-01", "9999-12-31", "0001-01-01", "NaT", "2262-04-11", "1677-09-23"]
    wanted = np.array(["2024-01-01", "NaT", "NaT", "NaT", "2262-04-11", "1677-09-23"], "datetime64[ns]")
    np.testing.assert_array_equal(moments.decode(np.array(words, f"datetime64[{unit}]"), "datetime64"), wanted)
    texts = np.array([f"{word}T00:00:00Z" for word in words if word != "NaT"], dtype=object)
    np.testing.assert_array_equal(moments.decode(texts, "iso"), wanted[[0, 1, 2, 4, 5]])
