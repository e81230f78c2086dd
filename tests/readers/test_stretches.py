"""Stretches of files, one after the other, are the rows that opening them gives, in its order, with what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.catalog.export_attributes import together
from workbench.readers import nmea_stretches, seaflow_evt, seaflow_hours, seaflow_layout
from workbench.readers.hdf5 import Hdf5
from workbench.readers.nmea_log import NmeaLog
from workbench.readers.reader import Reader
from workbench.readers.seaflow_evt import SeaflowEvt, write_evt
from workbench.readers.seaflow_particles import HourFiles
from workbench.readers.text import TextReader
from workbench.readers.tsdata import Tsdata

BEGIN = np.datetime64("2025-01-14T00:00:00", "ns")
SECOND = np.timedelta64(1, "s")
SECONDS = st.lists(st.integers(0, 40), max_size=12)
WINDOW = st.one_of(st.none(), st.tuples(st.integers(0, 40), st.integers(0, 60)))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nmea_stretches, "LEAST", 1)


def edges(window: tuple[int, int] | None) -> dict[str, Any]:
    return {} if window is None else {"start": BEGIN + window[0] * SECOND, "stop": BEGIN + sum(window) * SECOND}


def same(reader: Reader, named: Any, size: int, rows: int, **options: Any) -> int:
    """How many stretches there are, all looked at twice and out of order as well."""
    wanted = reader.open_dataset(named, **options).load()
    openers = reader.stretches(named, size, rows, **options)
    if not openers:
        return 0
    for _ in range(2):
        found = [opener().load() for opener in openers]
        joined = xr.concat(
            [ds.drop_attrs(deep=False) for ds in found], "time", data_vars="minimal", combine_attrs="override"
        )
        xr.testing.assert_identical(joined, wanted.drop_attrs(deep=False))
        attrs = together([each.attrs for each in found])
        assert attrs is not None and {k: v for k, v in wanted.attrs.items() if v != ""} == {
            k: v for k, v in attrs.items() if v != ""
        }
    xr.testing.assert_identical(openers[-1]().load(), found[-1])
    return len(openers)


def sentences(seconds: list[int], talker: int) -> str:
    """Headings, now and then a position, a date, or no sentence at all."""
    out = []
    for i, second in enumerate(seconds):
        when = str(BEGIN + second * SECOND)[:19]
        out.append(f"{when}Z $GPHDT,{talker}{second}.{i},T")
        if second % 7 == 3:
            out.append(f"{when}Z $GPZDA,0000{second:02d}.00,{13 + talker},01,2025,00,00")
        if second % 5 == 1:
            out.append(f"{when}Z $GPGGA,0000{second:02d}.00,2{talker}00.0,N,15800.{i},W,1,10,0.9,11.5,M,,M,,")
        if second % 11 == 2:
            out.append("no line")
    return "".join(f"{line}\n" for line in out)


@settings(max_examples=30)
@given(st.lists(SECONDS, min_size=1, max_size=4), st.integers(1, 400), st.integers(1, 9), WINDOW, st.sampled_from([None, "5s"]),
       st.booleans())  # fmt: skip
def test_logs(tmp_path_factory: pytest.TempPathFactory, logs: list[list[int]], size: int, rows: int, window: Any, thin: str | None,
              in_order: bool) -> None:  # fmt: skip
    """Logs whose times overlap, or go back: rows stand where opening puts them."""
    folder = tmp_path_factory.mktemp("logs")
    for i, seconds in enumerate(logs):
        (folder / f"{i}.nmea").write_text(sentences(sorted(seconds) if in_order else seconds, i))
    (folder / "bad.nmea").write_text("no line begins with a time\n" * 80)
    same(NmeaLog(), folder, size, rows, thin=thin, **edges(window))
    same(NmeaLog(), folder / "0.nmea", size, rows, thin=thin, **edges(window))


HEAD = "{}\np\nNA\n{}\ntime\tfloat\ttext\t{}\n{}\ntime\tT\tword\t{}\n"


def table(seconds: list[int], kind: int) -> str:
    about = [
        ("NA\tNA\tNA\tNA", "float", "NA\tdegC\tNA\tpsi", "p"),
        ("NA\tx\tNA\tNA", "integer", "NA\tdegC\tNA\tV", "volt"),
    ][kind]
    cells = [
        f"{str(BEGIN + s * SECOND)[:19]}Z\t{'x' if s % 7 == 3 else s}\tw{s}\t{'NA' if s % 5 == 1 else s}\n"
        for s in seconds
    ]
    comments, type_, units, name = about
    return (
        HEAD.format("f", comments, type_, units, name) + "".join(cells) + ("one\tcell\n" if seconds[:1] == [3] else "")
    )


@settings(max_examples=30)
@given(st.lists(st.tuples(SECONDS, st.integers(0, 1)), min_size=1, max_size=4), st.integers(1, 200), WINDOW)
def test_tables(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[int], int]], size: int, window: Any
) -> None:
    """TSDATA of one or two kinds, in any order, one of them no table."""
    folder = tmp_path_factory.mktemp("tables")
    for i, (seconds, kind) in enumerate(files):
        (folder / f"{i}.tsdata").write_text(table(seconds, kind))
    (folder / "bad.tsdata").write_text("not seven lines\n")
    same(Tsdata(), folder, size, 1, **edges(window))
    same(Tsdata(), folder / "0.tsdata", size, 1, **edges(window))


class Numbers(TextReader):
    """A second and a number a line, under a header."""

    patterns, head = ("*.numbers",), 1

    def parse(self, head: list[str], rows: list[str]) -> xr.Dataset:
        cells = [row.split() for row in rows]
        time = BEGIN + np.array([int(cell[0]) for cell in cells], np.int64) * SECOND
        return xr.Dataset({head[0]: ("time", np.array([float(cell[1]) for cell in cells]))}, {"time": time})


@settings(max_examples=30)
@given(st.lists(SECONDS, min_size=1, max_size=4), st.integers(1, 30), WINDOW)
def test_lines(tmp_path_factory: pytest.TempPathFactory, files: list[list[int]], size: int, window: Any) -> None:
    folder = tmp_path_factory.mktemp("lines")
    for i, seconds in enumerate(files):
        (folder / f"{i}.numbers").write_text("x\n" + "".join(f"{s} {s}.{i}\n" for s in seconds) + "7 half a li")
    (folder / "bad.numbers").write_text("x\nno number\n")
    if all(files):  # a file without rows has no columns either, and is joined otherwise
        same(Numbers(), [folder / f"{i}.numbers" for i in range(len(files))], size, 1, **edges(window))
    assert np.array_equal(*(Numbers().span(folder / f"{i}.numbers") for i in (0, 0)), equal_nan=True)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(SECONDS, st.booleans()), min_size=1, max_size=4),
    st.integers(1, 9),
    WINDOW,
    st.sampled_from(["nc", "parquet"]),
)
def test_containers(tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[int], bool]], rows: int, window: Any, kind: str) -> None:  # fmt: skip
    """NetCDF and Parquet, overlapping, in any order, of one or two layouts, one of them broken."""
    folder = tmp_path_factory.mktemp("containers")
    for i, (seconds, more) in enumerate(files):
        n = len(seconds)
        made = {"a": ("time", np.arange(n, dtype="f4") + i), **({"b": ("time", np.arange(n))} if more else {})}
        ds = xr.Dataset(made, {"time": BEGIN + np.array(seconds, np.int64) * SECOND})
        if kind == "nc":
            ds.to_netcdf(folder / f"{i}.nc", encoding={"time": {"units": "seconds since 1970-01-01", "dtype": "f8"}})
        else:
            ds.to_dataframe().reset_index().to_parquet(folder / f"{i}.parquet", row_group_size=3)
    (folder / f"bad.{kind}").write_bytes(b"PAR1, and that is all")
    same(Hdf5(), folder, 1, rows, **edges(window))
    same(Hdf5(), folder / f"0.{kind}", 1, rows, **edges(window))


def test_what_is_long_is_cut(tmp_path: Path) -> None:
    """The laws would hold of one stretch, too."""
    (tmp_path / "0.nmea").write_text(sentences(list(range(40)), 0))
    (tmp_path / "1.nmea").write_text(sentences(list(range(20, 60)), 1))
    assert same(NmeaLog(), tmp_path, 200, 5) > 5
    (tmp_path / "0.tsdata").write_text(table(list(range(40)), 0))
    assert same(Tsdata(), tmp_path, 100, 5) > 5
    assert Tsdata().stretches(tmp_path, 100, 5, strict=True) is None
    (tmp_path / "0.numbers").write_text("x\n" + "1 1\n" * 99)
    assert same(Numbers(), tmp_path, 20, 1) > 5


@pytest.mark.parametrize("begin", [0, 7, 99_999])
def test_some_particles_of_a_file(tmp_path: Path, begin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the others being read."""
    rng, n = np.random.default_rng(1), 100_000
    names = ("D1", "D2", "fsc_small", "pe", "chl_small", "pulse_width", "evt_rate")
    rows = {name: rng.integers(0, 65_536, n).astype(np.uint16) for name in names}
    path = tmp_path / "2025-01-14T00-00-00+00-00"
    write_evt(path, rows)
    monkeypatch.setattr(seaflow_evt._recent, "limit", 0)
    monkeypatch.setattr(seaflow_layout, "rows", None)
    ds = SeaflowEvt().open_dataset(path).isel(particle=slice(begin, begin + 40))
    for name in names:
        np.testing.assert_array_equal(ds[name].values, rows[name][begin : begin + 40])


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_some_particles_of_an_hour(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    """Of those inside the window, whatever the row groups."""
    n = sum(sizes)
    when = np.repeat(BEGIN + np.arange(len(sizes)) * np.timedelta64(180, "s"), sizes)
    channels = {name: np.arange(n, dtype="f8") + 1 for name in ("D1", "D2", "fsc_small", "pe", "chl_small")}
    frame = pd.DataFrame(
        {"date": pd.to_datetime(when, utc=True), **channels}
        | {f"q{q}": np.arange(n) % 2 == 0 for q in ("2.5", "50", "97.5")}
    )
    path = tmp_path_factory.mktemp("hour") / "2025-01-14T00-00-00+00-00.1H.opp.parquet"
    frame.to_parquet(path, row_group_size=4)
    inside = np.array(data.draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes))))
    hours = HourFiles([seaflow_hours.probe(str(path))], [inside])
    wanted = channels["D1"][np.repeat(inside, sizes)]
    if not len(wanted):
        return
    begin = data.draw(st.integers(0, len(wanted) - 1))
    stop = data.draw(st.integers(begin + 1, len(wanted)))
    np.testing.assert_array_equal(hours.read_rows(0, "D1", begin, stop), wanted[begin:stop])
