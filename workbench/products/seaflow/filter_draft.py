"""Filter parameters that are being changed: the beads moved, the lines following, each step undone and done again.

    draft = cruise.filters.at(time).draft()
    draft.move(50, fsc=43_000, d1=27_500, together=True)
    draft.set("width", 4_500)
    draft.undo()
    draft.parameters    # immutable, what is shown now and what would be saved

A quantile that is not touched stays what it was, to the last digit; of one that is, the lines run through its beads as
`parameters.derive` says, with the slopes that it has. A refused step changes nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.core.codes import SIZE
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.core.steps import Steps
from workbench.products.seaflow.beads import Beads
from workbench.products.seaflow.parameters import SLOPES, identity, through

Table = npt.NDArray[np.float64]
BEADS = FIELDS[:3]
#: Fields that a person sets; the others follow from them.
SETTABLE = (*BEADS, "width", "offset_small_D1", "offset_small_D2", "notch_large_D1", "notch_large_D2")
_WIDTH, _SLOPES, _LOW = FIELDS.index("width"), [6, 7], [8, 9]


class FilterDraft(Steps[FilterParameters]):
    """Filter parameters while they are changed; parameters and attributes as for `Steps`."""

    @property
    def parameters(self) -> FilterParameters:
        """As they are now; the very object it began with where nothing is other."""
        return self._now

    @property
    def beads(self) -> Table:
        """fsc_small, D1, D2 of the beads for quantiles 2.5, 50, 97.5: float64 (3, 3), log codes; a copy."""
        return np.array(self._now.array[:, :3])

    @property
    def changed(self) -> bool:
        """Whether something is other than where it began."""
        return self._now.table != self._begin.table

    def set(self, field: str, value: float, quantile: float | None = None) -> None:
        """Set a field of one quantile, or of all three.

        Parameters
        ----------
        field : str
            One of `SETTABLE`.
        value : float
            Log codes; of a slope, a ratio.
        quantile : float, optional
            2.5, 50 or 97.5; all unless told.

        Raises
        ------
        WorkbenchError
            When the field follows from others, or the value cannot be.
        """
        if field not in SETTABLE:
            raise WorkbenchError(f"'{field}' cannot be set. {suggest(field, SETTABLE)}")
        table = np.array(self._now.array)
        table[_rows(quantile), FIELDS.index(field)] = value
        self._become(table)

    def move(
        self, quantile: float, *, fsc: float | None = None, d1: float | None = None, d2: float | None = None,
        together: bool = False,
    ) -> None:  # fmt: skip
        """Move the beads of a quantile.

        Parameters
        ----------
        quantile : float
        fsc, d1, d2 : float, log codes, optional
            Where to; what is not told stays.
        together : bool
            The other quantiles move by as much.
        """
        self._become(self._moved(quantile, (fsc, d1, d2), together))

    def trial(
        self, quantile: float, fsc: float | None, d1: float | None, d2: float | None, *, together: bool = False
    ) -> FilterParameters:
        """What `move` would give; nothing changes."""
        return self._checked(self._moved(quantile, (fsc, d1, d2), together))

    def through(self, beads: Beads, instrument: str = "") -> None:
        """Run the lines through beads that were found, with the slopes of the instrument where they are known.

        Width and smallest particles stay; where the quantiles do not agree on the latter, they lie at 0.
        """
        table = np.array(self._now.array)
        low = table[:, _LOW]
        table[:, _LOW] = low if (low == low[0]).all() and (low >= 0).all() else 0.0
        table[:, :3] = np.column_stack([beads.fsc, beads.d1, beads.d2])
        if instrument in SLOPES:
            table[:, _SLOPES] = SLOPES[instrument]
        self._become(table)

    def take(self, parameters: FilterParameters) -> None:
        """Go on from other parameters; one step."""
        if parameters.table != self._now.table:
            self._step(parameters)

    def _moved(self, quantile: float, to: tuple[float | None, ...], together: bool) -> Table:
        table = np.array(self._now.array)
        row = _rows(quantile)
        for column, value in enumerate(to):
            if value is not None:
                by = value - table[row, column]
                table[:, column] += by if together else 0.0
                table[row, column] = value
        return table

    def _become(self, table: Table) -> None:
        parameters = self._checked(table)
        if parameters.table != self._now.table:
            self._step(parameters)

    def _checked(self, table: Table) -> FilterParameters:
        """Parameters whose lines follow what was set, in the rows where it was."""
        _check(table, self._now.array)
        rows = []
        for new, old in zip(table, self._now.table, strict=True):
            same = [old[i] for i in (*range(3), *_SLOPES, *_LOW)] == [new[i] for i in (*range(3), *_SLOPES, *_LOW)]
            if same:
                rows.append((*old[:_WIDTH], float(new[_WIDTH]), *old[_WIDTH + 1 :]))
            else:
                one = new.reshape(1, -1)
                rows += through(one[:, :3], one[:, _SLOPES], one[:, _LOW], float(new[_WIDTH]))
        made = tuple(rows)
        if made == self._now.table:
            return self._now
        return self._begin if made == self._begin.table else FilterParameters(identity(made), made)


def _rows(quantile: float | None) -> int | slice:
    if quantile is None:
        return slice(None)
    if quantile not in QUANTILES:
        raise WorkbenchError(f"no quantile {quantile}; there are {', '.join(f'{q:g}' for q in QUANTILES)}")
    return QUANTILES.index(quantile)


def _check(table: Table, before: Table) -> None:
    """Whether what is set can be a bead position, a width, a slope, an offset; what a file says stands."""
    for i, name in enumerate(FIELDS):
        column = table[table[:, i] != before[:, i], i].tolist()
        least = 0.0 if name.startswith("offset") else np.nextafter(0.0, 1.0)
        most = 100.0 if name.startswith("notch") else SIZE - 1.0
        wrong = next((value for value in column if not least <= value <= most), None)
        if wrong is not None:
            unit = "" if name.startswith("notch") else " log codes"
            raise WorkbenchError(f"{name} is {wrong:g}; it lies between 0 and {most:g}{unit}")
    placed = [*range(3), *_LOW]
    touched = table[(table != before)[:, placed].any(axis=1)]
    if (touched[:, _LOW] >= touched[:, 1:3]).any():
        raise WorkbenchError(
            "the smallest particles (offset_small) lie under the beads: D1 and D2 of beads are greater"
        )
