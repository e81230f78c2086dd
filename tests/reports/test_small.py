"""An hour of a cruise comes out as a report and as plain text: what the slow tests look at in detail."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from workbench.catalog.cruise import open_cruise
from workbench.reports.pictures import series_of
from workbench.reports.provenance import summed
from workbench.reports.write import write
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


def test_the_line_of_a_heading_around_north_is_of_headings_that_were() -> None:
    time = np.datetime64("2024-05-01", "ns") + np.arange(1000) * np.timedelta64(1_000_000_000, "ns")
    ds = xr.Dataset({"heading": ("time", np.where(np.arange(1000) % 2, 359.0, 1.0))}, {"time": time})
    assert set(series_of(ds, "heading", 10)["heading"].values) <= {1.0, 359.0}
