"""What the SeaFlow benchmark needs: a big cruise on disk, and seaflowpy in an environment of its own.

Both are kept in ``.benchmarks`` (git-ignored), made once.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.products.seaflow.parameters import derive
from workbench.readers import popcycle
from workbench.readers.seaflow_evt import write_evt
from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_layout import V1
from workbench.simulate import cruise, particles

VERSION = "15.1.3"
#: In focus by these: 0.75 % of the events, as on real cruises (0.2 to 3 %).
WIDTH = 220.0
BOXES = {
    "beads": ("fsc_small", "pe", 33000, 50000, 34500, 56000), "synecho": ("fsc_small", "pe", 8000, 9000, 33000, 45000),
    "prochloro": ("fsc_small", "chl_small", 1000, 3000, 18000, 20000),
    "picoeuk": ("fsc_small", "chl_small", 18000, 15000, 50000, 50000),
}  # fmt: skip


@dataclass(frozen=True)
class Cruise:
    """EVT files of both layouts, and parameters that both programs read."""

    folder: Path
    particles: int

    def evt(self, layout: str) -> Path:
        return self.folder / layout

    @property
    def database(self) -> Path:
        return self.folder / "parameters.db"


def write(folder: Path, files: int, rows: int) -> Cruise:
    """Write `files` files of `rows` particles as v1 and as v2, once."""
    sim = cruise.Simulation(cruise.Parameters(7, rows, "2025-01-14T20:00:00"))
    index = sim.numbers(0, files + 20)[:files]
    known = sim.files(index)
    total = int(known.truth.particles.sum())
    if not (folder / "parameters.db").exists():
        for row, (number, name) in enumerate(zip(index, known.names, strict=True)):
            codes = particles.columns(7, int(number), known.truth, row)
            write_evt(folder / "v2" / name, codes)
            v1(folder / "v1" / name, codes)
        _database(folder / "parameters.db", known.names, known.sfl["time"])
    return Cruise(folder, total)


def longer(cruise: Cruise, folder: Path, times: int) -> Cruise:
    """The files of `cruise` so often, an hour later each time: links, and their rows in the SFL."""
    folder.mkdir(parents=True)
    shutil.copy(cruise.database, folder / "parameters.db")
    rows = []
    for path in sorted(path for layout in ("v1", "v2") for path in cruise.evt(layout).rglob("2*T*")):
        time = np.datetime64(f"{path.name[:10]}T{path.name[11:19].replace('-', ':')}")
        for hour in range(times):
            later = time + np.timedelta64(hour, "h")
            place = folder / path.relative_to(cruise.folder).parts[0] / file_name(later)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path)
            rows.append(
                {"file": file_name(later), "date": f"{later}+00:00", "file_duration": 180.0, "stream_pressure": 12.0}
            )
    database = popcycle.open_database(folder / "parameters.db")
    popcycle.put(database, "sfl", rows)
    database.close()
    return Cruise(folder, cruise.particles * times)


def v1(path: Path, codes: dict[str, np.ndarray]) -> None:
    """Write a v1 file; channels that `codes` lacks are 0."""
    n = len(codes["D1"])
    table = np.zeros((n, 12), "<u2")
    table[:, 0] = 10
    for at, name in enumerate(V1):
        if name in codes:
            table[:, 2 + at] = codes[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(np.array([n], "<u4").tobytes())
        file.write(table.data)


def _database(path: Path, names: list[str], times: np.ndarray) -> None:
    one = derive(
        (33408, 33632, 33856), (19856, 19344, 18816), (19928, 19392, 18864), "740", width=WIDTH, date="2025-01-14"
    )
    gates = tuple(
        Gate(pop, x, y, tuple((float(10 ** (a / 65536 * 3.5)), float(10 ** (b / 65536 * 3.5))) for a, b in corners))
        for pop, (x, y, left, low, right, high) in BOXES.items()
        for corners in [((left, low), (right, low), (right, high), (left, high))]
    )
    start = np.datetime64("2025-01-01")
    gating = Gating("boxes", gates, "2025-01-14")
    temp = path.with_suffix(".part")
    temp.unlink(missing_ok=True)
    database = popcycle.open_database(temp)
    plan = Plan(((start, one.id),), {one.id: one})
    popcycle.put_parameters(database, Parameters(plan, Plan(((start, "boxes"),), {"boxes": gating}), "SIM25", "740"))
    popcycle.put(
        database, "sfl",
        [{"file": n, "date": f"{t}+00:00", "file_duration": 180.0, "stream_pressure": 12.0} for n, t in zip(names, times, strict=True)],
    )  # fmt: skip
    database.close()
    temp.rename(path)


def seaflowpy(cache: Path) -> Path | None:
    """The command of seaflowpy in its own environment, made if need be; None when it cannot be had."""
    place = cache / f"seaflowpy-{VERSION}"
    command = place / "bin" / "seaflowpy"
    if not (place / "ready").exists():
        made = subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=False)
        wanted = [place / "bin" / "python", "-m", "pip", "install", "-q", f"seaflowpy=={VERSION}"]
        if made.returncode or subprocess.run(wanted, check=False, capture_output=True).returncode:
            return None
        (place / "ready").touch()
    return command


def timed(words: list[str], cores: set[int] | None = None) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    import os

    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    subprocess.run(words, check=True, capture_output=True, preexec_fn=pin)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
