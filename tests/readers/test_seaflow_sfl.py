"""seaflow_sfl on real cruises, and on what instruments and people write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES
from workbench.readers.seaflow_sfl import CURATED, SeaflowSfl, write_sfl
from workbench.testing import strategies


def sfl(path: object, **options: object) -> xr.Dataset:
    return xr.open_dataset(path, engine="seaflow_sfl", **options)


def gaps(ds: xr.Dataset) -> np.ndarray:
    """Seconds between rows."""
    return np.diff(ds["time"].values) / np.timedelta64(1, "s")


def test_hot330(data: Path) -> None:
    ds = sfl(data / "seaflow" / "sfl" / "HOT330_740.sfl")
    assert ds.sizes["time"] == ds.attrs["rows"] == 1824
    assert gaps(ds).max() <= 240
    assert float(ds["sea_water_temperature"].mean()) == pytest.approx(24.8746, abs=5e-5)
    assert float(ds["salinity"].mean()) == pytest.approx(34.6830, abs=5e-5)
    assert float(ds["par"].mean()) == pytest.approx(899.590, abs=5e-4)
    assert float(ds["stream_pressure"].mean()) == pytest.approx(12.0001, abs=5e-5)


def test_the_mark_that_editors_put_before_the_first_line(data: Path, tmp_path: Path) -> None:
    raw = (data / "seaflow" / "sfl" / "HOT330_740.sfl").read_bytes()
    (tmp_path / "a_740.sfl").write_bytes(b"\xef\xbb\xbf" + raw)
    (tmp_path / "b_740.sfl").write_bytes(raw)
    xr.testing.assert_equal(sfl(tmp_path / "a_740.sfl"), sfl(tmp_path / "b_740.sfl"))


def test_km1906(data: Path) -> None:
    ds = sfl(data / "seaflow" / "sfl" / "KM1906_740.sfl")
    assert ds.sizes["time"] == 8948
    assert int((gaps(ds) > 240).sum()) == 30
    assert gaps(ds).max() / 3600 == pytest.approx(7.89, abs=0.005)
    assert int((ds["par_qc"] == 9).sum()) == int(np.isnan(ds["par"]).sum()) == 280


def test_tn397(data: Path) -> None:
    ds = sfl(data / "seaflow" / "sfl" / "TN397_740_740.sfl")
    assert ds.sizes["time"] == 11720
    assert int((gaps(ds) > 240).sum()) == 32
    assert float(ds["latitude"].min()) == pytest.approx(-2.5, abs=0.05)
    assert float(ds["latitude"].max()) == pytest.approx(32.7, abs=0.05)


def test_good_and_bad_latitude(data: Path) -> None:
    good, bad = (sfl(data / "seaflow" / "testcruise" / f"testcruise{name}.sfl") for name in ("_740", "-bad-lat"))
    assert good.sizes["time"] == bad.sizes["time"] == 9
    assert good.attrs["bad"] == ""
    assert bad.attrs["bad"] == "latitude is not a number: 1"
    assert np.isnan(bad["latitude"].values[0])
    assert bad["latitude_qc"].values.tolist() == [4, *[1] * 8]
    assert good["latitude_qc"].values.tolist() == [1] * 9
    assert good["conductivity_qc"].values.tolist() == [9] * 9
    assert good["stream_pressure"].values[-1] == 12.25
    assert good["latitude"].attrs["ancillary_variables"] == "latitude_qc"
    xr.testing.assert_equal(good.isel(time=slice(1, None)), bad.isel(time=slice(1, None)))


def test_the_instruments_own_file(data: Path) -> None:
    """No DATE, no day folder, CR LF before each line so that the last has none, and the same numbers as the curated."""
    cruise = data / "seaflow" / "testcruise"
    raw = sfl(cruise / "evt_v1" / "2014_185" / "2014-07-04T00-00-00+00-00.sfl")
    curated = sfl(cruise / "testcruise_740.sfl")
    assert raw["file_id"].values.tolist() == curated["file_id"].values.tolist()
    np.testing.assert_array_equal(raw["time"], curated["time"])
    for name in ("latitude", "longitude", "sea_water_temperature", "par", "stream_pressure", "file_duration"):
        np.testing.assert_allclose(raw[name], curated[name], atol=6e-4)
    assert raw["machine_temperature"].values[0] == 5.29
    assert raw["laser_power"].attrs["units"] == "mW"
    assert raw["valve"].values.tolist() == ["E"] * 9
    assert (raw["filter_pressure_qc"] == 9).all()


def test_units_are_canonical(data: Path) -> None:
    ds = sfl(data / "seaflow" / "sfl" / "HOT330_740.sfl")
    for name in CURATED.values():
        if VARIABLES[name].unit:
            assert ds[name].attrs["units"] == VARIABLES[name].unit


HEADER = "\t".join(CURATED)
ROW = "{id}\t{date}\t180\t{lat}\t-157.5\t5.3\t34.9\t25.1\t100\t20\t12\t8000"


def _write(path: Path, *rows: str, header: str = HEADER, end: str = "\n") -> Path:
    path.write_text("\n".join([header, *rows]) + end)
    return path


def _row(minute: int, lat: str = "21.5", date: str = "") -> str:
    stamp = f"2020-01-01T00-{minute:02d}-00+00-00"
    return ROW.format(id=stamp, date=date or f"2020-01-01T00:{minute:02d}:00+00:00", lat=lat)


@pytest.mark.parametrize(
    ("cell", "degrees", "flag"),
    [
        ("2118.9043", 21 + 18.9043 / 60, 1),
        ("-2118.9043", -(21 + 18.9043 / 60), 1),
        ("-0030.6", -0.51, 1),
        ("2118", 21.3, 1),
        ("2161.0", np.nan, 4),
        ("21.5", 21.5, 1),
        ("91", 91, 4),
        ("-999999", np.nan, 9),
        ("inf", np.nan, 4),
        ("1_0", np.nan, 4),
        ("nnnnnnn", np.nan, 4),
        ("NA", np.nan, 9),
        ("NaN", np.nan, 9),
        ("", np.nan, 9),
    ],
)
def test_positions(tmp_path: Path, cell: str, degrees: float, flag: int) -> None:
    ds = sfl(_write(tmp_path / "a.sfl", _row(0, cell)))
    np.testing.assert_allclose(ds["latitude"], [degrees])
    assert ds["latitude_qc"].values.tolist() == [flag]


def test_longitudes_in_gga(tmp_path: Path) -> None:
    ds = sfl(_write(tmp_path / "a.sfl", _row(0).replace("-157.5", "-15752.6526")))
    np.testing.assert_allclose(ds["longitude"], [-(157 + 52.6526 / 60)])


def test_lines_that_are_no_rows_are_counted(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "a.sfl", _row(0), _row(3)[:40], "", _row(6) + _row(9), _row(12, date="yesterday"), _row(15)
    )
    ds = sfl(path)
    assert [str(t)[14:16] for t in ds["time"].values] == ["00", "15"]
    assert ds.attrs["bad"].splitlines() == [
        "line has 2 fields, not 12: 1",
        "line has 23 fields, not 12: 1",
        "line has no time: 1",
    ]


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("2020-01-01T00:00:00+00:00", "2020-01-01T00:00:00"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00"),
        ("2020-01-01T00:00:00-00:00", "2020-01-01T00:00:00"),
        ("2020-01-01T00:00:00-10:00", "2020-01-01T10:00:00"),
        ("2020-01-01T00:00:00.25+00:00", "2020-01-01T00:00:00.250"),
    ],
)
def test_dates(tmp_path: Path, date: str, time: str) -> None:
    assert sfl(_write(tmp_path / "a.sfl", _row(0, date=date)))["time"].values[0] == np.datetime64(time)


def test_duplicates_and_steps_back_stay(tmp_path: Path) -> None:
    ds = sfl(_write(tmp_path / "a.sfl", _row(9), _row(3), _row(3), _row(6)))
    assert [str(t)[14:16] for t in ds["time"].values] == ["09", "03", "03", "06"]
    assert SeaflowSfl().span(tmp_path / "a.sfl") == (ds["time"].values.min(), ds["time"].values.max())


def test_sds(tmp_path: Path) -> None:
    header = "FILE\tcomputerUTC\tLAT\tLON\tOCEAN.TEMP\tSTREAM.PRESSURE\tFLOW.METER"
    rows = [
        "sds_2009_313_5\t2009313000824\t-999999\t-999999\t11.5\t10.39\t0",
        "sds_2009_313_6\t09313001124\t47.4\t-122\t11.4\t12\t0",
    ]
    ds = sfl(_write(tmp_path / "a.sds", *rows, header=header))
    assert ds["time"].values.tolist() == [
        np.datetime64(t, "ns").item() for t in ("2009-11-09T00:08:24", "2009-11-09T00:11:24")
    ]
    assert ds["file_id"].values.tolist() == ["2009_313/5.evt", "2009_313/6.evt"]
    assert ds["latitude_qc"].values.tolist() == [9, 1]
    assert ds["file_duration"].values.tolist() == [180, 180]
    assert ds["file_duration_qc"].values.tolist() == [2, 2], "assumed, not measured"
    assert ds["sea_water_temperature"].values.tolist() == [11.5, 11.4]


def test_columns_come_by_name(tmp_path: Path) -> None:
    order = list(CURATED)[::-1]
    cells = dict(zip(CURATED, _row(0).split("\t"), strict=True))
    ds = sfl(_write(tmp_path / "a.sfl", "\t".join(cells[name] for name in order), header="\t".join(order)))
    xr.testing.assert_equal(ds, sfl(_write(tmp_path / "b.sfl", _row(0))))


def test_files_of_different_columns(tmp_path: Path) -> None:
    _write(tmp_path / "b.sfl", _row(3))
    _write(tmp_path / "a.sfl", "2020-01-01T00-06-00+00-00\t12", header="FILE\tSTREAM PRESSURE")
    ds = sfl(tmp_path)
    assert ds["stream_pressure"].values.tolist() == [12, 12]
    assert ds["par_qc"].values.tolist() == [1, 9]


@pytest.mark.parametrize("content", ["", "FILE\tDATE", "time\tlat\n1\t2\n", "\x00\x01\x02\n"])
def test_no_header(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.sfl").write_text(content)
    with pytest.raises(ReaderError, match="header"):
        sfl(tmp_path / "a.sfl")
    assert SeaflowSfl().complete(tmp_path / "a.sfl") == 0


def test_a_last_line_without_its_break(tmp_path: Path) -> None:
    """A number may be cut there; only where the instrument wrote, and as many decimals as before, is it whole."""
    curated = sfl(_write(tmp_path / "a.sfl", _row(0), _row(3), end=""))
    assert curated.sizes["time"] == 1
    assert curated.attrs["bad"] == "last line has no line break yet: 1"
    lines = ["FILE\tLAT\tPAR", "2020-01-01T00-00-00+00-00\t21.5\t2022.69", "2020-01-01T00-03-00+00-00\t21.5\t2012.05"]
    raw = "\r\n".join(lines).encode()
    for cut, rows in ((0, 2), (1, 1), (2, 1), (3, 1), (4, 1), (8, 1), (38, 1), (39, 0), (60, 0)):
        (tmp_path / "b.sfl").write_bytes(raw[: len(raw) - cut])
        assert sfl(tmp_path / "b.sfl").sizes["time"] == rows, cut


@given(strategies.sfl_columns())
def test_written_is_read(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, object]) -> None:
    path = tmp_path_factory.mktemp("written") / "cruise" / "x.sfl"
    write_sfl(path, columns)
    ds = sfl(path)
    for name in CURATED.values():
        np.testing.assert_array_equal(ds[name].values, np.asarray(columns[name]), err_msg=name)
        if f"{name}_qc" in ds:
            assert (np.isnan(ds[name].values) == (ds[f"{name}_qc"].values == 9)).all()
    again = path.with_name("again.sfl")
    for i in range(len(ds["time"])):
        write_sfl(again, {name: np.asarray(values)[i : i + 1] for name, values in columns.items()}, append=True)
    assert again.read_bytes() == path.read_bytes()


@given(columns=strategies.sfl_columns(), end=st.sampled_from(["\n", "\r\n"]), before=st.booleans())
@settings(deadline=None)
def test_in_a_finished_file_the_last_line_needs_no_break(tmp_path_factory, columns, end, before) -> None:
    """And nothing else changes; whether somebody else asked before shows in neither answer."""
    folder = tmp_path_factory.mktemp("finished")
    write_sfl(folder / "whole.sfl", columns)
    raw = (folder / "whole.sfl").read_bytes().replace(b"\n", end.encode())
    (folder / "whole.sfl").write_bytes(raw)
    (folder / "cut.sfl").write_bytes(raw.removesuffix(end.encode()))
    whole = sfl(folder / "whole.sfl").load()
    xr.testing.assert_identical(sfl(folder / "whole.sfl", finished=True).load(), whole)
    if before:
        sfl(folder / "cut.sfl")
    if whole.sizes["time"]:  # a header without its break is none yet
        xr.testing.assert_identical(sfl(folder / "cut.sfl", finished=True).load(), whole)
        growing = sfl(folder / "cut.sfl").load()
        assert growing.attrs["bad"] != whole.attrs["bad"] and growing.sizes["time"] == whole.sizes["time"] - 1
        xr.testing.assert_equal(growing.drop_attrs(), whole.isel(time=slice(-1)).drop_attrs())


@given(cut=st.integers(1, 200))
@settings(deadline=None)
def test_a_finished_file_cut_in_its_last_line_has_no_more_than_its_fields_say(tmp_path_factory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = _write(folder / "a.sfl", _row(0), _row(3))
    raw = path.read_bytes()
    path.write_bytes(raw[: max(len(raw) - 1 - cut, len(HEADER) + len(_row(0)) + 2)])
    last = path.read_bytes().rpartition(b"\n")[2]
    ds = sfl(path, finished=True)
    fields = last.count(b"\t") + 1
    assert ds.sizes["time"] == (2 if fields == len(CURATED) else 1)
    assert ds.attrs["bad"] == ("" if fields == len(CURATED) or not last else f"line has {fields} fields, not 12: 1")


def test_a_dataset_is_written_too(tmp_path: Path, data: Path) -> None:
    ds = sfl(data / "seaflow" / "sfl" / "KM1906_740.sfl")
    write_sfl(tmp_path / "a.sfl", ds)
    again = sfl(tmp_path / "a.sfl")
    for name in CURATED.values():
        if ds[name].dtype == np.float64:
            np.testing.assert_allclose(again[name], ds[name], atol=1e-6)
        else:
            np.testing.assert_array_equal(again[name], ds[name])


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="file_id"):
        write_sfl(tmp_path / "a.sfl", {"time": [np.datetime64("2020-01-01")]})
    with pytest.raises(ValueError, match="length"):
        write_sfl(tmp_path / "a.sfl", {"time": [np.datetime64("2020-01-01")], "file_id": ["a", "b"]})


def test_a_growing_file_is_kept_once(tmp_path: Path) -> None:
    """An SFL gains a line every three minutes for weeks: its earlier versions must not stay in memory."""
    from workbench.readers import seaflow_sfl

    path = tmp_path / "a.sfl"
    for n in range(1, 6):
        times = np.array("2014-07-04T00:00:02", "M8[s]") + np.arange(n) * np.timedelta64(180, "s")
        write_sfl(path, {"file_id": [f"f{i}" for i in range(n)], "time": times})
        assert SeaflowSfl().open_dataset(path).sizes["time"] == n
    assert [key[0] for key in seaflow_sfl._KEPT._entries].count(str(path)) == 1


_HEAD = b"FILE\tDATE\tLAT\tLON\tPAR\tOTHER"
_LINES = st.sampled_from([
    b"2014_185/2014-07-04T00-00-02+00-00\t2014-07-04T00:00:02+00:00\t21.5\t-158\t1.5\tx",
    b"2014_185/2014-07-04T00-03-02+00-00\t2014-07-04T00:03:02+00:00\tnnnnnnn\t-15830.25\tNA\tlonger than x",
    b"2014_185/2014-07-04T00-06-02+00-00\t2014-07-04 00:06:02\t95\t-999999\t -1 \t",
    b"2014_185/2014-07-04T00-09-02+00-00\tno date\t1_0\t\t0\ty", b"three\tfields\tonly", b"", b"   ",
])  # fmt: skip


@given(
    lines=st.lists(_LINES, max_size=8), cuts=st.lists(st.integers(0, 600), max_size=5), end=st.sampled_from([b"\n", b"\r\n"])
)  # fmt: skip
@settings(deadline=None)
def test_a_growing_file_is_what_it_is_at_once(tmp_path_factory: pytest.TempPathFactory, lines, cuts, end) -> None:
    """Wherever it was cut when somebody looked: only what is new is parsed, and nothing tells it."""
    folder = tmp_path_factory.mktemp("grows")
    raw = b"".join(line + end for line in [_HEAD, *lines])
    grown = folder / "grown.sfl"
    for step, stop in enumerate([*sorted(max(cut, len(_HEAD) + 2) for cut in cuts), len(raw)]):
        have = grown.stat().st_size if grown.exists() else 0
        with grown.open("ab") as file:
            file.write(raw[have:stop])
        whole = folder / f"{step}.sfl"
        whole.write_bytes(raw[:stop])
        xr.testing.assert_identical(sfl(grown).load(), sfl(whole).load())


def test_a_file_that_grew_and_was_changed_in_its_midst_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.sfl"
    times = np.array("2014-07-04T00:00:02", "M8[s]") + np.arange(40) * np.timedelta64(180, "s")
    write_sfl(path, {"file_id": [f"f{i:02}" for i in range(40)], "time": times, "par": np.arange(40.0)})
    assert sfl(path)["par"].values.tolist() == [*range(40)]
    with path.open("r+b") as file:
        raw = file.read()
        place = raw.index(b"\t20.0\t")
        file.seek(place)
        file.write(b"\t99.0\t")
        file.seek(0, 2)
        file.write(raw[raw.index(b"f39") :].replace(b"f39", b"f40"))
    assert sfl(path)["par"].values.tolist() == [*range(20), 99.0, *range(21, 40), 39.0]
