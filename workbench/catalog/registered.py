"""The readers and products that are installed: found by name, and what they take and provide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

import xarray as xr

from workbench.catalog.later import LATER
from workbench.core.errors import CatalogError, PluginError, Problem
from workbench.core.plugins import find, names
from workbench.core.variables import VariableSpec
from workbench.readers.reader import Reader

Product = Callable[..., xr.Dataset]

#: What a product may keep from one time to the next (see `workbench.products`).
KEPT = "kept"
#: What every reader takes and no catalog gives.
_OURS = ("self", "filename_or_obj", "start", "stop", "max_points")


def reader_class(name: str) -> type[Reader]:
    """The reader registered under `name`; PluginError when there is none, or it is no Reader of the workbench."""
    found = find("xarray.backends", name)
    if not (isinstance(found, type) and issubclass(found, Reader)):
        raise PluginError(f"'{name}' is an xarray engine, but not a reader of the workbench")
    return found


def product_named(name: str) -> Product:
    """The product registered under `name`; PluginError when there is none."""
    found = find("workbench.products", name)
    if not callable(found):
        raise PluginError(f"'{name}' is registered as a product, but cannot be called")
    return found


def inputs_of(product: Product) -> dict[str, bool]:
    """The inputs of a product by name, and whether each must be given."""
    found = signature(product).parameters.values()
    return {p.name: p.default is Parameter.empty for p in found if p.kind is Parameter.POSITIONAL_OR_KEYWORD}


def product_options(product: Product) -> dict[str, Parameter]:
    """The options of a product: its keyword-only parameters."""
    found = signature(product).parameters.values()
    return {p.name: p for p in found if p.kind is Parameter.KEYWORD_ONLY and p.name != KEPT}


def provided_by(product: Product) -> dict[str, VariableSpec]:
    """The variables that a product says it makes."""
    return {spec.name: spec for spec in getattr(product, "provides", ())}


def listener_options(url: str) -> dict[str, Parameter]:
    """The options of the listener that a ``listen:`` url asks for; none where there is no such listener."""
    scheme = url.partition(":")[0]
    base = scheme.partition("+")[0]
    name = next((n for n in (scheme, base, base.removesuffix("s")) if n in names("workbench.listeners")), None)
    if name is None:
        return {}
    found: Any = find("workbench.listeners", name)
    return {p.name: p for p in signature(found).parameters.values() if p.kind is Parameter.KEYWORD_ONLY}


def options_of(reader: type[Reader]) -> dict[str, Parameter]:
    """The keyword options of a reader, from its signature."""
    found = signature(reader.open_dataset).parameters
    return {name: option for name, option in found.items() if name not in _OURS}


def refuse_unknown(
    reader: str, url: str | Sequence[str], options: Mapping[str, Any], *, listen: str | None = None,
    product: str | None = None, inputs: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Refuse what no Source understands."""
    about = f"a {reader or product} source" if reader or product else "a source"
    wrong = [Problem(about, 0, "args", text) for _, text in arguments_mistakes(reader, url, listen, product, inputs)]
    if not wrong:
        known = tuple(product_options(product_named(product)) if product else options_of(reader_class(reader)))
        known = (*known, *(listener_options(listen) if listen else ()))
        message = f"is not an option of {product or reader}"
        wrong = [
            Problem(about, 0, f"args.{name}", f"'{name}' is not in this version")
            if name in LATER["args"]
            else Problem(about, 0, f"args.{name}", f"'{name}' {message}", known)
            for name in options
            if name not in known
        ]
    if wrong:
        raise CatalogError(wrong)


def arguments_mistakes(
    reader: Any, url: Any, listen: Any, product: Any, inputs: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    """What is wrong with the arguments of a Source taken together, a reader and a place or a product and its inputs.

    Yields the key and what to say of it.
    """
    if product:
        for key, given in (("reader", reader), ("url", url), ("listen", listen)):
            if given:
                yield key, f"'{key}' does not go with 'product'"
        if not inputs:
            yield "inputs", "'inputs' is missing: the product's inputs and the sources that they are"
        return
    if not reader:
        yield "reader", "'reader' is missing"
    if inputs:
        yield "inputs", "'inputs' goes with 'product'"
    if url and listen:
        yield "listen", "has both 'url' and 'listen'; a source reads files or what is received, not both"
    elif not url and not listen:
        yield "url", "'url' is missing"


def named_in(ds: xr.Dataset, known: Mapping[str, VariableSpec]) -> dict[str, VariableSpec]:
    """Variables of a dataset that its reader does not announce; quality flags are none."""
    return {
        name: VariableSpec(
            name, (), "str" if array.dtype.kind in "US" else array.dtype.name, str(array.attrs.get("units", "")),
            array.attrs.get("standard_name"), str(array.attrs.get("long_name", name.replace("_", " "))),
        )
        for name, array in ((str(name), array) for name, array in ds.variables.items())
        if name not in known and not name.endswith("_qc")
    }  # fmt: skip
