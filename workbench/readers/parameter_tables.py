"""Rows of the filter, gating, poly and plan tables to `Parameters` and back, wherever the rows stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters, format_time, parse_time

Row = Mapping[str, Any]
#: What an auto gate says beyond its channels; kept, not evaluated.
AUTO = ("gate1", "gate2", "position1", "position2", "scale", "minpe")
#: The channels of which a corner of a polygon holds two.
CHANNELS = ("fsc_small", "fsc_perp", "fsc_big", "pe", "chl_small", "chl_big")
_NONE = (None, "", "NA")


def parameters_of(tables: Mapping[str, Iterable[Row]]) -> Parameters:
    """Filters, gatings and plans out of the rows of their tables.

    Parameters
    ----------
    tables : mapping of str to rows
        ``filter``, and where there are any ``filter_plan``, ``gating``, ``gating_plan``, ``poly``, ``metadata``.

    Raises
    ------
    WorkbenchError
        When a cell is missing or wrong (it names table, row and column), or tables contradict each other.
    """
    tables = {name: list(rows) for name, rows in tables.items()}
    filters = filters_of(tables.get("filter", []))
    if not filters:
        raise WorkbenchError("table filter: there are no rows")
    gatings = gatings_of(tables.get("gating", []), tables.get("poly", []))
    about: Row = next(iter(tables.get("metadata", [])), next(iter(tables["filter"]), {}))
    return Parameters(
        plan_of(tables.get("filter_plan", []), "filter_id", filters),
        plan_of(tables.get("gating_plan", []), "gating_id", gatings) if gatings else None,
        str(about.get("cruise") or ""),
        str(about.get("inst") or about.get("instrument") or ""),
    )


def filters_of(rows: Iterable[Row]) -> dict[str, FilterParameters]:
    """Filter rows (one a quantile; ``.`` in a name is read as ``_``) by id.

    Raises
    ------
    WorkbenchError
        When a quantile or a number is missing.
    """
    found: dict[str, dict[float, Row]] = {}
    for raw in rows:
        row = _Renamed(raw)
        here = found.setdefault(str(row.get("id") or "reference"), {})
        quantile = number(row, "quantile")
        if quantile in here:
            raise WorkbenchError(f"{where(row)}: quantile {quantile:g} of filter {row.get('id')} is there twice")
        here[quantile] = row
    out = {}
    for name, by_quantile in found.items():
        if set(by_quantile) != set(QUANTILES):
            last = where(list(by_quantile.values())[-1])
            raise WorkbenchError(f"{last}: filter {name} has quantiles {sorted(by_quantile)}, needs {list(QUANTILES)}")
        table = tuple(tuple(number(by_quantile[q], field) for field in FIELDS) for q in QUANTILES)
        out[name] = FilterParameters(name, table, str(by_quantile[50.0].get("date") or ""))
    return out


class _Renamed(dict[str, Any]):
    """A row with ``_`` for ``.`` in the names of its columns."""

    def __init__(self, row: Row) -> None:
        super().__init__({str(name).replace(".", "_").strip(): value for name, value in row.items()})
        self.where = where(row)


def gatings_of(gates: Iterable[Row], corners: Iterable[Row]) -> dict[str, Gating]:
    """Gating rows and polygon corner rows by gating id.

    Raises
    ------
    WorkbenchError
        When a manual gate has no polygon, or a corner lacks one of its channels.
    """
    polygons: dict[tuple[str, str], list[Row]] = {}
    for row in corners:
        polygons.setdefault((text(row, "gating_id"), text(row, "pop")), []).append(row)
    found: dict[str, list[tuple[float, Gate]]] = {}
    dates: dict[str, str] = {}
    for row in gates:
        name, population = text(row, "id"), text(row, "pop")
        points = sorted(polygons.get((name, population), []), key=lambda r: number(r, "point_order"))
        found.setdefault(name, []).append((number(row, "pop_order"), _gate(row, points)))
        dates[name] = str(row.get("date") or "")
    return {
        name: Gating(name, tuple(gate for _, gate in sorted(entries, key=lambda e: e[0])), dates[name])
        for name, entries in found.items()
    }


def _gate(row: Row, points: list[Row]) -> Gate:
    population, method = text(row, "pop"), text(row, "method")
    x, y = ("" if row.get(name) in _NONE else str(row[name]) for name in ("channel1", "channel2"))
    extra = {name: _plain(row[name]) for name in AUTO if row.get(name) not in _NONE}
    vertices = tuple((number(point, x), number(point, y)) for point in points) if method == "manual" or points else ()
    try:
        return Gate(population, x, y, vertices, method, extra)
    except WorkbenchError as error:
        raise WorkbenchError(f"{where(row)}: {error}") from error


def _plain(value: object) -> object:
    """A number where it is one, whether the file wrote 1, 1.0 or "1"."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return value


