"""The popcycle SQLite database, written: what R and Python tools of the SeaFlow project read.

Layout: popcycle.sql of popcycle 7.1.8, but diameters and quotas in ``vct`` may be NULL, which they are without a size
table. One addition: ``abundance``, which popcycle computes anew each time; of a run it is a view
(`workbench.record.seaflow_cruise`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np

from workbench.core.filters import FIELDS
from workbench.core.parameters import Parameters
from workbench.core.sizes import INDICES
from workbench.readers.parameter_tables import CHANNELS, tables_of

STATISTICS = (
    *(f"{short}_{part}" for short in ("chl", "pe", "fsc") for part in ("1q", "med", "3q")),
    *(f"diam_{index}_{part}" for index in INDICES for part in ("1q", "med", "3q")),
    *(f"Qc_{index}_{part}" for index in INDICES for part in ("1q", "med", "mean", "3q")),
)
SFL = (
    "file", "date", "file_duration", "lat", "lon", "conductivity", "salinity", "ocean_tmp", "par", "bulk_red",
    "stream_pressure", "event_rate",
)  # fmt: skip
ABUNDANCE = ("abundance", "abundance_se", *(f"biomass_{index}" for index in INDICES))
#: Tables of results, and their columns.
TABLES = {
    "metadata": ("cruise", "inst"),
    "sfl": SFL,
    "opp": ("file", "all_count", "opp_count", "evt_count", "opp_evt_ratio", "filter_id", "quantile"),
    "opp2": (
        "file", "all_count", "evt_count", "opp_count", "opp_evt_ratio", "noise_count", "saturated_count", "filter_id",
        "message", "file_flag",
    ),
    "vct": ("file", "pop", "count", *STATISTICS, "gating_id", "filter_id", "quantile"),
    "stat": (
        "file", "time", "lat", "lon", "temp", "salinity", "par", "quantile", "pop", "stream_pressure", "file_duration",
        "event_rate", "opp_evt_ratio", "n_count", *STATISTICS,
    ),
    "outlier": ("file", "flag"),
    "abundance": ("file", "pop", "quantile", "n_count", *ABUNDANCE),
}  # fmt: skip


def _real(names: Iterable[str], rule: str = "") -> str:
    return ", ".join(f"{name} REAL{rule}" for name in names)


_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS metadata (cruise TEXT NOT NULL, inst TEXT NOT NULL, PRIMARY KEY (cruise, inst));
CREATE TABLE IF NOT EXISTS sfl (file TEXT NOT NULL, date TEXT, {_real(SFL[2:])}, PRIMARY KEY (file));
CREATE INDEX IF NOT EXISTS sflDateIndex ON sfl (date);
CREATE TABLE IF NOT EXISTS opp (
  file TEXT NOT NULL, all_count INTEGER NOT NULL, opp_count INTEGER NOT NULL, evt_count INTEGER NOT NULL,
  opp_evt_ratio REAL NOT NULL, filter_id TEXT NOT NULL, quantile REAL NOT NULL, PRIMARY KEY (file, filter_id, quantile));
CREATE TABLE IF NOT EXISTS opp2 (
  file TEXT NOT NULL, all_count INTEGER NOT NULL, evt_count INTEGER NOT NULL, opp_count INTEGER NOT NULL,
  opp_evt_ratio REAL NOT NULL, noise_count INTEGER NOT NULL, saturated_count INTEGER NOT NULL, filter_id TEXT NOT NULL,
  message TEXT, file_flag INTEGER NOT NULL, PRIMARY KEY (file, filter_id));
CREATE TABLE IF NOT EXISTS vct (
  file TEXT NOT NULL, pop TEXT NOT NULL, count INTEGER NOT NULL, {_real(STATISTICS[:9], " NOT NULL")}, {_real(STATISTICS[9:])},
  gating_id TEXT NOT NULL, filter_id TEXT NOT NULL, quantile REAL NOT NULL, PRIMARY KEY (file, pop, gating_id, quantile));
CREATE TABLE IF NOT EXISTS filter (
  id TEXT NOT NULL, date TEXT NOT NULL, quantile REAL NOT NULL, {_real(FIELDS, " NOT NULL")}, PRIMARY KEY (id, quantile));
CREATE TABLE IF NOT EXISTS gating (
  id TEXT NOT NULL, date TEXT NOT NULL, pop_order INTEGER NOT NULL, pop TEXT NOT NULL, method TEXT NOT NULL,
  channel1 TEXT, channel2 TEXT, gate1 REAL, gate2 REAL, position1 INTEGER, position2 INTEGER, scale REAL, minpe REAL,
  PRIMARY KEY (id, pop));
CREATE TABLE IF NOT EXISTS poly (
  pop TEXT NOT NULL, {_real(CHANNELS)}, point_order INTEGER NOT NULL, gating_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS filter_plan (start_date TEXT NOT NULL, filter_id TEXT NOT NULL, PRIMARY KEY (start_date, filter_id));
CREATE TABLE IF NOT EXISTS gating_plan (start_date TEXT NOT NULL, gating_id TEXT NOT NULL, PRIMARY KEY (start_date, gating_id));
CREATE TABLE IF NOT EXISTS outlier (file TEXT NOT NULL, flag INTEGER, PRIMARY KEY (file));
CREATE VIEW IF NOT EXISTS stat AS
  SELECT opp.file AS file, sfl.date AS time, sfl.lat AS lat, sfl.lon AS lon, sfl.ocean_tmp AS temp, sfl.salinity AS salinity,
    sfl.par AS par, vct.quantile AS quantile, vct.pop AS pop, sfl.stream_pressure AS stream_pressure,
    sfl.file_duration AS file_duration, sfl.event_rate AS event_rate, opp.opp_evt_ratio AS opp_evt_ratio,
    vct.count AS n_count, {", ".join(f"vct.{name} AS {name}" for name in STATISTICS)}
  FROM opp, vct, sfl
  WHERE opp.quantile == vct.quantile AND opp.file == vct.file AND opp.file == sfl.file
  ORDER BY time, pop ASC;
"""


