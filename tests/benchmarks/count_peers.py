"""DuckDB and Polars, which count a cytogram by grouping, in an environment of their own: ``make bench-peers``.

Run as a program by that environment's python, it loads columns from ``.npy`` files and answers one line of JSON for
each line of JSON it reads: ``{"load": [x, y]}``, ``{"run": NAME}`` (seconds), ``{"counts": NAME}`` (writes counts to
`to`). So peers of another environment take turns with ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PINS = ("duckdb==1.4.*", "polars==1.*", "pyarrow>=18", "numpy>=2")
FOLDER = ".benchmarks/count-peers"
NAMES = ("duckdb", "polars")


def make(root: Path) -> Path:
    """Install them below `root` unless they are there; the python of their environment.

    Raises
    ------
    subprocess.SubprocessError
        When they cannot be installed.
    """
    folder = root / FOLDER
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text().split() != list(PINS):
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True, timeout=120
        )
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *PINS]
        subprocess.run(install, check=True, capture_output=True, timeout=600)
        stamp.write_text(" ".join(PINS))
    return python


def found(root: Path) -> Path | None:
    """Its python, where it is made already."""
    python = root / FOLDER / "bin" / "python"
    return python if (root / FOLDER / "installed").exists() and python.exists() else None


class Peers:
    """The other process: it holds the columns, and runs what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **said: Any) -> Any:
        """One question, one answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(said), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the peers' process has ended")
        return json.loads(line)


@contextmanager
def started(python: Path) -> Iterator[Peers]:
    """Their process."""
    process = subprocess.Popen(
        [str(python), __file__, "answer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Peers(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


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
    for line in sys.stdin:
        said = json.loads(line)
        answer: Any = None
        if "load" in said:
            runs.clear()
            runs = _load(said["load"])
        elif "counts" in said:
            cells, counts = runs[said["counts"]]()
            out = np.zeros(512 * 512, np.uint32)
            out[np.asarray(cells, np.int64)] = counts
            np.save(said["to"], out.reshape(512, 512))
        else:
            begun = time.perf_counter()
            runs[said["run"]]()
            answer = time.perf_counter() - begun
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["answer"]:
        _answer()
    else:
        print(make(Path(__file__).resolve().parents[2]))
