"""The laws of readers for `anemometer`, and what the product and the view make of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import workbench
from workbench.testing.readers import ReaderTests

CATALOG = """\
metadata:
  cruise: {id: wind, title: Wind}
  board: [{view: wind_rose, source: wind}, {view: series, source: wind, variables: [wind_speed, gusts.gust]}]
  kpis: {gust: {source: gusts, variable: gust, reduce: max, over: 1h, unit: kn}}
sources:
  wind: {driver: workbench, args: {reader: anemometer, url: "{{ CATALOG_DIR }}"}}
  gusts: {driver: workbench, args: {product: gust, inputs: {wind: wind}}}
"""


def write(folder: Path, day: int, rows: int = 50) -> Path:
    path = folder / f"2024-03-{day:02d}.wind"
    lines = [f"2024-03-{day:02d}T00:{i // 60:02d}:{i % 60:02d}Z {5 + i % 7} {(i * 45) % 360}" for i in range(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


class TestAnemometer(ReaderTests):
    engine = "anemometer"
    lazy = False

    def write(self, folder: Path) -> list[Path]:
        return [write(folder, day) for day in (1, 2, 3)]


def test_from_a_catalog(tmp_path: Path) -> None:
    write(tmp_path, 1, 600)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    cruise = workbench.open_cruise(tmp_path / "catalog.yaml")
    whole = cruise["gusts"].open().load()
    assert whole["gust"].attrs["units"] == "m s-1"
    part = cruise["gusts"].open("2024-03-01T00:02..2024-03-01T00:04")
    np.testing.assert_allclose(part["gust"], whole["gust"].sel(time=part["time"]))
    from example_plugin.view import WindRose

    rose = WindRose(cruise)
    petals = rose.draw(cruise["wind"].open()).select_one({"name": "petals"}).data_source.data["outer_radius"]
    np.testing.assert_allclose(petals[::2] ** 2, 1 / 8)
    assert rose.__panel__() is not None
