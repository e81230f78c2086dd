"""What only the whole cruise can tell: SFL rows, the virtual core, abundance and biomass, in ``cruise.db``.

Live, the virtual core is the median so far: every call restates the rows that hang on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.filters import QUANTILES
from workbench.core.sizes import INDICES
from workbench.products.seaflow.abundance import BY_FILE, abundance, virtual_core
from workbench.readers import popcycle

_ROWS = f"""
SELECT vct.file, vct.pop, vct.quantile, vct.count, opp.opp_evt_ratio, sfl.stream_pressure, sfl.file_duration,
  {", ".join(f"vct.Qc_{index}_mean" for index in INDICES)}
FROM vct JOIN opp ON opp.file = vct.file AND opp.quantile = vct.quantile JOIN sfl ON sfl.file = vct.file
WHERE vct.file NOT IN (SELECT file FROM outlier WHERE flag > 0)
ORDER BY vct.file, vct.pop, vct.quantile
"""


def put_sfl(database: sqlite3.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace the sfl table by `rows` (popcycle's column names)."""
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM sfl")
    popcycle.put(database, "sfl", rows)
    database.execute("COMMIT")


def put_excluded(database: sqlite3.Connection, files: Iterable[str], before: Iterable[str]) -> None:
    """Flag files in popcycle's table ``outlier``; of those flagged `before`, the others are flagged no more."""
    now = {*files}
    database.execute("BEGIN IMMEDIATE")
    flags = [(0, name) for name in sorted({*before} - now)] + [(1, name) for name in sorted(now)]
    database.executemany("UPDATE outlier SET flag = ? WHERE file = ?", flags)
    database.execute("COMMIT")


def core_of(database: sqlite3.Connection) -> npt.NDArray[np.float64]:
    """The virtual core of the files in ``cruise.db`` that nobody excluded: float64 (3,), NaN without any."""
    ratios: dict[str, dict[float, float]] = {}
    kept = "SELECT file, quantile, opp_evt_ratio FROM opp WHERE file NOT IN (SELECT file FROM outlier WHERE flag > 0)"
    for name, quantile, ratio in database.execute(kept):
        ratios.setdefault(name, {})[quantile] = ratio
    return virtual_core([[by.get(q, 0.0) for q in QUANTILES] for by in ratios.values()])


def put_abundance(database: sqlite3.Connection, instrument: str) -> int:
    """Compute the abundance table anew, without files in the table ``outlier``; the number of rows.

    Notes
    -----
    biomass is abundance times the mean quota of the population in that file: pgC per uL, which is ug C per L.

    Raises
    ------
    WorkbenchError
        For an instrument without flow calibration.
    """
    rows = database.execute(_ROWS).fetchall()
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM abundance")
    if rows:
        core = dict(zip(QUANTILES, core_of(database), strict=True))
        ratio = [r[4] if r[1] in BY_FILE else core[r[2]] for r in rows]
        numbers = np.array([[np.nan if v is None else v for v in (r[3], *r[5:])] for r in rows], dtype=np.float64)
        count, pressure, seconds = numbers[:, :3].T
        cells, se = abundance(count, ratio=ratio, pressure=pressure, duration=seconds, instrument=instrument)
        carbon = cells[:, None] * numbers[:, 3:]
        popcycle.put(
            database,
            "abundance",
            [
                {
                    "file": r[0], "pop": r[1], "quantile": r[2], "n_count": r[3], "abundance": a, "abundance_se": s,
                    **{f"biomass_{index}": b for index, b in zip(INDICES, c, strict=True)},
                }
                for r, a, s, c in zip(rows, cells, se, carbon, strict=True)
            ],
        )  # fmt: skip
    database.execute("COMMIT")
    return len(rows)
