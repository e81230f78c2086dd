"""Sources and cruises in memory, with the faults a test wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from workbench.core import clock
from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.core.window import ALWAYS, Window

T0 = np.datetime64("2024-05-01T00:00:00", "ns")
SECOND = np.timedelta64(1_000_000_000, "ns")
DAY = 86_400 * SECOND


def at(seconds: float) -> np.datetime64:
    return T0 + np.timedelta64(round(seconds * 1e9), "ns")


class RowSource:
    """Rows along time: append with `add`, go wrong with `broken`, come again from the start with `rewrite`."""

    is_particles = False

    def __init__(self, name: str = "rows", every: Any = None, **columns: Any) -> None:
        self.name, self.every, self.stale_after = name, every, None
        self.time = np.empty(0, "M8[ns]")
        self.columns: dict[str, Any] = {}
        self.broken: Exception | None = None
        self.opened = 0
        self.replaced = False
        if columns:
            self.add(columns.pop("time"), **columns)

    def add(self, time: Any, **columns: Any) -> None:
        time = np.atleast_1d(np.asarray(time, "M8[ns]"))
        old = len(self.time)
        self.time = np.concatenate([self.time, time])
        for name in {**self.columns, **columns}:
            a = self.columns.get(name, np.full(old, np.nan))
            b = np.broadcast_to(np.asarray(columns.get(name, np.nan)), time.shape)
            self.columns[name] = np.concatenate([a, b])

    def rewrite(self, **columns: Any) -> None:
        self.columns.update(columns)
        self.replaced = True

    def changed(self, cursor: Any = None) -> tuple[xr.Dataset, Any]:
        if self.broken:
            raise self.broken
        start = cursor or 0
        attrs = {}
        if self.replaced and cursor is not None:
            self.replaced, attrs = False, {"replaces": "file"}
            start = 0
        return self._dataset(slice(start, None)).assign_attrs(attrs), len(self.time)

    def open(self, window: Window = ALWAYS) -> xr.Dataset:
        self.opened += 1
        if self.broken:
            raise self.broken
        inside = window.contains(self.time)
        return self._dataset(np.flatnonzero(inside))

    def variables(self) -> dict[str, VariableSpec]:
        return {n: VARIABLES.get(n) or VariableSpec(n, (), "float64", "1", None, n) for n in self.columns}

    def _dataset(self, rows: Any) -> xr.Dataset:
        data = {name: ("time", values[rows]) for name, values in self.columns.items()}
        return xr.Dataset(data, {"time": ("time", self.time[rows])})


class ParticleSource:
    """Files of particles in memory; `reads` counts how often each was read."""

    is_particles = True
    every = stale_after = None

    def __init__(self, name: str = "seaflow", channels: tuple[str, ...] = ("fsc_small", "pe")) -> None:
        self.name, self.channels = name, channels
        self.held: dict[str, dict[str, Any]] = {}
        self.times: dict[str, np.datetime64] = {}
        self.marks: dict[str, int] = {}
        self.reads: dict[str, int] = {}
        self.broken: Exception | None = None
        self.unreadable: set[str] = set()
        self.delay: Any = None

    def write(self, name: str, time: np.datetime64, **columns: Any) -> None:
        self.held[name] = {n: np.asarray(v) for n, v in columns.items()}
        self.times[name] = time
        self.marks[name] = self.marks.get(name, 0) + 1

    def random(self, name: str, time: np.datetime64, n: int = 500, seed: int = 0) -> None:
        rng = np.random.default_rng([seed, len(self.held)])
        self.write(name, time, **{c: rng.integers(0, 1 << 16, n).astype(np.uint16) for c in self.channels})

    def files(self, window: Window = ALWAYS) -> list[Path]:
        names = [n for n in self.held if window == ALWAYS or window.start <= self.times[n] < window.stop]
        return [Path("/data") / n for n in sorted(names, key=lambda n: self.times[n])]

    def columns(self, path: str, names: Any) -> dict[str, Any]:
        key = Path(path).name
        self.reads[key] = self.reads.get(key, 0) + 1
        if self.delay:
            self.delay()
        if key in self.unreadable or key not in self.held:
            raise ReaderError(path, "cannot be read")
        return {name: self.held[key][name] for name in names}

    def changed(self, cursor: Any = None) -> tuple[xr.Dataset, Any]:
        if self.broken:
            raise self.broken
        seen = dict(cursor or {})
        new = sorted((n for n in self.held if seen.get(n) != self.marks[n]), key=lambda n: self.times[n])
        replaced = [f"/data/{n}" for n in new if n in seen]
        sizes = [len(self.held[n][self.channels[0]]) for n in new]
        data: dict[str, Any] = {"file_id": ("file", new), "row_size": ("file", np.array(sizes, np.int64))}
        data |= {c: ("particle", np.zeros(sum(sizes), np.uint16)) for c in self.channels}
        times = np.array([self.times[n] for n in new], "M8[ns]")
        return xr.Dataset(data, {"time": ("file", times)}, {"replaces": "\n".join(replaced)}), dict(self.marks)

    def variables(self) -> dict[str, VariableSpec]:
        return {name: VARIABLES[name] for name in self.channels}


@dataclass(frozen=True)
class Item:
    view: str
    source: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


class StandInCruise(Mapping[str, Any]):
    """A cruise of the sources given."""

    def __init__(self, *sources: Any, board: tuple[Item, ...] = (), kpis: dict[str, Any] | None = None,
                 start: Any = None, end: Any = None) -> None:  # fmt: skip
        self._sources = {source.name: source for source in sources}
        self.board, self.kpis, self.start, self.end, self.id = board, kpis or {}, start, end, "TEST"

    def __getitem__(self, name: str) -> Any:
        return self._sources[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def now(self) -> np.datetime64:
        return clock.as_of(self.end)

    @property
    def finished(self) -> bool:
        return clock.finished(self.end)


def stop_clock(time: np.datetime64) -> None:
    """The time stands still at `time`."""
    clock.use(clock.Clock(time, 0.0, 0.0))
