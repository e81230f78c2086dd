"""An hour of a cruise comes out as a report and as plain text: what the slow tests look at in detail."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.live.standin import RowSource, StandInCruise
from workbench.catalog.cruise import open_cruise
from workbench.catalog.declared import Kpi
from workbench.core.window import Window
from workbench.reports.content import Content
from workbench.reports.findings import expected
from workbench.reports.pictures import series_of
from workbench.reports.provenance import summed
from workbench.reports.write import readings, write
from workbench.simulate.cruise import write as simulate


def test_an_hour_is_reported(tmp_path: Path) -> None:
    path = simulate(tmp_path / "hour", days=0.04, particles=50)
    report = write(open_cruise(path), tmp_path / "hour.html")
    text = report.path.read_text()
    assert text.startswith("<!doctype html>") and text.rstrip().endswith("</html>")
    text = re.sub("<span class=nb>([^<]*)</span>", r"\1", text)  # what stands on one line
    assert report.findings and all(finding.text in text for finding in report.findings if "<" not in finding.text)


def test_files_that_grow_or_go_while_they_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number, bytes and sum are of the same."""
    paths = [tmp_path / name for name in ("gone", "grows", "stays")]
    for path in paths:
        path.write_bytes(path.name.encode())
    plain = Path.read_bytes

    def meanwhile(path: Path) -> bytes:
        if path == paths[0]:
            path.unlink()
        if path == paths[1]:
            path.write_bytes(b"grows and grows")
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", meanwhile)
    content = b"grows and growsstays"
    assert summed(paths)[:3] == (2, len(content), sha256(content).hexdigest())


def test_numbers_to_watch_at_the_end_of_a_report() -> None:
    """Headings around north point north; how many rows there are is in no unit, and nothing is expected of each row."""
    time = np.datetime64("2024-05-01", "ns") + np.arange(100) * np.timedelta64(1_000_000_000, "ns")
    ds = xr.Dataset(
        {"heading": ("time", np.where(np.arange(100) % 2, 359.0, 1.0), {"units": "degree"})}, {"time": time}
    )
    over, limits = np.timedelta64(3_600_000_000_000, "ns"), (50.0, 200.0)
    mean = Kpi("mean", "ship", "heading", "mean", over)
    rows = Kpi("rows", "ship", "heading", "count", over, limits, "1")
    cruise = StandInCruise(RowSource("ship"), kpis={"mean": mean, "rows": rows})
    window = Window(time[0], time[-1] + np.timedelta64(1, "ns"))
    one, two = readings(Content(cruise, window, {"ship": ds}))  # type: ignore[arg-type]
    assert abs((one.value + 180) % 360 - 180) < 1e-6 and one.unit == "degree"
    assert (two.value, two.unit) == (100, "1") and not two.spark.size
    assert expected(rows, ds) is None
    assert expected(replace(rows, reduce="last", unit=None), ds) == limits


def test_the_line_of_a_heading_around_north_is_of_headings_that_were() -> None:
    time = np.datetime64("2024-05-01", "ns") + np.arange(1000) * np.timedelta64(1_000_000_000, "ns")
    ds = xr.Dataset({"heading": ("time", np.where(np.arange(1000) % 2, 359.0, 1.0))}, {"time": time})
    assert set(series_of(ds, "heading", 10)["heading"].values) <= {1.0, 359.0}
