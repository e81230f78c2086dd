"""Gates, gatings and plans: what a person decided about particles, as values.

A Gate is a polygon on two channels, in linear units, with straight edges there. A Gating is an ordered list of
gates; a particle belongs to the first one that holds it. A Plan says which gating (or which filter) holds from when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError, suggest

Parameters = TypeVar("Parameters")


@dataclass(frozen=True)
class Gate:
    """One population's polygon.

    Attributes
    ----------
    population : str
    x, y : str
        Channel names.
    vertices : tuple of (float, float)
        Corners in linear units, in order; the polygon closes itself. Empty for a gate that is not a polygon.
    method : str
        ``"manual"``: evaluated. Anything else (``"auto"``) is read and kept, not evaluated.
    extra : mapping
        What the file says beyond this, kept for writing it back.
    """

    population: str
    x: str
    y: str
    vertices: tuple[tuple[float, float], ...]
    method: str = "manual"
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.method != "manual":
            return
        if len(self.vertices) < 3:
            raise WorkbenchError(
                f"gate '{self.population}' has {len(self.vertices)} corners; a polygon needs 3 or more"
            )
        if not np.isfinite(self.array).all():
            raise WorkbenchError(f"gate '{self.population}' has a corner that is not a number")
        if self.x == self.y:
            raise WorkbenchError(f"gate '{self.population}' has the same channel on both axes: {self.x}")

    @property
    def array(self) -> npt.NDArray[np.float64]:
        """Corners as float64 (n, 2)."""
        return np.asarray(self.vertices, dtype=np.float64).reshape(-1, 2)


@dataclass(frozen=True)
class Gating:
    """Gates in the order in which they are asked.

    Attributes
    ----------
    id : str
    gates : tuple of Gate
    date : str
        When it was made, as the file says; information only.
    """

    id: str
    gates: tuple[Gate, ...]
    date: str = ""

    def __post_init__(self) -> None:
        names = [gate.population for gate in self.gates]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise WorkbenchError(f"gating {self.id} has two gates for {', '.join(twice)}")

    @property
    def populations(self) -> tuple[str, ...]:
        """Population names in gate order; ``unknown`` (in no gate) is not among them."""
        return tuple(gate.population for gate in self.gates)

    @property
    def evaluated(self) -> tuple[str, ...]:
        """Populations whose gate can be asked."""
        return tuple(gate.population for gate in self.gates if gate.method == "manual")

    @property
    def not_evaluated(self) -> tuple[str, ...]:
        """Populations whose gate is kept but not evaluated (``auto``)."""
        return tuple(gate.population for gate in self.gates if gate.method != "manual")


@dataclass(frozen=True)
class Plan(Generic[Parameters]):
    """Which parameters hold from when, until the next entry.

    Attributes
    ----------
    entries : tuple of (numpy.datetime64[ns], str)
        Start time and id, sorted by time. Empty with a single parameter set: it holds for the whole cruise.
    sets : mapping of str to parameters
    """

    entries: tuple[tuple[np.datetime64, str], ...]
    sets: Mapping[str, Parameters] = field(hash=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(((t.astype("datetime64[ns]"), i) for t, i in self.entries), key=lambda e: e[0]))
        object.__setattr__(self, "entries", ordered)
        for start, name in ordered:
            if name not in self.sets:
                raise WorkbenchError(
                    f"the plan asks for '{name}' from {start}, which is not there. {suggest(name, self.sets)}"
                )
        if not ordered and len(self.sets) > 1:
            raise WorkbenchError(f"{len(self.sets)} parameter sets and no plan: say which holds from when")

    def __iter__(self) -> Iterator[tuple[np.datetime64, str]]:
        return iter(self.entries)

    def id_at(self, time: np.datetime64) -> str | None:
        """The id that holds at `time`; None before the first entry or where there are no parameters."""
        if not self.entries:
            return next(iter(self.sets), None)
        at = int(np.searchsorted(self._starts, time.astype("datetime64[ns]"), "right")) - 1
        return self.entries[at][1] if at >= 0 else None

    def each_at(self, times: npt.NDArray[np.datetime64]) -> list[Parameters | None]:
        """What `at` gives for each of many times."""
        if not self.entries:
            return [next(iter(self.sets.values()), None)] * len(times)
        held = [None, *(self.sets[name] for _, name in self.entries)]
        return [held[at] for at in np.searchsorted(self._starts, times.astype("datetime64[ns]"), "right").tolist()]

    @cached_property
    def _starts(self) -> npt.NDArray[np.datetime64]:
        return np.array([start for start, _ in self.entries])

    def at(self, time: np.datetime64) -> Parameters | None:
        """The parameters that hold at `time`; None where none do."""
        name = self.id_at(time)
        return None if name is None else self.sets[name]
