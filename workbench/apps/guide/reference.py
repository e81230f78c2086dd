"""The reference: what docstrings, models and the command line say of themselves, as Markdown."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

from workbench.apps.guide.numpydoc import cell, entries, markdown, prose, summary
from workbench.core import plugins
from workbench.core.variables import VARIABLES

#: Where public names live (see ``workbench.__all__``), in the order of the page.
PUBLIC = (
    ("workbench.catalog.cruise", "open_cruise"), ("workbench.catalog.cruise", "Cruise"),
    ("workbench.catalog.source", "Source"), ("workbench.core.window", "Window"), ("workbench.core.codes", "linear"),
    ("workbench.core.codes", "log_codes"), ("workbench.core.snapshot", "Snapshot"),
    ("workbench.core.viewport", "Viewport"), ("workbench.core.errors", "WorkbenchError"),
    ("workbench.core.errors", "ReaderError"), ("workbench.core.errors", "CatalogError"),
)  # fmt: skip
#: Options that every reader has and a catalog does not say.
_OURS = ("self", "filename_or_obj", "drop_variables", "start", "stop", "max_points", "kept")


def written(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Pages of the reference, by name: commands, catalog, readers, products, views, listeners, python, variables."""
    return {
        "reference-commands.md": commands(parser), "reference-catalog.md": catalog(),
        "reference-readers.md": readers(), "reference-products.md": products(), "reference-views.md": views(),
        "reference-listeners.md": listeners(), "reference-python.md": public(), "reference-variables.md": variables(),
    }  # fmt: skip


def commands(parser: argparse.ArgumentParser) -> str:
    """Every command with its arguments."""
    out = ["# Commands", "`workbench COMMAND --help` says the same. 0 is success, 1 a failure that one line tells, 2 a "
           "misused command line, 130 an interruption."]  # fmt: skip
    for command in _below(parser):
        example = (command.epilog or "").splitlines()[0].removeprefix("example: ")
        out += [f"## {command.prog}", command.description or "", f"```sh\n{example}\n```"]
        rows = [
            f"| `{cell(_shown(action))}` | {cell(_helped(action))} |"
            for action in command._actions
            if not isinstance(action, argparse._HelpAction)
        ]
        out += ["\n".join(["| Argument | What it means |", "|---|---|", *rows])] if rows else []
    return "\n\n".join(out)


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    below = [sub for action in inner for sub in action.choices.values()]
    below += list(getattr(parser, "_verbs", {}).values())
    for sub in below:
        yield sub
        yield from _below(sub)


def _shown(action: argparse.Action) -> str:
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    if not action.option_strings:
        return str(value)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {value}"


def _helped(action: argparse.Action) -> str:
    text = (action.help or "").replace("%%", "%")
    return f"{text} (required)" if action.required and action.option_strings else text


