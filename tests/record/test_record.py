"""The record by examples: growing columns, clocks set back, replays, errors that teach."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import sqlite3
import weakref
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tests.record.rows import ATTRS, HOUR, T, block, sorted_by_time
from workbench.core import clock
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.window import Window
from workbench.readers.nmea_log import NmeaLog
from workbench.record import days, rolling
from workbench.record.record import Record

SECOND = np.timedelta64(1, "s")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "cruise")


def one(value: object, at: int = 0, name: str = "x", **attrs: object) -> xr.Dataset:
    return xr.Dataset({name: ("time", np.array([value]), attrs)}, {"time": [T + at * SECOND]})


def test_a_real_log_is_recorded_and_read_again(data: Path, record: Record) -> None:
    (path,) = sorted((data / "underway/kilo-moana").glob("*"))[:1]
    ds = xr.open_dataset(path, engine=NmeaLog, chunks={}).isel(time=slice(0, 20_000))
    record.append("ship", ds)
    want = sorted_by_time(ds.load())
    for _ in range(2):
        read = record.open("ship").load()
        for name in want.variables:
            np.testing.assert_array_equal(read[name].values, want[name].values, err_msg=str(name))
            assert read[name].attrs == want[name].attrs
            assert read[name].dtype == want[name].dtype
        assert record.append("ship", ds) == 0
        record.roll(before=T + 10_000 * 24 * HOUR)


def test_a_feed_that_grows_a_field_gets_a_column(record: Record) -> None:
    record.append("t", one(1, 0))
    record.append("t", xr.merge([one(2, 1), one("a", 1, "word")]))
    ds = record.open("t").load()
    assert ds["x"].values.tolist() == [1, 2]
    assert ds["word"].values.tolist() == ["", "a"]
    assert ds["x"].dtype == int


def test_whole_numbers_become_others_where_they_must(record: Record) -> None:
    record.append("t", one(1, 0))
    assert record.open("t")["x"].dtype == np.int64
    record.roll(before=T + 48 * HOUR)
    record.append("t", one(2.5, 1))
    assert record.open("t")["x"].load().values.tolist() == [1.0, 2.5]
    record.append("t", one(7, 2, "y"))
    np.testing.assert_array_equal(record.open("t")["x"], [1.0, 2.5, np.nan])
    np.testing.assert_array_equal(record.open("t")["y"], [np.nan, np.nan, 7])


def test_a_flag_that_is_not_there_is_missing(record: Record) -> None:
    record.append("t", one(1, 0))
    record.append("t", one(np.int8(1), 1, "x_qc", **ATTRS["flag_qc"]))
    flags = record.open("t")["x_qc"].load()
    assert flags.dtype == np.int8
    assert flags.values.tolist() == [9, 1]
    np.testing.assert_array_equal(flags.attrs["flag_values"], ATTRS["flag_qc"]["flag_values"])
    assert record.open("t", max_points=1)["x_qc"].values.tolist() == [1]


def test_numpy_numbers_are_kept_as_numbers(record: Record) -> None:
    record.append("t", block([0, 1]))
    with sqlite3.connect(record.folder / "series/hot.db") as connection:
        kinds = connection.execute(
            'select distinct typeof(time), typeof(id), typeof(whole), typeof(_rev) from "t"'
        ).fetchall()
    assert kinds == [("integer",) * 4]


def test_names_that_differ_by_case_are_two_variables(record: Record) -> None:
    ds = xr.merge([one(1.5, 0, "t"), one(2.5, 0, "T")])
    record.append("t", ds)
    xr.testing.assert_identical(record.open("t").load(), ds)
    record.roll(before=T + 48 * HOUR)
    xr.testing.assert_identical(record.open("t").load(), ds)


def test_a_clock_set_back_overwrites_nothing(record: Record) -> None:
    first = [one(float(i), i) for i in range(4)]
    again = [one(float(i + 10), i) for i in range(2, 6)]
    for ds in (*first, *again):
        record.append("t", ds)
    assert record.open("t")["x"].values.tolist() == [0, 1, 2, 12, 3, 13, 14, 15]


def test_rows_with_no_time_stay_out(record: Record) -> None:
    ds = block([0, 1, 2])
    ds["time"] = ("time", np.array([T, np.datetime64("NaT"), T + HOUR]))
    assert record.append("t", ds) == 2
    assert record.count("t") == 2


def test_times_at_the_ends_of_what_can_be_said(record: Record) -> None:
    times = np.array([-(2**63) + 1, -1, 0, 2**63 - 2], dtype=np.int64).view("datetime64[ns]")
    ds = xr.Dataset({"x": ("time", np.arange(4.0))}, {"time": times})
    record.append("t", ds)
    record.roll(before=T)
    np.testing.assert_array_equal(record.open("t")["time"], times)
    assert record.changed("t")[0].sizes["time"] == 4
    assert record.open("t", max_points=3).sizes["time"] <= 3


@pytest.mark.parametrize(
    ("table", "ds", "why"),
    [
        ("../x", one(1), "cannot be a table"),
        ("_tables", one(1), "cannot be a table"),
        ("T", one(1), "more than case"),
        ("t", one("a"), "holds numbers so far and text now"),
        ("t", one(1, 0, "_seq"), "name of the record's own"),
        ("t", one(np.uint64(2**63), 0, "y"), "whole numbers end"),
        ("t", one(1j, 0, "y"), "numbers, text and times"),
        ("t", xr.Dataset({"x": ("a", [1])}), "coordinate 'time'"),
        ("t", xr.Dataset({"x": (("time", "a"), [[1]])}, {"time": [T], "a": ["b"]}), "kept by time"),
        ("t", one(1).assign(z=3), "has a time"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_told_and_nothing_is(record: Record, table: str, ds: xr.Dataset, why: str) -> None:
    record.append("t", one(1))
    before = record.open("t").load()
    with pytest.raises(WorkbenchError, match=why):
        record.append(table, ds)
    xr.testing.assert_identical(record.open("t").load(), before)
    assert record.tables() == ["t"]
    assert record.append("t", one(2, 5)) == 1


def test_an_unknown_table_is_told_with_the_nearest(record: Record) -> None:
    record.append("underway", one(1))
    for ask in (record.open, record.count, record.span, record.changed, record.variables):
        with pytest.raises(WorkbenchError, match="Did you mean 'underway'"):
            ask("underwai")


def test_without_a_file_there_is_nothing_and_none_is_made(record: Record) -> None:
    assert record.tables() == []
    assert record.marks("t") == {}
    assert record.roll() == []
    assert not record.folder.exists()


def test_a_variable_says_what_it_is(record: Record) -> None:
    record.append("t", one(1.5, 0, units="m", standard_name="depth", valid_min=0, valid_max=9))
    spec = record.variables("t")["x"]
    assert (spec.dims, spec.dtype, spec.unit, spec.standard_name, spec.valid_range) == (
        ("time",),
        "float64",
        "m",
        "depth",
        (0, 9),
    )


def test_rolling_leaves_what_is_young(record: Record) -> None:
    n = 4 * 3600
    ds = xr.Dataset({"x": ("time", np.arange(n) / 2)}, {"time": T + np.arange(n) * SECOND})
    record.append("t", ds)
    record.append("few", one(1))
    clock.use(clock.Clock(T + 3 * HOUR + 1800 * SECOND, 0, 0))
    assert [path.parent.name for path in record.roll()] == ["t"]  # `few` is not worth a file, and its day is not over
    assert pq.read_metadata(record.folder / "series/t/2024-05-01.parquet").num_rows == 2 * 3600
    assert record.roll() == []
    xr.testing.assert_identical(record.open("t").load(), ds)
    clock.use(clock.Clock(T + 26 * HOUR, 0, 0))
    assert {path.parent.name for path in record.roll()} == {"t", "few"}
    xr.testing.assert_identical(record.open("t").load(), ds)


def test_a_rolled_day_is_plain_parquet(record: Record) -> None:
    record.append("t", block([5, 3, 3], ("number", "word", "good", "when")))
    (path,) = record.roll(before=T + 24 * HOUR)
    table = pq.read_table(path)
    assert table["time"].to_pandas().is_monotonic_increasing
    assert table["_seq"].to_pylist() == [0, 1, 0]
    assert table.column_names[:3] == ["time", "_seq", "_rev"]
    with sqlite3.connect(record.folder / "series/hot.db") as connection:
        assert connection.execute("select count(*) from t").fetchone() == (0,)


def test_opened_before_and_loaded_after_a_day_was_rolled_and_rows_came_late(record: Record) -> None:
    ds = block([0, 1, 2, 30], ("number", "whole"))
    record.append("t", ds)
    opened = record.open("t")
    record.append("t", block([1, 1], ("number", "whole", "word")))
    record.roll(before=T + 24 * HOUR)
    xr.testing.assert_identical(opened.load(), sorted_by_time(ds))


def test_a_day_that_is_rolled_while_it_is_opened_is_opened_as_it_is_then(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what there is and the reading of its times."""
    from workbench.record import record as opening

    early, late = block([0, 2], ("number",)), block([1], ("number",))
    record.append("t", early)
    record.roll(before=T + 24 * HOUR)
    take, looks = opening.take, []

    def then_rolled(*given: object) -> object:
        found = take(*given)  # type: ignore[arg-type]
        looks.append(1)
        if len(looks) == 1:
            record.append("t", late)
            record.roll(before=T + 24 * HOUR)
        return found

    monkeypatch.setattr(opening, "take", then_rolled)
    opened = record.open("t").load()
    assert opened["id"].values.tolist() == [*early["id"].values[:1], *late["id"].values, *early["id"].values[1:]]


