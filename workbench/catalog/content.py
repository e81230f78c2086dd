"""Mistakes in what a catalog means: readers, options, sources, variables and views that must exist."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from workbench.catalog import location
from workbench.catalog.declared import PARTICLE_VIEWS, SOURCE_VIEWS, VIEW_OPTIONS
from workbench.catalog.document import Document, Place
from workbench.catalog.later import LATER, LATER_READERS
from workbench.catalog.model import Args, BoardModel, KpiModel
from workbench.catalog.registered import options_of, reader_class
from workbench.catalog.shape import validate
from workbench.catalog.source import Source
from workbench.core import units
from workbench.core.errors import PluginError, Problem, WorkbenchError
from workbench.core.plugins import find, names
from workbench.core.variables import PARTICLE, VariableSpec
from workbench.readers.reader import Reader

Variables = Mapping[str, VariableSpec]


def mistakes(doc: Document, data: str | None) -> Iterator[Problem]:
    """Every mistake in the meaning of a document whose parts have a shape."""
    values = doc.values if isinstance(doc.values, dict) else {}
    sources, metadata = _mapping(values.get("sources")), _mapping(values.get("metadata"))
    known: dict[str, Variables | None] = {}
    for name, entry in sources.items():
        args = _mapping(entry).get("args")
        place: Place = ("sources", name, "args")
        yield from _source(doc, place, _mapping(args), data)
        known[name] = _variables(doc, args, data)
    yield from _record(doc, metadata.get("record"), data)
    kpis = _mapping(metadata.get("kpis"))
    for name, kpi in kpis.items():
        yield from _kpi(doc, ("metadata", "kpis", name), kpi, known)
    board = metadata.get("board")
    for i, item in enumerate(board if isinstance(board, list) else []):
        yield from _item(doc, ("metadata", "board", i), item, known, tuple(kpis))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# sources


def _source(doc: Document, place: Place, args: dict[str, Any], data: str | None) -> Iterator[Problem]:
    later = [key for key in args if key in LATER["args"]]
    yield from (doc.problem((*place, key), f"'{key}' is not in this version") for key in later)
    urls = args.get("url")
    for i, url in enumerate(urls if isinstance(urls, list) else [urls]):
        if isinstance(url, str):
            here = (*place, "url", i) if isinstance(urls, list) else (*place, "url")
            yield from _url(doc, here, url, data)
    name = args.get("reader")
    if not isinstance(name, str):
        return
    reader = _reader(name)
    if isinstance(reader, str):
        known = _readers() if "no reader" in reader else ()
        yield doc.problem((*place, "reader"), reader, known)
        return
    fields = tuple(Args.model_fields)
    options = {key: value for key, value in args.items() if key not in (*fields, *later)}
    yield from _options(doc, place, name, reader, options)


def _url(doc: Document, place: Place, url: str, data: str | None) -> Iterator[Problem]:
    wrong = location.url_mistake(url)
    if wrong is None and location.needs_root(url) and not location.root(data):
        wrong = location.unset(url)
    if wrong is not None:
        yield doc.problem(place, wrong)


def _reader(name: str) -> type[Reader] | str:
    """The reader called `name`, or why there is none."""
    if name not in names("xarray.backends"):
        return (
            f"'{name}' is not in this version"
            if name in LATER_READERS
            else f"'{name}': there is no reader of that name"
        )
    try:
        return reader_class(name)
    except PluginError as error:
        return str(error)
    except Exception as error:  # somebody's package: its own faults are told like ours
        return f"'{name}' is installed, but cannot be imported ({type(error).__name__}: {error})"


def _readers() -> tuple[str, ...]:
    return tuple(name for name in names("xarray.backends") if not isinstance(_reader(name), str))


def _options(
    doc: Document, place: Place, name: str, reader: type[Reader], options: dict[str, Any]
) -> Iterator[Problem]:
    known, hints = options_of(reader), _hints(name)
    for key, value in options.items():
        if key not in known:
            fields = (*Args.model_fields, *known)
            yield doc.problem((*place, key), f"'{key}' is not an option of {name}", fields)
        elif key in hints and (wrong := _unfit(hints[key], value)):
            yield doc.problem((*place, key), wrong)


@lru_cache
def _hints(reader: str) -> dict[str, Any]:
    """The kinds of a reader's options, as its author wrote them."""
    try:
        return get_type_hints(reader_class(reader).open_dataset)
    except Exception:  # names that only a type checker sees
        return {}


def _unfit(hint: Any, value: Any) -> str | None:
    """Why `value` is not of the kind an option asks for; None when it is, or cannot be told."""
    try:
        TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        return f"does not fit ({error.errors(include_url=False)[0]['msg'].lower()})"
    except (PydanticUserError, TypeError):
        return None
    return None


def _variables(doc: Document, raw: Any, data: str | None) -> Variables | None:
    """What a source provides; None when that cannot be told, as of files that name their own before they exist."""
    args = validate(Args, raw)
    reader = _reader(args.reader) if args is not None else ""
    if args is None or isinstance(reader, str):
        return None
    if reader.fixed:
        return {spec.name: spec for spec in reader.provides}
    here = os.path.dirname(os.path.abspath(doc.file))
    try:
        source = Source(args.reader, location.filled(args.url, here, data), **(args.model_extra or {}))
        return source.variables() if source.files() else None
    except (WorkbenchError, OSError, TypeError):  # of which there is word elsewhere
        return None


def _record(doc: Document, record: Any, data: str | None) -> Iterator[Problem]:
    if isinstance(record, str):
        yield from _url(doc, ("metadata", "record"), record, data)


# numbers to watch


def _kpi(doc: Document, place: Place, raw: Any, known: Mapping[str, Variables | None]) -> Iterator[Problem]:
    kpi = validate(KpiModel, raw)
    given = _mapping(raw)
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
    if isinstance(name, str) and variables is not None and name not in variables:
        yield doc.problem(place, f"'{name}' is not a variable of {source}", tuple(variables))


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
        if key in ("variables", "kpis") and not (isinstance(value, list) and value):
            yield doc.problem((*place, key), "must be a list of names")
        elif isinstance(value, list) and key in ("variables", "kpis"):
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
    elif key in ("variables", "colour", "x", "y"):
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
