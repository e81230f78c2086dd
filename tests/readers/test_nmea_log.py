"""nmea_log: the feeds of NBP1406, and what loggers and receivers write on a bad day."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pynmea2
import pytest
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.readers import nmea_file
from workbench.readers.nmea_log import NmeaLog
from workbench.testing import readers

NAMES = ("latitude", "longitude", "speed", "course", "heading", "altitude")


def nmea(path: Any, **options: Any) -> xr.Dataset:
    return xr.open_dataset(path, engine="nmea_log", **options)


def feed(data: Path, name: str) -> Path:
    return data / "underway" / "NBP1406" / name / "raw" / f"NBP1406_{name}-2014-08-01"


def signed(text: str) -> str:
    """``$text*hh``."""
    total = 0
    for byte in text.encode():
        total ^= byte
    return f"${text}*{total:02X}"


def line(text: str, second: float = 0, sign: bool = True) -> str:
    time = np.datetime64("2020-02-29T23:59:00", "ms") + np.timedelta64(round(second * 1000), "ms")
    return f"{time}Z {signed(text) if sign else '$' + text}\n"


def log(folder: Path, *lines: str | bytes, name: str = "ship-2020-02-29") -> Path:
    path = folder / name
    path.write_bytes(b"".join(each if isinstance(each, bytes) else each.encode() for each in lines))
    return path


class TestConformance(readers.ReaderTests):
    engine = "nmea_log"
    lazy = False  # lines can only be counted by reading them

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for day in (1, 2, 3):
            rows = []
            for i in range(12):
                stamp, clock = f"2024-01-0{day}T00:00:{i:02d}.250000Z", f"0000{i:02d}.10"
                rows += [
                    f"{stamp} {signed(f'GPZDA,{clock},0{day},01,2024,,')}\n",
                    f"{stamp} {signed(f'GPGGA,{clock},4730.{i:02d}5,N,12230.5{i:02d},W,1,9,0.8,{i}.5,M,,M,,')}\n",
                    f"{stamp} {signed('GPGSV,not,for,us')}\n",
                    f"{stamp} $GPVTG,{i}.5,T,,M,9.{i},N,18.0,K\n",
                    f"{stamp} {signed(f'HEHDT,{i}.25,T')}\n",
                ]
            paths.append(log(folder, *rows, name=f"ship-2024-01-0{day}"))
        return paths


COUNTS = {  # of 5,000 lines each: rows, other, unchecked
    "s330": (3125, 1875, 0), "PCOD": (4000, 1000, 0), "gp02": (3333, 1667, 3333), "seap": (2858, 2142, 0),
    "gyr1": (5000, 0, 0), "mbdp": (0, 5000, 0), "mwx1": (0, 5000, 0), "twnc": (0, 5000, 0), "pco2": (0, None, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_counts(data: Path, name: str) -> None:
    ds = nmea(feed(data, name))
    rows, other, unchecked = COUNTS[name]
    if other is None:
        other = feed(data, name).read_bytes().count(b"\n")
    assert (ds.attrs["rows"], ds.attrs["other"], ds.attrs["unchecked"]) == (rows, other, unchecked)
    assert ds.sizes["time"] == rows
    assert ds.attrs["bad"] == ""


def test_s330(data: Path) -> None:
    ds = nmea(feed(data, "s330")).load()
    names, counts = np.unique(ds["sentence"], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == dict.fromkeys(
        ("GGA", "HDT", "RMC", "VTG", "ZDA"), 625
    )
    fixes = ds.where(ds["sentence"] == "GGA", drop=True)
    first, last = fixes.isel(time=0), fixes.isel(time=-1)
    for fix, wanted in ((first, (-22.0018483, -17.9393239)), (last, (-22.0229556, -17.9580083))):
        assert (float(fix["latitude"]), float(fix["longitude"])) == pytest.approx(wanted, abs=6e-8, rel=0)
    assert first["time"].values == np.datetime64("2014-08-01T00:00:00.285", "ns")
    assert first["time_instrument"].values == np.datetime64("2014-08-01T00:00:00.160", "ns")
    assert float(first["altitude"]) == -2.76
    assert ds["latitude"].attrs["units"] == "degrees_north"
    assert ds["speed"].attrs["units"] == "kn"


def test_pcod_says_1994(data: Path) -> None:
    """Its date is 1024 weeks old, and that is what time_instrument says; GGA follows its ZDA across midnight."""
    ds = nmea(feed(data, "PCOD")).load()
    told = ds["time_instrument"].values
    assert told[0] == np.datetime64("1994-12-16T00:00:00")
    assert ds["sentence"].values[1] == "GGA"
    assert told[1] == np.datetime64("1994-12-15T23:59:59.226")
    assert ds["sentence"].values[3] == "RMC"
    assert told[3] == np.datetime64("1994-12-15T23:59:59.226")
    away = (ds["time"].values - told)[ds["sentence"].values == "ZDA"]
    assert np.median(away.astype(np.int64)) == 619_315_200_125_000_000


def test_gp02_and_gyr1(data: Path) -> None:
    ds = nmea(feed(data, "gp02")).load()
    assert set(ds["sentence"].values.tolist()) == {"ZDA", "VTG"}
    assert np.isnan(ds["latitude"]).all()
    assert ds["speed"].values[1] == 9.7
    assert ds["course"].values[1] == 220.6
    assert ds["time_instrument"].values[0] == np.datetime64("2014-08-01T00:00:00")
    gyro = nmea(feed(data, "gyr1")).load()
    assert gyro["heading"].values[0] == 218.53
    assert np.isnan(gyro["course"]).all()
    assert np.isnat(gyro["time_instrument"]).all()


@pytest.mark.parametrize("name", ["s330", "PCOD", "seap", "gyr1"])
def test_pynmea2_agrees(data: Path, name: str) -> None:
    """Every number is the one that pynmea2 and Python's float read."""
    ds = nmea(feed(data, name)).load()
    wanted = []
    for text in feed(data, name).read_text().splitlines():
        stamp, payload = text.split(" ", 1)
        if payload[3:6] not in ("GGA", "RMC", "ZDA", "VTG", "HDT"):
            continue
        said = pynmea2.parse(payload, check=True)
        row = dict.fromkeys(NAMES, float("nan")) | {"time": np.datetime64(stamp[:-1], "ns")}
        if payload[3:6] in ("GGA", "RMC"):
            row |= {"latitude": said.latitude, "longitude": said.longitude}
        pairs = {
            "GGA": {"altitude": "altitude"}, "RMC": {"speed": "spd_over_grnd", "course": "true_course"},
            "VTG": {"speed": "spd_over_grnd_kts", "course": "true_track"}, "HDT": {"heading": "heading"}, "ZDA": {},
        }[payload[3:6]]  # fmt: skip
        row |= {ours: float(getattr(said, theirs)) for ours, theirs in pairs.items()}
        wanted.append(row)
    for column in ("time", *NAMES):
        np.testing.assert_array_equal(ds[column].values, np.array([row[column] for row in wanted]), err_msg=column)


