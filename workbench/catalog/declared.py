"""What a catalog declares about a cruise, as values: board items and KPIs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

#: How the rows of a KPI's `over` become one number.
REDUCTIONS = ("last", "mean", "median", "min", "max", "sum", "count")

#: The pages of a board, by name: what the navigation calls them. "" is the front page.
PAGES: Mapping[str, str] = MappingProxyType(
    {"": "Board", "instrument": "Instrument", "science": "Science", "gates": "Gates", "filter": "Filter"}
)

#: Options of the first-party views (a third party's view declares its own in ``options``).
VIEW_OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cruise_map": ("colour", "title"),
        "cytogram": ("x", "y", "by", "title"),
        "t_s": ("salinity", "temperature", "latitude", "title"),
        "by_latitude": ("variables", "latitude", "title"),
        "series": ("variables", "title"),
        "tiles": ("kpis", "title"),
        "populations": ("quantities", "night", "title"),
        "files": ("title",),
        "gate_editor": ("plan", "populations", "title"),
        "filter_editor": ("plan", "title"),
        "operations": ("charts", "log", "drift", "night", "title"),
        "file_cytogram": ("x", "y", "by", "title"),
        "file": ("title",),
        "corrected": ("quantities", "populations", "night", "title"),
        "corrected_by_latitude": ("quantities", "populations", "latitude", "title"),
    }
)
#: Views that show one source, and of these the ones that show particles.
SOURCE_VIEWS = ("cruise_map", "cytogram", "populations", "t_s", "by_latitude", "files", "gate_editor", "filter_editor",
                "operations", "file_cytogram", "corrected", "corrected_by_latitude")  # fmt: skip
PARTICLE_VIEWS = ("cytogram", "gate_editor", "filter_editor", "file_cytogram")
#: Charts of the view ``operations``, in the order in which they stand unless told.
OPERATIONS = (
    "event_rate", "counts", "opp_evt_ratio", "left_out", "stream_pressure", "background", "volume", "drift", "gains",
    "trigger",
)  # fmt: skip
#: Options that are lists of names.
LISTS = ("variables", "kpis", "quantities", "charts", "populations")


@dataclass(frozen=True)
class BoardItem:
    """One picture of the board.

    Attributes
    ----------
    view : str
        Name of a view (entry points ``workbench.views``).
    source : str or None
        The Source it shows first; None for a view that needs none (tiles).
    options : mapping
        The view's own options: text, or tuples of text for lists.
    """

    view: str
    source: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kpi:
    """A number to watch.

    Attributes
    ----------
    name, source, variable : str
    reduce : str
        One of `REDUCTIONS`.
    over : numpy.timedelta64[ns]
        How far back rows count.
    expect : tuple of float or None
        Lowest and highest value that need no hand; infinite on an open side.
    unit : str or None
        The unit to show, UDUNITS; None keeps the variable's own.
    label : str or None
        What to write on the tile; None takes the variable's long name.
    """

    name: str
    source: str
    variable: str
    reduce: str = "last"
    over: np.timedelta64 = np.timedelta64(600_000_000_000, "ns")
    expect: tuple[float, float] | None = None
    unit: str | None = None
    label: str | None = None

    @property
    def like_rows(self) -> bool:
        """Whether it can be held against single values of its variable, and what is expected of it too."""
        return self.reduce not in ("sum", "count")

    def shown_in(self, own: str) -> str:
        """The unit shown, where that of the variable is `own`: how many rows there are is in none."""
        return self.unit or ("" if self.reduce == "count" else own)
