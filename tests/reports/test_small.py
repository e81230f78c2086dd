"""An hour of a cruise comes out as a report and as plain text: what the slow tests look at in detail."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.catalog.cruise import open_cruise
from workbench.reports.write import write
from workbench.simulate.cruise import write as simulate


def test_an_hour_is_reported(tmp_path: Path) -> None:
    path = simulate(tmp_path / "hour", days=0.04, particles=50)
    report = write(open_cruise(path), tmp_path / "hour.html")
    text = report.path.read_text()
    assert text.startswith("<!doctype html>") and text.rstrip().endswith("</html>")
    text = re.sub("<span class=nb>([^<]*)</span>", r"\1", text)  # what stands on one line
    assert report.findings and all(finding.text in text for finding in report.findings if "<" not in finding.text)
