"""Laws of nmea_log, on lines of every kind in every order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import numpy as np
import pynmea2
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.window import Window
from workbench.readers import nmea_file
from workbench.readers.nmea_log import NmeaLog
from workbench.testing import strategies

START = np.datetime64("2020-02-28T12:00:00", "ms")


def signed(text: str) -> str:
    return f"${text}*{reduce(xor, text.encode()):02X}"


def number(low: float, high: float, decimals: int) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), st.floats(low, high).map(lambda x: f"{x:.{decimals}f}"))


@st.composite
def angles(draw: Any, degrees: int, sides: str) -> str:
    whole, minutes = draw(st.integers(0, degrees)), draw(st.integers(0, 59_999_999))
    if whole == degrees:
        minutes = 0
    width = 2 if degrees == 90 else 3
    return f"{whole:0{width}d}{minutes // 1_000_000:02d}.{minutes % 1_000_000:06d},{draw(st.sampled_from(sides))}"


@st.composite
def sentences(draw: Any) -> str:
    """One of the five, without ``$``; its numbers may be missing."""
    clock = f"{draw(st.integers(0, 23)):02d}{draw(st.integers(0, 59)):02d}{draw(st.integers(0, 59)):02d}"
    clock += draw(st.sampled_from(["", ".5", ".25", ".123"]))
    day, month, year = draw(st.integers(1, 28)), draw(st.integers(1, 12)), draw(st.integers(1990, 2030))
    latitude, longitude = draw(angles(90, "NS")), draw(angles(180, "EW"))
    speed, course = draw(number(0, 40, 2)), draw(number(0, 360, 2))
    talker = draw(st.sampled_from(["GP", "GN", "IN", "HE"]))
    return talker + draw(
        st.sampled_from([
            f"GGA,{clock},{latitude},{longitude},1,09,0.8,{draw(number(-50, 90, 2))},M,4.6,M,,",
            f"RMC,{clock},A,{latitude},{longitude},{speed},{course},{day:02d}{month:02d}{year % 100:02d},,,A",
            f"ZDA,{clock},{day:02d},{month:02d},{year},00,00",
            f"VTG,{course},T,,M,{speed},N,,K,A",
            f"HDT,{draw(number(0, 360, 2))},T",
        ])
    )  # fmt: skip


stamps = st.integers(0, 200_000_000).map(lambda ms: f"{START + np.timedelta64(ms, 'ms')}Z ")
good = st.tuples(stamps, sentences().map(signed)).map("".join)
unsigned = st.tuples(stamps, sentences().map(lambda text: f"${text}")).map("".join)
other = st.tuples(stamps, st.sampled_from(["$PSXN,20,1*3B", "21.7652", "", "\x0201RD,3338", "$GPGLL,1"])).map("".join)
junk = st.one_of(
    st.binary(max_size=80).map(lambda b: b.decode("latin-1")), st.text("$,*0123456789-T:GPHDA.", max_size=60)
)
damaged = st.tuples(good, st.integers(0, 100), st.characters(max_codepoint=255)).map(
    lambda t: t[0][: t[1] % len(t[0])] + t[2] + t[0][t[1] % len(t[0]) + 1 :]
)
anything = st.lists(st.one_of(good, good, good, unsigned, other, junk, damaged), max_size=14).map(
    lambda lines: "".join(f"{line}\n" for line in lines).encode("latin-1")
)


@contextmanager
def written(*contents: bytes) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"ship{i}-2020-02-28" for i in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        yield paths


def nmea(path: Any, **options: Any) -> xr.Dataset:
    return xr.open_dataset(path, engine="nmea_log", **options).load()


def readable(raw: bytes) -> bytes:
    """A first byte that may begin a time: else a file without a line break is refused."""
    return b"2" + raw


@given(st.lists(good, min_size=1, max_size=12))
def test_what_is_written_is_read(lines: list[str]) -> None:
    """Each number is what pynmea2 reads, to the last bit."""
    with written("".join(f"{line}\n" for line in lines).encode()) as paths:
        ds = nmea(paths[0])
    assert ds.attrs["rows"] == ds.sizes["time"] == len(lines)
    read = {str(name): ds[name].values for name in ds.variables}
    for i, line in enumerate(lines):
        stamp, text = line.split(" ", 1)
        said = pynmea2.parse(text, check=True)
        assert read["time"][i] == np.datetime64(stamp[:-1], "ns")
        assert read["sentence"][i] == text[3:6]
        numbers = {
            "latitude": said.latitude if text[3:6] in ("GGA", "RMC") else None,
            "longitude": said.longitude if text[3:6] in ("GGA", "RMC") else None,
            "altitude": getattr(said, "altitude", None), "heading": getattr(said, "heading", None),
            "speed": getattr(said, "spd_over_grnd", getattr(said, "spd_over_grnd_kts", None)),
            "course": getattr(said, "true_course", getattr(said, "true_track", None)),
        }  # fmt: skip
        for name, value in numbers.items():
            wanted = np.nan if value in (None, "") else float(value)
            assert read[name][i] == wanted or (np.isnan(wanted) and np.isnan(read[name][i])), f"{name} of {line}"
        if text[3:6] in ("ZDA", "RMC"):
            told = np.datetime64(said.datetime.replace(tzinfo=None), "ns")
            assert read["time_instrument"][i] == told


@given(anything, st.data())
def test_truncation(raw: bytes, data: st.DataObject) -> None:
    raw = readable(raw)
    size = data.draw(st.integers(0, len(raw)))
    with written(raw, raw[:size]) as (whole, part):
        ds, cut = nmea(whole), nmea(part)
        xr.testing.assert_identical(cut.drop_attrs(), ds.isel(time=slice(cut.sizes["time"])).drop_attrs())
        assert NmeaLog().complete(part) == raw[:size].rfind(b"\n") + 1


@given(anything, st.data())
def test_every_line_is_counted_once(raw: bytes, data: st.DataObject) -> None:
    raw = readable(raw)
    with written(raw) as (path,):
        attrs = nmea(path).attrs
    bad = sum(int(line.split(": ")[1].split(" ")[0]) for line in attrs["bad"].splitlines())
    lines = [line for line in raw.split(b"\n")[:-1] if line not in (b"", b"\r")]
    assert attrs["rows"] + attrs["other"] + bad == len(lines)


@given(anything, st.lists(st.integers(0, 3000), max_size=6), st.booleans(), st.sampled_from([None, "1h"]))
def test_growth(raw: bytes, sizes: list[int], forget: bool, every: str | None) -> None:
    """Reading on in any steps, with what was known forgotten or not, is reading at once."""
    with written(raw, b"") as (whole, path):
        parts, offset = [], 0
        for size in [*sorted(sizes), len(raw)]:
            path.write_bytes(raw[:size])
            if forget:
                nmea_file._TAILS.clear()
            rows, offset = NmeaLog().rows_from(path, offset, thin=every)
            parts.append(rows)
        at_once, end = NmeaLog().rows_from(whole, 0, thin=every)
        middle = raw.rfind(b"\n", 0, max(len(raw) // 2, 1)) + 1
        rest, _ = NmeaLog().rows_from(path, middle, thin=every)
        xr.testing.assert_equal(rest, at_once.isel(time=slice(at_once.sizes["time"] - rest.sizes["time"], None)))
    assert offset == end == raw.rfind(b"\n") + 1
    xr.testing.assert_equal(xr.concat(parts, dim="time"), at_once)
    assert sum(part.attrs["rows"] for part in parts) == at_once.attrs["rows"]


@given(anything, anything, st.sampled_from([None, "6h"]), st.data())
def test_window(a: bytes, b: bytes, every: str | None, data: st.DataObject) -> None:
    """Of one file exactly; of several too where no clock was set back by more than an hour."""
    with written(readable(a), readable(b)) as paths:
        for what in (paths[0], paths):
            ds = nmea(what, thin=every)
            times = np.unique(ds["time"].values)
            window = data.draw(strategies.windows(times)) if len(times) else Window(START, START)
            if what is paths and not all(steady(nmea(path)) for path in paths):
                continue
            cut = nmea(what, start=window.start, stop=window.stop, thin=every)
            wanted = ds.isel(time=window.contains(ds["time"].values))
            xr.testing.assert_identical(cut.drop_attrs(), wanted.drop_attrs())


def steady(ds: xr.Dataset) -> bool:
    times = ds["time"].values
    return bool(len(times) == 0 or (times.min() >= times[0] and times.max() <= times[-1]))


@given(anything, anything)
def test_two_files_are_their_rows(a: bytes, b: bytes) -> None:
    """Each file's rows keep their order, and both come in the order of time where each does."""
    with written(readable(a), readable(b)) as paths:
        each, ds = [nmea(path) for path in paths], nmea(paths)
        assert ds.sizes["time"] == sum(one.sizes["time"] for one in each)
        assert sorted(ds["time"].values) == sorted(np.concatenate([one["time"].values for one in each]))
        if all(one.indexes["time"].is_monotonic_increasing for one in each):
            assert ds.indexes["time"].is_monotonic_increasing


