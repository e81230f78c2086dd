"""The simulated instrument's log: it only grows, and says what happened in the words that the instrument uses."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.simulate.cruise import START
from workbench.simulate.happenings import Happenings
from workbench.simulate.logbook import gains, text

DAYS = 6


@given(st.integers(0, 50), st.lists(st.integers(0, DAYS * 86400), min_size=1, max_size=6))
def test_a_later_log_begins_with_an_earlier_one(seed: int, seconds: list[int]) -> None:
    happenings = Happenings(seed, DAYS)
    said = [text(START, happenings, second) for second in sorted(seconds)]
    assert all(b.startswith(a) for a, b in pairwise(said))


def test_the_reader_finds_what_happened(tmp_path: Path) -> None:
    happenings = Happenings(7, DAYS)
    (tmp_path / "SFlog.txt").write_bytes(text(START, happenings, DAYS * 86400))
    ds = xr.open_dataset(tmp_path / "SFlog.txt", engine="seaflow_log").load()
    events, values = ds["event"].values, ds["value"].values
    assert "other" not in events
    seconds = (ds["time"].values - START.astype("M8[ns]")) / np.timedelta64(1, "s")
    for i, volts in enumerate(gains(7), start=1):
        assert values[events == f"PMT{i}"][0] == volts
    off = seconds[(events == "write_evt") & (values == 0)]
    assert off.tolist() == [gap.start for gap in happenings.of("gap") if gap.start < DAYS * 86400]
    faults = [fault.start + 900 for fault in happenings.of("pressure_fault") if fault.start + 900 < DAYS * 86400]
    assert seconds[events == "inlet_fault"].tolist() == faults
    told = ds["time_instrument"].values[events == "inlet_fault"]
    assert ((told - ds["time"].values[events == "inlet_fault"]) == np.timedelta64(0)).all()
    assert {"pump_fault", "syringe_pump_fault", "trigger_level"} <= set(events)