def test_the_whole_ship(data: Path) -> None:
    """All feeds of a folder are one dataset in the order of time, each line once."""
    ds = nmea(data / "underway" / "NBP1406").load()
    assert ds.attrs["rows"] == ds.sizes["time"] == 3125 + 4000 + 3333 + 2858 + 5000
    assert ds.indexes["time"].is_monotonic_increasing
    assert ds.attrs["refused"] == ""


BAD = {
    "garbage": "\x00\x01\x02 what\n",
    "bad time": "2020-02-30T00:00:00Z $GPHDT,1.0,T\n",
    "bad checksum": "2020-02-29T00:00:00Z $GPHDT,1.0,T*00\n",
    "too few fields": line("GPGGA,000000,4730.5,N"),
    "not a number": line("HEHDT,12.x,T"),
    "no hemisphere": line("GPGGA,000000,4730.5,,12230.5,W,1"),
    "position out of range": line("GPGGA,000000,9130.5,N,12230.5,W,1"),
    "bad instrument time": line("GPZDA,246000,01,01,2024,,"),
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_lines(tmp_path: Path, reason: str) -> None:
    """A bad line is counted by its reason, with where the first stands; the lines beside it stay."""
    good = line("HEHDT,12.5,T")
    path = log(tmp_path, good, BAD[reason], good, BAD[reason])
    ds = nmea(path)
    assert ds["heading"].values.tolist() == [12.5, 12.5]
    assert ds.attrs["bad"] == f"{reason}: 2 (first at byte {len(good)} of {path})"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("GPGGA,000000,4760.5,N,12230.5,W,1", "position out of range"),
        ("GPGGA,000000,4730.5,N,18000.1,E,1", "position out of range"),
        ("GPGGA,000000,-4730.5,N,12230.5,W,1", "position out of range"),
        ("GPGGA,000000,47e30,N,12230.5,W,1", "not a number"),
        ("GPGGA,000000,4730.5,Q,12230.5,W,1", "no hemisphere"),
        ("GPRMC,000000,A,4730.5,N,12230.5,W,x,1.0,010120", "not a number"),
        ("GPRMC,000000,A,4730.5,N,12230.5,W,1.0,1.0,320120", "bad instrument time"),
        ("GPRMC,0000,A,4730.5,N,12230.5,W,1.0,1.0,010120", "bad instrument time"),
        ("GPRMC,000000,A,4730.5,N,12230.5,W", "too few fields"),
        ("GPZDA,000000,01,01,20", "bad instrument time"),
        ("GPZDA,000000,1,1", "too few fields"),
        ("GPVTG,1.0,T,,M", "too few fields"),
        ("HEHDT,12.5", "too few fields"),
        ("HEHDT,1234567890123456789012345,T", "not a number"),
        ("HEHDT,.,T", "not a number"),
        ("HEHDT,12.5,\x07", "garbage"),
    ],
)
def test_refused_sentences(tmp_path: Path, text: str, reason: str) -> None:
    for sign in (True, False):
        ds = nmea(log(tmp_path, line(text, sign=sign)))
        assert ds.sizes["time"] == 0
        assert ds.attrs["bad"].startswith(f"{reason}: 1 ")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("GPGGA,000000,4730.0000,N,12230.6000,W,1,9,0.8,-2.5,M,,M,,", {"latitude": 47.5, "longitude": -122.51, "altitude": -2.5}),
        ("GNGGA,000000,4730.0000,S,18000.0,E,2", {"latitude": -47.5, "longitude": 180.0}),
        ("GPGGA,000000,4730.0000,N,12230.6000,W,0,9,0.8,2.5,M,,M,,", {}),  # no fix
        ("GPGGA,000000,,,,,0,00,,,M,,M,,", {}),
        ("GPGGA,000000,,N,,E,1,00,,,M,,M,,", {}),
        ("GPRMC,000000,V,4730.0000,N,12230.6000,W,1.0,2.0,010120,,", {}),  # void
        ("GPRMC,000000,A,0030.0,N,00000.0,E,1.0,2.0,010120,,", {"latitude": 0.5, "longitude": 0.0, "speed": 1, "course": 2}),
        ("GPVTG,1.5,T,,M,2.5,N,4.6,K,N", {}),  # not valid
        ("GPVTG,,T,,M,2.5,N,4.6,K,A", {"speed": 2.5}),
        ("GPHDT,+012.50,T", {"heading": 12.5}),
        ("GPHDT,,T", {}),
        ("GPHDT, 7 ,T", {"heading": 7.0}),
    ],
)  # fmt: skip
def test_taken_sentences(tmp_path: Path, text: str, wanted: dict[str, float]) -> None:
    ds = nmea(log(tmp_path, line(text))).load()
    assert ds.attrs["bad"] == ""
    assert {name: float(ds[name][0]) for name in NAMES if np.isfinite(ds[name][0])} == pytest.approx(wanted)


