"""What only the whole cruise can tell: SFL rows, the virtual core, abundance and biomass, in ``cruise.db``.

Live, the virtual core is the median so far: every call restates the rows that hang on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
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
#: Products and quotients in the order of `abundance.abundance`, so that numbers are the same to the last bit. The limits limit
#: nothing: they keep SQLite from computing what stands before them again wherever it is named.
_ROWS = f"""
INSERT OR REPLACE INTO abundance (file, pop, quantile, n_count, abundance, abundance_se, {
    ", ".join(f"biomass_{index}" for index in INDICES)
})
WITH taken AS (
  SELECT vct.file, vct.pop, vct.quantile, vct.count AS n, water.rate, water.sd, water.duration,
    {", ".join(f"vct.Qc_{index}_mean AS {index}" for index in INDICES)},
    CASE WHEN vct.pop IN ({", ".join("?" * len(BY_FILE))}) THEN opp.opp_evt_ratio
      ELSE CASE vct.quantile {" ".join(f"WHEN {q!r} THEN ?" for q in QUANTILES)} END END AS ratio
  FROM vct CROSS JOIN temp.water ON water.file = vct.file
    CROSS JOIN opp ON opp.file = vct.file AND opp.quantile = vct.quantile),
filled AS (SELECT *, 1000.0 * CASE WHEN ratio > 0 THEN ratio END * rate * duration / 60.0 AS uL FROM taken LIMIT -1),
counted AS (SELECT *, n / CASE WHEN uL > 0 THEN uL END AS cells FROM filled LIMIT -1)
SELECT file, pop, quantile, n, cells, cells * sd / rate, {
    ", ".join(f"cells * {index}" for index in INDICES)
} FROM counted
"""


def put_sfl(database: sqlite3.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make the sfl table what `rows` say (popcycle's column names); rows that stand there already are left alone."""
    last = {row["file"]: at for at, row in enumerate(rows)}  # of lines that repeat a file, the last one counts
    absent = {name: None for name in popcycle.SFL if rows and name not in rows[0]}
    of = itemgetter(*popcycle.SFL)

    def cells(at: int) -> tuple[Any, ...]:
        return of({**rows[at], **absent} if absent else rows[at])  # type: ignore[no-any-return]

    gone = []
    for old in database.execute(f"SELECT {', '.join(popcycle.SFL)} FROM sfl"):
        at = last.get(old[0])
        if at is None:
            gone.append(old[:1])
        elif old == (row := cells(at)) or old == _plain(row):  # the first without looking for NaN in most rows
            del last[old[0]]
    changed = [_plain(cells(at)) for at in last.values()]
    database.execute("BEGIN IMMEDIATE")
    database.executemany("DELETE FROM sfl WHERE file = ?", gone)
    popcycle.put_rows(database, "sfl", changed)
    database.execute("COMMIT")


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """NaN is NULL in the database."""
    return tuple(None if value != value else value for value in row)


def put_excluded(database: sqlite3.Connection, files: Iterable[str], before: Iterable[str]) -> None:
    """Flag files in popcycle's table ``outlier``; of those flagged `before`, the others are flagged no more."""
    now = {*files}
    database.execute("BEGIN IMMEDIATE")
    flags = [(0, name) for name in sorted({*before} - now)] + [(1, name) for name in sorted(now)]
    database.executemany("UPDATE outlier SET flag = ? WHERE file = ?", flags)
    database.execute("COMMIT")


def core_of(database: sqlite3.Connection) -> npt.NDArray[np.float64]:
    """The virtual core of the files in ``cruise.db`` that nobody excluded: float64 (3,), NaN without any."""
    return virtual_core(database.execute(_CORE).fetchall())


def put_abundance(database: sqlite3.Connection, instrument: str) -> int:
    """Compute the abundance table anew, without files in the table ``outlier``; the number of rows.

    Notes
    -----
    biomass is abundance times the mean quota of the population in that file: pgC per uL, which is ug C per L.
    The database does it by itself: a cruise of 60 days has 400,000 rows, and each new file changes the virtual core.

    Raises
    ------
    WorkbenchError
        For an instrument without flow calibration.
    """
    files = database.execute(f"SELECT file, stream_pressure, file_duration FROM sfl WHERE {_KEPT}").fetchall()
    pressure = np.array([row[1] for row in files], dtype=np.float64)  # None is NaN, and NaN is NULL again
    rate, sd = flow_rate(pressure, instrument)
    core = core_of(database).tolist()
    database.execute("CREATE TEMP TABLE IF NOT EXISTS water (file TEXT PRIMARY KEY, rate, sd, duration) WITHOUT ROWID")
    database.execute("DELETE FROM temp.water")
    database.execute("BEGIN IMMEDIATE")
    water = [(row[0], r, s, row[2]) for row, r, s in zip(files, rate.tolist(), sd.tolist(), strict=True)]
    database.executemany("INSERT INTO temp.water VALUES (?, ?, ?, ?)", water)
    database.execute("DELETE FROM abundance")
    count = database.execute(_ROWS, [*sorted(BY_FILE), *core]).rowcount
    database.execute("COMMIT")
    return count
