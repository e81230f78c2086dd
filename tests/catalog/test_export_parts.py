"""Rows opened part by part are the rows of the source opened as a whole; where they would not be, they are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.catalog import small
from workbench.catalog import export_parts, files
from workbench.catalog.cruise import open_cruise
from workbench.catalog.export import export, open_netcdf
from workbench.catalog.export_attributes import together
from workbench.catalog.export_parts import Parts, ways
from workbench.catalog.extent import Extent, sides
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS
from workbench.readers import nmea_stretches, tsdata
from workbench.record.record import Record

CATALOG = """
metadata:
  cruise: {id: P1, title: Parts, start: 2025-01-14, end: 2025-02-14}
sources:
  lines: {driver: workbench, description: Lines., args: {reader: small_lines, url: "{{ CATALOG_DIR }}/lines"}}
  gyro: {driver: workbench, description: Heading., args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/gyro"}}
  heard: {driver: workbench, description: Heard., args: {reader: nmea_log, listen: "udp://127.0.0.1:0"}}
"""


@pytest.fixture(autouse=True)
def small_ones() -> Iterator[None]:
    """Parts of two files, or of some ten rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_parts, "BYTES", 1)
        patch.setattr(export_parts, "ROWS", 10)
        yield


def home(folder: Path) -> Path:
    (folder / "c.yaml").write_text(CATALOG)
    for name in ("lines", "gyro"):
        (folder / name).mkdir()
    return folder / "c.yaml"


def put_together(parts: Parts) -> xr.Dataset:
    """What comes out, as one dataset; the numbers of rows follow each other."""
    found, at = [], 0
    for rows, start, stop in parts:
        assert (start, stop - start) == (at, rows.sizes["time"])
        found.append(rows.load())
        at = stop
    assert at == parts.rows
    return xr.concat(found, "time", data_vars="all", combine_attrs="drop").assign_attrs(parts.ds.attrs)


SECONDS = st.lists(st.integers(0, 60), min_size=0, max_size=4)


@given(st.lists(st.one_of(SECONDS, st.integers(0, 9).map(lambda n: list(range(n)))), min_size=2, max_size=9),
       st.integers(0, 100), st.integers(1, 9))  # fmt: skip
def test_parts_are_the_whole(tmp_path_factory: pytest.TempPathFactory, files: list[list[int]], apart: int, block: int) -> None:  # fmt: skip
    """Whether files follow each other or not, whether times go back in them or not."""
    folder = tmp_path_factory.mktemp("law")
    path = home(folder)
    for i, seconds in enumerate(files):
        told = [small.line(i * apart + second, f"w{'o' * i}", second) for second in seconds]
        (folder / "lines" / f"{i}.lines").write_text("".join(told))
    source = open_cruise(path)["lines"]
    wanted = source.open().load()
    parts = Parts(source, ALWAYS, block)
    xr.testing.assert_equal(put_together(parts), wanted)
    assert parts.ds.attrs["refused"] == wanted.attrs["refused"]
    if apart > 60 and all(files) and len(files) >= 4:
        assert parts._whole is None, "files that follow each other are opened part by part"


def days(folder: Path, count: int = 9) -> None:
    """A log a day, with lines that are none; one file is no log."""
    for day in range(count):
        moments = np.datetime64("2025-01-14") + day + np.arange(0, 86_400, 3600) * np.timedelta64(1, "s")
        lines = [f"{moment}Z $GPHDT,{day + i / 10:.1f},T" for i, moment in enumerate(moments)]
        lines.insert(3, "2025-01-14T00:00:00Z $GPHDT,1.0,T*00" if day % 2 else "2025-01-14T00:00:00Z $GPHDT,x,T")
        lines.insert(5, "no line")
        (folder / f"gyro-2025-01-{14 + day}").write_text("\n".join(lines) + "\n")
    (folder / "gyro-2025-01-12").write_text("\n".join(["nothing that begins with a time"] * 100) + "\n")


def test_logs_come_out_with_what_is_told_of_them(tmp_path: Path) -> None:
    path = home(tmp_path)
    days(tmp_path / "gyro")
    source = open_cruise(path)["gyro"]
    wanted = source.open().load()
    parts = Parts(source, ALWAYS, 7)
    assert parts._whole is None and len(parts._openers) == 5
    found = put_together(parts)
    xr.testing.assert_equal(found, wanted)
    assert found.attrs == wanted.attrs and wanted.attrs["refused"]
    assert len(wanted.attrs["bad"].splitlines()) == 3 and ": 4 (first" in wanted.attrs["bad"]
    for ending in ("nc", "csv"):
        export(open_cruise(path), "gyro", tmp_path / f"x.{ending}", "2025-01-15T06:00..2025-01-20", block=7)
    xr.testing.assert_equal(open_netcdf(tmp_path / "x.nc").load(), source.open("2025-01-15T06:00..2025-01-20").load())
    assert (tmp_path / "x.csv").read_text().count("\n") == 1 + source.open("2025-01-15T06:00..2025-01-20").sizes["time"]


def test_what_was_recorded_is_opened_some_time_at_a_time(tmp_path: Path) -> None:
    path = home(tmp_path)
    moments = np.datetime64("2025-01-14", "ns") + np.repeat(np.arange(40), 2) * np.timedelta64(977, "s")
    rows = xr.Dataset({"heading": ("time", np.arange(80.0), {"units": "degree"})}, {"time": moments})
    Record(tmp_path / "P1.cruise").append("heard", rows)
    source = open_cruise(path)["heard"]
    parts = Parts(source, ALWAYS, 7)
    assert parts._whole is None and len(parts._openers) == 8
    xr.testing.assert_equal(put_together(parts), source.open().load())


