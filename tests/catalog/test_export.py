"""A source as one file: read back it is what the source gave, whatever the program; a half file is never seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.cruise import open_cruise
from workbench.catalog.export import FORMATS, blocks, export, format_of, open_netcdf, row_dim
from workbench.core.errors import WorkbenchError

CHECKER = "compliance-checker==6.1.0"


class One(dict):
    """A cruise of one source that gives this dataset."""

    def __init__(self, ds: xr.Dataset) -> None:
        super().__init__(rows=SimpleNamespace(open=lambda window="all": ds, description="", reader="none"))
        self.id, self.title, self.ship = "T1", None, None


@st.composite
def tables(draw: st.DrawFn) -> xr.Dataset:
    """Rows along time, as readers give them: times repeat, go back and miss; numbers of every kind miss, too."""
    rows = draw(st.integers(0, 12))
    ns = st.integers(-(10**18), 10**18)

    def column(values: st.SearchStrategy[Any], dtype: Any) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=rows, max_size=rows)), dtype)

    sorted_ = draw(st.booleans())
    stamps = np.sort(column(ns, "int64")) if sorted_ else column(ns, "int64")
    text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)
    number = st.floats(allow_nan=True, width=64)
    told = np.where(column(st.booleans(), bool), np.datetime64("NaT", "ns"), stamps.astype("M8[ns]"))
    variables = {
        "salinity": ("time", column(number, "float64"), {"units": "1", "valid_min": 2, "valid_max": 42}),
        "speed": ("time", column(number, "float64"), {"units": "kn"}),
        "small": ("time", column(st.floats(width=32), "float32"), {"units": "psi"}),
        "count": ("time", column(st.integers(0, 65535), "uint16"), {"units": "1"}),
        "salinity_qc": ("time", column(st.sampled_from([1, 4, 9]), "int8"), {"flag_values": np.array([1, 4, 9], "i1")}),
        "file_id": ("time", column(text, object), {}),
        "word": ("time", np.array(column(text, object), "U5"), {}),
        "time_instrument": ("time", told, {"long_name": "time by the instrument's clock (UTC)"}),
    }
    missing = draw(st.booleans()) and rows
    times = stamps.astype("M8[ns]")
    if missing:
        times[0] = np.datetime64("NaT")
    return xr.Dataset(variables, {"time": ("time", times, {"standard_name": "time"})}, {"refused": "", "rows": rows})


def same(found: xr.Dataset, wanted: xr.Dataset) -> None:
    """Equal values, dimensions and units."""
    xr.testing.assert_equal(found, wanted)
    for name, array in wanted.variables.items():
        kinds = "OUS" if array.dtype.kind in "OUST" else array.dtype.kind
        assert found[name].dtype.kind in kinds, name
        for key in ("units", "long_name", "standard_name", "valid_min", "flag_meanings", "scale", "decades"):
            if key in array.attrs:
                assert found[name].attrs.get(key) == array.attrs[key], (name, key)
    assert {k: v for k, v in wanted.attrs.items() if k != "Conventions"}.items() <= found.attrs.items()


def same_csv(path: Path, wanted: pd.DataFrame, units: dict[str, str]) -> None:
    """What pandas reads equals `wanted`, names carry their units, times their nanoseconds."""
    head = {f"{name} ({units[name]})" if units[name] else name: name for name in wanted}
    text = {heading: str for heading, name in head.items() if wanted[name].dtype.kind in "OUT"}
    times = [heading for heading, name in head.items() if wanted[name].dtype.kind == "M"]
    found = pd.read_csv(path, **_EXACT, dtype=text, keep_default_na=True, encoding="utf-8")
    assert set(found.columns) == set(head)
    for heading, name in head.items():
        column = found[heading]
        if heading in times:
            read = pd.to_datetime(column, format="ISO8601", utc=True).dt.tz_localize(None).astype("datetime64[ns]")
            pd.testing.assert_series_equal(read, wanted[name].astype("datetime64[ns]"), check_names=False)
        elif heading in text:
            assert column.fillna("").tolist() == ["" if v in _NA else v for v in wanted[name].tolist()]
        else:
            got = column.to_numpy(float).astype(wanted[name].dtype)
            np.testing.assert_array_equal(got, wanted[name].to_numpy())


#: Numbers as they were written: what pandas does by itself from version 3 on.
_EXACT: dict[str, Any] = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
_NA = {"", "NA", "NaN", "nan", "null", "None", "n/a", "N/A", "<NA>", "NULL", "#N/A", "-nan", "-NaN"}


def units_of(ds: xr.Dataset) -> dict[str, str]:
    return {
        str(name): "UTC" if a.dtype.kind == "M" else a.attrs.get("units", "") if a.dtype.kind == "f" or a.attrs.get("units") != "1" else ""
        for name, a in ds.variables.items()
    }  # fmt: skip


@given(tables(), st.integers(1, 8))
def test_netcdf_gives_back_what_was_put_in(
    tmp_path_factory: pytest.TempPathFactory, ds: xr.Dataset, block: int
) -> None:
    path = tmp_path_factory.mktemp("law") / "x.nc"
    done = export(One(ds.copy(deep=True)), "rows", path, block=block)
    assert done.rows == ds.sizes["time"] and done.path == path
    assert not done.across and done.told.startswith(f"{done.rows} row" if done.rows else "no rows")
    with open_netcdf(path) as found:
        same(found.load(), ds)


@given(tables(), st.integers(1, 8))
def test_csv_gives_back_what_was_put_in(tmp_path_factory: pytest.TempPathFactory, ds: xr.Dataset, block: int) -> None:
    path = tmp_path_factory.mktemp("law") / "x.csv"
    export(One(ds.copy(deep=True)), "rows", path, block=block)
    wanted = pd.DataFrame({str(name): array.values for name, array in ds.variables.items()})
    same_csv(path, wanted, units_of(ds))


@given(st.lists(st.integers(0, 9), min_size=0, max_size=8), st.integers(1, 12))
def test_blocks_follow_the_chunks_and_miss_nothing(sizes: list[int], size: int) -> None:
    import dask.array as da

    total = sum(sizes)
    ds = xr.Dataset({"a": ("time", da.zeros(total, chunks=(tuple(sizes) or (0,),)))})
    found = list(blocks(ds, "time", size))
    assert found[0][0] == 0 and found[-1][1] == total
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert all(stop - start <= max(size, *sizes, 0) for start, stop in found) if sizes else True


def test_populations_keep_their_three_dimensions(tmp_path: Path) -> None:
    ds = xr.Dataset(
        {"abundance": (("time", "population", "quantile"), np.arange(12.0).reshape(2, 3, 2), {"units": "uL-1"}),
         "volume": ("time", [1.0, np.nan], {"units": "uL"})},
        {"time": np.array(["2020-01-01", "2020-01-02"], "M8[ns]"), "population": ["a", "b", "c"], "quantile": [2.5, 50.0]},
    )  # fmt: skip
    export(One(ds), "rows", tmp_path / "x.nc")
    same(open_netcdf(tmp_path / "x.nc").load(), ds)
    done = export(One(ds), "rows", tmp_path / "x.csv")
    assert done.told == "2 times x 3 populations x 2 quantiles"
    table = pd.read_csv(tmp_path / "x.csv")
    assert table["abundance (uL-1)"].tolist() == list(range(12))
    assert table["population"].tolist() == ["a", "a", "b", "b", "c", "c"] * 2
    assert table["volume (uL)"].isna().sum() == 6


REAL = [
    ("testcruise", "sfl"),
    ("testcruise", "seaflow"),
    ("nbp1406", "underway"),
    ("nbp1406", "gyro"),
    ("nbp1406", "pcode"),
    ("testcruise", "populations"),
]


@pytest.mark.parametrize(("catalog", "source"), REAL)
def test_real_sources_come_back(root: Path, data: Path, tmp_path: Path, catalog: str, source: str) -> None:
    cruise = open_cruise(root / "catalogs" / f"{catalog}.yaml", data=data)
    done = export(cruise, source, tmp_path / "x.nc", block=1000)
    wanted = cruise[source].open().load()
    with open_netcdf(tmp_path / "x.nc") as found:
        same(found.load(), wanted)
    assert len(done.refused) == len(wanted.attrs.get("refused", "").splitlines())
    export(cruise, source, tmp_path / "x.csv")
    same_csv(tmp_path / "x.csv", flat(wanted), units_of(wanted))


@pytest.mark.parametrize("source", ["sfl", "underway", "seaflow"])
def test_the_simulated_cruise_comes_back(simulated: Path, tmp_path: Path, source: str) -> None:
    cruise = open_cruise(simulated)
    window = "2025-01-14T20:30..2025-01-14T22:00"
    export(cruise, source, tmp_path / "x.nc", window)
    wanted = cruise[source].open(window).load()
    with open_netcdf(tmp_path / "x.nc") as found:
        same(found.load(), wanted)


def test_the_whole_simulated_cruise_under_plain_xarray(simulated: Path, tmp_path: Path) -> None:
    cruise = open_cruise(simulated)
    export(cruise, "sfl", tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", drop_variables="trajectory") as found:
        xr.testing.assert_equal(found.load().reset_coords(["latitude", "longitude"]), cruise["sfl"].open().load())


def flat(ds: xr.Dataset) -> pd.DataFrame:
    """The one table that a dataset is."""
    if len(ds.dims) > 1 and "particle" not in ds.dims:
        order = max((tuple(map(str, array.dims)) for array in ds.variables.values()), key=len)
        return ds.to_dataframe(dim_order=list(order)).reset_index()
    if "particle" not in ds.dims:
        return pd.DataFrame({str(name): array.values for name, array in ds.variables.items()})
    files = {
        n: np.repeat(a.values, ds["row_size"].values)
        for n, a in ds.variables.items()
        if a.dims == ("file",) and n != "row_size"
    }
    return pd.DataFrame(files | {n: a.values for n, a in ds.variables.items() if a.dims == ("particle",)})


def _failing(ds: xr.Dataset, fail: Callable[[], object]) -> xr.Dataset:
    import dask.array as da
    from dask import delayed

    def part(i: int) -> np.ndarray:
        if i == 2:
            fail()
        return np.zeros(4)

    pieces = [da.from_delayed(delayed(part)(i), (4,), float) for i in range(3)]
    return xr.Dataset({"a": ("time", da.concatenate(pieces))}, {"time": np.arange(12).astype("M8[s]").astype("M8[ns]")})


@pytest.mark.parametrize("ending", ["nc", "csv"])
@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt()])
def test_what_was_there_stays_when_it_fails(tmp_path: Path, ending: str, error: BaseException) -> None:
    def fail() -> None:
        raise error

    path = tmp_path / f"x.{ending}"
    path.write_text("of yesterday")
    with pytest.raises(type(error)):
        export(One(_failing(xr.Dataset(), fail)), "rows", path, block=4)
    assert path.read_text() == "of yesterday"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("kind", ["netcdf", "csv"])
def test_a_full_disk_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("NetCDF: HDF error") if kind == "netcdf" else OSError(28, "No space left on device")

    monkeypatch.setattr(FORMATS[kind], "write", full)
    with pytest.raises(
        WorkbenchError, match=r"x: cannot be written \((NetCDF: HDF error|No space left on device)\); \d+ MB"
    ):
        export(One(xr.Dataset({"a": ("time", [1.0])})), "rows", tmp_path / "x", to=kind)
    assert not os.listdir(tmp_path)


def test_what_comes_out_is_told_on_the_way(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    ds = xr.Dataset({"a": ("time", np.zeros(10))}, {"time": np.arange(10).astype("M8[s]").astype("M8[ns]")})
    export(One(ds), "rows", tmp_path / "x.nc", block=4, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_rows_along_other_dimensions_are_written_block_by_block_too(tmp_path: Path) -> None:
    ds = xr.Dataset({"a": ("x", np.arange(10.0)), "b": ((), 2.0), "c": ("x", np.array([f"w{i}" for i in range(10)]))})
    export(One(ds), "rows", tmp_path / "x.nc", block=3)
    xr.testing.assert_equal(open_netcdf(tmp_path / "x.nc").load(), ds)
    export(One(ds[["a", "c"]]), "rows", tmp_path / "x.csv", block=3)
    assert pd.read_csv(tmp_path / "x.csv")["a"].tolist() == list(range(10))


@pytest.mark.parametrize("text", ['a,"b"', "two\nlines", "cr\rhere", "", " space ", "0"])
def test_text_that_csv_must_quote(tmp_path: Path, text: str) -> None:
    ds = xr.Dataset({"a": ("time", np.array([text, "x"], object)), "b": ("time", [True, False])})
    export(One(ds), "rows", tmp_path / "x.csv")
    found = pd.read_csv(
        tmp_path / "x.csv", keep_default_na=False, dtype={"a": str}, lineterminator="\n" if "\r" in text else None
    )
    assert found["a"].tolist() == [text, "x"] and found["b"].tolist() == [True, False]


def test_one_column_keeps_rows_that_miss(tmp_path: Path) -> None:
    export(One(xr.Dataset({"a": ("time", [np.nan, 1.0, np.inf, -0.0, 1e16])})), "rows", tmp_path / "x.csv")
    assert pd.read_csv(tmp_path / "x.csv")["a"].tolist()[1:] == [1.0, np.inf, 0.0, 1e16]
    assert len(pd.read_csv(tmp_path / "x.csv")) == 5


def test_two_tables_are_no_csv(tmp_path: Path) -> None:
    ds = xr.Dataset({"a": (("time", "x"), np.zeros((2, 2))), "b": ("y", np.zeros(3))})
    with pytest.raises(WorkbenchError, match=r"b has other dimensions.*netcdf"):
        export(One(ds), "rows", tmp_path / "x.csv")
    assert not os.listdir(tmp_path)


def test_mistakes_are_told(simulated: Path, tmp_path: Path) -> None:
    cruise = open_cruise(simulated)
    with pytest.raises(WorkbenchError, match="Did you mean 'sfl'"):
        export(cruise, "sfll", tmp_path / "x.nc")
    with pytest.raises(WorkbenchError, match=r"name tells no format.*\.csv"):
        export(cruise, "sfl", tmp_path / "x.txt")
    with pytest.raises(WorkbenchError, match="no such folder"):
        export(cruise, "sfl", tmp_path / "no" / "x.nc")
    assert format_of("a.NC") == "netcdf"
    assert row_dim(xr.Dataset()) == ""


def test_what_acdd_asks_for(simulated: Path, tmp_path: Path) -> None:
    cruise = open_cruise(simulated)
    export(cruise, "sfl", tmp_path / "x.nc", attributes={"creator_name": "A. Person", "license": "CC0"})
    with xr.open_dataset(tmp_path / "x.nc") as ds:
        assert ds.attrs["Conventions"] == "CF-1.11, ACDD-1.3"
        assert (ds.attrs["creator_name"], ds.attrs["license"]) == ("A. Person", "CC0")
        assert ds.attrs["time_coverage_start"].startswith("2025-01-14T20:00:02")
        assert ds.attrs["geospatial_lat_max"] == float(ds["latitude"].max())


def test_across_the_antimeridian_west_is_west() -> None:
    from workbench.catalog.extent import sides

    assert sides(np.array([179.0, 179.5, -179.5, 180.0])) == (179.0, -179.5)
    assert sides(np.array([-10.0, 20.0])) == (-10.0, 20.0)
    assert sides(np.array([5.0])) == (5.0, 5.0)


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(simulated: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    command = [sys.executable, "-m", "workbench", "export", str(simulated), "seaflow", "-o", str(path)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not os.listdir(tmp_path) and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert (child.returncode, os.listdir(tmp_path)) in ((130, []), (0, ["x.csv"])), told


@pytest.fixture(scope="module")
def checker(root: Path) -> Path:
    """``compliance-checker`` in an environment of its own, kept in ``test-output/``."""
    home = root / "test-output" / "compliance-checker"
    program = home / "bin" / "compliance-checker"
    if not (home / "ready").exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True, capture_output=True)
            subprocess.run(
                [home / "bin" / "python", "-m", "pip", "install", "-q", CHECKER], check=True, capture_output=True, text=True, timeout=600
            )  # fmt: skip
        except subprocess.SubprocessError as error:
            pytest.skip(f"cannot install {CHECKER}: {getattr(error, 'stderr', error)}")
        (home / "ready").touch()
    return program


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("catalog", "source"), [*REAL[:4], REAL[-1], ("simulated", "sfl"), ("simulated", "underway")])
def test_compliance_checker_finds_no_error(
    checker: Path, root: Path, data: Path, simulated: Path, tmp_path: Path, catalog: str, source: str
) -> None:
    import json

    path = simulated if catalog == "simulated" else root / "catalogs" / f"{catalog}.yaml"
    cruise = open_cruise(path, data=data)
    export(cruise, source, tmp_path / "x.nc")
    # ACDD wants a CF standard name of everything; CF has none for these and forbids making one up
    nameless = [str(n) for n, a in cruise[source].open().variables.items() if "standard_name" not in a.attrs]
    told = tmp_path / "told.json"
    subprocess.run([checker, "-t", "cf:1.11", "-t", "acdd:1.3", "-f", "json_new", "-o", told, tmp_path / "x.nc"],
                   capture_output=True, timeout=600)  # fmt: skip
    (results,) = json.loads(told.read_text()).values()
    wrong = [
        f"{name}: {item['name']}: {msg}"
        for name, result in results.items() for level in ("high_priorities", *(["medium_priorities"] if name.startswith("cf") else []))
        for item in result[level] for msg in item["msgs"]
        if "not in the recommended order" not in msg  # time first, whatever comes after it
        and not (msg.endswith("standard_name") and any(f'"{known}"' in item["name"] for known in nameless))
    ]  # fmt: skip
    assert not wrong
