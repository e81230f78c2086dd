"""Half-open UTC intervals, and how people write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core import clock
from workbench.core.clock import Clock
from workbench.core.errors import WindowError
from workbench.core.window import ALWAYS, MAX, MIN, Window, duration, moment

NOW = np.datetime64("2023-01-12T12:00:00", "ns")
HOUR = np.timedelta64(3_600_000_000_000, "ns")
moments = st.integers(-(2**62), 2**62).map(lambda n: np.datetime64(n, "ns"))
windows = st.builds(Window, moments, moments)


@pytest.fixture(autouse=True)
def noon(_machine_clock):
    clock.use(Clock(NOW, 0.0, 0.0))


@given(windows, windows, moments)
def test_and_is_intersection(a, b, time):
    inside = bool((a & b).contains(time))
    assert inside == bool(a.contains(time) & b.contains(time))
    assert inside == (a.start <= time < a.stop and b.start <= time < b.stop)


@given(windows)
def test_and_laws(a):
    assert a & a == a
    assert a & ALWAYS == a == ALWAYS & a
    assert list(a) == [a.start, a.stop]
    assert bool(a) == (a.start < a.stop)


@given(windows, moments, moments)
def test_neighbours_share_no_moment(a, middle, time):
    left, right = Window(a.start, middle), Window(middle, a.stop)
    assert not (left.contains(time) & right.contains(time)).any()
    if a.start <= middle <= a.stop:
        assert bool(a.contains(time)) == bool(left.contains(time) | right.contains(time))


def test_nat_lies_in_all_time_only():
    times = np.array(["NaT", "2023-01-12T12:00"], dtype="datetime64[ns]")
    assert ALWAYS.contains(times).tolist() == [True, True]
    assert Window(MIN, NOW + HOUR).contains(times).tolist() == [False, True]


def test_nat_is_no_edge():
    with pytest.raises(WindowError, match="NaT"):
        Window(np.datetime64("NaT"), NOW)


@given(windows.filter(bool))
def test_what_is_shown_can_be_typed_again(window):
    assert Window.parse(str(window)) == window
    assert Window.parse(window) is window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        (None, ALWAYS), ("all", ALWAYS), ("", ALWAYS), ("..", ALWAYS),
        ("last 2 days", Window(NOW - 48 * HOUR, NOW)),
        ("last hour", Window(NOW - HOUR, NOW)),
        ("now-1h..now", Window(NOW - HOUR, NOW)),
        ("2023-01-12..", Window(np.datetime64("2023-01-12"), MAX)),
        ("..2023-01-12T06:00Z", Window(MIN, np.datetime64("2023-01-12T06:00"))),
        ("2023-01-11..now-6h", Window(np.datetime64("2023-01-11"), NOW - 6 * HOUR)),
        (slice(None, NOW), Window(MIN, NOW)), (slice(NOW, None), Window(NOW, MAX)),
    ],
)  # fmt: skip
def test_how_people_write_windows(text, window):
    assert Window.parse(text) == window


def test_now_may_be_another():
    other = NOW - 100 * HOUR
    assert Window.parse("last 1h", now=other) == Window(other - HOUR, other)
    assert moment("now-1h", now=other) == other - HOUR


@pytest.mark.parametrize("text", ["yesterday", "last", "last week ago", "2023-01-12", "x..y", "now-..now", "now+1h..now",
                                  "NaT..now", "2023-01-12..9999-01-01"])  # fmt: skip
def test_what_is_no_window_is_said(text):
    with pytest.raises(WindowError) as caught:
        Window.parse(text)
    assert "Write it as" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [("2023-01-12..2023-01-11", "before it starts"), ("now-1h..now-2h", "before it starts"),
     ("2023-01-12..2023-01-12", "its end does not"), ("last 0h", "its end does not")],
)  # fmt: skip
def test_a_range_without_time_is_said(text: str, said: str) -> None:
    with pytest.raises(WindowError, match=said):
        Window.parse(text)
    assert not Window.parse(slice(NOW, NOW)), "between programs it is an empty one"


@given(st.integers(0, 5000), st.sampled_from([("s", 1), ("min", 60), ("h", 3600), ("d", 86400), ("w", 604800)]))
def test_durations(number, unit):
    text, seconds = unit
    expected = np.timedelta64(number * seconds * 10**9, "ns")
    assert duration(f"{number}{text}") == duration(f" {number} {text.upper()} ") == expected
    assert duration(text) == np.timedelta64(seconds * 10**9, "ns")


@pytest.mark.parametrize("text", ["", "5", "1 fortnight", "-1h", "1h30", "1e3s", "99999999999999999999w"])
def test_what_is_no_duration_is_said(text):
    with pytest.raises(WindowError, match=r"is not a duration\. Write it as"):
        duration(text)


def test_half_units():
    assert duration("1.5h") == duration("90 minutes")


@pytest.mark.parametrize("wrong", [3, 2.5, b"all", ["all"]])
def test_what_is_no_text_is_refused_like_text(wrong: object) -> None:
    with pytest.raises(WindowError, match="not a time range"):
        Window.parse(wrong)  # type: ignore[arg-type]
