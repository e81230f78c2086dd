"""Columns of log codes to count: simulated, and real EVT files again and again."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.readers.seaflow_evt import SeaflowEvt
from workbench.simulate import cruise, particles

Codes = npt.NDArray[np.uint16]
CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")
REAL = "seaflow/testcruise/evt_v2/2014_185"


def simulated(n: int, files: int = 10) -> dict[str, Codes]:
    """`n` particles of the simulated cruise: the first `files` files of 200,000, again and again."""
    return {name: _again(column, n) for name, column in _drawn(files).items()}


def real(data: Path, n: int) -> dict[str, Codes]:
    """`n` particles of the shared real files, again and again."""
    return {name: _again(column, n) for name, column in _read(data / REAL).items()}


@cache
def _drawn(files: int) -> dict[str, Codes]:
    """Once in a run: every module takes the same ones."""
    sim = cruise.Simulation(cruise.Parameters(7, 200_000, "2025-01-14T20:00:00"))
    known = sim.files(sim.numbers(0, files + 20)[:files])
    drawn = [particles.columns(7, number, known.truth, row) for row, number in enumerate(known.index.tolist())]
    return {name: np.concatenate([one[name] for one in drawn]) for name in CHANNELS}


@cache
def _read(folder: Path) -> dict[str, Codes]:
    ds = SeaflowEvt().open_dataset(folder)  # damaged ones are left out by the reader
    return {name: ds[name].values for name in CHANNELS}


def _again(column: Codes, n: int) -> Codes:
    return np.tile(column, -(-n // column.size))[:n]
