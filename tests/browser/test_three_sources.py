"""Instrument files, InfluxDB and HDF5 on one board: all live, each on its own when another goes away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.browser.board_page import Board
from tests.browser.three_sources import FILES, START, ThreeSources, salinity, temperature
from workbench.catalog.cruise import open_cruise
from workbench.views import say

pytestmark = [pytest.mark.service, pytest.mark.timeout(500)]
#: A new point must be seen within 5 s of being written; on a machine that has more to do, in as many times that.
SOON = 5.0
#: What such a machine may take on top, whatever its load of the last minute says.
GRACE = 25.0
#: Milliseconds until a page stands, on such a machine.
PATIENT = 180_000

#: The columns of every data source of a name, in the order of the page: (name) -> list.
COLUMNS = """(name) => [...Bokeh.documents[0].all_models].filter((m) => m.type === "Figure").flatMap((m) => m.renderers.filter((r) => r.name === name)
  .map((r) => Object.fromEntries([...(r.data_source.data.entries?.() ?? Object.entries(r.data_source.data))]
  .map(([k, v]) => [k, Array.from(v ?? [], (n) => (typeof n === 'number' && !Number.isFinite(n) ? null : n))]))))"""


@pytest.fixture
def three(tmp_path: Path, data: Path) -> Iterator[ThreeSources]:
    with ThreeSources(tmp_path / "three", data) as made:
        yield made


def curve(page: Board, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the beginning, and values, of one curve in the browser."""
    told = page.read()["figures"][f"series:{name}"]["sources"]
    times, values = next(((s["time"], s["mean"]) for s in told.values() if "mean" in s and len(s["time"])), ([], []))
    good = [
        (t / 1000 - START.astype("M8[s]").astype(int), v) for t, v in zip(times, values, strict=True) if v is not None
    ]
    return np.array([t for t, _ in good]), np.array([v for _, v in good])