@pytest.mark.parametrize(
    "text", ["PSXN,20,1", "GPGLL,1,N,2,E", "PGGA,1", "PSGGA,000000,4730.5,N,12230.5,W,1", "GGA,1", ""]
)
def test_other_sentences(tmp_path: Path, text: str) -> None:
    ds = nmea(log(tmp_path, line(text), "2020-02-29T00:00:00Z 21.7652\n", "2020-02-29T00:00:00Z\n"))
    assert (ds.sizes["time"], ds.attrs["other"], ds.attrs["bad"]) == (0, 3, "")


@pytest.mark.parametrize(
    ("stamp", "time"),
    [
        ("2020-02-29T23:59:60Z", "2020-03-01T00:00:00"),  # a leap second
        ("2020-02-29T00:00:00", "2020-02-29T00:00:00"),
        ("2020-02-29T00:00:00.1Z", "2020-02-29T00:00:00.100"),
        ("2020-02-29T00:00:00.123456789123Z", "2020-02-29T00:00:00.123456789"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5"),
        ("2021-02-29T00:00:00Z", None), ("2020-00-01T00:00:00Z", None), ("2020-01-01T24:00:00Z", None),
        ("2020-01-01T00:00:00.5+00:00", "2020-01-01T00:00:00.5"), ("2020-01-01T00:00:00+01:00", "2019-12-31T23:00:00"),
        ("2020-01-01T00:00:00-0730", "2020-01-01T07:30:00"), ("2020-01-01 00:00:00.25", "2020-01-01T00:00:00.25"),
        ("2020-01-01T00:00:00Z,", "2020-01-01T00:00:00"), ("2020-01-01T00:00:00+1", None), ("2020-01-01T00:00:00+24:00", None),
        ("2020-01-01T00:00:00-07:0x", None), ("2020-01-01T00:00Z", None), ("0000-01-01T00:00:00Z", None),
        ("2300-01-01T00:00:00Z", None), ("2020-01-01_00:00:00Z", None), ("2020-01-01T00:00:0xZ", None),
    ],
)  # fmt: skip
def test_receipt_times(tmp_path: Path, stamp: str, time: str | None) -> None:
    ds = nmea(log(tmp_path, f"{stamp} $HEHDT,1.0,T\n", f"{stamp}\t$HEHDT,1.0,T\r\n"))
    assert ds["time"].values.tolist() == ([np.datetime64(time, "ns").astype(int)] * 2 if time else [])
    assert ds.attrs["bad"][:8] == ("" if time else "bad time")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("GPZDA,010203.5,28,02,2019,00,00", "2019-02-28T01:02:03.5"),
        ("GPZDA,010203,7,8,2019", "2019-08-07T01:02:03"),
        ("GPZDA,235960,31,12,2016,,", "2017-01-01T00:00:00"),
        ("GPZDA,,,,,,", "NaT"),
        ("GPZDA,010203,,,,,", "NaT"),
        ("GPRMC,010203.25,A,,,,,,,290220,,", "2020-02-29T01:02:03.25"),
        ("GPRMC,010203,A,,,,,,,010180,,", "1980-01-01T01:02:03"),
        ("GPRMC,010203,A,,,,,,,010179,,", "2079-01-01T01:02:03"),
        ("GPRMC,,V,,,,,,,,,", "NaT"),
        ("GPGGA,235900,,,,,0,,,,,,,,", "2020-02-29T23:59:00"),
        ("GPGGA,000100,,,,,0,,,,,,,,", "2020-03-01T00:01:00"),  # nearest to receipt, 23:59
        ("GPGGA,,,,,,0,,,,,,,,", "NaT"),
    ],
)
def test_instrument_times(tmp_path: Path, text: str, time: str) -> None:
    ds = nmea(log(tmp_path, line(text)))
    np.testing.assert_array_equal(ds["time_instrument"].values, [np.datetime64(time, "ns")])
    assert ds.attrs["bad"] == ""


