"""Mistakes in the shape of a catalog (keys, kinds of values), said so that a person can mend them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from workbench.catalog.document import Document, Place
from workbench.catalog.later import LATER
from workbench.catalog.model import About, Args, Catalog, Entry, KpiModel, Metadata, Pages
from workbench.core.errors import Problem

T = TypeVar("T", bound=BaseModel)

_NAME = "is not a name: letters, digits, _ and -, beginning with a letter"
_KINDS = {
    "string_type": "must be text", "list_type": "must be a list", "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)", "float_type": "must be a number",
    "finite_number": "must be a finite number",
}  # fmt: skip


def validate(model: type[T], values: Any) -> T | None:
    """`values` as `model`, or None when they are not."""
    try:
        return model.model_validate(values)
    except ValidationError:
        return None


def mistakes(doc: Document) -> Iterator[Problem]:
    """Every mistake in the shape of a document; what was told about a place already is not told again."""
    try:
        Catalog.model_validate(doc.values)
    except ValidationError as error:
        told = {(problem.line, problem.key) for problem in doc.problems}
        for detail in error.errors(include_url=False):
            problem = _say(doc, detail)
            if problem is not None and (problem.line, problem.key) not in told:
                told.add((problem.line, problem.key))
                yield problem


def _say(doc: Document, detail: ErrorDetails) -> Problem | None:
    place: Place = tuple(part for part in detail["loc"] if part != "[key]")
    kind, found = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return _unknown(doc, place)
    if kind == "missing":
        return _missing(doc, place)
    if kind == "literal_error":
        return _choice(doc, place, found, detail)
    if kind == "string_pattern_mismatch":
        return doc.problem(place, f"'{found}' {_NAME}")
    if kind == "value_error":
        return doc.problem(place, str(detail.get("ctx", {}).get("error", detail["msg"])))
    said = _KINDS.get(kind, detail["msg"])
    quotes = f"; put it in quotes: '{found}'" if kind == "string_type" and isinstance(found, int | float) else ""
    return doc.problem(place, f"{said}, not {_shown(found)}{quotes}")


def _unknown(doc: Document, place: Place) -> Problem:
    kind, model = _home(place[:-1])
    key = place[-1]
    if key in LATER.get(kind, ()):
        return doc.problem(place, f"'{key}' is not in this version")
    return doc.problem(place, f"'{key}' is not known here", tuple(model.model_fields) if model else ())


def _missing(doc: Document, place: Place) -> Problem | None:
    kind, _ = _home(place[:-1])
    given = _at(doc.values, place[:-1])
    if isinstance(given, dict) and any(key in LATER.get(kind, ()) for key in given):
        return None  # a part of a later version: that is told, and enough
    return doc.problem(place, "is missing")


def _choice(doc: Document, place: Place, found: Any, detail: ErrorDetails) -> Problem:
    if place[-1:] == ("driver",):
        return doc.problem(place, f"'{found}' is not opened here; the only driver is 'workbench'")
    if place[-1:] == ("version",):
        return doc.problem(place, f"{_shown(found)} is not read here; leave it out, or write 1")
    known = tuple(part for part in str(detail.get("ctx", {}).get("expected", "")).split("'") if part.isidentifier())
    return doc.problem(place, f"'{found}' is not known", tuple(name for name in known if name != "or"))


def _home(place: Place) -> tuple[str, type[BaseModel] | None]:
    """Which part of a catalog a key stands in, and its model."""
    match place:
        case ():
            return "top", Catalog
        case ("metadata",):
            return "metadata", Metadata
        case ("metadata", "cruise"):
            return "cruise", About
        case ("metadata", "pages"):
            return "pages", Pages
        case ("metadata", "kpis", _):
            return "kpi", KpiModel
        case ("sources", _):
            return "entry", Entry
        case ("sources", _, "args"):
            return "args", Args
    return "", None


def _at(values: Any, place: Place) -> Any:
    for part in place:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)
    return f"'{text[:40]}'" if isinstance(value, str) else text[:40].lower() if isinstance(value, bool) else text[:40]