def until(page: Board, what: str, true, limit: float = SOON) -> float:
    """Wait for a condition; the seconds it took."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    limit = GRACE + limit * max(1.0, 1.5 * busy)
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < limit, f"{what}: not within {limit:.1f} s at a load of {busy:.1f} a core"
        page.page.wait_for_timeout(100)
    took = time.monotonic() - begun
    print(f"{what}: {took:.1f} s at a load of {busy:.1f} a core")
    return took


def check_colour(page: Board, law) -> None:
    """The track stands in the colour of a variable that is such a function of the time."""
    (columns,) = page.page.evaluate(COLUMNS, "track")
    at = np.array(columns["time"]) / 1000 - START.astype("M8[s]").astype(int)
    assert len(at) > 100
    np.testing.assert_allclose(np.array(columns["value"], float), [(law(s) + law(s - 1)) / 2 for s in at], atol=0.02)


def test_three_kinds_of_sources(board, open_tab, three: ThreeSources) -> None:
    server = board(three.catalog)
    page = Board(open_tab(server.address + "?time=all"), pictures=1, timeout=PATIENT)
    until(page, "everything is there", lambda: len(curve(page, "populations.abundance_prochloro")[0]) == 1, 60)

    page.comes(lambda: check_first(page))

    # the track, of the logger's positions, in the colour of either
    page.comes(lambda: check_colour(page, temperature))
    other = Board(open_tab(server.address + "?time=all&colour=ctd.salinity", phone=True), pictures=1, timeout=PATIENT)
    other.comes(lambda: check_colour(other, salinity))
    other.tab.shot("three-phone", full_page=True)
    other.page.close()

    # new points
    three.send([three.second()])
    newest = three.second()
    for what, put, seen in (
        ("a point in InfluxDB, as a curve", lambda: three.send(range(newest, newest + 5)),
         lambda: curve(page, "met.sea_water_temperature")[0][-1] == newest + 4),
        ("a row of the HDF5 file, as a curve", lambda: three.log(range(newest, newest + 5)),
         lambda: curve(page, "ctd.salinity")[0][-1] == newest + 4),
        ("an EVT file, as a population", lambda: three.arrive(1),
         lambda: len(curve(page, "populations.abundance_prochloro")[0]) == 2),
    ):  # fmt: skip
        put()
        until(page, what, seen)
    until(page, "the tile of the database", lambda: say.number(temperature(newest + 4)) in page.tile("temperature"))
    until(page, "the tile of the file", lambda: say.number(salinity(newest + 4)) in page.tile("salinity"))
    until(page, "the file in the table", lambda: FILES[1].removesuffix(".gz") in files(page))
    page.tab.shot("three-light", full_page=True)

    cruise = open_cruise(three.catalog)
    check_aligned(cruise.align(["ctd", "met", "seaflow"], tolerance="2s"), newest)


def check_first(page: Board) -> None:
    """A KPI and a series from each."""
    assert say.number(temperature(189)) in page.tile("temperature") and "in range" in page.tile("temperature")
    assert say.number(salinity(189)) in page.tile("salinity")
    assert "no data" not in page.tile("prochloro") and "/µL" in page.tile("prochloro")
    assert "Live" in page.page.locator(".head .state").inner_text(), "gates are not silent"
    for name, law in (("met.sea_water_temperature", temperature), ("ctd.salinity", salinity)):
        seconds, values = curve(page, name)
        assert len(seconds) == 190
        np.testing.assert_allclose(values, [law(s) for s in seconds], atol=1e-6)
    assert page.picture("fsc_small", "pe")["levels"].any()


def files(page: Board) -> str:
    return page.page.locator(".files table").first.inner_text()


def check_aligned(ds: xr.Dataset, newest: int) -> None:
    """Every row of the first; the database's and the files' beside it, each number from the row that it says."""
    second = (ds["time"].values - START) / np.timedelta64(1, "s")
    assert list(second) == [*range(190), *range(newest, newest + 5)]
    np.testing.assert_allclose(ds["salinity"], [salinity(s) for s in second])
    there = np.isfinite(ds["sea_water_temperature"])
    np.testing.assert_allclose(ds["sea_water_temperature"][there], [temperature(s) for s in second[there]])
    assert int(there.sum()) == ds["sea_water_temperature"].attrs["matched"] == 195
    assert list(second[np.isfinite(ds["row_size"])]) == [0, 1, 2, 3, 4] + [s for s in second if abs(s - 182) <= 2]
    assert ds["sea_water_temperature"].attrs["source"] == "met" and ds["row_size"].attrs["source"] == "seaflow"


def test_a_database_that_goes_and_comes_back(board, open_tab, three: ThreeSources) -> None:
    server = board(three.catalog)
    page = Board(open_tab(server.address + "?time=all", dark=True), pictures=1, timeout=PATIENT)
    until(page, "everything is there", lambda: len(curve(page, "populations.abundance_prochloro")[0]) == 1, 60)

    three.influxd.stop()
    until(page, "the tile says so", lambda: "does not answer" in page.tile("temperature"))
    said = page.tile("temperature")
    assert f"127.0.0.1:{three.influxd.port}" in said, said
    until(page, "the head, too", lambda: "Cannot read met" in page.page.locator(".head .state").inner_text())
    assert len(curve(page, "met.sea_water_temperature")[0]) == 190, "what was read stays"
    assert "does not answer" not in page.tile("salinity") + page.tile("prochloro")
    newest = three.second()
    three.log([newest])
    until(page, "a row of the HDF5 file meanwhile", lambda: curve(page, "ctd.salinity")[0][-1] == newest)
    three.arrive(1)
    until(page, "an EVT file meanwhile", lambda: len(curve(page, "populations.abundance_prochloro")[0]) == 2)
    page.tab.shot("three-fault-dark")
    phone = Board(open_tab(server.address + "?time=all", phone=True), pictures=1, timeout=PATIENT)
    until(phone, "the tile on a phone", lambda: "does not answer" in phone.tile("temperature"))
    phone.tab.shot("three-fault-phone")
    phone.page.close()

    three.influxd.start()
    newest = three.second()
    three.send([newest])
    until(page, "the database is back", lambda: curve(page, "met.sea_water_temperature")[0][-1] == newest)
    until(page, "the tile is well again", lambda: say.number(temperature(newest)) in page.tile("temperature"))
    assert "does not answer" not in page.tile("temperature")