def open_database(path: str | PathLike[str]) -> sqlite3.Connection:
    """Open (or begin) a popcycle database for writing; every write is one transaction."""
    connection = sqlite3.connect(fspath(path), isolation_level=None, timeout=30)
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_SCHEMA)
    return connection


def put(connection: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert or replace rows given as dictionaries with the same keys; NaN becomes NULL."""
    listed = list(rows)
    if not listed:
        return
    names = list(listed[0])
    marks = ", ".join("?" * len(names))
    statement = f'INSERT OR REPLACE INTO "{table}" ({", ".join(names)}) VALUES ({marks})'
    connection.executemany(statement, [[_plain(row[name]) for name in names] for row in listed])


def put_rows(connection: sqlite3.Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Insert or replace rows whose values stand as `TABLES` names them; NaN becomes NULL."""
    names = TABLES[table]
    statement = f'INSERT OR REPLACE INTO "{table}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'
    connection.executemany(statement, rows)


def _plain(value: Any) -> Any:
    if type(value) is float:  # most of them
        return None if value != value else value
    if isinstance(value, np.generic):
        return _plain(value.item())
    return value


def put_parameters(connection: sqlite3.Connection, parameters: Parameters) -> None:
    """Replace the filter, gating, poly and plan tables by what `parameters` says."""
    for table, rows in tables_of(parameters).items():
        connection.execute(f"DELETE FROM {table}")
        put(connection, table, rows)


def drop_file(connection: sqlite3.Connection, files: Sequence[str]) -> None:
    """Forget what was derived from some files (opp, opp2, vct)."""
    for table in ("opp", "opp2", "vct"):
        connection.executemany(f"DELETE FROM {table} WHERE file = ?", [(name,) for name in files])
