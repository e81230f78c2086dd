"""The popcycle SQLite database, written: what R and Python tools of the SeaFlow project read.

Layout: popcycle.sql of popcycle 7.1.8. One addition: table ``abundance``, which popcycle computes anew each time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np

from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.core.gates import Gating, Plan
from workbench.core.parameters import Parameters, format_time
from workbench.core.sizes import INDICES

STATISTICS = (
    *(f"{short}_{part}" for short in ("chl", "pe", "fsc") for part in ("1q", "med", "3q")),
    *(f"diam_{index}_{part}" for index in INDICES for part in ("1q", "med", "3q")),
    *(f"Qc_{index}_{part}" for index in INDICES for part in ("1q", "med", "mean", "3q")),
)
SFL = (
    "file", "date", "file_duration", "lat", "lon", "conductivity", "salinity", "ocean_tmp", "par", "bulk_red",
    "stream_pressure", "event_rate",
)  # fmt: skip
_CHANNELS = ("fsc_small", "fsc_perp", "fsc_big", "pe", "chl_small", "chl_big")
_STAT = ("lat", "lon", "temp", "salinity", "par")


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
  file TEXT NOT NULL, pop TEXT NOT NULL, count INTEGER NOT NULL, {_real(STATISTICS)},
  gating_id TEXT NOT NULL, filter_id TEXT NOT NULL, quantile REAL NOT NULL, PRIMARY KEY (file, pop, gating_id, quantile));
CREATE TABLE IF NOT EXISTS filter (
  id TEXT NOT NULL, date TEXT NOT NULL, quantile REAL NOT NULL, {_real(FIELDS, " NOT NULL")}, PRIMARY KEY (id, quantile));
CREATE TABLE IF NOT EXISTS gating (
  id TEXT NOT NULL, date TEXT NOT NULL, pop_order INTEGER NOT NULL, pop TEXT NOT NULL, method TEXT NOT NULL,
  channel1 TEXT, channel2 TEXT, gate1 REAL, gate2 REAL, position1 INTEGER, position2 INTEGER, scale REAL, minpe REAL,
  PRIMARY KEY (id, pop));
CREATE TABLE IF NOT EXISTS poly (
  pop TEXT NOT NULL, {_real(_CHANNELS)}, point_order INTEGER NOT NULL, gating_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS filter_plan (start_date TEXT NOT NULL, filter_id TEXT NOT NULL, PRIMARY KEY (start_date, filter_id));
CREATE TABLE IF NOT EXISTS gating_plan (start_date TEXT NOT NULL, gating_id TEXT NOT NULL, PRIMARY KEY (start_date, gating_id));
CREATE TABLE IF NOT EXISTS outlier (file TEXT NOT NULL, flag INTEGER, PRIMARY KEY (file));
CREATE TABLE IF NOT EXISTS abundance (
  file TEXT NOT NULL, pop TEXT NOT NULL, quantile REAL NOT NULL, n_count INTEGER NOT NULL, abundance REAL, abundance_se REAL,
  {_real(f"biomass_{index}" for index in INDICES)}, PRIMARY KEY (file, pop, quantile));
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


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def put_parameters(connection: sqlite3.Connection, parameters: Parameters) -> None:
    """Replace the filter, gating, poly and plan tables by what `parameters` says."""
    for table in ("metadata", "filter", "gating", "poly", "filter_plan", "gating_plan"):
        connection.execute(f"DELETE FROM {table}")
    put(connection, "metadata", [{"cruise": parameters.cruise, "inst": parameters.instrument}])
    put(connection, "filter", [row for _, p in sorted(parameters.filters.sets.items()) for row in filter_rows(p)])
    put(connection, "filter_plan", plan_rows(parameters.filters, "filter_id"))
    if parameters.gatings is not None:
        gatings = [gating for _, gating in sorted(parameters.gatings.sets.items())]
        put(connection, "gating", [row for gating in gatings for row in gating_rows(gating)])
        put(connection, "poly", [row for gating in gatings for row in corner_rows(gating)])
        put(connection, "gating_plan", plan_rows(parameters.gatings, "gating_id"))


def filter_rows(parameters: FilterParameters) -> list[dict[str, Any]]:
    """The three rows of the filter table."""
    return [
        {"id": parameters.id, "date": parameters.date, "quantile": q, **dict(zip(FIELDS, row, strict=True))}
        for q, row in zip(QUANTILES, parameters.table, strict=True)
    ]


def gating_rows(gating: Gating) -> list[dict[str, Any]]:
    """Rows of the gating table, in gate order."""
    auto = ("gate1", "gate2", "position1", "position2", "scale", "minpe")
    return [
        {
            "id": gating.id, "date": gating.date, "pop_order": order, "pop": gate.population, "method": gate.method,
            "channel1": gate.x, "channel2": gate.y, **{name: gate.extra.get(name) for name in auto},
        }
        for order, gate in enumerate(gating.gates, start=1)
    ]  # fmt: skip


def corner_rows(gating: Gating) -> list[dict[str, Any]]:
    """Rows of the poly table: two of the six channels hold the corner."""
    empty: dict[str, Any] = dict.fromkeys(_CHANNELS)
    return [
        {"pop": gate.population, **empty, gate.x: x, gate.y: y, "point_order": order, "gating_id": gating.id}
        for gate in gating.gates
        for order, (x, y) in enumerate(gate.vertices, start=1)
    ]


def plan_rows(plan: Plan[Any], key: str) -> list[dict[str, Any]]:
    """Rows of a plan table."""
    return [{"start_date": format_time(start), key: name} for start, name in plan]


def drop_file(connection: sqlite3.Connection, files: Sequence[str]) -> None:
    """Forget what was derived from some files (opp, opp2, vct, abundance)."""
    for table in ("opp", "opp2", "vct", "abundance"):
        connection.executemany(f"DELETE FROM {table} WHERE file = ?", [(name,) for name in files])
