"""seaflow_db: the laws of readers, and every table of real databases, cell by cell."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.filters import QUANTILES
from workbench.core.window import Window
from workbench.readers import popcycle
from workbench.readers.popcycle import STATISTICS, TABLES
from workbench.readers.seaflow_files import file_name
from workbench.testing import readers

_START = np.datetime64("2014-07-04T00:00:02")


def make(path: Path, day: int, files: int = 4) -> Path:
    """A database with some rows in every table."""
    rng = np.random.default_rng(day)
    times = [_START + np.timedelta64(86400 * day + 180 * i, "s") for i in range(files)]
    names = [file_name(time) for time in times]
    database = popcycle.open_database(path)
    popcycle.put(database, "metadata", [{"cruise": f"TN{day}", "inst": "740"}])
    rest = TABLES["sfl"][2:]
    database.execute("BEGIN")
    popcycle.put(database, "sfl", [
        {"file": n, "date": f"{t}+00:00", **dict(zip(rest, rng.uniform(10, 20, len(rest)), strict=True)), "par": np.nan}
        for n, t in zip(names, times, strict=True)
    ])  # fmt: skip
    popcycle.put(database, "opp", [
        {"file": n, "all_count": 9, "opp_count": 3, "evt_count": 8, "opp_evt_ratio": rng.random(), "filter_id": "f", "quantile": q}
        for n in names for q in QUANTILES
    ])  # fmt: skip
    popcycle.put(database, "opp2", [
        {"file": n, "all_count": 9, "evt_count": 8, "opp_count": 3, "opp_evt_ratio": 0.5, "noise_count": 1,
         "saturated_count": 0, "filter_id": "f", "message": None, "file_flag": 0} for n in names
    ])  # fmt: skip
    popcycle.put(database, "outlier", [{"file": n, "flag": i % 3} for i, n in enumerate(names)])
    popcycle.put(database, "vct", [
        {"file": n, "pop": pop, "count": int(rng.integers(1, 99)), **dict(zip(STATISTICS, rng.random(len(STATISTICS)), strict=True)),
         "gating_id": "g", "filter_id": "f", "quantile": q}
        for n in names for q in QUANTILES for pop in ("beads", "prochloro", "unknown") if pop == "beads" or rng.random() < 0.7
    ])  # fmt: skip
    database.execute("COMMIT")
    database.close()
    return path


class DbTests(readers.ReaderTests):
    engine = "seaflow_db"
    lazy = False
    tries = 20
    table = "stat"
    options: ClassVar[dict[str, str]] = {}

    def write(self, folder: Path) -> list[Path]:
        return [make(folder / f"TN{day}_740.db", day) for day in range(3)]

    def test_concatenation(self, files: list[Path]) -> None:
        """Along time; the populations of all are there."""
        together = self.open(list(reversed(files)))
        each = [self.open(path).load() for path in files]
        joined = xr.concat(each, "time", data_vars="all", join="outer")
        for name in joined.data_vars:
            np.testing.assert_array_equal(together[name].to_numpy(), joined[name].to_numpy(), err_msg=str(name))

    def test_columns(self, files: list[Path]) -> None:
        """`columns` gives the same arrays as the dataset, and names what it does not know."""
        ds = self.open(files[0])
        found = self.reader.columns(files[0], list(map(str, ds.data_vars)), **self.options)
        for name, values in found.items():
            np.testing.assert_array_equal(values, ds[name].to_numpy(), err_msg=name)
        with pytest.raises(ReaderError, match="no_such_variable"):
            self.reader.columns(files[0], ["no_such_variable"], **self.options)


class TestStat(DbTests):
    pass


class TestSfl(DbTests):
    options: ClassVar[dict[str, str]] = {"table": "sfl"}


@pytest.mark.slow
class TestOpp(DbTests):
    options: ClassVar[dict[str, str]] = {"table": "opp"}


@pytest.mark.slow
class TestVct(DbTests):
    options: ClassVar[dict[str, str]] = {"table": "vct"}


def databases(data: Path) -> list[Path]:
    found = sorted((data / "seaflow").glob("**/*.db"))
    assert len(found) == 4
    return found


@pytest.mark.parametrize("table", TABLES)
def test_every_cell_of_every_real_database(data, table):
    for path in databases(data):
        ds = xr.open_dataset(path, engine="seaflow_db", table=table)
        connection = sqlite3.connect(path)
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            assert ds.sizes["time"] == 0
            continue
        cursor = connection.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        assert names == list(TABLES[table]) and ds.attrs["repeated"] == 0
        index = {name: i for i, name in enumerate(ds["file_id"].to_numpy().tolist())}
        for row in rows:
            place = {"time": index[row.get("file", "")]}
            if "population" in ds.dims:
                place["population"] = ds["population"].to_numpy().tolist().index(row["pop"])
            if "quantile" in ds.dims:
                place["quantile"] = QUANTILES.index(row["quantile"])
            here = dict(place.items())
            for column, value in row.items():
                if column in ("file", "date", "time", "pop", "quantile"):
                    continue
                name = {"lat": "latitude", "lon": "longitude", "ocean_tmp": "sea_water_temperature",
                        "temp": "sea_water_temperature", "count": "n_count"}.get(column, column)  # fmt: skip
                array = ds[name].to_numpy()[tuple(here[dim] for dim in ds[name].dims)]
                missing = value is None
                assert (array == "" or array != array) if missing else array == value, (path.name, column)


def test_the_stat_table_adds_up(data):
    params = data / "seaflow" / "testcruise" / "params"
    for name, total in (("full_plan", 1878), ("full_one_param", 2042)):
        ds = xr.open_dataset(params / f"testcruise_{name}.db", engine="seaflow_db")
        assert float(ds["n_count"].sum()) == total
        assert ds.attrs["cruise"] == "testcruise" and ds.attrs["instrument"] == "740"


def test_times_come_from_names_where_the_sfl_has_none(data, tmp_path):
    path = tmp_path / "a.db"
    shutil.copy(data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db", path)
    path.chmod(0o644)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM sfl")
    ds = xr.open_dataset(path, engine="seaflow_db", table="vct")
    assert ds["time"].to_numpy()[0] == np.datetime64("2014-07-04T00:00:02")


def test_a_row_given_twice_counts_once_and_is_counted(tmp_path):
    path = make(tmp_path / "a.db", 0)
    with sqlite3.connect(path) as connection:
        columns = ", ".join(name for name in TABLES["vct"] if name != "gating_id")
        connection.execute(
            f"INSERT INTO vct ({columns}, gating_id) SELECT {columns}, 'later' FROM vct WHERE pop = 'beads'"
        )
    ds = xr.open_dataset(path, engine="seaflow_db", table="vct")
    assert ds.attrs["repeated"] == 12
    assert set(np.unique(ds["gating_id"].sel(population="beads"))) == {"later"}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            "UPDATE sfl SET lat = 'north' WHERE rowid = 2",
            "table sfl, column lat, row 2 .expected a number, found 'north'",
        ),
    ],
)
def test_a_spoilt_cell_is_named(tmp_path, sql, words):
    path = make(tmp_path / "a.db", 0)
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    with pytest.raises(ReaderError, match=words):
        xr.open_dataset(path, engine="seaflow_db", table="sfl")


def test_a_quantile_of_another_kind_is_named(tmp_path):
    path = make(tmp_path / "a.db", 0)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE opp SET quantile = 3 WHERE rowid = 2")
    with pytest.raises(ReaderError, match=r"table opp, column quantile, row 2 .expected 2\.5, 50 or 97\.5, found 3"):
        xr.open_dataset(path, engine="seaflow_db", table="opp")


def test_other_files_and_tables_are_refused(data, tmp_path):
    with pytest.raises(ReaderError, match="Did you mean 'stat'"):
        xr.open_dataset(make(tmp_path / "a.db", 0), engine="seaflow_db", table="stats")
    sqlite3.connect(tmp_path / "b.db").execute("CREATE TABLE something (a)")
    with pytest.raises(ReaderError, match="not a popcycle database"):
        xr.open_dataset(tmp_path / "b.db", engine="seaflow_db")
    with pytest.raises(ReaderError, match="not a SQLite database"):
        xr.open_dataset(data / "seaflow" / "SFlog.txt", engine="seaflow_db")


def test_a_database_that_is_being_written_is_read(tmp_path):
    """In WAL mode, with a writer in the middle of a transaction: what was committed is there."""
    path = make(tmp_path / "a.db", 0)
    with sqlite3.connect(path, isolation_level=None) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM sfl")
        assert xr.open_dataset(path, engine="seaflow_db", table="sfl").sizes["time"] == 4
        writer.execute("COMMIT")
        assert xr.open_dataset(path, engine="seaflow_db", table="sfl").sizes["time"] == 0


def test_a_window_is_a_selection(tmp_path):
    path = make(tmp_path / "a.db", 0)
    window = Window(_START + np.timedelta64(180, "s"), _START + np.timedelta64(540, "s"))
    ds = xr.open_dataset(path, engine="seaflow_db", start=window.start, stop=window.stop)
    assert ds.sizes["time"] == 2 and ds["n_count"].dims == ("time", "population", "quantile")


def test_rows_follow_the_time_of_the_sfl_not_the_names(tmp_path):
    path = make(tmp_path / "a.db", 0, files=2)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE sfl SET date = '2015-01-01T00:00:00+00:00' WHERE rowid = 1")
        (rate,) = connection.execute("SELECT event_rate FROM sfl WHERE rowid = 1").fetchone()
    ds = xr.open_dataset(path, engine="seaflow_db", table="sfl")
    assert ds["time"].to_numpy()[1] == np.datetime64("2015-01-01") and ds["event_rate"].to_numpy()[1] == rate
    assert ds["file_id"].to_numpy()[1] == file_name(_START)
