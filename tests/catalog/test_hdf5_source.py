"""HDF5 in a catalog: what its options say reaches every question, and `workbench init` proposes it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from tests.readers import hdf5_files as make
from workbench.catalog.check import problems
from workbench.catalog.cruise import open_cruise
from workbench.catalog.propose import write
from workbench.core.window import Window

CATALOG = """
metadata:
  cruise: {id: KN01, start: 2024-01-01, end: 2024-01-03}
sources:
  ctd:
    driver: workbench
    description: "What the CTD logged."
    args: {reader: hdf5, url: "{{ CATALOG_DIR }}/ctd", time: clock, time_units: seconds since 2024-01-01,
           variables: {sea_water_temperature: t}, units: {sea_water_temperature: degC}}
"""


def test_the_option_time_reaches_spans(tmp_path: Path) -> None:
    (tmp_path / "ctd").mkdir()
    for part in range(3):
        with h5py.File(tmp_path / "ctd" / f"{part}.h5", "w") as file:
            file["clock"], file["t"] = np.arange(100.0) + 1000 * part, np.full(100, 10.0 + part)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    ctd = open_cruise(tmp_path / "catalog.yaml")["ctd"]
    span = ctd.span()
    assert span is not None and span.start == make.T0 and span.stop == make.T0 + np.timedelta64(2_099_000_000_001, "ns")
    window = Window(make.T0 + np.timedelta64(1000, "s"), make.T0 + np.timedelta64(1001, "s"))
    assert [path.name for path in ctd.files(window)] == ["1.h5"]
    assert ctd.open(window)["sea_water_temperature"].values.tolist() == [11.0]


def test_init_proposes_netcdf_and_hdf5(tmp_path: Path) -> None:
    for at, (folder, kind, suffix) in enumerate((("buoy", make.netcdf4, "nc"), ("logger", make.plain, "h5"))):
        (tmp_path / folder).mkdir()
        for part in range(2):
            kind(tmp_path / folder / f"{folder}_2024010{part + 1}.{suffix}", part + 10 * at, 50)
    path = write(tmp_path)
    assert problems(path) == []
    cruise = open_cruise(path)
    assert len(cruise) == 2
    for source in cruise.values():
        assert source.open().sizes["time"] == 100
    assert "reader: hdf5" in path.read_text()
