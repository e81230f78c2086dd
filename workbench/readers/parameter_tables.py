"""Rows of the filter, gating, poly and plan tables to `Parameters`, wherever the rows stood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import parse_time

Row = Mapping[str, Any]
#: What an auto gate says beyond its channels; kept as it stands.
AUTO = ("gate1", "gate2", "position1", "position2", "scale", "minpe")


def filters_of(rows: Iterable[Row]) -> dict[str, FilterParameters]:
    """Filter rows (one a quantile; ``.`` in a name is read as ``_``) by id.

    Raises
    ------
    WorkbenchError
        When a quantile or a number is missing.
    """
    found: dict[str, dict[float, Row]] = {}
    for raw in rows:
        row = {str(name).replace(".", "_").strip(): value for name, value in raw.items()}
        missing = [name for name in ("quantile", *FIELDS) if name not in row]
        if missing:
            raise WorkbenchError(f"filter table: no column '{missing[0]}'. {suggest(missing[0], row)}")
        found.setdefault(str(row.get("id") or "reference"), {})[number(row["quantile"], "quantile")] = row
    out = {}
    for name, by_quantile in found.items():
        if set(by_quantile) != set(QUANTILES):
            raise WorkbenchError(f"filter {name}: has quantiles {sorted(by_quantile)}, needs {list(QUANTILES)}")
        table = tuple(tuple(number(by_quantile[q][f], f) for f in FIELDS) for q in QUANTILES)
        out[name] = FilterParameters(name, table, str(by_quantile[50.0].get("date") or ""))
    return out


def gatings_of(gates: Iterable[Row], corners: Iterable[Row]) -> dict[str, Gating]:
    """Gating rows and polygon corner rows by gating id.

    Raises
    ------
    WorkbenchError
        When a manual gate has no polygon, or a corner lacks one of its channels.
    """
    polygons: dict[tuple[str, str], list[Row]] = {}
    for row in corners:
        polygons.setdefault((str(row["gating_id"]), str(row["pop"])), []).append(row)
    found: dict[str, list[tuple[int, Gate]]] = {}
    dates: dict[str, str] = {}
    for row in gates:
        name, population = str(row["id"]), str(row["pop"])
        points = sorted(polygons.get((name, population), []), key=lambda r: int(r["point_order"]))
        found.setdefault(name, []).append((int(row["pop_order"]), _gate(row, points)))
        dates[name] = str(row.get("date") or "")
    return {
        name: Gating(name, tuple(gate for _, gate in sorted(entries, key=lambda e: e[0])), dates[name])
        for name, entries in found.items()
    }


def _gate(row: Row, points: list[Row]) -> Gate:
    x, y = str(row.get("channel1") or ""), str(row.get("channel2") or "")
    extra = {name: row[name] for name in AUTO if row.get(name) not in (None, "")}
    vertices = tuple((number(p.get(x), f"{row['pop']} {x}"), number(p.get(y), f"{row['pop']} {y}")) for p in points)
    return Gate(str(row["pop"]), x, y, vertices, str(row["method"]), extra)


def plan_of(rows: Iterable[Row], key: str, sets: Mapping[str, Any]) -> Plan[Any]:
    """Plan rows (``start_date`` and the column `key`) over parameter sets."""
    entries = tuple((parse_time(row["start_date"]), str(row[key])) for row in rows)
    return Plan(entries, dict(sets))


def number(value: object, what: str) -> float:
    """A finite number out of a cell; WorkbenchError naming `what` otherwise."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = float("nan")
    if not np.isfinite(found):
        raise WorkbenchError(f"{what}: '{value}' is not a number")
    return found