def catalog() -> str:
    """Every key of a catalog."""
    model = import_module("workbench.catalog.model")
    out = ["# Keys of a catalog", "Everything a YAML file of a cruise may say. `workbench check` reads it with the same "
           "models, and `catalogs/schema.json` (for editors) is made of them. Other keys are refused."]  # fmt: skip
    for title, name in (("The file", "Catalog"), ("metadata", "Metadata"), ("metadata: cruise", "About"),
                        ("metadata: board, each", "BoardModel"), ("metadata: pages", "Pages"), ("metadata: kpis, each", "KpiModel"),
                        ("sources, each", "Entry"), ("sources, each: args", "Args")):  # fmt: skip
        kind = getattr(model, name)
        out += [f"## {title}", prose(inspect.getdoc(kind) or "")]
        rows = [
            f"| `{key}` | {cell(_kind(field.annotation, field.metadata))} | {cell(_meaning(field))}{_default(field)} |"
            for key, field in kind.model_fields.items()
        ]
        out.append("\n".join(["| Key | Holds | Meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(out)


def _meaning(field: Any) -> str:
    kinds = [field.annotation, *get_args(field.annotation)]
    said = field.description or next((inspect.getdoc(k) for k in kinds if hasattr(k, "model_fields")), "")
    return prose(said or "")


def _kind(annotation: Any, told: Any) -> str:
    text = getattr(annotation, "__name__", "") if isinstance(annotation, type) and not told else f"{annotation} {told}"
    if "Literal[" in text:
        return ", ".join(
            f"`{part.strip()}`" for part in text.split("Literal[")[1].split("]")[0].replace("'", "").split(",")
        )
    for has, said in (("dict[", "mapping by name"), ("list[workbench", "list of mappings"), ("_duration", "duration"), ("_moment", "time, UTC"),
                      ("_range", "[lowest, highest]"), ("_urls", "path or list"), ("dict", "mapping"), ("Any", "path or list"),
                      ("Entry", "mapping"), ("list[", "list"), ("str", "text"), ("About", "mapping"),
                      ("Metadata", "mapping"), ("Args", "mapping"), ("Pages", "mapping")):  # fmt: skip
        if has in text:
            return said
    return text


def _default(field: Any) -> str:
    if field.is_required():
        return " *Required.*"
    plain = isinstance(field.default, str | int | float | list | dict)
    return "" if not plain or field.default in ("", [], {}) else f" Default `{field.default}`."


def readers() -> str:
    """Every reader, its files and options."""
    out = ["# Readers", 'A catalog says `reader: NAME`, a notebook `xr.open_dataset(path, engine="NAME")`. Options stand '
           "beside `url` in `args`."]  # fmt: skip
    for name, kind in _ours("xarray.backends"):
        patterns = ", ".join(f"`{p}`" for p in getattr(kind, "patterns", ()))
        out += [f"## {name}", markdown(kind.__doc__, 5), f"Claims files called {patterns}." if patterns else ""]
        out.append(_options(kind.open_dataset))
    return "\n\n".join(part for part in out if part)


def products() -> str:
    """Every product, its inputs and options."""
    out = ["# Products", "A catalog says `product: NAME` and `inputs`; what comes out is a source like any other."]
    for name, function in _ours("workbench.products"):
        signature = inspect.signature(function).parameters.values()
        inputs = [p for p in signature if p.kind is not p.KEYWORD_ONLY]
        said = ", ".join(f"`{p.name}`" + ("" if p.default is p.empty else " (may be left out)") for p in inputs)
        out += [f"## {name}", markdown(function.__doc__, 5), f"Inputs: {said}.", _options(function)]
    return "\n\n".join(part for part in out if part)


def views() -> str:
    """Every view and its options."""
    out = ["# Views", "A catalog's `board` is a list of `{view: NAME, source: SOURCE, ...}`."]
    for name, kind in _ours("workbench.views"):
        rows = [f"| `{key}` | {cell(said)} |" for key, said in kind.options.items()]
        out += [f"## {name}", summary(kind.__doc__), "\n".join(["| Option | Meaning |", "|---|---|", *rows])]
    return "\n\n".join(out)


def listeners() -> str:
    """Every listener and its options."""
    out = ["# Listeners", 'A source says `listen: "SCHEME://..."` in place of `url`; options stand in the query '
           "(`?qos=1`) or beside it."]  # fmt: skip
    for name, kind in _ours("workbench.listeners"):
        schemes = ", ".join(f"`{scheme}`" for scheme in kind.schemes)
        out += [f"## {name}", f"Schemes: {schemes}.", markdown(kind.__doc__, 5)]
    return "\n\n".join(out)


def variables() -> str:
    """The canonical variables."""
    rows = [
        f"| `{spec.name}` | {cell(spec.unit) or ''} | {cell(spec.standard_name or '')} | {cell(spec.long_name)} |"
        for spec in VARIABLES.values()
    ]
    head = ["| Name | Unit | CF standard name | What it is |", "|---|---|---|---|"]
    return "\n\n".join(["# Variables", "Readers convert to these names and units, once.", "\n".join(head + rows)])


def public() -> str:
    """The public names of ``import workbench``."""
    out = ["# Python", "What `import workbench` gives. Everything else stands in the module that is named after it."]
    for module, name in PUBLIC:
        thing = getattr(import_module(module), name)
        out += [f"## {name}", _signed(name, thing), markdown(thing.__doc__, 5)]
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                inner = function.fget if isinstance(function, property) else getattr(function, "__func__", function)
                if method.startswith("_") or not inspect.isfunction(inner) or not inner.__doc__:
                    continue
                out += [f"### {name}.{method}"]
                out += [] if isinstance(function, property) else [_signed(method, inner)]
                out += [markdown(inner.__doc__, 5)]
    return "\n\n".join(part for part in out if part)


def _signed(name: str, thing: Any) -> str:
    try:
        parts = []
        for p in inspect.signature(thing).parameters.values():
            if p.name in ("self", "cls"):
                continue
            mark = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
            if p.kind is p.KEYWORD_ONLY and "*" not in parts:
                parts.append("*")
            shown = repr(p.default) if isinstance(p.default, (str, int, float, bool, type(None))) else "..."
            parts.append(mark + p.name + ("" if p.default is p.empty else f"={shown}"))
        return f"```text\n{name}({', '.join(parts)})\n```"
    except (TypeError, ValueError):
        return ""


def _options(function: Any) -> str:
    said = {each: text for names, _, text in entries(function.__doc__) for each in names.replace("*", "").split(", ")}
    rows = [
        f"| `{p.name}` | `{cell(repr(p.default))}` | {cell(prose(said.get(p.name, '')))} |"
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name not in _OURS
    ]
    return "\n".join(["| Option | Default | Meaning |", "|---|---|---|", *rows]) if rows else ""


def _ours(group: str) -> Iterator[tuple[str, Any]]:
    for name in plugins.names(group):
        try:
            kind: Any = plugins.find(group, name)
        except ImportError:
            continue  # somebody else's, which does not work here
        if kind.__module__.partition(".")[0] == "workbench":
            yield name, kind
