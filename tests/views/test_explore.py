"""``ds.cruise``: ordinary HoloViews elements, every particle counted, and errors that show the cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core import accessor  # noqa: F401
from workbench.core.codes import SIZE
from workbench.core.errors import PluginError, WorkbenchError


@pytest.fixture
def cruise(simulated: Path) -> Cruise:
    return open_cruise(simulated)


def positions(longitude: Any, latitude: Any, **more: Any) -> xr.Dataset:
    time = np.datetime64("2024-05-01", "ns") + np.arange(len(longitude)) * np.timedelta64(60_000_000_000, "ns")
    columns = {"longitude": longitude, "latitude": latitude, **more}
    return xr.Dataset({name: ("time", np.asarray(v, float)) for name, v in columns.items()}, {"time": time})


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)), min_size=1, max_size=60))
def test_a_cytogram_counts_every_particle_where_it_is(codes: list[tuple[int, int]]) -> None:
    x, y = np.array(codes, np.uint16).T
    ds = xr.Dataset({"fsc_small": ("particle", x, {"scale": "log"}), "pe": ("particle", y, {"scale": "log"})})
    image = ds.cruise.cytogram(cells=64)
    counts = image.dimension_values("particles", flat=False)  # row 0 is the lowest y
    assert np.nansum(counts) == len(codes)
    for cx, cy in codes:
        assert counts[cy * 64 // SIZE, cx * 64 // SIZE] > 0


def test_a_cytogram_of_plain_numbers_has_their_range() -> None:
    ds = xr.Dataset({"a": ("row", np.array([1.0, 2.0, 5.0, np.nan])), "b": ("row", np.array([0.0, 3.0, -1.0, 2.0]))})
    image = ds.cruise.cytogram("a", "b", cells=8)
    assert np.nansum(image.dimension_values("particles")) == 3
    assert image.range("a") == pytest.approx((1.0, 5.0))


@settings(max_examples=10)
@given(st.floats(-180, 180), st.integers(2, 50))
def test_a_track_is_one_line_wherever_the_date_line_is(start: float, n: int) -> None:
    longitude = (start + np.arange(n) * 0.1 + 180) % 360 - 180
    track = positions(longitude, np.zeros(n)).cruise.map()
    x = track.Curve.I.dimension_values("longitude")
    assert x.size == n
    assert np.diff(x) == pytest.approx(0.1)


def test_a_map_of_a_cruise_is_coloured_and_composes(cruise: Cruise) -> None:
    drawn = cruise["sfl"].open().cruise.map("sea_water_temperature")
    points = drawn.Points.I
    assert points.vdims[0].pprint_label == "Sea water temperature (°C)"
    assert len(points) == cruise["sfl"].count()
    hv.render(drawn * hv.VLine(0), backend="bokeh")


def test_series_have_units_and_gaps(cruise: Cruise) -> None:
    drawn = cruise["sfl"].open().cruise.series("salinity", "par")
    assert [curve.vdims[0].name for curve in drawn] == ["salinity", "par"]
    ds = positions([0, 1, 2, 3], [0, 1, 2, 3], speed=[1, 2, 3, 4])
    ds = ds.assign_coords(time=ds["time"] + np.array([0, 0, 0, 3_600_000_000_000], "m8[ns]"))
    speed = ds.cruise.series("speed").Curve.I.dimension_values(1)
    assert np.isnan(speed).tolist() == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c["seaflow"].open().cruise.map(), ("no positions here", 'cruise["underway"]')),
        (lambda c: c["sfl"].open().cruise.map("salinty"), ("'salinty'", "Did you mean 'salinity'")),
        (lambda c: c["seaflow"].open().cruise.cytogram("fsc"), ("no channel 'fsc'", "fsc_small")),
        (lambda c: c["seaflow"].open().cruise.cytogram(cells=500), ("500", "256, 512 or 1024")),
        (lambda c: c["sfl"].open().cruise.series("pra"), ("no line 'pra'", "par")),
        (lambda c: c["sfl"].open().cruise.draw("tiles"), ("only cruises", "Tiles(cruise)")),
    ],
)
def test_errors_show_the_cure(cruise: Cruise, call: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(WorkbenchError) as error:
        call(cruise)
    for word in words:
        assert word in str(error.value)


def test_an_unknown_view(cruise: Cruise) -> None:
    with pytest.raises(PluginError, match="Did you mean 'cytogram'"):
        cruise["sfl"].open().cruise.draw("cytogramm")


def test_options_that_there_are_not_are_told() -> None:
    ds = xr.Dataset({"latitude": ("time", [1.0]), "longitude": ("time", [2.0])})
    with pytest.raises(WorkbenchError, match=r"no option 'colours'\. Did you mean 'colour'"):
        ds.cruise.map(colours="speed")
    with pytest.raises(WorkbenchError, match=r"no option 'cellz'\. Did you mean 'cells'\? Known: cells, x, y"):
        ds.cruise.cytogram(cellz=3)
