"""Mistakes in the arguments of a source: readers, products, options and places that must exist."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from inspect import Parameter
from typing import Any, TypeVar, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from workbench.catalog import location
from workbench.catalog.document import Document, Place
from workbench.catalog.later import LATER, LATER_READERS
from workbench.catalog.model import Args
from workbench.catalog.registered import (
    Product,
    arguments_mistakes,
    inputs_of,
    listener_options,
    options_of,
    product_named,
    product_options,
    provided_by,
    reader_class,
)
from workbench.catalog.shape import validate
from workbench.catalog.source import Source
from workbench.core.errors import PluginError, Problem, WorkbenchError
from workbench.core.plugins import names
from workbench.core.variables import VariableSpec
from workbench.readers.reader import Reader
from workbench.readers.store import Store

Variables = Mapping[str, VariableSpec]
Part = TypeVar("Part")


def mapping(value: Any) -> dict[str, Any]:
    """`value`, or nothing where it is no mapping (of which there is word elsewhere)."""
    return value if isinstance(value, dict) else {}


def mistakes(doc: Document, place: Place, raw: Any, data: str | None) -> Iterator[Problem]:
    """Every mistake in the arguments of one source."""
    if not isinstance(raw, dict):
        return
    args = mapping(raw)
    reader, product = args.get("reader"), args.get("product")
    later = any(key in LATER["args"] for key in args)
    places = "url" in args or later  # an empty url is told with the shapes; a later version may need none
    for key, text in arguments_mistakes(reader, places, args.get("listen"), product, mapping(args.get("inputs"))):
        yield doc.problem((*place, key), text)
    if isinstance(product, str):
        yield from _product(doc, place, product, args, data)
    elif isinstance(reader, str):
        yield from _reader_of(doc, place, reader, args, data)


def _reader_of(doc: Document, place: Place, name: str, args: dict[str, Any], data: str | None) -> Iterator[Problem]:
    reader = _reader(name)
    store = not isinstance(reader, str) and issubclass(reader, Store)
    urls = args.get("url")
    for i, url in enumerate(urls if isinstance(urls, list) else [urls]):
        if isinstance(url, str):
            here = (*place, "url", i) if isinstance(urls, list) else (*place, "url")
            schemes = reader.schemes if not isinstance(reader, str) and issubclass(reader, Store) else ()
            yield from url_mistakes(doc, here, url, data, schemes=schemes)
    if store and isinstance(urls, list):
        yield doc.problem((*place, "url"), f"{name} takes one url, not a list")
    heard: Mapping[str, Parameter] = {}
    if isinstance(args.get("listen"), str):
        heard = listener_options(args["listen"])
        yield from _listen(doc, (*place, "listen"), args["listen"], reader)
    if isinstance(reader, str):
        yield doc.problem((*place, "reader"), reader, _readers() if "no reader" in reader else ())
        return
    yield from _options(doc, place, name, {**heard, **options_of(reader)}, _hints(reader.open_dataset), args)


def url_mistakes(
    doc: Document, place: Place, url: str, data: str | None, schemes: tuple[str, ...] = ()
) -> Iterator[Problem]:
    """At most one: a place that cannot be looked at."""
    wrong = location.server_mistake(url, schemes) if schemes else location.url_mistake(url)
    if wrong is None and location.needs_root(url) and not location.root(data):
        wrong = location.unset(url)
    if wrong is not None:
        yield doc.problem(place, wrong)


def _listen(doc: Document, place: Place, url: str, reader: type[Reader] | str) -> Iterator[Problem]:
    known = names("workbench.listeners")
    kind = url.partition(":")[0]
    if not known:
        yield doc.problem(place, "'listen' is not in this version")
    elif kind not in known and kind.partition("+")[0].removesuffix("s") not in known:
        yield doc.problem(place, f"'{kind}': there is no listener of that name", known)
    elif location.has_password(url):
        yield doc.problem(place, "a password does not stand in a catalog; write password_env or password_file")
    elif kind != "folder" and not isinstance(reader, str) and not reader.appends:
        yield doc.problem(place, "its reader reads whole files; only lines that grow are read from what is received")


def _product(doc: Document, place: Place, name: str, args: dict[str, Any], data: str | None) -> Iterator[Problem]:
    product = _product_called(name)
    if isinstance(product, str):
        yield doc.problem((*place, "product"), product, names("workbench.products") if "no product" in product else ())
        return
    wanted, inputs = inputs_of(product), mapping(args.get("inputs"))
    sources = tuple(mapping(mapping(doc.values).get("sources")))
    for given, source in inputs.items():
        if given not in wanted:
            yield doc.problem((*place, "inputs", given), f"'{given}' is not an input of {name}", tuple(wanted))
        elif isinstance(source, str) and source not in sources:
            yield doc.problem((*place, "inputs", given), f"'{source}': there is no source of that name", sources)
    for given, needed in wanted.items():
        if needed and inputs and given not in inputs:
            yield doc.problem((*place, "inputs"), f"'{given}' is missing, which {name} needs")
    yield from _options(doc, place, name, product_options(product), _hints(product), args)


def circles(doc: Document, sources: Mapping[str, Any]) -> Iterator[Problem]:
    """Products that are made of themselves."""
    made_of = {n: [*mapping(mapping(mapping(s).get("args")).get("inputs")).values()] for n, s in sources.items()}
    for name in made_of:
        way, seen = [name], {name}
        while way:
            for other in (o for o in made_of.get(way.pop(), ()) if isinstance(o, str)):
                if other == name:
                    yield doc.problem(("sources", name, "args", "inputs"), f"'{name}' is made of itself")
                    way = []
                    break
                if other not in seen:
                    seen.add(other)
                    way.append(other)


def _reader(name: str) -> type[Reader] | str:
    """The reader called `name`, or why there is none."""
    if name not in names("xarray.backends"):
        later = name in LATER_READERS
        return f"'{name}' is not in this version" if later else f"'{name}': there is no reader of that name"
    return _imported(reader_class, name)


def _product_called(name: str) -> Product | str:
    """The product called `name`, or why there is none."""
    if name not in names("workbench.products"):
        return f"'{name}': there is no product of that name"
    return _imported(product_named, name)


def _imported(find: Callable[[str], Part], name: str) -> Part | str:
    """A part that is installed, or why it cannot be had."""
    try:
        return find(name)
    except PluginError as error:
        return str(error)
    except Exception as error:  # somebody's package: its own faults are told like ours
        return f"'{name}' is installed, but cannot be imported ({type(error).__name__}: {error})"


def _readers() -> tuple[str, ...]:
    return tuple(name for name in names("xarray.backends") if not isinstance(_reader(name), str))


def _options(
    doc: Document, place: Place, name: str, known: Mapping[str, Parameter], hints: Mapping[str, Any],
    args: Mapping[str, Any],
) -> Iterator[Problem]:  # fmt: skip
    for key, value in args.items():
        if key in Args.model_fields:
            continue
        if key not in known and key in LATER["args"]:
            yield doc.problem((*place, key), f"'{key}' is not in this version")
        elif key == "password":
            yield doc.problem(
                (*place, key), "a password does not stand in a catalog; write password_env or password_file"
            )
        elif key not in known:
            yield doc.problem((*place, key), f"'{key}' is not an option of {name}", (*Args.model_fields, *known))
        elif key in hints and (wrong := _unfit(hints[key], value)):
            yield doc.problem((*place, key), wrong)


@lru_cache
def _hints(part: Callable[..., Any]) -> dict[str, Any]:
    """The kinds of options, as their author wrote them."""
    try:
        return get_type_hints(part)
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


def variables(doc: Document, raw: Any, data: str | None) -> Variables | None:
    """What a source provides; None when that cannot be told, as of files that name their own before they exist."""
    args = validate(Args, raw)
    if args is None:
        return None
    if args.product is not None:
        product = _product_called(args.product)
        return None if isinstance(product, str) else provided_by(product) or None
    reader = _reader(args.reader or "")
    if isinstance(reader, str):
        return None
    if reader.fixed:
        return {spec.name: spec for spec in reader.provides}
    if args.url is None or issubclass(reader, Store):  # nobody is asked while a catalog is read
        return None
    here = os.path.dirname(os.path.abspath(doc.file))
    try:
        source = Source(args.reader or "", location.filled(args.url, here, data), **(args.model_extra or {}))
        return source.variables() if source.files() else None
    except (WorkbenchError, OSError, TypeError):  # of which there is word elsewhere
        return None
