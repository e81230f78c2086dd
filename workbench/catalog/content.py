"""Mistakes in what a catalog means: sources, variables, KPIs and views that must exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.catalog import arguments, location
from workbench.catalog.arguments import Variables, mapping
from workbench.catalog.declared import LISTS, OPERATIONS, PARTICLE_VIEWS, SOURCE_VIEWS, VIEW_OPTIONS
from workbench.catalog.document import Document, Place
from workbench.catalog.model import About, BoardModel, KpiModel
from workbench.catalog.shape import validate
from workbench.core import clock, units
from workbench.core.errors import Problem, WorkbenchError
from workbench.core.plugins import find, names
from workbench.core.variables import PARTICLE, VariableSpec


def mistakes(doc: Document, data: str | None) -> Iterator[Problem]:
    """Every mistake in the meaning of a document whose parts have a shape."""
    values = doc.values if isinstance(doc.values, dict) else {}
    sources, metadata = mapping(values.get("sources")), mapping(values.get("metadata"))
    known: dict[str, Variables | None] = {}
    for name, entry in sources.items():
        args = mapping(entry).get("args")
        place: Place = ("sources", name, "args")
        yield from arguments.mistakes(doc, place, args, data)
        known[name] = arguments.variables(doc, args, data)
    yield from arguments.circles(doc, sources)
    yield from _times(doc, metadata.get("cruise"))
    yield from _record(doc, metadata.get("record"), data)
    kpis = mapping(metadata.get("kpis"))
    for name, kpi in kpis.items():
        yield from _kpi(doc, ("metadata", "kpis", name), kpi, known)
    pages = mapping(metadata.get("pages"))
    boards: list[tuple[Place, Any]] = [(("metadata", "board"), metadata.get("board"))]
    for place, board in boards + [(("metadata", "pages", str(name)), page) for name, page in pages.items()]:
        for i, item in enumerate(board if isinstance(board, list) else []):
            yield from _item(doc, (*place, i), item, known, tuple(kpis))


def _times(doc: Document, raw: Any) -> Iterator[Problem]:
    about = validate(About, raw)
    if about is None:
        return
    start, end = clock.start_of(about.start), clock.end_of(about.end)
    if start is not None and end is not None and end <= start:
        yield doc.problem(("metadata", "cruise", "end"), f"'{about.end}' is not after the start, '{about.start}'")


def _record(doc: Document, record: Any, data: str | None) -> Iterator[Problem]:
    if isinstance(record, str) and location.in_record(record):
        yield doc.problem(("metadata", "record"), f"'${location.RECORD}' is this folder itself; say where it is")
    elif isinstance(record, str):
        yield from arguments.url_mistakes(doc, ("metadata", "record"), record, data)


# numbers to watch


def _kpi(doc: Document, place: Place, raw: Any, known: Mapping[str, Variables | None]) -> Iterator[Problem]:
    kpi = validate(KpiModel, raw)
    given = mapping(raw)
    source, name = given.get("source"), given.get("variable")
    if not isinstance(source, str):
        return
    spec = None
    for problem in _variable(doc, (*place, "source"), (*place, "variable"), source, name, known):
        yield problem
        return
    spec = (known[source] or {}).get(str(name))
    if spec is None or kpi is None:
        return
    if spec.dims == PARTICLE:
        yield doc.problem((*place, "variable"), f"'{name}' has a value for each particle; a KPI needs one for each row")
    elif (kind := _no_number(spec)) and kpi.reduce != "count":
        yield doc.problem((*place, "variable"), f"'{name}' is {kind}, which has no {kpi.reduce}")
    elif kpi.unit is not None and kpi.reduce != "count":
        yield from _unit(doc, (*place, "unit"), kpi.unit, spec)


def _no_number(spec: VariableSpec) -> str | None:
    """What a variable is that cannot be drawn or reduced; None when it is a number."""
    return "text" if spec.dtype == "str" else "a time" if spec.dtype.startswith("datetime64") else None


def _unit(doc: Document, place: Place, unit: str, spec: VariableSpec) -> Iterator[Problem]:
    try:
        units.convert(1.0, spec.unit, unit)
    except WorkbenchError as error:
        yield doc.problem(place, str(error))


def _variable(
    doc: Document, source_place: Place, place: Place, source: str, name: Any, known: Mapping[str, Variables | None]
) -> Iterator[Problem]:
    """At most one mistake: the source does not exist, or has no such variable."""
    if source not in known:
        yield doc.problem(source_place, f"'{source}': there is no source of that name", tuple(known))
        return
    variables = known[source]
    if isinstance(name, str) and variables is not None and name not in variables and not _labelled(name, variables):
        yield doc.problem(place, f"'{name}' is not a variable of {source}", tuple(variables))


def _labelled(name: str, variables: Variables) -> bool:
    """True for ``abundance_prochloro`` where ``abundance`` has one value for each population."""
    return any(name.startswith(f"{spec.name}_") and len(spec.dims) > 1 for spec in variables.values())


# pictures


def _item(
    doc: Document, place: Place, raw: Any, known: Mapping[str, Variables | None], kpis: tuple[str, ...]
) -> Iterator[Problem]:
    item = validate(BoardModel, raw)
    if item is None:
        return
    there = item.source is None or item.source in known
    if not there:
        yield doc.problem((*place, "source"), f"'{item.source}': there is no source of that name", tuple(known))
    if item.view not in names("workbench.views"):
        yield doc.problem((*place, "view"), f"'{item.view}': there is no view of that name", names("workbench.views"))
        return
    allowed = _view_options(item.view)
    if isinstance(allowed, str):
        yield doc.problem((*place, "view"), allowed)
        return
    for key in item.model_extra or {}:
        if key not in allowed:
            yield doc.problem((*place, key), f"'{key}' is not an option of {item.view}", ("view", "source", *allowed))
    if item.source is None and item.view in SOURCE_VIEWS:
        yield doc.problem((*place, "source"), f"is missing: a {item.view} shows one source", ())
    elif there and item.view in VIEW_OPTIONS:
        yield from _first_party(doc, place, item, known, kpis)


def _view_options(view: str) -> tuple[str, ...] | str:
    if view in VIEW_OPTIONS:
        return VIEW_OPTIONS[view]
    try:
        return tuple(getattr(find("workbench.views", view), "options", ()))
    except Exception as error:  # somebody's package: its own faults are told like ours
        return f"'{view}' is installed, but cannot be imported ({type(error).__name__}: {error})"


def _first_party(
    doc: Document, place: Place, item: BoardModel, known: Mapping[str, Variables | None], kpis: tuple[str, ...]
) -> Iterator[Problem]:
    variables = known.get(item.source or "")
    particles = variables is not None and any(spec.dims == PARTICLE for spec in variables.values())
    if variables is not None and item.view in PARTICLE_VIEWS and not particles:
        yield doc.problem((*place, "source"), f"'{item.source}' has no particles, which a {item.view} shows")
        return
    if variables is not None and item.view == "cruise_map" and not {"latitude", "longitude"} <= set(variables):
        yield doc.problem(
            (*place, "source"), f"'{item.source}' has no latitude and longitude, which a cruise_map needs"
        )
    for key, value in (item.model_extra or {}).items():
        if key not in VIEW_OPTIONS[item.view]:
            continue
        if key in LISTS and not (isinstance(value, list) and value):
            yield doc.problem((*place, key), "must be a list of names")
        elif isinstance(value, list) and key in LISTS:
            for i, name in enumerate(value):
                yield from _named(doc, (*place, key, i), key, name, item, known, kpis)
        else:
            yield from _named(doc, (*place, key), key, value, item, known, kpis)


def _named(
    doc: Document, place: Place, key: str, value: Any, item: BoardModel,
    known: Mapping[str, Variables | None], kpis: tuple[str, ...],
) -> Iterator[Problem]:  # fmt: skip
    """A title, a KPI's name, a channel, or a variable as ``VARIABLE`` or ``SOURCE.VARIABLE``."""
    if not isinstance(value, str):
        yield doc.problem(place, f"must be text, not {value}")
    elif key == "kpis" and value not in kpis:
        yield doc.problem(place, f"'{value}': there is no KPI of that name", kpis)
    elif key == "charts" and value not in OPERATIONS:
        yield doc.problem(place, f"'{value}': there is no chart of that name", OPERATIONS)
    elif key in ("log", "drift") and value not in known:
        yield doc.problem(place, f"'{value}': there is no source of that name", tuple(known))
    elif key == "by":
        found = (known.get(item.source or "") or {}).values()
        texts = tuple(spec.name for spec in found if spec.dims == PARTICLE and spec.dtype == "str")
        if found and not texts:
            yield doc.problem(place, f"the particles of '{item.source}' have no population")
        elif found and value not in ("population", *texts):
            yield doc.problem(place, f"'{value}' tells no population", ("population", *texts))
    elif key in ("variables", "colour", "night", "salinity", "temperature", "latitude", "x", "y"):
        yield from _qualified(doc, place, key, value, item, known)


def _qualified(
    doc: Document, place: Place, key: str, value: str, item: BoardModel, known: Mapping[str, Variables | None]
) -> Iterator[Problem]:
    source, dot, name = value.rpartition(".")
    if not dot and item.source is None:
        yield doc.problem(place, f"'{value}' does not say whose; write SOURCE.VARIABLE", tuple(known))
        return
    if dot and key in ("x", "y"):
        yield doc.problem(place, f"'{value}' must be a channel of {item.source}, without a source before it")
        return
    home = source if dot else str(item.source)
    for problem in _variable(doc, place, place, home, name, known):
        yield problem
        return
    spec = (known[home] or {}).get(name)
    fits: Callable[[VariableSpec], bool] = lambda spec: (spec.dims == PARTICLE) == (key in ("x", "y"))  # noqa: E731
    if spec is not None and (kind := _no_number(spec)):
        yield doc.problem(place, f"'{name}' is {kind}, which cannot be drawn")
    elif spec is not None and not fits(spec):
        channels = tuple(other.name for other in (known[home] or {}).values() if fits(other))
        yield doc.problem(place, f"'{name}' is not {'a channel' if key in ('x', 'y') else 'a series'}", channels)
