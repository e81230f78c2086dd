"""A Source of every kind, on real files: span, variables, rows and age without reading it all; units on everything."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.alone import moved
from tests.readers import hdf5_files
from workbench.catalog.source import Source
from workbench.core.clock import Clock, use
from workbench.core.units import convert
from workbench.core.variables import VARIABLES

SEAFLOW = "seaflow/testcruise"
#: Name -> the reader, where its files are, options.
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "evt": ("seaflow_evt", f"{SEAFLOW}/evt_v2", {}),
    "sfl": ("seaflow_sfl", "seaflow/sfl/HOT330_740.sfl", {}),
    "opp": ("seaflow_opp", f"{SEAFLOW}/opp_plan", {}),
    "vct": ("seaflow_vct", f"{SEAFLOW}/vct_plan", {}),
    "plan": ("seaflow_plan", f"{SEAFLOW}/params/testcruise_full_plan.db",
             {"size_table": "seaflow/calibrated-mie.de77773.2020-10-23.csv", "instrument": "740"}),
    "db": ("seaflow_db", f"{SEAFLOW}/params/testcruise_full_plan.db", {}),
    "log": ("seaflow_log", "seaflow/SFlog.txt", {}),
    "tsdata": ("tsdata", "tsdata/example.tsdata", {}),
    "nmea": ("nmea_log", "underway/NBP1406/s330/raw", {}),
}  # fmt: skip
HDF5 = ("netcdf4", "netcdf3", "plain", "parquet", "zarr", "matlab")
SUFFIX = {"netcdf4": ".nc", "netcdf3": ".nc", "matlab": ".mat", "plain": ".h5"}
CHOSEN = {"sea_water_temperature": "sst", "salinity": "salt"}
EVERY = [*KINDS, *(f"hdf5_{kind}" for kind in HDF5)]


@pytest.fixture
def source(data: Path, tmp_path: Path) -> Callable[[str], Source]:
    """Makes a Source of a kind, of files that nobody has looked at yet."""
    numbers = itertools.count()

    def made(kind: str) -> Source:
        folder = tmp_path / f"{next(numbers)}"
        if kind.startswith("hdf5_"):
            folder.mkdir()
            make = kind.removeprefix("hdf5_")
            rows = 6_000 if make in ("zarr", "matlab") else 60_000
            for part in range(2):
                getattr(hdf5_files, make)(folder / f"part{part}{SUFFIX.get(make, f'.{make}')}", part, rows)
            return Source("hdf5", str(folder), variables=CHOSEN).named(kind)
        reader, place, options = KINDS[kind]
        options = {k: str(data / v) if "/" in v else v for k, v in options.items()}
        if (data / place).is_dir():
            shutil.copytree(data / place, folder / "files", copy_function=shutil.copyfile)
        else:
            folder.mkdir()
            shutil.copyfile(data / place, folder / Path(place).name)
        where = folder / "files" if (data / place).is_dir() else folder / Path(place).name
        return Source(reader, str(where), **options).named(kind)

    return made


@pytest.mark.parametrize("kind", EVERY)
def test_what_a_source_tells(kind: str, source: Callable[[str], Source]) -> None:
    """Span, variables, count and age are those of the rows."""
    told = source(kind)
    ds = told.open()
    times = ds["time"].to_numpy()
    times = times[~np.isnat(times)]
    span = told.span()
    assert span is not None
    assert span.start == times.min() and span.stop == times.max() + np.timedelta64(1, "ns")
    row = "particle" if told.is_particles else "time"
    assert told.count() == ds.sizes[row]
    use(Clock(times.max() + np.timedelta64(90, "s"), 1.0, time.time()))
    age = told.age()
    assert age is not None and np.timedelta64(90, "s") <= age < np.timedelta64(600, "s")
    specs = told.variables()
    for name in map(str, ds.data_vars):
        if name.endswith("_qc") or name not in specs:
            continue
        kind_of = "str" if ds[name].dtype.kind in "OUT" else ds[name].dtype.name
        assert specs[name].unit == ds[name].attrs.get("units", ""), f"{name}: {kind_of}"
    missing = {n for n in map(str, ds.data_vars) if n not in specs and not n.endswith("_qc")}
    assert not missing, "every variable is told"


@pytest.mark.parametrize("kind", EVERY)
def test_telling_reads_little(kind: str, source: Callable[[str], Source]) -> None:
    source(kind).open()  # imports
    told = source(kind)
    with moved("rchar") as read:
        for verb in (told.span, told.variables, told.age):
            verb()
        looked = read()
        told.count()
        counted = read() - looked
    total = _size(told)
    print(f"{kind}: {total} bytes; span, variables and age read {looked}, count {counted}")
    if kind == "hdf5_netcdf3":  # a row of all variables after the other: the times of all lie on every page of the file
        assert looked + counted < 1.2 * total
    elif kind == "hdf5_matlab":  # no file says the unit of its times: the values of each are looked at
        assert looked + counted < 0.3 * total
    elif kind in ("evt", *(f"hdf5_{kind}" for kind in HDF5)):
        assert looked + counted < 0.2 * total
    else:  # rows of text, small tables: once through, which is remembered, and not ten times
        assert looked + counted < 12 * total


def _size(told: Source) -> int:
    return sum(
        p.stat().st_size
        for path in told.files()
        for p in ([path] if path.is_file() else path.rglob("*"))
        if p.is_file()
    )


#: Variables without a unit or a label of their own, and why.
BARE = {
    "log": {"value": "numbers of an instrument's log, each event in a unit of its own"},
    "tsdata": {"speed": "a column that its writer named so, in his own unit: nobody says over what"},
}


@pytest.mark.parametrize("kind", EVERY)
def test_units_and_labels_on_everything(kind: str, source: Callable[[str], Source]) -> None:
    """Every number says what it is and in what; canonical ones in the canonical unit, with CF's name where it has one."""
    ds = source(kind).open()
    wrong = []
    for name, array in ((str(name), array) for name, array in ds.variables.items()):
        attrs = array.attrs
        if not attrs.get("long_name"):
            wrong.append(f"{name}: no long_name")
        if array.dtype.kind in "iuf" and "flag_values" not in attrs and not attrs.get("units"):
            wrong.append(f"{name}: no units")
        spec = VARIABLES.get(name)
        if spec is not None and spec.unit and attrs.get("units") != spec.unit:
            wrong.append(f"{name}: in {attrs.get('units')}, not in {spec.unit}")
        if spec is not None and spec.standard_name and attrs.get("standard_name") != spec.standard_name:
            wrong.append(f"{name}: no standard_name {spec.standard_name}")
        if attrs.get("units") and array.dtype.kind in "iuf":
            convert([1.0], attrs["units"], attrs["units"])  # a unit that the workbench knows
    assert [said for said in wrong if said.split(":")[0] not in BARE.get(kind, {})] == []
