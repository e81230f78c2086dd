"""The readers that are installed: found by name, and what they take and provide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

import xarray as xr

from workbench.catalog.later import LATER
from workbench.core.errors import CatalogError, PluginError, Problem
from workbench.core.plugins import find
from workbench.core.variables import VariableSpec
from workbench.readers.reader import Reader

#: What every reader takes and no catalog gives.
_OURS = ("self", "filename_or_obj", "start", "stop")


def reader_class(name: str) -> type[Reader]:
    """The reader registered under `name`; PluginError when there is none, or it is no Reader of the workbench."""
    found = find("xarray.backends", name)
    if not (isinstance(found, type) and issubclass(found, Reader)):
        raise PluginError(f"'{name}' is an xarray engine, but not a reader of the workbench")
    return found


def options_of(reader: type[Reader]) -> dict[str, Parameter]:
    """The keyword options of a reader, from its signature."""
    found = signature(reader.open_dataset).parameters
    return {name: option for name, option in found.items() if name not in _OURS}


def refuse_unknown(reader: str, url: str | Sequence[str], options: Mapping[str, Any]) -> None:
    """Refuse what no Source of this version understands."""
    about = f"a {reader} source" if reader else "a source"
    later = [name for name in options if name in LATER["args"]]
    wrong = [Problem(about, 0, f"args.{name}", f"'{name}' is not in this version") for name in later]
    if not later:
        wrong += [
            Problem(about, 0, "args", f"'{name}' is missing")
            for name, given in (("reader", reader), ("url", url))
            if not given
        ]
    if not wrong:
        known = tuple(options_of(reader_class(reader)))
        message = f"is not an option of {reader}"
        wrong = [
            Problem(about, 0, f"args.{name}", f"'{name}' {message}", known) for name in options if name not in known
        ]
    if wrong:
        raise CatalogError(wrong)


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
