"""Matplotlib and Shapely, whose polygons one would ask otherwise, in an environment of their own: ``make bench-peers``.

Run by that environment's python (`tests.benchmarks.beside`), it loads columns in linear units and gates
(``{"load": {channel: path}, "gates": [[x, y, corners], ...]}``), and runs a peer (``{"run": NAME}``: seconds of processor, and counts):
gate by gate, those that no earlier one holds, as a notebook would.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.beside import answer
from tests.benchmarks.environment import made

PINS = ("matplotlib==3.*", "shapely==2.*", "numpy>=2")
FOLDER = ".benchmarks/gate-peers"
NAMES = ("matplotlib", "shapely")


def make(root: Path) -> Path:
    """Install them below `root` unless they are there; the python of their environment."""
    return made(root / FOLDER, PINS)


def found(root: Path) -> Path | None:
    """Its python, where it is made already."""
    python = root / FOLDER / "bin" / "python"
    return python if (root / FOLDER / "installed").exists() and python.exists() else None


# -- in the other process ------------------------------------------------------------------------------------------


def _counts(name: str, columns: dict[str, Any], gates: list[tuple[str, str, Any]]) -> list[int]:
    """Particles of each gate, and of none, by one of the peers."""
    import numpy as np

    label = np.zeros(len(next(iter(columns.values()))), np.uint8)
    for number, (x, y, corners) in enumerate(gates, start=1):
        left = np.flatnonzero(label == 0)
        label[left[_inside(name, columns[x][left], columns[y][left], corners)]] = number
    return np.roll(np.bincount(label, minlength=len(gates) + 1), -1).tolist()


def _inside(name: str, x: Any, y: Any, corners: Any) -> Any:
    import numpy as np

    if name == "matplotlib":
        from matplotlib.path import Path as Polygon

        return Polygon(corners).contains_points(np.column_stack([x, y]))
    import shapely

    polygon = shapely.Polygon(corners)
    shapely.prepare(polygon)
    return shapely.intersects_xy(polygon, x, y)


def _answer() -> None:
    import numpy as np

    columns: dict[str, Any] = {}
    gates: list[tuple[str, str, Any]] = []

    def reply(said: dict[str, Any]) -> Any:
        if "load" in said:
            columns.update({name: np.load(path) for name, path in said["load"].items()})
            gates[:] = said["gates"]
            return True
        start = time.process_time()
        counts = _counts(said["run"], columns, gates)
        return {"seconds": time.process_time() - start, "counts": counts}

    answer(reply)


if __name__ == "__main__":
    if sys.argv[1:] == ["answer"]:
        _answer()
    else:
        print(make(Path(__file__).resolve().parents[2]))
