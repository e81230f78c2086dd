"""A measurement on a board: a catalog, its feed, new points, a server that goes and comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.services.influx import Influxd
from workbench import cli
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.window import Window
from workbench.live.feed import open_feed

pytestmark = pytest.mark.service

SECOND = 1_000_000_000


@pytest.fixture
def influxd(tmp_path: Path) -> Iterator[Influxd]:
    with Influxd(tmp_path / "influxd") as server:
        server.create("cruise")
        yield server


@pytest.fixture
def cruise(tmp_path: Path, influxd: Influxd) -> Cruise:
    path = tmp_path / "catalog.yaml"
    path.write_text(
        f"""
metadata:
  cruise: {{id: X1}}
  kpis: {{par: {{source: met, variable: par, reduce: last, over: 1h}}}}
  board: [{{view: series, source: met, variables: [par]}}, {{view: cruise_map, source: met, colour: met.par}}]
sources:
  met:
    driver: workbench
    description: Weather.
    args:
      reader: influxdb
      url: {influxd.url("cruise", "met")}
      rename: {{lat: latitude, lon: longitude, sst: sea_water_temperature}}
      units: {{sst: degree_Fahrenheit}}
      every: 1s
"""
    )
    return open_cruise(path)


def rows(begin: int, end: int, at: int) -> list[str]:
    return [f"met,ship=x par={i},lat={10 + i / 1e4},lon=20,sst=50 {at + i * SECOND}" for i in range(begin, end)]


def test_a_feed(cruise: Cruise, influxd: Influxd) -> None:
    at = time.time_ns() // SECOND * SECOND - 3600 * SECOND
    influxd.write("cruise", rows(0, 3000, at))
    feed = open_feed(cruise["met"])
    while feed.poll() or feed.more:
        pass
    assert feed.fault is None, feed.fault
    assert feed.rows == 3000
    influxd.write("cruise", rows(3000, 3010, at))
    assert feed.poll() and feed.rows == 3010
    window = Window(np.datetime64(at, "ns"), np.datetime64(at + 3600 * SECOND, "ns"))
    shown = feed.series("sea_water_temperature", window, points=100)
    assert (
        np.allclose(shown["sea_water_temperature"], 10.0)
        and shown["sea_water_temperature"].attrs["units"] == "degree_Celsius"
    )
    assert feed.track(window).sizes["time"] > 10
    assert feed.value("par", "last", np.timedelta64(3600, "s"), np.datetime64(at + 3009 * SECOND, "ns"))[0] == 3009.0

    influxd.stop()
    feed.poll()
    assert feed.fault and f"127.0.0.1:{influxd.port} does not answer" in feed.fault
    assert feed.rows == 3010
    influxd.start()
    influxd.write("cruise", rows(3010, 3020, at))
    assert feed.poll() and feed.fault is None and feed.rows == 3020


def test_what_a_source_answers(cruise: Cruise, influxd: Influxd) -> None:
    at = 1_700_000_000 * SECOND
    influxd.write("cruise", rows(0, 5000, at))
    source = cruise["met"]
    ds = source.open()
    assert ds.sizes["time"] == 5000 and ds["latitude"].attrs["standard_name"] == "latitude"
    assert source.open("2023-11-14T22:13:20..2023-11-14T22:13:25").sizes["time"] == 5
    span = source.span()
    assert span is not None and span.start == np.datetime64(at, "ns")
    assert {"par", "latitude", "sea_water_temperature"} <= set(source.variables())


def test_check_asks_nobody(cruise: Cruise, influxd: Influxd, capsys: pytest.CaptureFixture[str]) -> None:
    influxd.stop()
    assert cli.main(["check", str(cruise.path)]) == 0
    text = cruise.path.read_text()
    cruise.path.write_text(text.replace("every: 1s", "every: 1s\n      password: aye\n      retentoin: week"))
    assert cli.main(["check", str(cruise.path)]) == 1
    said = capsys.readouterr().err
    assert "password_env" in said and "did you mean 'retention'" in said and "aye" not in said