def test_one_byte_changed_is_one_row_less(tmp_path: Path) -> None:
    """Any byte of a signed sentence that changes is noticed; but for the star, without which it is not signed."""
    good = signed("GPGGA,000000,4730.0000,N,12230.6000,W,1,9,0.8,-2.5,M,,M,,")
    places = [i for i in range(1, len(good)) if good[i] != "*"]
    stamp = "2020-02-29T00:00:00Z "
    ds = nmea(log(tmp_path, *(f"{stamp}{good[:i]}{chr(ord(good[i]) ^ 1)}{good[i + 1 :]}\n" for i in places)))
    assert ds.sizes["time"] == 0
    assert ds.attrs["bad"].startswith(f"bad checksum: {len(places)} ")


def test_lower_case_checksum(tmp_path: Path) -> None:
    text = next(signed(f"HEHDT,{i}.0,T") for i in range(99) if signed(f"HEHDT,{i}.0,T")[-1] in "ABCDEF")
    stamp = "2020-02-29T00:00:00Z "
    assert nmea(log(tmp_path, stamp + text[:-2] + text[-2:].lower() + "\n")).sizes["time"] == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\n\n\r\n", b"2020-02-29T00:00:00Z $HEHDT,1.0,T", b"2020-02-29T00:00:00Z\n", b"\0" * 99 + b"\n"],
)
def test_nothing_to_read(tmp_path: Path, content: bytes) -> None:
    ds = nmea(log(tmp_path, content)).load()
    assert ds.sizes["time"] == 0
    assert ds["sentence"].dtype.kind == "U"
    assert np.isnat(NmeaLog().span(tmp_path / "ship-2020-02-29")).all()


