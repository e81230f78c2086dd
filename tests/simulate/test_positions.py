"""The positions feed: right sentences from a feed whose clock is off."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pynmea2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.simulate.happenings import CLOCK_DRIFT, CLOCK_OFFSET, Happenings
from workbench.simulate.positions import lines
from workbench.simulate.route import Track

START = np.datetime64("2025-01-14T20:00:00", "s")
TRACK, HAPPENINGS = Track(7, 5), Happenings(7, 5)


def written(first: int, stop: int) -> bytes:
    return lines(7, START, TRACK, HAPPENINGS, first, stop)


@given(first=st.integers(0, 4 * 86400), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_seconds_do_not_depend_on_what_else_is_asked_for(first: int, cuts: list[int]) -> None:
    edges = sorted({0, 300, *cuts})
    parts = [written(first + a, first + b) for a, b in pairwise(edges)]
    assert b"".join(parts) == written(first, first + 300)


@given(first=st.integers(0, 4 * 86400 - 60))
def test_every_line_is_right(first: int) -> None:
    last = ""
    for line in written(first, first + 60).decode("ascii").splitlines():
        stamp, sentence = line.split(" ")
        assert stamp > last and len(stamp) == 27 and stamp.endswith("Z")
        last = stamp
        if not HAPPENINGS.of("garbled", first, first + 60):
            pynmea2.parse(sentence, check=True)


@pytest.mark.parametrize("first", [0, 4 * 3600 + 1500, 86400 + 13 * 3600, 2 * 86400 + 12 * 3600])
def test_positions_are_the_ships(first: int) -> None:
    for line in written(first, first + 600).decode("ascii").splitlines():
        stamp, sentence = line.split(" ")
        message = pynmea2.parse(sentence)
        receipt = np.datetime64(stamp[:-1], "us")
        second = float((receipt - START) / np.timedelta64(1, "s"))
        if message.sentence_type in ("GGA", "RMC"):
            latitude, longitude = TRACK.position([np.floor(second)])
            assert message.latitude == pytest.approx(latitude[0], abs=1e-4)
            assert (message.longitude - longitude[0] + 180) % 360 - 180 == pytest.approx(0, abs=1e-4)
        if message.sentence_type == "RMC":
            clock = np.datetime64(message.datetime.replace(tzinfo=None), "us")
            away = CLOCK_OFFSET + CLOCK_DRIFT * second / 86400
            assert (receipt - clock) / np.timedelta64(1, "s") == pytest.approx(away + 0.237, abs=0.02)
        if message.sentence_type == "VTG":
            speed, _ = TRACK.motion([np.floor(second)])
            assert float(message.spd_over_grnd_kts) == pytest.approx(speed[0], abs=0.5)


def test_one_gga_a_second_and_the_others_every_ten() -> None:
    text = written(86400, 86400 + 600).decode("ascii")
    counts = {kind: text.count(kind) for kind in ("GGA", "ZDA", "VTG", "RMC", "HDT")}
    assert counts == {"GGA": 600, "ZDA": 60, "VTG": 60, "RMC": 60, "HDT": 60}


def test_spikes_are_far_off_and_garbled_lines_have_a_wrong_checksum() -> None:
    spike = HAPPENINGS.of("spike")[0]
    good, bad = (
        pynmea2.parse(written(int(spike.start) + k, int(spike.start) + k + 1).decode().split()[-1]) for k in (1, 0)
    )
    assert abs(bad.latitude - good.latitude) > 0.3
    garbled = HAPPENINGS.of("garbled")[0]
    with pytest.raises(pynmea2.ChecksumError):
        pynmea2.parse(written(int(garbled.start), int(garbled.stop)).decode().split()[-1], check=True)
    gap = HAPPENINGS.of("feed_gap")[0]
    assert written(int(gap.start), int(gap.stop)) == b""
