"""The record at the length of a cruise: 60 days at 1 Hz with 20 variables, beside what one would write otherwise.

The peers read the same rows: pandas from the same Parquet files, and `fetchall` from one plain SQLite table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr

from workbench.core.window import Window
from workbench.record import bins
from workbench.record import days as days_module
from workbench.record.block import Block
from workbench.record.meta import Meta
from workbench.record.record import Record

pytestmark = pytest.mark.timeout(600)

T = np.datetime64("2024-05-01", "ns")
DAY = np.timedelta64(1, "D")
NAMES = [f"v{i:02d}" for i in range(20)]


def rows(first: int, count: int, seed: int = 1) -> xr.Dataset:
    """Slow signals with noise, as instruments write them: three decimals."""
    rng = np.random.default_rng(seed)
    second = first + np.arange(count)
    data = {
        name: ("time", np.round(20 + np.sin(second / 9000 + i) + rng.normal(0, 0.01, count), 3), {"units": "m"})
        for i, name in enumerate(NAMES)
    }
    return xr.Dataset(data, {"time": T + second * np.timedelta64(1, "s")})


def meta_of(record: Record) -> Meta:
    with sqlite3.connect(record.folder / "series/hot.db") as connection:
        found = Meta.load(connection, "underway")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def cruise(tmp_path_factory: pytest.TempPathFactory, smoke: bool) -> Iterator[tuple[Record, int]]:
    """Rolled but for the last hour; a smoke run has 3 short days."""
    folder = tmp_path_factory.mktemp("cruise")
    days, each = (3, 1000) if smoke else (60, 86_400)
    record = Record(folder)
    record.append("underway", rows(0, each, 0))
    record.roll(before=T + DAY)
    meta = meta_of(record)
    for day in range(1, days - 1):  # as rolling writes them, but for the way through SQLite
        block = Block.of("underway", rows(day * 86_400, each, day)).rows
        block = block.append_column("_rev", pa.array(np.ones(each, np.int64)))
        path = folder / f"series/underway/{days_module.name_of(19_844 + day)}.parquet"
        temp, footer = days_module.write(path, block, meta)
        bins.write(bins.path_of(path), block, meta, footer.id).rename(bins.path_of(path))
        temp.rename(path)
    record.append("underway", rows((days - 1) * 86_400, each, days - 1))
    record.roll(before=T + days * DAY - np.timedelta64(1, "h"))
    yield record, days
    record.close()


def test_rows_of_one_second(measure, tmp_path: Path, smoke: bool, row) -> None:
    """One row of 20 values a second: the commit counts."""
    record, plain = Record(tmp_path / "ours"), sqlite3.connect(tmp_path / "plain.db", isolation_level=None)
    plain.execute("pragma journal_mode=wal")
    plain.execute("pragma synchronous=full")
    plain.execute(f"create table t (time integer primary key, {', '.join(NAMES)})")
    at = iter(range(10**9))
    blocks = [rows(i, 1) for i in range(4000)]

    def ours() -> None:
        for _ in range(100):
            record.append("t", blocks[next(at)])

    def peer() -> None:
        for _ in range(100):
            second = next(at)
            row = blocks[second]
            values = [float(row[name].values[0]) for name in NAMES]
            plain.execute(f"insert into t values ({', '.join('?' * 21)})", [second, *values])

    seconds = measure("record: a row of 20 a transaction", {"Record.append": ours, "plain SQLite FULL": peer}, per=100)
    record.close()
    plain.close()
    plain_each = 1e4 * seconds["plain SQLite FULL"]
    row(
        "record: a row of 20 a transaction",
        "us",
        1e4 * seconds["Record.append"],
        limit=plain_each,
        at_most=3 * plain_each,
    )


def test_rows_in_bulk(measure, tmp_path: Path, size: Callable[[float], int], smoke: bool, row) -> None:
    """Two hours at a time."""
    n = min(size(7.2e6), 7200)
    at, record = iter(range(10**6)), Record(tmp_path / "ours")
    blocks = [rows(i * n, n) for i in range(12)]
    seconds = measure(
        "record: 7,200 rows of 20 a transaction", {"Record.append": lambda: record.append("t", blocks[next(at)])}, per=n
    )
    record.close()
    row("record: rows of 20 in bulk", "us a row", 1e6 * seconds["Record.append"] / n, at_most=1000)


def test_opening(cruise, measure, smoke: bool, row) -> None:
    record, days = cruise
    files = sorted((record.folder / "series/underway").glob("*.parquet"))
    seconds = measure(
        "record: open 60 days at 1 Hz x 20",
        {
            "Record.open": lambda: record.open("underway"),
            "Record.open, last hour": lambda: record.open("underway", Window(T + days * DAY - np.timedelta64(1, "h"))),
            "pandas, Parquet of one day": lambda: pd.read_parquet(files[-1]),
        },
        repeats=5,
    )
    row("record: open 60 days", "s", seconds["Record.open"], peer=60 * seconds["pandas, Parquet of one day"],
        peer_name="pandas, Parquet of 60 days", least_ratio=4)  # fmt: skip


def test_few_points_of_all_days(cruise, measure, smoke: bool, row) -> None:
    record, _ = cruise
    files = sorted((record.folder / "series/underway").glob("*.parquet"))

    def ours(names: list[str]) -> xr.Dataset:
        return record.open("underway", max_points=2000)[names].load()

    def peer() -> pd.DataFrame:
        table = pd.concat([pd.read_parquet(file, columns=["time", "v03"]) for file in files])
        return table.resample("1h", on="time").agg(["min", "max", "mean"])

    one = [f"v03{suffix}" for suffix in ("", "_min", "_max")]
    every = [f"{name}{suffix}" for name in NAMES for suffix in ("", "_min", "_max")]
    want = peer()
    found = ours(one)
    assert found.sizes["time"] <= 2000
    if not smoke:
        assert found.attrs["interval"] == 3600
        np.testing.assert_array_equal(found["v03_max"][: len(want) - 1], want["v03"]["max"][:-1])
    seconds = measure(
        "record: 2,000 points of 60 days",
        {"1 variable": lambda: ours(one), "20 variables": lambda: ours(every), "pandas, 1 variable": peer},
        repeats=5,
    )
    row("record: 2,000 points of 60 days", "s", seconds["1 variable"], peer=seconds["pandas, 1 variable"],
        peer_name="pandas", least_ratio=2)  # fmt: skip


def test_one_variable_whole(cruise, measure, smoke: bool, tmp_path: Path, row) -> None:
    """Five million values of one variable, and what SQLite alone would take for them."""
    record, _ = cruise
    plain = sqlite3.connect(tmp_path / "plain.db")
    plain.execute("create table t (time integer primary key, v real)")
    ds = record.open("underway")[["v03"]]
    part = ds.isel(time=slice(0, 500_000)).load()
    plain.executemany(
        "insert into t values (?, ?)",
        zip(part["time"].values.astype(int).tolist(), part["v03"].values.tolist(), strict=True),
    )
    plain.commit()
    share = ds.sizes["time"] / part.sizes["time"]
    seconds = measure(
        "record: one variable of 60 days",
        {"Record.open": lambda: record.open("underway")["v03"].load(),
         "SQLite fetchall of a tenth": lambda: np.array(plain.execute("select time, v from t order by time").fetchall())},
        repeats=3,
    )  # fmt: skip
    plain.close()
    row("record: one variable of 60 days", "s", seconds["Record.open"], peer=seconds["SQLite fetchall of a tenth"] * share,
        peer_name="SQLite fetchall", least_ratio=4)  # fmt: skip


def test_bytes(cruise, capsys: pytest.CaptureFixture[str]) -> None:
    record, _ = cruise
    files = list((record.folder / "series/underway").iterdir())
    rolled = sum(file.stat().st_size for file in files if file.suffix == ".parquet")
    bins = sum(file.stat().st_size for file in files if file.suffix == ".arrow")
    hot = sum(file.stat().st_size for file in (record.folder / "series").glob("hot.db*"))
    count = record.count("underway")
    with capsys.disabled():
        print(
            f"\nbytes a row of 20 values: {rolled / count:.1f} in Parquet, {bins / count:.1f} of pyramids; hot.db {hot / 1e6:.1f} MB"
        )
