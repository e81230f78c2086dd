"""What goes wrong on the cruise, and when: decided by the seed alone, two days at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.simulate.chance import Floats, normal, uniform

#: Receipt minus instrument of the positions feed: seconds at the start of the cruise, and what it gains in a day.
CLOCK_OFFSET, CLOCK_DRIFT = 41.25, 0.8
PRESSURE = 12.0
_HOUR, _PERIOD = 3600.0, 2 * 86400.0
_CHANCES = (
    "fault", "fault hours", "fault psi", "gap", "cut", "cut at", "spike", "spike to", "run", "run to", "line", "feed",
)  # fmt: skip


@dataclass(frozen=True)
class Happening:
    """One thing that a test or a person should find; `start` and `stop` in seconds since the cruise began."""

    kind: str
    start: float
    stop: float
    more: dict[str, float] = field(default_factory=dict)


class Happenings:
    """Everything that happens in `days` days.

    Kinds: ``pressure_fault`` (stream pressure falls below 11.5 psi, the event rate follows), ``gap`` (the cytometer
    is off: no files), ``truncated`` (one file is cut short), ``spike`` (positions far off the track), ``garbled``
    (one line of the positions with a wrong checksum), ``feed_gap`` (no positions).
    """

    def __init__(self, seed: int, days: float) -> None:
        self.seed = seed
        found: list[Happening] = []
        periods = range(int(np.ceil(days * 86400 / _PERIOD)) + 1)
        chances = np.stack([uniform(seed, name, periods) for name in _CHANCES], axis=1)
        for period, row in zip(periods, chances.tolist(), strict=True):
            found += _two_days(period, dict(zip(_CHANCES, row, strict=True)))
        self.all = found

    def of(self, kind: str, start: float = -np.inf, stop: float = np.inf) -> list[Happening]:
        """Those of one kind that touch ``[start, stop)``."""
        return [h for h in self.all if h.kind == kind and h.start < stop and h.stop > start]

    def covered(self, kind: str, seconds: Floats) -> npt.NDArray[np.bool_]:
        """True where a happening of that kind is under way, bool (n,)."""
        out = np.zeros(np.shape(seconds), dtype=np.bool_)
        if out.size:
            for h in self.of(kind, float(seconds[0]), float(seconds[-1]) + 1):
                out |= (seconds >= h.start) & (seconds < h.stop)
        return out

    def pressure(self, seconds: Floats, index: npt.NDArray[np.int64]) -> Floats:
        """Stream pressure in psi: 12.00 or 12.01, falling within ten minutes of a fault, back in five."""
        out = PRESSURE + 0.01 * (uniform(self.seed, "pressure", index) > 0.3) + 0.004 * normal(self.seed, "psi", index)
        if np.size(seconds):
            for h in self.of("pressure_fault", float(seconds[0]), float(seconds[-1]) + 1):
                shape = np.clip(np.minimum((seconds - h.start) / 600, (h.stop - seconds) / 300), 0, 1)
                out = out - (PRESSURE - h.more["lowest_psi"]) * shape * (1 + 0.03 * normal(self.seed, "flutter", index))
        return np.asarray(np.round(out, 2))


def _two_days(period: int, chance: dict[str, float]) -> list[Happening]:
    begin = period * _PERIOD

    def at(name: str, first: float, last: float) -> float:
        return float(np.floor(begin + (first + chance[name] * (last - first)) * _HOUR))

    fault, hours = at("fault", 15, 19), 2.0 + 1.5 * chance["fault hours"]
    gap, cut, feed = at("gap", 36, 39), at("cut", 22, 25), at("feed", 41, 44)
    spike, run = at("spike", 3, 5), at("run", 29, 32)
    away = 0.4 + 0.4 * chance["spike to"]
    return [
        Happening("spike", spike, spike + 1, {"dlat": away, "dlon": -away}),
        Happening("garbled", at("line", 8, 10), at("line", 8, 10) + 1),
        Happening("pressure_fault", fault, fault + hours * _HOUR, {"lowest_psi": 5.5 + 1.5 * chance["fault psi"]}),
        Happening("truncated", cut, cut + 180, {"share": 0.2 + 0.6 * chance["cut at"]}),
        Happening("spike", run, run + 3, {"dlat": -0.15 - 0.1 * chance["run to"], "dlon": 0.2}),
        Happening("gap", gap, gap + _HOUR),
        Happening("feed_gap", feed, feed + 25 * 60),
    ]
