"""seaflow_evt on the real test cruise, and where its files are odd."""

from __future__ import annotations

import gzip
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
import zstandard
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.alone import peak
from workbench.core.errors import ReaderError
from workbench.readers import seaflow_evt
from workbench.readers.seaflow_evt import V2, SeaflowEvt, write_evt
from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_layout import CHANNELS, PARQUET
from workbench.testing import strategies

FIRST = "2014-07-04T00-00-02+00-00"
SUMS = {"D1": 639422192, "D2": 522251760, "fsc_small": 65239168, "pe": 151654274, "chl_small": 272846193}
WHOLE = [f"2014_185/2014-07-04T{t}-02+00-00" for t in ("00-00", "00-03", "01-15", "01-17", "01-30")]


def evt(path: object, **options: object) -> xr.Dataset:
    return xr.open_dataset(path, engine="seaflow_evt", **options)


@pytest.fixture(params=["v1", "v2"])
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def day(data: Path, layout: str) -> Path:
    return data / "seaflow" / "testcruise" / f"evt_{layout}" / "2014_185"


def test_first_file(day: Path, layout: str) -> None:
    ds = evt(day / FIRST)
    assert ds.attrs["layout"] == layout
    assert {name: int(ds[name].astype(np.int64).sum()) for name in SUMS} == SUMS
    assert ds["time"].values[0] == np.datetime64("2014-07-04T00:00:02")
    assert ds["file_id"].item() == WHOLE[0]
    assert ds["row_size"].item() == ds.sizes["particle"] == 40000
    assert ds["row_size"].attrs["sample_dimension"] == "particle"
    assert ds["D1"].dtype == np.uint16
    assert (ds["D1"].attrs["scale"], ds["D1"].attrs["decades"]) == ("log", 3.5)
    assert "scale" not in ds["pulse_width"].attrs


def test_plain_numpy_agrees(day: Path, layout: str) -> None:
    raw = (day / FIRST).read_bytes()
    rows = np.frombuffer(raw, "<u2", offset=4 if layout == "v1" else 8).reshape(40000, -1)
    rows = rows[:, 2:] if layout == "v1" else rows
    ds = evt(day / FIRST)
    for column, name in enumerate(CHANNELS[layout]):
        np.testing.assert_array_equal(ds[name].values, rows[:, column])


def test_the_whole_day(day: Path) -> None:
    ds = evt(day.parent)
    assert ds["file_id"].values.tolist() == WHOLE
    assert ds["row_size"].values.tolist() == [40000] * 5
    assert ds.sizes["particle"] == 200_000
    assert np.array_equal(ds["D1"][:40000], ds["D1"][-40000:]), "01-30 is the first file again"
    noise = (ds["fsc_small"] <= 1) & (ds["D1"] <= 1) & (ds["D2"] <= 1)
    assert noise.values.reshape(5, 40000).sum(axis=1).tolist() == [72, 75, 40000, 75, 72]
    assert len(ds.attrs["refused"].splitlines()) == 5
    assert ds.attrs["repeated"] == ds.attrs["undated"] == 0


def test_v1_is_v2(data: Path) -> None:
    one, two = (evt(data / "seaflow" / "testcruise" / f"evt_{layout}") for layout in ("v1", "v2"))
    for name in set(one.data_vars) & set(two.data_vars):
        np.testing.assert_array_equal(one[name].values, two[name].values)


@pytest.mark.parametrize("minute", ["00-06", "00-09", "00-12", "01-21", "01-27"])
def test_broken_files(day: Path, minute: str) -> None:
    path = next(p for p in day.iterdir() if p.name.startswith(f"2014-07-04T{minute}"))
    with pytest.raises(ReaderError, match="at byte") as caught:
        evt(path)
    error = caught.value
    assert error.path == str(path)
    assert None not in (error.offset, error.expected, error.found)
    assert "expected" in str(error)
    assert "found" in str(error)
    assert str(path) in evt(day).attrs["refused"]
    assert SeaflowEvt().complete(path) == 0


def test_linear(day: Path) -> None:
    ds = evt(day / FIRST)
    linear = workbench.linear(ds)
    np.testing.assert_allclose(linear["pe"], 10.0 ** (ds["pe"].values.astype(float) / 65536 * 3.5), rtol=1e-15)
    assert linear["pulse_width"].dtype == np.uint16


