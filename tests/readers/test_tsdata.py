"""tsdata: the example file, and what people and feeds write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.readers.tsdata import Tsdata
from workbench.testing import readers

GEO = """geo
TN000
Positions and water
NA\tfrom the bow\tNA\tNA\tNA\tNA\tNA\tNA\tNA
time\tfloat\tfloat\tfloat\tfloat\tfloat\tfloat\tinteger\tcategory
NA\tdeg\tdeg\tC\tmS/cm\tPSU\tuE/m^2/s\tNA\tNA
time\tlat\tlon\ttemp\tconductivity\tsalinity\tpar\tcount\tflag
"""


def tsdata(path: Any, **options: Any) -> xr.Dataset:
    return xr.open_dataset(path, engine="tsdata", **options)


def table(folder: Path, *rows: str, head: str = GEO, name: str = "a.tsdata") -> Path:
    path = folder / name
    path.write_bytes((head + "".join(f"{row}\n" for row in rows)).encode())
    return path


def row(second: int, *cells: object) -> str:
    given = [*cells, *[47.5, -122.5, 10.25, 35.0, 33.0, 120.0, 7, "a"][len(cells) :]]
    return "\t".join(map(str, (f"2023-01-12T00:00:{second:02d}Z", *given)))


class TestConformance(readers.ReaderTests):
    engine = "tsdata"
    lazy = False  # lines can only be counted by reading them

    def write(self, folder: Path) -> list[Path]:
        return [
            table(
                folder,
                *(
                    f"2023-01-0{day}T{hour:02d}:00:00.125Z\t{hour}.5\t-1{hour}\t20.{day}\tNA\t35\t{hour}\t{hour}\tx y"
                    for hour in range(20)
                ),
                name=f"ship-{day}.tsdata",
            )
            for day in (1, 2, 3)
        ]


def test_the_example(data: Path) -> None:
    """The three rows, to the nanosecond and to the quote."""
    ds = tsdata(data / "tsdata" / "example.tsdata").load()
    assert ds["time"].values.tolist() == [
        np.datetime64(f"2017-05-06T{hour}:52:57.601", "ns").astype(int) for hour in (19, 20, 21)
    ]
    np.testing.assert_array_equal(ds["speed"], [6.0, 10.0, np.nan])
    np.testing.assert_array_equal(ds["distance"], [100, 200, np.nan])
    assert ds["notes"].values.tolist() == ['fo"o",doo', "bar", ""]
    assert ds["color"].values.tolist() == ["blue", "red", "green"]
    np.testing.assert_array_equal(ds["hasTail"], [np.nan, 1, 0])
    assert ds["speed_qc"].values.tolist() == [1, 1, 9]
    assert ds["hasTail_qc"].values.tolist() == [9, 1, 1]
    assert (ds["speed"].attrs["units"], ds["distance"].attrs["units"]) == ("m/s", "km")
    assert "units" not in ds["notes"].attrs
    said = {"tsdata_type": "category", "comment": "column5 notes", "long_name": "color"}
    assert ds["color"].attrs == said
    assert (ds.attrs["file_type"], ds.attrs["project"]) == ("fileType", "project")
    assert ds.attrs["description"].startswith("Some general comments about this file")
    assert (ds.attrs["rows"], ds.attrs["bad"]) == (3, "")
    xr.testing.assert_identical(tsdata(data / "tsdata" / "example.tsdata", strict=True).load(), ds)


def test_canonical(tmp_path: Path) -> None:
    """Names and units that say what they are become canonical, converted once; the others stay as they are."""
    ds = tsdata(table(tmp_path, row(0)))
    wanted = {
        "latitude": (47.5, "degrees_north"), "longitude": (-122.5, "degrees_east"),
        "sea_water_temperature": (10.25, "degree_Celsius"), "conductivity": (3.5, "S m-1"), "salinity": (33.0, "1"),
        "par": (120.0, "umol m-2 s-1"),
    }  # fmt: skip
    for name, (value, unit) in wanted.items():
        assert float(ds[name][0]) == pytest.approx(value, rel=1e-12)
        assert ds[name].attrs["units"] == unit
        assert ds[name].attrs["ancillary_variables"] == f"{name}_qc"
    assert ds["conductivity"].attrs["source_units"] == "mS/cm"
    assert ds["latitude"].attrs["comment"] == "from the bow"
    assert ds["count"].values.tolist() == [7.0]
    assert "units" not in ds["count"].attrs


@pytest.mark.parametrize(
    ("column", "unit", "name", "value"),
    [
        ("temp", "degC", "sea_water_temperature", 10.0), ("temp", "K", "sea_water_temperature", -263.15),
        ("temp", "NA", "temp", 10.0), ("temp", "V", "temp", 10.0), ("par", "V", "par", 10.0),
        ("par", "umol photons/m2/s", "par", 10.0), ("lat", "NA", "latitude", 10.0), ("Lat", "degrees", "latitude", 10.0),
        ("sal", "g/kg", "sal", 10.0), ("knots", "kn", "speed", 10.0), ("sog", "m/s", "speed", 19.438444924406),
        ("speed", "m/s", "speed", 10.0), ("lab_temp", "C", "lab_temp", 10.0), ("x", "furlong??", "x", 10.0),
    ],
)  # fmt: skip
def test_units(tmp_path: Path, column: str, unit: str, name: str, value: float) -> None:
    head = f"a\nb\nc\nNA\tNA\ntime\tfloat\nNA\t{unit}\ntime\t{column}\n"
    ds = tsdata(table(tmp_path, "2023-01-12T00:00:00Z\t10", head=head))
    assert list(ds.data_vars) == [name, f"{name}_qc"]
    assert float(ds[name][0]) == pytest.approx(value)
    if name == column and unit != "NA" and column not in ("par",):
        assert ds[name].attrs["units"] == unit


def test_two_columns_of_one_meaning(tmp_path: Path) -> None:
    """The first becomes the canonical one, unless another bears its name."""
    head = "a\nb\nc\nNA\tNA\tNA\ntime\tfloat\tfloat\nNA\tC\tC\ntime\ttemp\t{}\n"
    ds = tsdata(table(tmp_path, "2023-01-12T00:00:00Z\t1\t2", head=head.format("sst")))
    assert float(ds["sea_water_temperature"][0]) == 1
    assert float(ds["sst"][0]) == 2
    ds = tsdata(table(tmp_path, "2023-01-12T00:00:00Z\t1\t2", head=head.format("sea_water_temperature")))
    assert {"temp", "sea_water_temperature"} <= set(ds.data_vars)


CELLS = [
    ("lat", "fine"), ("lat", ""), ("lat", "inf"), ("lat", "nan"), ("lat", "1 2"), ("lat", "0x10"), ("lat", "\x00"),
    ("count", "1.5"), ("count", "99999999999999999999"), ("count", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "cell"), CELLS)
def test_bad_cells(tmp_path: Path, column: str, cell: str) -> None:
    """Lenient: NaN, flag 4 and counted. Strict: line and column."""
    i, name = (0, "latitude") if column == "lat" else (6, "count")
    cells = [47.5, -122.5, 10.25, 35.0, 33.0, 120.0, 7]
    path = table(tmp_path, row(0), row(1, *cells[:i], cell), row(2), row(3, *cells[:i], "NA"))
    ds = tsdata(path)
    assert np.isnan(ds[name].values).tolist() == [False, True, False, True]
    assert ds[f"{name}_qc"].values.tolist() == [1, 4, 1, 9]
    assert ds.attrs["bad"] == f"{column} is not {'a number' if column == 'lat' else 'a whole number'}: 1"
    with pytest.raises(ReaderError, match=rf"line 9, column '{column}' \(expected a (whole )?number"):
        tsdata(path, strict=True)


def test_out_of_range(tmp_path: Path) -> None:
    """What cannot be is kept and flagged."""
    ds = tsdata(table(tmp_path, row(0, 91.0), row(1, 10.0)))
    assert ds["latitude"].values.tolist() == [91.0, 10.0]
    assert ds["latitude_qc"].values.tolist() == [4, 1]
    assert ds.attrs["bad"] == "latitude is outside -90 to 90: 1"


@pytest.mark.parametrize(
    "time", ["NA", "", "2023-01-12", "2023-13-12T00:00:00Z", "2023-02-30T00:00:00Z", "2023-01-12T00:00:00", "0001-01-01T00:00:00Z", "now"]
)  # fmt: skip
def test_bad_times(tmp_path: Path, time: str) -> None:
    bad = "\t".join([time, *row(0).split("\t")[1:]])
    path = table(tmp_path, row(0), bad, row(2))
    ds = tsdata(path)
    assert ds["time"].dt.second.values.tolist() == [0, 2]
    assert ds.attrs["bad"] == "time is not a time (RFC 3339): 1"
    with pytest.raises(ReaderError, match="line 9, column 'time'"):
        tsdata(path, strict=True)


def test_times_with_zones(tmp_path: Path) -> None:
    rows = [
        "\t".join([time, *row(0).split("\t")[1:]])
        for time in ("2023-01-12T01:30:00.123456789+01:30", "2023-01-12T00:00:01-00:00")
    ]
    ds = tsdata(table(tmp_path, *rows))
    assert ds["time"].values.tolist() == [
        np.datetime64(time, "ns").astype(int) for time in ("2023-01-12T00:00:00.123456789", "2023-01-12T00:00:01")
    ]


def test_lines_of_another_length(tmp_path: Path) -> None:
    path = table(tmp_path, row(0), "2023-01-12T00:00:01Z\t1", row(2) + "\tmore", "", "\r", row(3) + "\r")
    ds = tsdata(path)
    assert ds["time"].dt.second.values.tolist() == [0, 3]
    assert ds["flag"].values.tolist() == ["a", "a"]
    assert ds.attrs["bad"] == "line has another number of cells than the header: 2"
    with pytest.raises(ReaderError, match=r"line 9 \(expected 9 cells, found 2\)"):
        tsdata(path, strict=True)


def test_order_is_that_of_the_file(tmp_path: Path) -> None:
    path = table(tmp_path, row(5), row(1), row(3))
    assert tsdata(path)["time"].dt.second.values.tolist() == [5, 1, 3]
    cut = tsdata(path, start=np.datetime64("2023-01-12T00:00:02"))
    assert cut["time"].dt.second.values.tolist() == [5, 3]
    assert cut.attrs["rows"] == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("float\tinteger", "flaot\tinteger", r"line 5, column 7: no type is called 'flaot'.*Did you mean 'float'"),
        ("time\tlat\tlon", "time\tlat\tlat", r"line 7, column 3: a second name 'lat'"),
        ("time\tlat\tlon", "time\t\tlon", r"line 7, column 2: no name"),
        ("time\tlat", "Time\tlat", r"first column is not time \(expected time of type time, found Time of type time"),
        ("NA\tdeg\tdeg", "NA\tdeg", r"header line 6 does not fit line 7 \(expected 9 columns, found 8\)"),
        ("NA\tfrom the bow", "from the bow", r"header line 4 does not fit"),
        ("\ntime\tlat", "\ttime\tlat", r"expected 7 lines, found 6 lines"),
    ],
)
def test_broken_headers(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = table(tmp_path, head=GEO.replace(old, new))
    with pytest.raises(ReaderError, match=message):
        tsdata(path)


def test_files_that_differ(tmp_path: Path) -> None:
    """What a file lacks is missing in its rows; one unit becomes the other; units that do not fit are an error."""
    head = "b\nb\nc\nNA\tNA\tNA\ntime\tfloat\ttext\nNA\t{}\tNA\ntime\tx\tnote\n"
    a = table(tmp_path, "2023-01-11T00:00:00Z\t1\thello", head=head.format("km"))
    b = table(tmp_path, row(0), name="b.tsdata")
    ds = tsdata([a, b])
    np.testing.assert_array_equal(ds["x"], [1, np.nan])
    np.testing.assert_array_equal(ds["latitude"], [np.nan, 47.5])
    assert ds["latitude_qc"].values.tolist() == [9, 1]
    assert ds["note"].values.tolist() == ["hello", ""]
    c = table(tmp_path, "2023-01-13T00:00:00Z\t5\t", head=head.format("m"), name="c.tsdata")
    assert tsdata([a, c])["x"].values.tolist() == pytest.approx([1, 0.005])
    d = table(tmp_path, "2023-01-13T00:00:00Z\t5\t", head=head.format("K"), name="d.tsdata")
    with pytest.raises(ReaderError, match=r"d\.tsdata: column 'x' is in another unit"):
        tsdata([a, d])


def test_long_and_odd_text(tmp_path: Path) -> None:
    """A long note costs its length once; what is not UTF-8 is shown as such."""
    rows = [row(i, 1, 2, 3, 4, 5, 6, 7, "x" * 100_000 if i == 1 else "y") for i in range(59)]
    ds = tsdata(table(tmp_path, *rows))
    assert len(ds["flag"].values[1]) == 100_000
    path = tmp_path / "odd.tsdata"
    path.write_bytes((GEO + row(0, 1, 2, 3, 4, 5, 6, 7)).encode()[:-1] + b"\xff\xfe\n")
    assert tsdata(path)["flag"].values.tolist() == ["��"]


cells = st.one_of(
    st.just("NA"),
    st.sampled_from(["", "x", "1e3", "-0", "NaN", "7", "TRUE", "2023-01-12T00:00:00Z", '"']),
    st.text("0123456789.-+eE", max_size=8),
)
rows = st.lists(st.lists(cells, min_size=8, max_size=10), max_size=8)


@given(rows, st.data())
def test_laws(tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]], data: st.DataObject) -> None:
    """Truncation; reading on in any steps; flags say what is missing and what is not."""
    folder = tmp_path_factory.mktemp("laws")
    text = ["\t".join([f"2023-01-12T00:00:0{i}Z", *line[1:]]) for i, line in enumerate(lines)]
    path = table(folder, *text)
    raw, whole = path.read_bytes(), tsdata(path).load()
    size = data.draw(st.integers(len(GEO), len(raw)))
    path.write_bytes(raw[:size])
    part, end = Tsdata().rows_from(path, 0)
    assert end == Tsdata().complete(path) == raw[:size].rfind(b"\n") + 1
    path.write_bytes(raw)
    rest, _ = Tsdata().rows_from(path, end)
    for name in whole.variables:
        joined = np.concatenate([part[name].values, rest[name].values])
        np.testing.assert_array_equal(joined, whole[name].values)
    for name in ("latitude", "count"):
        np.testing.assert_array_equal(
            np.isnan(whole[name]), np.isin(whole[f"{name}_qc"], (4, 9)) & np.isnan(whole[name])
        )
        assert not (np.isnan(whole[name]) & (whole[f"{name}_qc"] == 1)).any()
    assert whole.sizes["time"] == sum(len(line) == 9 for line in lines)
