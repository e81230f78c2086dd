"""DuckDB and Polars, which count a cytogram by grouping, in an environment of their own: ``make bench-peers``.

Run by that environment's python (`tests.benchmarks.beside`), it loads columns from ``.npy`` files (``{"load": [x, y]}``),
runs a peer (``{"run": NAME}``: seconds) or writes what it counted (``{"counts": NAME, "to": PATH}``). So peers of
another environment take turns with ours.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.beside import answer
from tests.benchmarks.environment import made

PINS = ("duckdb==1.4.*", "polars==1.*", "pyarrow>=18", "numpy>=2")
FOLDER = ".benchmarks/count-peers"
NAMES = ("duckdb", "polars")


def make(root: Path) -> Path:
    """Install them below `root` unless they are there; the python of their environment."""
    return made(root / FOLDER, PINS)


def found(root: Path) -> Path | None:
    """Its python, where it is made already."""
    python = root / FOLDER / "bin" / "python"
    return python if (root / FOLDER / "installed").exists() and python.exists() else None


# -- in the other process ------------------------------------------------------------------------------------------


def _load(paths: Sequence[str]) -> dict[str, Any]:
    """A function for each name that gives (cells, counts) as it likes best; the columns are in memory."""
    import duckdb
    import numpy as np
    import polars as pl

    x, y = (np.load(path) for path in paths)
    base = duckdb.connect()
    base.execute("set threads = 2")
    frame = pl.DataFrame({"x": x, "y": y})
    base.register("frame", frame.to_arrow())
    base.execute("create table t as select x, y from frame")
    base.unregister("frame")
    query = "select (y::uinteger >> 7) * 512 + (x >> 7) as cell, count(*) as n from t group by cell"
    cell = (pl.col("y").cast(pl.UInt32) // 128) * 512 + pl.col("x") // 128
    return {
        "duckdb": lambda: tuple(base.execute(query).fetchnumpy().values()),
        "polars": lambda: tuple(c.to_numpy() for c in frame.lazy().group_by(cell.alias("cell")).len().collect()),
    }


def _answer() -> None:
    import numpy as np

    runs: dict[str, Any] = {}

    def reply(said: dict[str, Any]) -> Any:
        if "load" in said:
            runs.clear()
            runs.update(_load(said["load"]))
            return None
        if "counts" in said:
            cells, counts = runs[said["counts"]]()
            out = np.zeros(512 * 512, np.uint32)
            out[np.asarray(cells, np.int64)] = counts
            np.save(said["to"], out.reshape(512, 512))
            return None
        begun = time.perf_counter()
        runs[said["run"]]()
        return time.perf_counter() - begun

    answer(reply)


if __name__ == "__main__":
    if sys.argv[1:] == ["answer"]:
        _answer()
    else:
        print(make(Path(__file__).resolve().parents[2]))
