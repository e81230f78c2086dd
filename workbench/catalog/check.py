"""Every mistake in a catalog at once, each with its line, and what may be noticed besides.

`problems` is what makes a catalog unusable; `open_cruise` refuses to open one that has any. `remarks` are what may be
right or wrong: a folder that does not exist may be a feed that has not begun.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.catalog import content, document, location, shape
from workbench.catalog.document import Document, Place
from workbench.catalog.model import Catalog
from workbench.core.errors import Problem


@dataclass(frozen=True)
class Examined:
    """A catalog file that was read and checked.

    Attributes
    ----------
    document : Document
    problems : tuple of Problem
        In the order of lines.
    catalog : Catalog or None
        None when there are problems.
    """

    document: Document
    problems: tuple[Problem, ...]
    catalog: Catalog | None


def examine(path: str | os.PathLike[str], data: str | os.PathLike[str] | None = None) -> Examined:
    """Read a catalog file and look for every mistake. Nothing in it runs; no data are read."""
    doc = document.read(path)
    found = [*doc.problems]
    if doc.values is None and not found:
        found.append(doc.problem((), "is empty; a catalog has metadata and sources"))
    elif doc.values is not None and not isinstance(doc.values, dict):
        found.append(doc.problem((), "is not a catalog; it must be a mapping with metadata and sources"))
    elif doc.values is not None:
        found += _templates(doc, doc.values, ())
        found += shape.mistakes(doc)
        found += content.mistakes(doc, os.fspath(data) if data is not None else None)
    once = dict.fromkeys(sorted(_plain(found), key=lambda problem: problem.line))
    return Examined(doc, tuple(once), None if once else Catalog.model_validate(doc.values))


def problems(path: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None) -> list[Problem]:
    """Every mistake in a catalog file, in the order of lines; empty when there is none.

    Parameters
    ----------
    path : path-like
    data : path-like, optional
        Root of the data, ``$WORKBENCH_DATA`` in the catalog; by default the environment's.
    """
    return list(examine(path, data).problems)


def remarks(path: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None) -> list[Problem]:
    """What is not there (yet): urls of a catalog without mistakes that lead nowhere, or to no file of their reader."""
    from workbench.catalog.cruise import build
    from workbench.catalog.registered import reader_class
    from workbench.catalog.tree import Tree
    from workbench.core.errors import ReaderError
    from workbench.readers.paths import anything, matcher, unclaimed

    examined = examine(path, data)
    if examined.catalog is None:
        return []
    found = []
    for name, source in build(examined, data=data).items():
        if any(map(location.in_record, source.urls)) or not source.has_files:  # what an engine writes comes with it
            continue
        place: Place = ("sources", name, "args", "url")
        try:
            if not source.files():
                places = source.places()
                met = Tree(places, anything).paths()
                said = unclaimed(", ".join(places), met, matcher(reader_class(source.reader).patterns))
                said = said or f"holds no file that {source.reader} reads; right if nothing was written yet"
                found.append(examined.document.problem(place, said))
        except ReaderError as error:
            found.append(examined.document.problem(place, f"{error.path}: {error.reason}; right if it comes later"))
    return found


def _templates(doc: Document, value: Any, place: Place) -> Iterator[Problem]:
    if isinstance(value, str):
        is_url = place[-1:] == ("url",) or place[-2:-1] == ("url",) or place == ("metadata", "record")
        wrong = None if is_url else location.template_mistake(value)  # of a url it is told with the rest
        if wrong is not None:
            yield doc.problem(place, wrong)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _templates(doc, inner, (*place, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _templates(doc, inner, (*place, i))


def _plain(found: list[Problem]) -> Iterator[Problem]:
    """Problems whose text is one line without control characters, however the file was written."""
    for problem in found:
        message = "".join(letter if letter.isprintable() else "?" for letter in problem.message)
        key = "".join(letter if letter.isprintable() else "?" for letter in problem.key)
        yield Problem(problem.file, problem.line, key[:200], message[:500], problem.known)