@given(good, st.integers(1, 500), st.integers(1, 255))
def test_no_damage_goes_unnoticed(line: str, place: int, flip: int) -> None:
    """A signed sentence with one byte changed is no row (the star apart: without it there is nothing to check)."""
    begin, star = line.index("$"), line.index("*")
    at = begin + 1 + place % (len(line) - begin - 1)
    if at == star:
        return
    raw = bytearray(line.encode())
    raw[at] ^= flip
    if raw[at] in b"\n":
        return
    with written(bytes(raw) + b"\n") as (path,):
        ds = nmea(path)
    if at > star and raw.decode("latin-1").lower() == line.lower():  # 6c is 6C
        return
    assert ds.sizes["time"] == 0


@pytest.mark.parametrize("block", [100, 4096, 1 << 16])
def test_blocks(block: int) -> None:
    """What is read does not depend on how much is read at once."""
    rng = np.random.default_rng(1)
    lines = [
        f"{START + np.timedelta64(i * 100, 'ms')}Z {signed(f'HEHDT,{rng.uniform(0, 360):.2f},T')}\n"
        for i in range(9000)
    ]
    raw = "".join(lines).encode()
    with written(raw) as (path,):
        whole = nmea_file.read(path, 0, len(raw))
        assert len(whole) == 9000
        np.testing.assert_array_equal(nmea_file.read(path, 0, len(raw), block=block).values, whole.values)
