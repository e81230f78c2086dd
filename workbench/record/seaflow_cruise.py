"""What only the whole cruise can tell: SFL rows, the virtual core, abundance and biomass, in ``cruise.db``.

Live, the virtual core is the median so far: every call restates the rows that hang on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.filters import QUANTILES
from workbench.core.sizes import INDICES
from workbench.products.seaflow.abundance import BY_FILE, virtual_core
from workbench.products.seaflow.flow import flow_rate
from workbench.readers import popcycle

_KEPT = "file NOT IN (SELECT file FROM outlier WHERE flag > 0)"
_CORE = f"""
SELECT {", ".join(f"coalesce(max(CASE quantile WHEN {q!r} THEN opp_evt_ratio END), 0.0)" for q in QUANTILES)}
FROM opp WHERE {_KEPT} GROUP BY file
"""
#: Products and quotients in the order of `abundance.abundance`, so that numbers are the same to the last bit; what is not
#: above 0 becomes NULL. SQLite merges these queries into one, and so finds a file by its index; what is named twice there
#: is computed twice.
_ABUNDANCE = f"""
CREATE TABLE IF NOT EXISTS water (file TEXT PRIMARY KEY, rate REAL, sd REAL, duration REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS virtual_core (quantile REAL PRIMARY KEY, ratio REAL) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS abundance AS
WITH taken AS (
  SELECT vct.file, vct.pop, vct.quantile, vct.count AS n, water.rate, water.sd, water.duration,
    {", ".join(f"vct.Qc_{index}_mean AS {index}" for index in INDICES)},
    CASE WHEN vct.pop IN ({", ".join(f"'{name}'" for name in sorted(BY_FILE))}) THEN opp.opp_evt_ratio
      ELSE virtual_core.ratio END AS ratio
  FROM vct CROSS JOIN water ON water.file = vct.file
    CROSS JOIN opp ON opp.file = vct.file AND opp.quantile = vct.quantile
    CROSS JOIN virtual_core ON virtual_core.quantile = vct.quantile),
filled AS (SELECT *, 1000.0 * nullif(max(ratio, 0.0), 0.0) * rate * duration / 60.0 AS uL FROM taken),
counted AS (SELECT *, n / nullif(max(uL, 0.0), 0.0) AS cells FROM filled)
SELECT file, pop, quantile, n AS n_count, cells AS abundance, cells * sd / rate AS abundance_se, {
    ", ".join(f"cells * {index} AS biomass_{index}" for index in INDICES)
} FROM counted;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Open (or begin) the ``cruise.db`` of a run, in which ``abundance`` is a view: computed when somebody reads it."""
    database = popcycle.open_database(path)
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'abundance' AND type = 'table'").fetchone():
        database.execute("DROP TABLE abundance")  # as it was written once, anew for each file that came
    database.executescript(_ABUNDANCE)
    return database


def put_sfl(database: sqlite3.Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Make the sfl table what `rows` say (values as `popcycle.SFL` names them); those that stand there are left alone."""
    now = {row[0]: row for row in rows}  # of lines that repeat a file, the last one counts
    before = {row[0]: row for row in database.execute(f"SELECT {', '.join(popcycle.SFL)} FROM sfl")}
    database.execute("BEGIN IMMEDIATE")
    database.executemany("DELETE FROM sfl WHERE file = ?", [(name,) for name in before.keys() - now.keys()])
    popcycle.put_rows(database, "sfl", [row for name, row in now.items() if before.get(name) != row])
    database.execute("COMMIT")


def put_excluded(database: sqlite3.Connection, files: Iterable[str], before: Iterable[str]) -> None:
    """Flag files in popcycle's table ``outlier``; of those flagged `before`, the others are flagged no more.

    What others flagged otherwise (2 and 3 are filter and gates) stays.
    """
    now = {*files}
    database.execute("BEGIN IMMEDIATE")
    flags = [(0, name, 1) for name in sorted({*before} - now)] + [(1, name, 0) for name in sorted(now)]
    database.executemany("UPDATE outlier SET flag = ? WHERE file = ? AND coalesce(flag, 0) = ?", flags)
    database.execute("COMMIT")


def core_of(database: sqlite3.Connection) -> npt.NDArray[np.float64]:
    """The virtual core of the files in ``cruise.db`` that nobody excluded: float64 (3,), NaN without any."""
    return virtual_core(database.execute(_CORE).fetchall())


def put_abundance(database: sqlite3.Connection, instrument: str) -> None:
    """Say what the view ``abundance`` is computed with: the virtual core, and the water of files not in the table ``outlier``.

    Notes
    -----
    biomass is abundance times the mean quota of the population in that file: pgC per uL, which is ug C per L.
    A cruise of 60 days has 400,000 rows, and each new file changes the virtual core in them: none of them is written.

    Raises
    ------
    WorkbenchError
        For an instrument without flow calibration.
    """
    files = database.execute(f"SELECT file, stream_pressure, file_duration FROM sfl WHERE {_KEPT}").fetchall()
    pressure = np.array([row[1] for row in files], dtype=np.float64)  # None is NaN
    rate, sd = (np.where(np.isnan(each), np.array(None), each).tolist() for each in flow_rate(pressure, instrument))
    water = {(row[0], r, s, row[2]) for row, r, s in zip(files, rate, sd, strict=True)}
    before = {*database.execute("SELECT file, rate, sd, duration FROM water")}
    core = zip(QUANTILES, core_of(database).tolist(), strict=True)
    database.execute("BEGIN IMMEDIATE")
    database.executemany("DELETE FROM water WHERE file = ?", [row[:1] for row in before - water])
    database.executemany("INSERT INTO water VALUES (?, ?, ?, ?)", water - before)
    database.executemany("INSERT OR REPLACE INTO virtual_core VALUES (?, ?)", core)
    database.execute("COMMIT")
