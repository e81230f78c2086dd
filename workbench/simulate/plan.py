"""What a scientist would have decided about the simulated cruise: filter, gates and size table, from its truth."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.core.codes import to_linear
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.products.seaflow.parameters import derive, identity
from workbench.readers.parameter_files import write_tsv
from workbench.simulate.particles import SPREAD, WITH_SIZE
from workbench.simulate.populations import CHANNELS, MEDIANS, POPULATIONS, alignment

#: Where they stand in the cruise's folder.
PREFIX, SIZES = "plan/SIM25", "plan/calibrated-mie.csv"
INSTRUMENT = "740"
#: Days that one filter holds; beads drift.
DAYS = 3.0
#: Days for which there are filters, whatever the cruise is long.
HORIZON = 120
#: Corners of a gate, and how many standard deviations it is wide.
_CORNERS, _WIDE = 28, 2.9
#: Quartiles of a normal distribution lie this many standard deviations from its median.
_QUARTILE = 0.6745
#: Gates in the order they are asked, with their channels.
_GATES = (
    ("beads", "fsc_small", "pe"), ("croco", "fsc_small", "pe"), ("synecho", "fsc_small", "pe"),
    ("picoeuk", "fsc_small", "chl_small"), ("prochloro", "fsc_small", "chl_small"),
)  # fmt: skip


def write_plan(folder: Path, seed: int, start: np.datetime64) -> None:
    """Write filters, gates and size table of the cruise into `folder`."""
    write_tsv(folder / PREFIX, parameters(seed, start))
    _write_sizes(folder / SIZES)


def parameters(seed: int, start: np.datetime64) -> Parameters:
    """Filters that follow the beads, and one gating.

    Parameters
    ----------
    seed : int
    start : numpy.datetime64
        Of the cruise, UTC.
    """
    middles = (np.arange(0, HORIZON, DAYS) + DAYS / 2) * 86400
    sets: dict[str, FilterParameters] = {}
    entries = []
    for i, drift in enumerate(alignment(seed, middles)):
        filter_ = _filter(drift)
        sets[filter_.id] = filter_
        entries.append((start + np.timedelta64(round(i * DAYS * 86400), "s"), filter_.id))
    gating = _gating()
    return Parameters(Plan(tuple(entries), sets), Plan(((start, gating.id),), {gating.id: gating}), "SIM25", INSTRUMENT)


def _filter(drift: npt.NDArray[np.float64]) -> FilterParameters:
    """The filter of a time at which everything has drifted by so many codes."""
    beads = POPULATIONS.index("beads")
    sides = np.array([-1.0, 0.0, 1.0]) * _QUARTILE  # quantiles 2.5, 50, 97.5
    where = {name: MEDIANS[beads, i] + drift[i] for i, name in enumerate(CHANNELS)}
    spread = dict(zip(CHANNELS, SPREAD[beads], strict=True))
    fsc = where["fsc_small"] + sides * spread["fsc_small"]
    d1, d2 = (where[name] - sides * spread[name] for name in ("D1", "D2"))
    return derive(np.round(fsc), np.round(d1), np.round(d2), INSTRUMENT)


def _gating() -> Gating:
    gates = tuple(_gate(*gate) for gate in _GATES)
    table = tuple(tuple(map(float, corner)) for gate in gates for corner in gate.vertices)
    return Gating(identity(table), gates)


def _gate(population: str, x: str, y: str) -> Gate:
    """An ellipse around a population on the log plane, its corners in linear units."""
    p, (i, j) = POPULATIONS.index(population), (CHANNELS.index(x), CHANNELS.index(y))
    spread, size = SPREAD[p].astype(np.float64), WITH_SIZE[p].astype(np.float64)
    shared = spread[i] * spread[j] * size[i] * size[j]
    covariance = np.array([[spread[i] ** 2, shared], [shared, spread[j] ** 2]])
    widths, axes = np.linalg.eigh(covariance)
    # what the alignment and the day's growth move a population by
    scale = _WIDE * np.sqrt(widths + 500.0**2)
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    corners = MEDIANS[p, [i, j]] + np.stack([np.cos(turn), np.sin(turn)], axis=1) @ (axes * scale).T
    linear = to_linear(np.clip(corners, 0, 65535))
    return Gate(population, x, y, tuple((round(float(a), 6), round(float(b), 6)) for a, b in linear))


def _write_sizes(path: Path) -> None:
    """A size table in the shape of ``calibrated-mie.csv``: a power of the scatter, not Mie's theory."""
    scatter = np.geomspace(0.0005, 20, 2000)
    columns = {"scatter": scatter}
    for name, factor in (("mid", 1.0), ("upr", 0.87), ("lwr", 1.16)):
        diameter = 1.6 * factor * scatter**0.36
        columns[f"diam_{INSTRUMENT}_{name}"] = diameter
        columns[f"Qc_{INSTRUMENT}_{name}"] = 0.261 * (np.pi / 6 * diameter**3) ** 0.86
    rows = "\n".join(",".join(f"{value:.9g}" for value in row) for row in zip(*columns.values(), strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    temp.write_text(f"{','.join(columns)}\n{rows}\n", encoding="utf-8")
    os.replace(temp, path)
