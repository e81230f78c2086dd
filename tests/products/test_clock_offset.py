"""The clocks of NBP1406's receivers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.products.clock_offset import clock_offset

START = np.datetime64("2023-01-12T00:00:00", "ns")


@pytest.mark.parametrize(
    ("name", "offset"), [("s330", 0.115), ("PCOD", 619_315_200.125), ("gp02", 0.300), ("seap", 0.117)]
)
def test_nbp1406(data: Path, name: str, offset: float) -> None:
    raw = data / "underway" / "NBP1406" / name / "raw"
    out = clock_offset(xr.open_dataset(next(raw.iterdir()), engine="nmea_log"))
    assert float(out["offset"]) == pytest.approx(offset, abs=1e-6, rel=0)
    assert float(out["spread"]) < 0.01
    assert out["offset"].attrs["units"] == "s"


def test_pcod_is_1024_weeks_off(data: Path) -> None:
    raw = data / "underway" / "NBP1406" / "PCOD" / "raw"
    offset = float(clock_offset(xr.open_dataset(next(raw.iterdir()), engine="nmea_log"))["offset"])
    assert offset - 1024 * 7 * 86400 == pytest.approx(0.125, abs=1e-6)


def test_a_feed_without_a_clock(data: Path) -> None:
    raw = data / "underway" / "NBP1406" / "gyr1" / "raw"
    out = clock_offset(xr.open_dataset(next(raw.iterdir()), engine="nmea_log"))
    assert int(out["rows"]) == 0
    assert all(np.isnan(out[name]) for name in ("offset", "spread", "drift"))


@given(st.floats(-1e9, 1e9), st.floats(-5, 5), st.sets(st.integers(0, 499), max_size=99))
def test_drift(offset: float, drift: float, wrong: set[int]) -> None:
    """A clock that runs fast or slow is found, one row in five being nonsense."""
    days = np.arange(500) / 250
    away = offset + drift * (days - 1)
    away[sorted(wrong)] += 12345.0
    time = START + (days * 86400e9).astype("timedelta64[ns]")
    away_ns = np.round((away - offset) * 1e9).astype(np.int64) + round(offset * 1e9)
    ds = xr.Dataset({"time_instrument": ("time", time - away_ns.astype("timedelta64[ns]"))}, {"time": time})
    out = clock_offset(ds)
    assert float(out["drift"]) == pytest.approx(drift, abs=0.3 + abs(drift) * 0.3 if wrong else 1e-6)
    assert float(out["offset"]) == pytest.approx(offset, abs=abs(drift) * 0.3 + 1e-6)


def test_median_and_spread() -> None:
    """Of an even number of rows the median is the mean of the middle two, and the spread is counted from it."""
    away = np.array([10, 0, 3, 1], "timedelta64[s]")
    time = START + np.arange(4).astype("timedelta64[s]")
    out = clock_offset(xr.Dataset({"time_instrument": ("time", time - away)}, {"time": time}))
    assert float(out["offset"]) == 2.0
    assert float(out["spread"]) == pytest.approx(1.4826 * 1.5)


def test_sentences() -> None:
    """ZDA tells the time; RMC and GGA come later in the same burst."""
    time = START + np.arange(4).astype("timedelta64[s]")
    away = np.array([1, 2, 3, 4], "timedelta64[s]")
    ds = xr.Dataset({"time_instrument": ("time", time - away)}, {"time": time})
    for sentences, wanted in (("GGA RMC ZDA VTG", 3), ("GGA RMC GGA VTG", 2), ("GGA VTG GGA VTG", 2), ("A B C D", 2.5)):
        assert float(clock_offset(ds.assign(sentence=("time", sentences.split())))["offset"]) == wanted


def test_what_it_needs() -> None:
    with pytest.raises(WorkbenchError, match="needs 'time_instrument'"):
        clock_offset(xr.Dataset(coords={"time": [START]}))