def plan_of(rows: Iterable[Row], key: str, sets: Mapping[str, Any]) -> Plan[Any]:
    """Plan rows (``start_date`` and the column `key`) over parameter sets."""
    entries = []
    for row in rows:
        name, start = text(row, key), text(row, "start_date")
        try:
            entries.append((parse_time(start), name))
        except WorkbenchError as error:
            raise WorkbenchError(f"{where(row)}, column start_date: {error}") from error
        if name not in sets:
            raise WorkbenchError(f"{where(row)}, column {key}: '{name}' is not there. {suggest(name, sets)}")
    return Plan(tuple(entries), dict(sets))


def where(row: Row) -> str:
    """``table filter, row 3``: where a row stood, as far as it knows."""
    return getattr(row, "where", "") or "a row"


def text(row: Row, column: str) -> str:
    """The text in a column; WorkbenchError with its place where there is none."""
    if column not in row:
        raise WorkbenchError(f"{where(row)}: no column '{column}'. {suggest(column, map(str, row))}")
    if row[column] in _NONE:
        raise WorkbenchError(f"{where(row)}, column {column}: it is empty")
    return str(row[column])


def number(row: Row, column: str) -> float:
    """The finite number in a column; WorkbenchError with its place otherwise."""
    if column not in row:
        raise WorkbenchError(f"{where(row)}: no column '{column}'. {suggest(column, map(str, row))}")
    try:
        found = float(row[column]) if "_" not in str(row[column]) else float("nan")
    except (TypeError, ValueError):
        found = float("nan")
    if not np.isfinite(found):
        raise WorkbenchError(f"{where(row)}, column {column}: '{row[column]}' is not a number")
    return found


# and back


def tables_of(parameters: Parameters) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables that `parameters_of` reads, in popcycle's columns and order."""
    filters = [p for _, p in sorted(parameters.filters.sets.items())]
    gatings = [g for _, g in sorted(parameters.gatings.sets.items())] if parameters.gatings else []
    return {
        "metadata": [{"cruise": parameters.cruise, "inst": parameters.instrument}],
        "filter": [row for p in filters for row in filter_rows(p)],
        "filter_plan": plan_rows(parameters.filters, "filter_id"),
        "gating": [row for gating in gatings for row in gating_rows(gating)],
        "gating_plan": plan_rows(parameters.gatings, "gating_id") if parameters.gatings else [],
        "poly": [row for gating in gatings for row in corner_rows(gating)],
    }


def filter_rows(parameters: FilterParameters) -> list[dict[str, Any]]:
    """The three rows of the filter table."""
    return [
        {"id": parameters.id, "date": parameters.date, "quantile": q, **dict(zip(FIELDS, row, strict=True))}
        for q, row in zip(QUANTILES, parameters.table, strict=True)
    ]


def gating_rows(gating: Gating) -> list[dict[str, Any]]:
    """Rows of the gating table, in gate order."""
    return [
        {
            "id": gating.id, "date": gating.date, "pop_order": order, "pop": gate.population, "method": gate.method,
            "channel1": gate.x or None, "channel2": gate.y or None, **{name: gate.extra.get(name) for name in AUTO},
        }
        for order, gate in enumerate(gating.gates, start=1)
    ]  # fmt: skip


def corner_rows(gating: Gating) -> list[dict[str, Any]]:
    """Rows of the poly table: two of the six channels hold the corner."""
    empty: dict[str, Any] = dict.fromkeys(CHANNELS)
    for gate in gating.gates:
        for channel in (gate.x, gate.y) if gate.vertices else ():
            if channel not in CHANNELS:
                raise WorkbenchError(
                    f"gate '{gate.population}': the poly table has no channel '{channel}'. {suggest(channel, CHANNELS)}"
                )
    return [
        {"pop": gate.population, **empty, gate.x: x, gate.y: y, "point_order": order, "gating_id": gating.id}
        for gate in gating.gates
        for order, (x, y) in enumerate(gate.vertices, start=1)
    ]


def plan_rows(plan: Plan[Any], key: str) -> list[dict[str, Any]]:
    """Rows of a plan table."""
    return [{"start_date": format_time(start), key: name} for start, name in plan]