def test_rows_that_change_meanwhile_are_refused(tmp_path: Path) -> None:
    path = home(tmp_path)
    days(tmp_path / "gyro")
    parts = Parts(open_cruise(path)["gyro"], ALWAYS, 100)
    log = tmp_path / "gyro" / "gyro-2025-01-16"
    log.write_text(log.read_text().replace("T05:00:00Z", "T05:30:00Z"))
    with pytest.raises(WorkbenchError, match="changed while they were exported"):
        put_together(parts)


def test_rows_that_come_meanwhile_wait(tmp_path: Path) -> None:
    path = home(tmp_path)
    days(tmp_path / "gyro")
    source = open_cruise(path)["gyro"]
    wanted, parts = source.open().load(), Parts(source, ALWAYS, 100)
    with (tmp_path / "gyro" / "gyro-2025-01-22").open("a") as log:
        log.write("2025-01-22T23:30:00Z $GPHDT,1.0,T\n")
    xr.testing.assert_equal(put_together(parts), wanted)


def test_one_file_is_one_part(tmp_path: Path) -> None:
    path = home(tmp_path)
    days(tmp_path / "gyro", 1)
    assert all(len(found) < 2 for found, _ in ways(open_cruise(path)["gyro"], ALWAYS, 1000))


def test_what_parts_tell_otherwise_makes_them_none() -> None:
    assert together([{"a": 1, "rows": 2}, {"a": 1, "rows": 3}]) == {"a": 1, "rows": 5}
    assert together([{"a": 1}, {"a": 2}]) is None


@given(st.lists(st.integers(-(10**10), 10**17), min_size=1, max_size=30), st.lists(st.floats(-200, 400), min_size=30, max_size=30),
       st.integers(1, 31), st.booleans())  # fmt: skip
def test_an_extent_by_blocks_is_that_of_all(times: list[int], places: list[float], block: int, ordered: bool) -> None:
    stamps = np.array(sorted(times) if ordered else times, "M8[ns]")
    n = len(stamps)
    ds = xr.Dataset(
        {"latitude": ("time", np.array(places[:n]) / 5), "longitude": ("time", np.array(places[:n]))}, {"time": stamps}
    )
    extent = Extent(ds)
    for at in range(0, n, block):
        extent.add(ds.isel(time=slice(at, at + block)))
    assert extent.grows == bool((stamps[1:] > stamps[:-1]).all())
    assert extent.first == stamps.min() and extent.last == stamps.max()
    place = extent.place()
    assert place["geospatial_lat_max"] == ds["latitude"].max()
    assert (place["geospatial_lon_min"], place["geospatial_lon_max"]) == sides(ds["longitude"].values)
    if ordered and n > 1 and np.ptp(stamps).astype(np.int64) == (n - 1) * 10**9:
        assert extent.coverage()["time_coverage_resolution"] == "PT1.000S"
    step = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 1000, "nanoseconds": 1}[extent.step("time")]
    assert not (stamps.astype(np.int64) % step).any()


def test_logs_that_overlap_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long ones, some rows at a time; with what is told of them."""
    monkeypatch.setattr(export_parts, "LINES", 200)
    monkeypatch.setattr(nmea_stretches, "LEAST", 1)
    path = home(tmp_path)
    days(tmp_path / "gyro", 3)
    for day in sorted((tmp_path / "gyro").glob("gyro-2025-01-1[456]")):
        other = day.read_text().replace(":00:00Z", ":30:00Z").replace("$GP", "$IN")
        (tmp_path / "gyro" / day.name.replace("gyro", "second")).write_text(other)
    source = open_cruise(path)["gyro"]
    wanted, parts = source.open().load(), Parts(source, ALWAYS, 7)
    assert parts._whole is None and len(parts._openers) > 9
    found = put_together(parts)
    xr.testing.assert_equal(found, wanted)
    assert found.attrs == wanted.attrs and wanted.attrs["refused"]
    export(open_cruise(path), "gyro", tmp_path / "x.nc", block=7)
    xr.testing.assert_equal(open_netcdf(tmp_path / "x.nc").load(), wanted)


def test_a_long_file_is_not_opened_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to learn its variables, nor to export it."""
    path = home(tmp_path)
    text = "f\np\nNA\nNA\tNA\ntime\tfloat\nNA\tdegC\ntime\tT\n"
    times = (np.datetime64("2025-01-14T00:00:00") + np.arange(999)).tolist()
    (tmp_path / "x.tsdata").write_text(
        text + "".join(f"{t:%Y-%m-%dT%H:%M:%S}Z\t{i / 8}\n" for i, t in enumerate(times))
    )
    path.write_text(
        CATALOG
        + '  one: {driver: workbench, description: One., args: {reader: tsdata, url: "{{ CATALOG_DIR }}/x.tsdata"}}\n'
    )
    wanted = open_cruise(path)["one"].open().load()
    for module in (files, export_parts):
        monkeypatch.setattr(module, "LONG", 0)
    monkeypatch.setattr(export_parts, "LINES", 1000)
    monkeypatch.setattr(tsdata, "_LONG", 0)
    monkeypatch.setattr(tsdata, "_table", None)  # what opens a file whole
    source = open_cruise(path)["one"]
    assert source.variables()["T"].unit == "degC" and source.span() is not None
    export(open_cruise(path), "one", tmp_path / "x.nc", block=100)
    xr.testing.assert_equal(open_netcdf(tmp_path / "x.nc").load(), wanted)
