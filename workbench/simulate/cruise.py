"""A simulated cruise: what its files hold, and `write`, which makes a folder of them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError
from workbench.readers.seaflow_files import file_name
from workbench.simulate import populations, sea
from workbench.simulate.chance import Floats, normal, uniform, wander
from workbench.simulate.happenings import Happenings
from workbench.simulate.plan import write_plan
from workbench.simulate.route import Track

ID = "SIM25"
START = np.datetime64("2025-01-14T20:00:00", "s")
#: Seconds from one EVT file to the next, and from the begin of the cruise to the first.
EVERY, FIRST = 180, 2
#: Days of cruise that can be simulated.
HORIZON = 120
#: Changes whenever the same seed gives other bytes.
VERSION = 1
CATALOG, PARAMETERS = "catalog.yaml", "truth/cruise.json"
_POSITIONS_A_DAY = 11_500_000

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Parameters:
    """What a simulated cruise is made from; the same parameters give the same bytes.

    Attributes
    ----------
    seed : int
    particles : int
        Particles of a usual file.
    start : str
        ISO 8601, UTC, whole seconds.
    version : int
        Of the simulator.
    """

    seed: int
    particles: int
    start: str
    version: int = VERSION

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.particles} particles a file, from {self.start}, simulator {self.version}"


@dataclass(frozen=True)
class Files:
    """Some EVT files in time order: their numbers, names, truth, and lines of the SFL (canonical names)."""

    index: Ints
    names: list[str]
    truth: populations.Truth
    sfl: dict[str, npt.ArrayLike]


class Simulation:
    """All of a cruise as functions of its parameters; nothing is kept.

    Parameters
    ----------
    parameters : Parameters
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.seed = parameters.seed
        self.start = np.datetime64(parameters.start, "s")

    @cached_property
    def track(self) -> Track:
        """The ship's way."""
        return Track(self.seed, HORIZON + 1)

    @cached_property
    def happenings(self) -> Happenings:
        """What goes wrong."""
        return Happenings(self.seed, HORIZON + 1)

    def due(self, seconds: float) -> int:
        """How many places for files have passed by then (gaps counted): numbers below this are due."""
        return max(0, int((seconds - FIRST) // EVERY))

    def numbers(self, first: int, stop: int) -> Ints:
        """The numbers of the files in ``[first, stop)``: those of a gap do not exist."""
        index = np.arange(first, stop, dtype=np.int64)
        begun = begins(index)
        return index[~(self.happenings.covered("gap", begun) | self.happenings.covered("gap", begun + EVERY - 1))]

    def files(self, index: Ints) -> Files:
        """The files of these numbers, except for their particles."""
        seed, seconds = self.seed, begins(index)
        time = self.start + (index * EVERY + FIRST).astype("timedelta64[s]")
        latitude, longitude = self.track.position(seconds)
        growth = sea.growth(time, latitude, longitude)
        water = sea.water(seed, seconds, latitude, growth)
        pressure = self.happenings.pressure(seconds, index)
        duration = np.round(EVERY + 0.05 + 0.1 * uniform(seed, "duration", index), 3)
        truth = populations.truth(
            seed, self.parameters.particles, index, seconds, pressure, water.upwelling, water.gyre, growth, duration
        )  # fmt: skip
        temperature = np.round(water.temperature + 0.004 * normal(seed, "sst", index), 4)
        salinity = np.round(water.salinity + 0.002 * normal(seed, "sss", index), 4)
        par = np.round(sea.par(seed, index, time, seconds, latitude, longitude), 4)
        par[uniform(seed, "par lost", index) < 0.004] = np.nan
        names = [file_name(t) for t in time]
        sfl: dict[str, npt.ArrayLike] = {
            "file_id": names, "time": time, "file_duration": duration, "latitude": np.round(latitude, 4),
            "longitude": np.round((longitude + 180) % 360 - 180, 4),
            "conductivity": np.round(sea.conductivity(salinity, temperature), 4), "salinity": salinity,
            "sea_water_temperature": temperature, "par": par, "bulk_red": np.round(self._red(index, seconds, water), 4),
            "stream_pressure": pressure, "event_rate": np.round(truth.event_rate, 2),
        }  # fmt: skip
        return Files(index, names, truth, sfl)

    def _red(self, index: Ints, seconds: Floats, water: sea.Water) -> Floats:
        """Bulk red fluorescence: brighter at the upwelling."""
        patches = 8 * wander(self.seed, "red", seconds, (7000, 26000, 80000))
        return np.asarray(112 + 45 * water.upwelling + patches + normal(self.seed, "red", index))


def begins(index: Ints) -> Floats:
    """Seconds from the begin of the cruise to that of files `index`, float64 (n,)."""
    return np.asarray(index, dtype=np.float64) * EVERY + FIRST


def write(
    folder: str | os.PathLike[str], *, days: float = 3.0, seed: int = 7, particles: int = 20_000,
    start: np.datetime64 | None = None, length: float | None = None, progress: bool = False,
) -> Path:  # fmt: skip
    """Write a simulated cruise, or what is missing of it, in the real file formats.

    A day of 20,000 particles a file takes about 145 MB. Interrupted at any moment, the same call completes it; with
    more `days` it makes the cruise longer. The same parameters give the same bytes.

    Parameters
    ----------
    folder : path-like
        New, empty, or the same cruise begun before.
    days : float
        How much of the cruise to write, up to 120.
    seed : int
    particles : int
        Particles of a usual file, up to 2,000,000.
    start : numpy.datetime64, optional
        When the cruise begins (UTC); 2025-01-14T20:00 unless it is there already.
    length : float, optional
        How long the cruise is to become in days, which the catalog gives as its end; `days` unless longer.
    progress : bool
        Show a bar.

    Returns
    -------
    Path
        The catalog.

    Raises
    ------
    WorkbenchError
        When the folder holds something else, or the disk has no room.
    """
    from workbench.simulate.continuation import Continuation

    folder = Path(folder)
    begin(folder, days=days, seed=seed, particles=particles, start=start, length=length)
    with Continuation(folder) as cruise:
        cruise.until(cruise.start + _span(days), progress=progress)
    return folder / CATALOG


def begin(
    folder: Path, *, days: float, seed: int, particles: int, start: np.datetime64 | None = None, length: float | None = None
) -> Parameters:  # fmt: skip
    """Make sure that `folder` is this cruise, with a catalog and parameters; WorkbenchError when it is not."""
    if not 0 < days <= HORIZON or not 0 < particles <= 2_000_000:
        raise WorkbenchError(
            f"{days:g} days of {particles} particles a file: up to {HORIZON} days and 2000000 are known"
        )
    there = read_parameters(folder)
    since = there.start if there and start is None else str((START if start is None else start).astype("datetime64[s]"))
    wanted = Parameters(int(seed), int(particles), since)
    if there is None and folder.is_dir() and any(not p.name.startswith(".") for p in folder.iterdir()):
        raise WorkbenchError(f"{folder} is not empty and holds no simulated cruise. Name another folder.")
    if there is not None and there != wanted:
        raise WorkbenchError(
            f"{folder} holds another simulated cruise ({there}), not this one ({wanted}). "
            "Name another folder, give the same --seed and --particles, or delete it."
        )
    _room(folder, days, particles)
    _put(folder / PARAMETERS, json.dumps(asdict(wanted), indent=1) + "\n")
    write_plan(folder, wanted.seed, np.datetime64(wanted.start, "s"))
    _put(folder / CATALOG, catalog(wanted, _longest(folder, wanted, max(days, length or 0))))
    return wanted


def read_parameters(folder: Path) -> Parameters | None:
    """The parameters of the cruise in `folder`, or None when it holds none."""
    path = folder / PARAMETERS
    if not path.exists():
        return None
    try:
        raw = json.loads(path.read_text())
        return Parameters(raw["seed"], raw["particles"], raw["start"], raw["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(
            f"{path}: not the parameters of a simulated cruise ({error}). Delete the folder."
        ) from error


def catalog(parameters: Parameters, days: float) -> str:
    """The text of the catalog of a cruise that is `days` long."""
    start = np.datetime64(parameters.start, "s")
    text = Path(__file__).with_name(CATALOG).read_text(encoding="utf-8")
    return text.replace("@START@", str(start)).replace("@END@", str(start + _span(days)))


def planned_end(folder: Path) -> np.datetime64:
    """The end of the cruise that the catalog in `folder` gives, ``datetime64[ns]``; NaT when it gives none."""
    try:
        text = (folder / CATALOG).read_text(encoding="utf-8")
        return np.datetime64(text.split('end: "')[1].split('"')[0], "ns")
    except (OSError, IndexError, ValueError):
        return np.datetime64("NaT", "ns")


def _longest(folder: Path, parameters: Parameters, days: float) -> float:
    """The length in days that the catalog there gives, or `days` when that is more."""
    known = (planned_end(folder) - np.datetime64(parameters.start, "s")) / np.timedelta64(1, "D")
    return max(days, float(known)) if known == known else days


def _span(days: float) -> np.timedelta64:
    return np.timedelta64(round(days * 86400), "s")


def _room(folder: Path, days: float, particles: int) -> None:
    """WorkbenchError when the disk cannot hold the cruise."""
    need = days * (particles * 14 * 480 * 1.1 + _POSITIONS_A_DAY)
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    have = sum(p.stat().st_size for p in (folder / "evt").rglob("*") if p.is_file())
    free = shutil.disk_usage(there).free
    if need - have > free:
        raise WorkbenchError(
            f"{folder}: {days:g} days of {particles} particles a file take {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB "
            "are free. Give fewer --days or --particles."
        )


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    temp.write_text(text, encoding="utf-8")
    os.replace(temp, path)
