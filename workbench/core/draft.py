"""A gating that is being drawn: points and populations changed step by step, each step undone and done again.

    draft = Draft(gating)
    draft.move_point("synecho", 0, (12.0, 340.0))
    draft.rename("synecho", "syn2")
    draft.undo()
    draft.gating        # immutable, what is shown now and what would be saved

Coordinates are linear units of the two channels of a gate, as a `Gate` has them; nothing is rounded. A refused step
changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.gates import Gate, Gating
from workbench.core.steps import Steps

Point = tuple[float, float]
Array = npt.NDArray[np.float64]


class Draft(Steps[Gating]):
    """A gating while it is edited; parameters and attributes as for `Steps`.

    Attributes
    ----------
    gating : Gating
        As it is now.
    """

    # what it is

    @property
    def gating(self) -> Gating:
        """What is shown now."""
        return self._now

    @property
    def populations(self) -> tuple[str, ...]:
        """Names in gate order."""
        return self._now.populations

    @property
    def polygons(self) -> dict[str, Array]:
        """Corners of each population, float64 (n, 2), linear; copies. None (0, 2) of an auto gate."""
        return polygons_of(self._now)

    def gate(self, population: str) -> Gate:
        """The gate of a population.

        Raises
        ------
        WorkbenchError
            When there is none; the nearest name is told.
        """
        return self._now.gates[self._at(population)]

    # points

    def add_point(self, population: str, at: int, point: Point) -> None:
        """Put a corner before corner `at`; ``at == n`` puts it last."""
        corners = self._corners(population)
        if not 0 <= at <= len(corners):
            raise WorkbenchError(f"'{population}' has {len(corners)} corners; a new one goes to 0..{len(corners)}")
        self._draw(population, [*corners[:at], _point(point), *corners[at:]])

    def move_point(self, population: str, at: int, point: Point) -> None:
        """Put corner `at` elsewhere."""
        corners = self._corners(population)
        self._known(population, at)
        corners[at] = _point(point)
        self._draw(population, corners)

    def delete_point(self, population: str, at: int) -> None:
        """Take corner `at` away; three must be left."""
        corners = self._corners(population)
        self._known(population, at)
        if len(corners) == 3:
            raise WorkbenchError(f"gate '{population}' has 3 corners and needs them; remove the population instead")
        self._draw(population, corners[:at] + corners[at + 1 :])

    def move(self, population: str, dx: float, dy: float) -> None:
        """Shift a polygon, in linear units."""
        self._draw(population, [(x + float(dx), y + float(dy)) for x, y in self._corners(population)])

    def draw(self, population: str, points: npt.ArrayLike) -> None:
        """Give a population another polygon: (n, 2), linear. An auto gate becomes a manual one."""
        self._draw(population, points_of(points))

    # populations

    def add(
        self, population: str, x: str, y: str, points: npt.ArrayLike, *, at: int | None = None
    ) -> None:  # fmt: skip
        """Add a population on channels `x` and `y`; asked last, or as number `at` (0: first)."""
        name = self._new_name(population)
        gate = Gate(name, x, y, tuple(points_of(points)))
        gates = list(self._now.gates)
        gates.insert(len(gates) if at is None else at, gate)
        self._become(tuple(gates))

    def copy(self, population: str, name: str) -> None:
        """Add a copy of a population's gate under another name, asked right after it."""
        at = self._at(population)
        gates = list(self._now.gates)
        gates.insert(at + 1, replace(gates[at], population=self._new_name(name)))
        self._become(tuple(gates))

    def remove(self, population: str) -> None:
        """Take a population away; its particles go to later gates, or are unknown."""
        at = self._at(population)
        self._become(self._now.gates[:at] + self._now.gates[at + 1 :])

    def rename(self, population: str, name: str) -> None:
        """Give a population another name."""
        if name != population:
            self._put(self._at(population), replace(self.gate(population), population=self._new_name(name)))

    def reorder(self, population: str, at: int) -> None:
        """Ask a population as number `at` (0: first). The first gate that holds a particle has it."""
        gates = list(self._now.gates)
        gate = gates.pop(self._at(population))
        gates.insert(max(0, min(at, len(gates))), gate)
        self._become(tuple(gates))

    def take(self, gating: Gating) -> None:
        """Take over all gates of another gating: snap to another time. One step, undone as one."""
        self._become(gating.gates)

    def __repr__(self) -> str:
        state = f"{len(self._past)} steps to undo, {len(self._future)} to redo"
        return f"<Draft of {', '.join(self.populations) or 'no population'}: {state}>"

    # how

    def _at(self, population: str) -> int:
        try:
            return self.populations.index(population)
        except ValueError:
            raise WorkbenchError(f"no gate is called '{population}'. {suggest(population, self.populations)}") from None

    def _known(self, population: str, at: int) -> None:
        corners = len(self.gate(population).vertices)
        if not 0 <= at < corners:
            raise WorkbenchError(f"'{population}' has corners 0..{corners - 1}, no {at}")

    def _corners(self, population: str) -> list[Point]:
        gate = self.gate(population)
        if gate.method != "manual":
            raise WorkbenchError(
                f"gate '{population}' is {gate.method}, no polygon; give it one: draw({population!r}, points)"
            )
        return list(gate.vertices)

    def _draw(self, population: str, corners: list[Point]) -> None:
        gate = self.gate(population)
        extra = gate.extra if gate.method == "manual" else {}
        self._put(self._at(population), replace(gate, vertices=tuple(corners), method="manual", extra=extra))

    def _new_name(self, name: str) -> str:
        name = str(name).strip()
        if not name:
            raise WorkbenchError("a population needs a name")
        if name == "unknown":
            raise WorkbenchError("'unknown' is what no gate holds; give the population another name")
        if name in self.populations:
            raise WorkbenchError(f"there is a population '{name}' already; names are {', '.join(self.populations)}")
        return name

    def _become(self, gates: tuple[Gate, ...]) -> None:
        self._step(replace(self._now, gates=gates))

    def _put(self, at: int, gate: Gate) -> None:
        self._become((*self._now.gates[:at], gate, *self._now.gates[at + 1 :]))


def polygons_of(gating: Gating) -> dict[str, Array]:
    """Corners of each population in gate order, float64 (n, 2), linear; copies."""
    return {gate.population: gate.array.copy() for gate in gating.gates}


def points_of(points: npt.ArrayLike) -> list[Point]:
    """Corners as plain numbers, from anything that is an (n, 2) array.

    Raises
    ------
    WorkbenchError
        When it is none of that shape.
    """
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 2:
        raise WorkbenchError(f"a polygon is an array of corners (n, 2), not of shape {array.shape}")
    return [(x, y) for x, y in array.tolist()]


def _point(point: Point) -> Point:
    try:
        x, y = map(float, point)
    except (TypeError, ValueError):
        raise WorkbenchError(f"a corner is two numbers, not {point!r}") from None
    return x, y