def test_opened_before_rows_were_replaced_says_so(record: Record) -> None:
    record.append("t", block([0, 1, 2]))
    opened = record.open("t")
    record.replace("t", Window(T, T + 2 * HOUR), block([0]))
    with pytest.raises(ReaderError, match="Open it again"):
        opened.load()


def test_rows_that_replace_lie_in_their_window(record: Record) -> None:
    with pytest.raises(WorkbenchError, match="must lie in it"):
        record.replace("t", Window(T, T + HOUR), block([5]))
    assert record.tables() == []


def test_a_dataset_goes_to_other_processes(record: Record) -> None:
    record.append("t", block(list(range(60))))
    record.roll(before=T + 48 * HOUR)
    for options in ({}, {"max_points": 7}):
        ds = record.open("t", **options)
        xr.testing.assert_identical(pickle.loads(pickle.dumps(ds)).load(), ds.load())
    assert pickle.loads(pickle.dumps(record)).count("t") == 60


def test_opening_reads_no_values(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    record.append("t", block(list(range(72))))
    record.roll(before=T + 72 * HOUR)
    monkeypatch.setattr(days, "read", lambda *_: pytest.fail("rows were read"))
    ds = record.open("t")
    assert ds["number"].chunks == ((24, 24, 24),)
    record.open("t", max_points=5)
    assert (record.count("t"), record.span("t")) == (72, Window(T, T + 71 * HOUR + np.timedelta64(1, "ns")))


def test_few_points_come_from_pyramids(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 3 * 86400 // 10
    turning = np.arange(n) % 360.0
    ds = xr.Dataset({"x": ("time", np.sin(np.arange(n) / 900)), "heading": ("time", turning),
                     "wind_direction": ("time", turning, {"units": "degree"})},
                    {"time": T + np.arange(n) * 10 * SECOND})  # fmt: skip
    record.append("t", ds)
    want = record.open("t", max_points=80).load()
    record.roll(before=T + 72 * HOUR)
    monkeypatch.setattr(days, "read", lambda *_: pytest.fail("rows were read"))
    found = record.open("t", max_points=80).load()
    assert found.attrs["interval"] == 3600
    assert float(found["x_max"].max()) == float(ds["x"].max())
    xr.testing.assert_allclose(found, want, rtol=1e-12)
    for name in ("heading", "wind_direction"):
        assert set(found[name].values) <= set(turning), "a direction is one that was measured"


def test_a_pyramid_that_is_lost_costs_time_only(record: Record) -> None:
    record.append("t", block(list(range(60))))
    want = record.open("t", max_points=7).load()
    (path, *_) = record.roll(before=T + 72 * HOUR)
    for bins in path.parent.glob("*.bins.arrow"):
        bins.write_bytes(b"garbage")
    xr.testing.assert_allclose(record.open("t", max_points=7).load(), want)


def test_a_broken_day_is_told_with_its_file(record: Record) -> None:
    record.append("t", block([0, 30]))
    (path, _) = record.roll(before=T + 72 * HOUR)
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(ReaderError, match=r"2024-05-01.parquet.*Restore it"):
        record.open("t").load()


def test_a_full_disk_keeps_the_rows_where_they_are(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = block([0, 1])
    record.append("t", ds)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(days.pq, "write_table", full)
    with pytest.raises(WorkbenchError, match="disk full"):
        record.roll(before=T + 24 * HOUR)
    monkeypatch.undo()
    xr.testing.assert_identical(record.open("t").load(), ds)
    assert not list((record.folder / "series/t").glob(".*"))
    assert record.append("t", block([2])) == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_kill_between_the_file_and_the_hot_rows_counts_no_row_twice(
    record: Record, tmp_path: Path, late: bool
) -> None:
    ds = block([0, 1, 1, 2, 30])
    record.append("t", ds)
    record.close()
    shutil.copytree(record.folder / "series", tmp_path / "before")
    record.roll(before=T + 24 * HOUR)
    record.close()
    for path in (record.folder / "series").glob("hot.db*"):
        path.unlink()
    for path in (tmp_path / "before").glob("hot.db*"):
        shutil.copy(path, record.folder / "series")
    if late:
        more = block([1, 0])
        record.append("t", more)
        ds = xr.concat([ds, more], "time")
    for _ in range(2):
        xr.testing.assert_identical(record.open("t").load(), sorted_by_time(ds))
        assert record.count("t") == ds.sizes["time"]
        assert sorted(record.changed("t")[0]["id"].values) == sorted(ds["id"].values)
        few = record.open("t", max_points=2).load()
        assert float(few["id_min"].min()) == float(ds["id"].min())
        record.roll(before=T + 24 * HOUR)


def test_what_a_killed_process_left_half_written_goes_away(record: Record) -> None:
    record.append("t", block([0]))
    folder = record.folder / "series/t"
    folder.mkdir()
    (folder / ".2024-04-30.parquet.999999999.abc").write_bytes(b"half")
    assert record.count("t") == 1
    record.roll(before=T)
    assert not list(folder.glob(".*"))


def test_rows_appended_while_a_day_is_written_stay(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    record.append("t", block([0, 1]))
    write = days.write

    def meanwhile(*args: object) -> object:
        monkeypatch.undo()
        Record(record.folder).append("t", block([1, 2]))
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rolling.days, "write", meanwhile)
    record.roll(before=T + 24 * HOUR)
    assert record.count("t") == 4
    record.roll(before=T + 24 * HOUR)
    assert record.count("t") == 4


def test_rows_replaced_while_a_day_is_written_are_replaced(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    record.append("t", block([0, 1, 2]))
    write = days.write

    def meanwhile(*args: object) -> object:
        monkeypatch.undo()
        Record(record.folder).replace("t", Window(T, T + 2 * HOUR), block([0]))
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rolling.days, "write", meanwhile)
    record.roll(before=T + 24 * HOUR)
    assert record.count("t") == 2


def test_a_finished_cruise_is_read_from_a_disk_that_cannot_be_written(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds = block([0, 1, 30])
    record.append("t", ds)
    record.roll(before=T + 24 * HOUR)
    record.events.note("x", who="Ann", time=T)
    record.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    before = sorted(record.folder.rglob("*"))
    xr.testing.assert_identical(record.open("t").load(), ds)
    assert len(record.events.events()) == 1
    assert sorted(record.folder.rglob("*")) == before
    with pytest.raises(WorkbenchError, match=r"readonly.*writable"):
        record.append("t", block([2]))


def test_a_cursor_of_rows_that_were_replaced_begins_again(record: Record) -> None:
    record.append("t", block([0, 1]))
    cursor = record.changed("t")[1]
    record.replace("t", Window(T, T + HOUR), block([0]))
    ds, after = record.changed("t", cursor)
    assert (ds.sizes["time"], after) == (0, None)
    assert "replaced" in ds.attrs["replaces"]
    assert record.changed("t", after)[0].sizes["time"] == 2


def test_a_newer_file_is_left_alone(record: Record) -> None:
    record.append("t", block([0]))
    record.close()
    with sqlite3.connect(record.folder / "series/hot.db") as connection:
        connection.execute("pragma user_version=99")
    for act in (record.tables, lambda: record.append("t", block([1]))):
        with pytest.raises(WorkbenchError, match="newer version"):
            act()


def test_of_a_day_that_is_rolled_again_and_again_only_the_newest_is_remembered(tmp_path: Path) -> None:
    """A board looks at today's file each time it was written anew: its times, and what is mapped of the old, must go."""
    record, start = Record(tmp_path), np.datetime64("2024-05-01", "ns")
    held = []
    for hour in range(4):
        time = start + np.arange(hour * 3600, (hour + 1) * 3600) * np.timedelta64(1, "s")
        record.append("ship", xr.Dataset({"x": ("time", np.arange(3600.0))}, coords={"time": time}))
        record.roll(before=time[-1] + np.timedelta64(1, "s"))
        record.open("ship", max_points=500).load()
        assert record.open("ship", Window(start + np.timedelta64(1, "m"), time[-1])).sizes["time"] > 0
        day = days.one(tmp_path / "series" / "ship", 19844)
        assert day is not None
        held.append((weakref.ref(day.times), weakref.ref(day.footer)))
        del day
    gc.collect()
    assert [[one() is not None for one in both] for both in held] == [[False] * 2] * 3 + [[True] * 2]
    maps = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    assert not [line for line in maps if "deleted" in line]
