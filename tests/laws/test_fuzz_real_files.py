"""Real files, damaged: a dataset or a ReaderError, in bounded time and memory; nothing else, by any reader."""

from __future__ import annotations

import gzip
import itertools
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.fuzz_child import Told, read_in_a_child
from tests.readers import hdf5_files
from workbench.core.errors import ReaderError
from workbench.readers.seaflow_layout import CHANNELS
from workbench.testing import strategies

pytestmark = pytest.mark.slow
TRIES = 140
#: MB that reading damaged copies of files below a megabyte may need.
GROWN = 400

EVT = "seaflow/testcruise/{}/2014_185/2014-07-04T00-0{}-02+00-00{}"
#: Reader -> real files; a number: only so many of its first lines.
FILES: dict[str, list[tuple[str, int]]] = {
    "seaflow_evt": [(EVT.format("evt_v1", 0, ""), 0), (EVT.format("evt_v2", 0, ""), 0), (EVT.format("evt_v2", 3, ".gz"), 0)],
    "seaflow_sfl": [("seaflow/testcruise/testcruise_740.sfl", 0), ("seaflow/sfl/HOT330_740.sfl", 200)],
    "tsdata": [("tsdata/example.tsdata", 0)],
    "nmea_log": [(f"underway/NBP1406/{feed}/raw", 300) for feed in ("s330", "gyr1", "PCOD")],
    "seaflow_opp": [("seaflow/testcruise/opp_plan/2014-07-04T00-00-00+00-00.1H.opp.parquet", 0)],
    "seaflow_vct": [("seaflow/testcruise/vct_plan/2014-07-04T00-00-00+00-00.1H.vct.parquet", 0)],
    "seaflow_plan": [("seaflow/testcruise/params/testcruise_full_plan.db", 0), ("seaflow/realtime-dbs/TN412_740.db", 0)],
    "seaflow_db": [("seaflow/testcruise/params/testcruise_full_plan.db", 0)],
    "seaflow_log": [("seaflow/SFlog.txt", 400)],
}  # fmt: skip
CASES = [(engine, name, lines) for engine, files in FILES.items() for name, lines in files]


def real(data: Path, name: str, lines: int, folder: Path) -> Path:
    """A copy of a real file (of a folder, its first one), or of its first lines."""
    path = data / name
    if path.is_dir():
        path = sorted(p for p in path.rglob("*") if p.is_file())[0]
    copy = folder / path.name
    raw = path.read_bytes()
    copy.write_bytes(b"".join(raw.splitlines(keepends=True)[:lines]) if lines else raw)
    return copy


def lies(engine: str, path: Path) -> list[bytes]:
    """Whole files that claim gigabytes, or what is not in them."""
    raw, large = path.read_bytes(), (0x7FFFFFFF, 0x0FFFFFFF, 0xFFFFFFFF)
    if engine == "seaflow_evt" and path.suffix == ".gz":
        plain = gzip.decompress(raw)
        claims = [gzip.compress(struct.pack("<II", 14, n) + plain[8:]) for n in large]
        return [*claims, raw[:-4] + b"\xff\xff\xff\xff", gzip.compress(bytes(600 << 20), 1)]
    if engine == "seaflow_evt":
        at = 4 if raw[:4] == struct.pack("<I", 14) else 0
        return [raw[:at] + struct.pack("<I", n) + raw[at + 4 :] for n in large]
    if engine in ("seaflow_opp", "seaflow_vct"):
        return [raw[:-8] + struct.pack("<I", n) + b"PAR1" for n in (0, 1, *large)]
    if engine in ("seaflow_plan", "seaflow_db"):
        pages = [raw[:28] + struct.pack(">I", n) + raw[32:] for n in (0, 1, *large)]
        return [*pages, *(raw[:16] + struct.pack(">H", n) + raw[18:] for n in (0, 1, 512, 65535))]
    return [b"\t" * (8 << 20), b"9" * (8 << 20), raw + b"\0" * (8 << 20), raw.replace(b"\n", b""), b"\n" * (4 << 20)]


def check(told: Told, what: str, *, crashes: int = 0) -> None:
    print(f"{what}: {told}")
    assert not told.wrong, f"{what}: only ReaderError is documented: {told.wrong[:5]}"
    assert told.crashed <= crashes, f"{what}: {told.crashed} inputs took the process down"
    assert told.grown < GROWN, f"{what}: {told.grown} MB"
    assert told.read + told.refused + told.crashed == told.tried