def test_a_compressed_log_is_called_so(tmp_path: Path) -> None:
    packed = gzip.compress("".join(line(f"HEHDT,{i % 360}.{i % 7},T") for i in range(9999)).encode())
    with pytest.raises(ReaderError, match="It is compressed: unpack it first"):
        nmea(log(tmp_path, packed, name="ship-2020-02-29.gz"))


def test_no_log(tmp_path: Path) -> None:
    """Binary files and other texts are refused, not read as nothing."""
    for content in (b"\x89PNG\r\n\x1a\n" + os.urandom(1 << 16), b"\x93NUMPY no line break", b"lat,lon\n1,2\n" * 99):
        with pytest.raises(ReaderError, match="no line begins with a time"):
            nmea(log(tmp_path, content))


def test_a_very_long_line(tmp_path: Path) -> None:
    """10 MB without a line break are one bad line; without its end it is not there yet."""
    good = line("HEHDT,12.5,T").encode()
    long = b"x" * 10_000_000
    assert nmea(log(tmp_path, good, long)).attrs["bad"] == ""
    ds = nmea(log(tmp_path, good, long, b"\n", good))
    assert ds["heading"].values.tolist() == [12.5, 12.5]
    assert ds.attrs["bad"].startswith(f"garbage: 1 (first at byte {len(good)} ")


def test_a_clock_set_back(tmp_path: Path) -> None:
    """Rows keep the order of their lines, alone and beside another file that overlaps."""
    a = log(tmp_path, *(line(f"HEHDT,{i}.0,T", second) for i, second in enumerate([0, 10, 5, 20])), name="a-2020-02-29")
    b = log(tmp_path, *(line(f"HEHDT,{i}.0,T", second) for i, second in enumerate([7, 12], 10)), name="b-2020-02-29")
    assert nmea(a)["heading"].values.tolist() == [0, 1, 2, 3]
    assert nmea([b, a])["heading"].values.tolist() == [0, 10, 1, 2, 11, 3]
    together = nmea([b, a], chunks={})
    assert together["heading"].values.tolist() == [0, 10, 1, 2, 11, 3]
    cut = nmea([b, a], start=np.datetime64("2020-02-29T23:59:05"), stop=np.datetime64("2020-02-29T23:59:12"))
    assert cut["heading"].values.tolist() == [10, 1, 2]