def test_guessed(day: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert xr.open_dataset(day / FIRST).sizes["particle"] == 40000
        assert xr.open_dataset(str(day / WHOLE[1][9:]) + ".gz").sizes["particle"] == 40000


# -- detection ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 9, 10, 11, 14])
@pytest.mark.parametrize("kind", ["v1", "v2"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_the_size_decides(tmp_path: Path, rows: int, kind: str, suffix: str) -> None:
    """A v2 file of ten rows and a v1 file of fourteen begin with the same eight bytes."""
    codes = {name: np.arange(rows, dtype=np.uint16) for name in CHANNELS[kind]}
    path = tmp_path / (FIRST + suffix)
    path.write_bytes(strategies.packed(strategies.evt_bytes(codes, kind), suffix))
    ds = evt(path)
    assert ds.attrs["layout"] == kind
    np.testing.assert_array_equal(ds["D1"], np.arange(rows))


@given(st.data(), st.sampled_from(["v1", "v2"]), st.sampled_from(["", ".gz", ".zst"]))
def test_any_codes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str, suffix: str) -> None:
    codes = data.draw(strategies.evt_codes(kind))
    path = tmp_path_factory.mktemp("any") / (FIRST + suffix)
    path.write_bytes(strategies.packed(strategies.evt_bytes(codes, kind), suffix))
    found = SeaflowEvt().columns(path, list(codes))
    assert all(np.array_equal(found[name], codes[name]) and found[name].dtype == np.uint16 for name in codes)


@given(strategies.evt_codes("v2"))
def test_written_is_read(tmp_path_factory: pytest.TempPathFactory, codes: strategies.Codes) -> None:
    path = tmp_path_factory.mktemp("written") / "2014_185" / FIRST
    write_evt(path, codes)
    assert path.read_bytes() == strategies.evt_bytes(codes, "v2")
    assert [p.name for p in path.parent.iterdir()] == [FIRST], "no temporary file stays"
    assert all(np.array_equal(evt(path)[name], codes[name]) for name in V2)


@pytest.mark.parametrize(
    "columns",
    [
        {name: np.zeros(0) for name in V2},
        {name: np.zeros(3) for name in V2[:-1]},
        {name: np.full(3, 65536) for name in V2},
        {name: np.full(3, -1) for name in V2},
        {name: np.zeros(3 if name == "pe" else 4) for name in V2},
        {name: np.zeros(3) for name in (*V2, "chl_big")},
    ],
)
def test_what_cannot_be_written(tmp_path: Path, columns: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"channel|0\.\.65535"):
        write_evt(tmp_path / FIRST, columns)
    assert not list(tmp_path.iterdir())


def test_v1_rows_begin_with_their_columns(tmp_path: Path) -> None:
    codes = {name: np.arange(20, dtype=np.uint16) for name in CHANNELS["v1"]}
    raw = bytearray(strategies.evt_bytes(codes, "v1"))
    raw[4 + 24 * 7] = 11
    path = tmp_path / FIRST
    path.write_bytes(raw)
    with pytest.raises(ReaderError, match="row 7 does not begin") as caught:
        evt(path).load()
    assert (caught.value.offset, caught.value.expected, caught.value.found) == (4 + 24 * 7, 10, 11)


def test_changed_since(tmp_path: Path) -> None:
    path = tmp_path / FIRST
    write_evt(path, {name: np.arange(5) for name in V2})
    ds = evt(path)
    write_evt(path, {name: np.arange(6) for name in V2})
    with pytest.raises(ReaderError, match="changed while it was read"):
        ds.load()


# -- containers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def raw() -> bytes:
    rng = np.random.default_rng(1)
    return strategies.evt_bytes({name: rng.integers(0, 65536, 30_000).astype(np.uint16) for name in V2})


def test_plain_gz_zst_are_one_file(tmp_path: Path, raw: bytes) -> None:
    for suffix in ("", ".gz", ".zst"):
        (tmp_path / (FIRST + suffix)).write_bytes(strategies.packed(raw, suffix))
    assert evt(tmp_path).sizes == {"file": 1, "particle": 30_000}
    assert [p.name for p in SeaflowEvt().files(tmp_path)] == [FIRST]
    (tmp_path / FIRST).write_bytes(raw[:5000])
    ds = evt(tmp_path)
    assert ds.sizes["particle"] == 30_000, "half of the plain file is here, the rest is still being inflated"
    assert FIRST in ds.attrs["refused"]


def test_members_and_frames(tmp_path: Path, raw: bytes) -> None:
    """Several gzip members or Zstandard frames in one file, sizes not stated, padding: all whole files."""
    nameless = zstandard.ZstdCompressor(write_content_size=False)
    kinds = {
        "members.gz": gzip.compress(raw[:100]) + gzip.compress(raw[100:]),
        "padded.gz": gzip.compress(raw) + bytes(512),
        "frames.zst": zstandard.compress(raw[:100]) + zstandard.compress(raw[100:]),
        "nameless.zst": nameless.compress(raw),
        "summed.zst": zstandard.ZstdCompressor(write_checksum=True).compress(raw),
    }
    for name, content in kinds.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert evt(path).load().sizes["particle"] == 30_000, name
        assert SeaflowEvt().complete(path) == len(content), name


@pytest.mark.parametrize(
    ("suffix", "tail"), [(".gz", 1), (".gz", 5), (".gz", 9), (".gz", 1000), (".zst", 1), (".zst", 999)]
)
def test_cut_containers_are_refused_at_opening(tmp_path: Path, raw: bytes, suffix: str, tail: int) -> None:
    path = tmp_path / (FIRST + suffix)
    path.write_bytes(strategies.packed(raw, suffix)[:-tail])
    with pytest.raises(ReaderError, match="ends early"):
        evt(path)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_not_what_its_name_says(tmp_path: Path, raw: bytes, suffix: str) -> None:
    path = tmp_path / (FIRST + suffix)
    path.write_bytes(raw)
    with pytest.raises(ReaderError, match="as its name says"):
        evt(path)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_header_that_claims_gigabytes(tmp_path: Path, suffix: str) -> None:
    for header in ([14, 0xFFFFFFF0], [0xFFFFFFF0, 10]):
        path = tmp_path / (FIRST + suffix)
        path.write_bytes(strategies.packed(np.array(header, "<u4").tobytes() + bytes(1400), suffix))
        with pytest.raises(ReaderError, match="ends before the last row"):
            evt(path)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb(tmp_path: Path, suffix: str) -> None:
    """More than the header claims is not inflated: 200 MB stand behind a header of ten rows."""
    header = np.array([14, 9], "<u4").tobytes()
    path = tmp_path / (FIRST + suffix)
    path.write_bytes(strategies.packed(header + bytes(200_000_000), suffix))

    def refused() -> None:
        with pytest.raises(ReaderError, match="goes on after the last row"):
            evt(path)

    assert peak(refused) < 8_000_000


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_wrong_checksum(tmp_path: Path, raw: bytes, suffix: str) -> None:
    content = bytearray(
        gzip.compress(raw) if suffix == ".gz" else zstandard.ZstdCompressor(write_checksum=True).compress(raw)
    )
    content[-8 if suffix == ".gz" else -1] ^= 1
    path = tmp_path / (FIRST + suffix)
    path.write_bytes(content)
    with pytest.raises(ReaderError, match="broken"):
        evt(path).load()


# -- Parquet and mixtures ----------------------------------------------------------------------------------------------


def _parquet(path: Path, rows: int = 50) -> dict[str, np.ndarray]:
    values = {name: (np.arange(rows) * 1.5).astype(np.float32) for name in PARQUET}
    pq.write_table(pa.table(values), path)
    return values


def test_parquet(tmp_path: Path) -> None:
    values = _parquet(tmp_path / f"{FIRST}.parquet")
    ds = evt(tmp_path)
    assert ds.attrs["layout"] == "parquet"
    for name in PARQUET:
        assert ds[name].dtype == np.float32
        assert ds[name].attrs["scale"] == "log"
        np.testing.assert_array_equal(ds[name], values[name])


def test_parquet_without_a_channel(tmp_path: Path) -> None:
    path = tmp_path / f"{FIRST}.parquet"
    pq.write_table(pa.table({"D1": [1.0], "D2": [1.0]}), path)
    with pytest.raises(ReaderError, match="no column fsc_small, pe, chl_small"):
        evt(path)


def test_mixed_layouts(tmp_path: Path, data: Path) -> None:
    cruise = data / "seaflow" / "testcruise"
    shutil.copy(cruise / "evt_v1" / WHOLE[0], tmp_path)
    shutil.copy(cruise / "evt_v2" / f"{WHOLE[1]}.gz", tmp_path)
    _parquet(tmp_path / "2014-07-04T00-15-02+00-00.parquet")
    ds = evt(tmp_path)
    assert ds.attrs["layout"] == "mixed: parquet, v1, v2"
    assert {str(n) for n, v in ds.data_vars.items() if v.dims == ("particle",)} == set(PARQUET)
    assert set(ds.attrs["left_out"].split(", ")) == (set(CHANNELS["v1"]) | set(CHANNELS["v2"])) - set(PARQUET)
    assert ds["row_size"].values.tolist() == [40000, 40000, 50]
    for name in PARQUET:
        assert ds[name].dtype == np.float32
        assert ds[name].attrs["scale"] == "log"
    assert float(ds["D1"][:40000].astype(float).sum()) == SUMS["D1"], "log values are the codes"
    assert float(ds["D1"][-1]) == 73.5


# -- names -------------------------------------------------------------------------------------------------------------


def test_old_names(tmp_path: Path) -> None:
    codes = {name: np.arange(3, dtype=np.uint16) for name in CHANNELS["v1"]}
    for day, number in (("2010_125", 2), ("2010_124", 10), ("2010_124", 9)):
        (tmp_path / day).mkdir(exist_ok=True)
        (tmp_path / day / f"{number}.evt").write_bytes(strategies.evt_bytes(codes, "v1"))
    ds = evt(tmp_path)
    assert ds["file_id"].values.tolist() == ["2010_124/9.evt", "2010_124/10.evt", "2010_125/2.evt"]
    assert np.isnat(ds["time"].values).all()
    assert ds.attrs["undated"] == 3
    assert evt(tmp_path, start=np.datetime64("1990-01-01")).sizes == {"file": 0, "particle": 0}


def test_a_file_of_another_name_opens_alone(tmp_path: Path) -> None:
    write_evt(tmp_path / "copy of the first", {name: np.arange(3) for name in V2})
    ds = evt(tmp_path / "copy of the first")
    assert ds["file_id"].item() == "copy of the first"
    assert np.isnat(ds["time"].values).all()
    assert evt(tmp_path).sizes["particle"] == 0, "in a folder it is not one of ours"


def test_repeated_names_are_counted(data: Path) -> None:
    cruise = data / "seaflow" / "testcruise"
    ds = evt([cruise / "evt_v1", cruise / "evt_v2"])
    assert ds.sizes["file"] == 10
    assert ds.attrs["repeated"] == 5


def test_no_such_file_names_the_nearest(tmp_path: Path) -> None:
    write_evt(tmp_path / FIRST, {name: np.arange(3) for name in V2})
    with pytest.raises(ReaderError, match=r"Did you mean .*00-00-02"):
        evt(tmp_path / "2014-07-04T00-00-03+00-00")


def test_a_chunk_is_whole_files(tmp_path: Path) -> None:
    for i in range(4):
        time = np.datetime64("2020-01-01") + np.timedelta64(180 * i, "s")
        write_evt(tmp_path / file_name(time), {name: np.zeros(700_000, np.uint16) for name in V2})
    assert evt(tmp_path, chunks={})["D1"].chunks == ((700_000,) * 4,)
    assert evt(tmp_path, chunks={}, start="2020-01-01T00:03", stop="2020-01-01T00:06")["D1"].shape == (700_000,)


def test_raw_rows_stay_for_moments_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All channels of a file are one reading; what was read long ago is let go at the next."""
    now, paths, read = [0.0], [], []
    for minute in range(4):
        paths.append(tmp_path / file_name(np.datetime64("2025-01-01T00:00:00") + 60 * minute))
        write_evt(paths[-1], {name: np.arange(9, dtype=np.uint16) for name in V2})
    recent, rows = seaflow_evt._Recent(1 << 20, 20.0), seaflow_evt.layout.rows
    monkeypatch.setattr(seaflow_evt.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(seaflow_evt.layout, "rows", lambda path, header: read.append(path) or rows(path, header))
    for at, path in enumerate(paths):
        now[0] = 15.0 * at
        for _ in range(3):
            recent.rows(str(path), seaflow_evt.layout.probe(str(path)))
    assert read == [str(path) for path in paths]
    assert [key[0] for key in recent.tables] == [str(path) for path in paths[2:]]
    assert recent.held == sum(table.nbytes for table in recent.tables.values())
    assert recent.used.keys() == recent.tables.keys()


def test_a_file_replaced_by_one_of_its_size_and_time_is_read_anew(tmp_path: Path) -> None:
    """As `cp -p` does it with a file that was corrected; also while somebody looks at it all the time."""
    path = tmp_path / "2014-07-04T00-00-02+00-00"
    for number in (100, 200):
        write_evt(path, {name: np.full(5, number, np.uint16) for name in V2})
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert xr.open_dataset(path, engine="seaflow_evt")["D1"].values.tolist() == [number] * 5