@pytest.mark.parametrize(("engine", "name", "lines"), CASES, ids=[f"{e}:{n.split('/', 1)[1]}" for e, n, _ in CASES])
def test_damaged_real_files(engine: str, name: str, lines: int, data: Path, tmp_path: Path) -> None:
    path = real(data, name, lines, tmp_path)
    told = read_in_a_child(engine, path, tries=TRIES, seed=path.stat().st_size, lies=lies(engine, path))
    assert told.tried == TRIES + len(lies(engine, path))
    check(told, f"{engine} {path.name}")


@pytest.mark.parametrize("kind", ["netcdf4", "plain", "compound"])
def test_damaged_hdf5(kind: str, tmp_path: Path) -> None:
    """libhdf5 trusts bytes: what it does not survive is counted, and stays rare."""
    options = {
        "netcdf4": {},
        "plain": {"variables": {"sea_water_temperature": "sst"}},
        "compound": {"time": "log/rows/t", "variables": {"sea_water_temperature": "sst"}},
    }[kind]
    path = getattr(hdf5_files, kind)(tmp_path / f"one{'.nc' if kind == 'netcdf4' else '.h5'}", 0)
    told = read_in_a_child("hdf5", path, tries=TRIES, seed=3, options=options)
    check(told, f"hdf5 {kind}", crashes=TRIES // 20)


def test_an_hdf5_file_that_claims_gigabytes(tmp_path: Path) -> None:
    """Rows that were declared and never written cost nothing until somebody asks for them; lengths that lie are refused."""
    import h5py

    path = tmp_path / "claims.h5"
    with h5py.File(path, "w") as file:
        for name, kind in {"time": "f8", "sst": "f8"}.items():
            file.create_dataset(name, (1 << 29,), kind, chunks=(1 << 16,))
        file["time"].attrs["units"] = "seconds since 2024-01-01"
    told = read_in_a_child("hdf5", _small(tmp_path), tries=0, lies=[path.read_bytes()])
    check(told, "hdf5 that claims 4 GB of rows")
    assert told.refused == 1


def _small(folder: Path) -> Path:
    return hdf5_files.plain(folder / "small.h5", 0)


# headers, and what lies behind them


def flips(raw: bytes, begin: int, stop: int) -> Iterator[bytes]:
    """Every single bit of these bytes turned."""
    for at, bit in itertools.product(range(begin, stop), range(8)):
        yield raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]


@pytest.mark.parametrize(("layout", "header"), [("v1", 4), ("v2", 8)])
def test_every_bit_of_an_evt_header_matters(layout: str, header: int, data: Path, tmp_path: Path) -> None:
    raw = (data / EVT.format(f"evt_{layout}", 0, "")).read_bytes()
    path = tmp_path / "2014-07-04T00-00-02+00-00"
    refused = 0
    for damaged in flips(raw, 0, header):
        path.write_bytes(damaged)
        with pytest.raises(ReaderError, match="2014-07-04T00-00-02"):
            xr.open_dataset(path, engine="seaflow_evt")
        refused += 1
    print(f"{layout}: {refused} headers tried, {refused} refused")


@settings(max_examples=60)
@given(change=st.data())
@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_payload_bytes_are_decoded_as_they_stand(
    layout: str, change: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever stands in the payload comes out as plain numpy reads it."""
    codes = change.draw(strategies.evt_codes(layout))
    raw = bytearray(strategies.evt_bytes(codes, layout))
    rows, begin = len(codes["pe"]), 8 if layout == "v2" else 4
    width = (len(raw) - begin) // rows
    marked = 0 if layout == "v2" else 4  # v1: every row begins with the number 10
    for _ in range(change.draw(st.integers(1, 8))):
        row, at = change.draw(st.integers(0, rows - 1)), change.draw(st.integers(marked, width - 1))
        raw[begin + row * width + at] = change.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("evt") / "2014-07-04T00-00-02+00-00"
    path.write_bytes(raw)
    ds = xr.open_dataset(path, engine="seaflow_evt").load()
    plain = np.frombuffer(raw, "<u2", offset=begin).reshape(rows, -1)[:, marked // 2 :]
    for i, name in enumerate(CHANNELS[layout]):
        np.testing.assert_array_equal(ds["pulse_time" if name == "time" else name], plain[:, i], err_msg=name)


def test_a_sqlite_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE notes (text)")
    for engine in ("seaflow_plan", "seaflow_db"):
        with pytest.raises(ReaderError, match=r"other\.db"):
            xr.open_dataset(path, engine=engine).load()