def test_every(tmp_path: Path) -> None:
    """One row of each kind of sentence in each interval, and the same however the file is read."""
    rows = [
        line(text, second)
        for second in np.arange(0, 10, 0.25)
        for text in (f"HEHDT,{second},T", f"GPVTG,{second},T,,M,1.0,N,1.8,K")
    ]
    path = log(tmp_path, *rows)
    ds = nmea(path, thin="2s").load()
    assert ds["heading"].values[::2].tolist() == [0, 2, 4, 6, 8]
    assert ds["course"].values[1::2].tolist() == [0, 2, 4, 6, 8]
    assert ds.attrs["rows"] == len(rows)
    xr.testing.assert_equal(nmea(path, thin=np.timedelta64(2, "s")).load(), ds)
    start = np.datetime64("2020-02-29T23:59:03")
    xr.testing.assert_equal(nmea(path, thin="2s", start=start).load(), ds.isel(time=ds["time"] >= start))
    path.write_bytes(b"")
    offset, parts = 0, []
    for begin in range(0, len(rows), 7):
        with path.open("a") as file:
            file.writelines(rows[begin : begin + 7])
        new, offset = NmeaLog().rows_from(path, offset, thin="2s")
        parts.append(new)
    xr.testing.assert_equal(xr.concat(parts, dim="time"), ds)


def test_reading_on_from_the_middle(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that starts in the middle learns from the lines before what they said of the date."""
    path = log(tmp_path, feed(data, "PCOD").read_bytes())
    whole = nmea(path).load()
    cut = path.read_bytes().index(b"$GPGGA", 5000)
    cut = path.read_bytes().rindex(b"\n", 0, cut) + 1
    monkeypatch.setattr(nmea_file, "_TAILS", {})
    rest, end = NmeaLog().rows_from(path, cut)
    assert end == path.stat().st_size
    assert rest["sentence"].values[0] == "GGA"
    assert rest["time_instrument"].values[0] < np.datetime64("1995-01-01")
    xr.testing.assert_equal(rest, whole.isel(time=slice(-rest.sizes["time"], None)))


def test_a_shorter_file(tmp_path: Path) -> None:
    path = log(tmp_path, line("HEHDT,1.0,T"))
    with pytest.raises(ReaderError, match="shorter than what was read"):
        NmeaLog().rows_from(path, 1000)
    ds = nmea(path)
    path.write_bytes(b"")
    with pytest.raises(ReaderError, match="rewritten"):
        ds.load()


def test_importing_it_is_light() -> None:
    code = "import sys, workbench.readers.nmea_log; print('numba' in sys.modules, 'pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"


def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "loop-2020-02-29").symlink_to("loop-2020-02-29")
    good = log(tmp_path, line("HEHDT,1.0,T"))
    with pytest.raises(ReaderError):
        nmea(tmp_path / "loop-2020-02-29")
    ds = nmea([good, tmp_path / "loop-2020-02-29"])
    assert ds.sizes["time"] == 1
    assert "loop-2020-02-29" in ds.attrs["refused"]


def test_tails_of_files_of_weeks_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine reads another file each hour of each feed; one whose tail was forgotten is read like any other."""
    monkeypatch.setattr(nmea_file, "_TAILS", {})
    monkeypatch.setattr(nmea_file, "_MOST_TAILS", 3)
    line = b"2023-01-12T03:00:%02dZ $GPVTG,054.7,T,,M,%d,N,010.2,K,A\n"
    paths = [tmp_path / f"{i}.log" for i in range(6)]
    for path in paths:
        path.write_bytes(line % (0, 5))
        assert nmea_file.read_on(path, 0).times.shape[-1] == 1
    assert len(nmea_file._TAILS) == 3
    for path in paths:
        with path.open("ab") as file:
            file.write(line % (1, 6))
        assert nmea_file.read_on(path, len(line % (0, 5))).times.shape[-1] == 1
