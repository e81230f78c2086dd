"""A YAML file as plain values, each with its line. Nothing in the file can run, and nothing grows without bound.

Only what JSON knows comes out (mappings with text keys, lists, text, numbers, true, false, null); dates and times
come out as ISO text in UTC.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from workbench.core.errors import Problem

#: A key path into the document: ``("sources", "seaflow", "args")``.
Place = tuple[str | int, ...]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_VALUES = 10_000
MAX_TEXT = 4_000

#: libyaml where it is there: twenty times as fast, and only composed once the events have shown no depth.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}
_TIME = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class Document:
    """What a YAML file says.

    Attributes
    ----------
    file : str
        As the user named it.
    values : object
        Plain values; None when the file cannot be read.
    lines : mapping of key path to int
        Line of each key and list item, from 1.
    problems : tuple of Problem
    """

    file: str
    values: Any
    lines: Mapping[Place, int]
    problems: tuple[Problem, ...]

    def line(self, place: Place) -> int:
        """Line of a key path, or of its nearest parent that stands in the file."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.lines:
                return self.lines[place[:end]]
        return 1 if self.lines else 0

    def problem(self, place: Place, message: str, known: tuple[str, ...] = ()) -> Problem:
        """A mistake at `place`."""
        return Problem(self.file, self.line(place), dotted(place), message, known)


def dotted(place: Place) -> str:
    """``("board", 0, "view")`` as ``board.0.view``; the whole file is ``file``."""
    return ".".join(str(part) for part in place) or "file"


def read(path: str | os.PathLike[str]) -> Document:
    """Read a YAML file with the strict rules of this module; mistakes are listed, not raised."""
    file = os.fspath(path)
    try:
        text = _text(Path(path))
        node = _compose(text)
    except _MistakeError as mistake:
        return Document(file, None, {}, (Problem(file, mistake.line, "file", str(mistake)),))
    except OSError as error:
        return Document(file, None, {}, (Problem(file, 0, "file", f"cannot be read ({error.strerror or error})"),))
    walk = _Walk(file)
    values = walk.value(node, ()) if node is not None else None
    return Document(file, values, walk.lines, tuple(walk.problems))


class _MistakeError(Exception):
    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def _text(path: Path) -> str:
    if not path.is_file():
        what = "is a folder; name the YAML file in it" if path.is_dir() else "there is no such file"
        raise _MistakeError(what)
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise _MistakeError(f"larger than {MAX_BYTES // 1024} kB; that is not a catalog")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _MistakeError(f"not UTF-8 text (byte {error.start} is {raw[error.start]:#04x})", line) from None


def _compose(text: str) -> yaml.Node | None:
    """The node tree, once the event stream has shown that it is shallow and small."""
    try:
        depth = count = documents = 0
        for event in yaml.parse(text, Loader=_Loader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            count += isinstance(event, yaml.NodeEvent)
            documents += isinstance(event, yaml.DocumentStartEvent)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _MistakeError("anchors (&name) and aliases (*name) are not used in catalogs; write it out", line)
            if len(getattr(event, "value", "")) > MAX_TEXT:
                raise _MistakeError(f"a value of more than {MAX_TEXT} letters", line)
            if depth > MAX_DEPTH:
                raise _MistakeError(f"nested more than {MAX_DEPTH} deep", line)
            if count > MAX_VALUES:
                raise _MistakeError(f"more than {MAX_VALUES} values", line)
            if documents > 1:
                raise _MistakeError("a second document begins here ('---'); a catalog is one", line)
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if mark is None or (mark.line >= len(text.splitlines()) and error.context_mark is not None):
            mark = error.context_mark  # where that began of which the end is missing
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise _MistakeError(f"not YAML: {said}", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise _MistakeError(f"not YAML: {str(error).splitlines()[0]}") from None
    return node


@dataclass
class _Walk:
    file: str
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def value(self, node: yaml.Node, place: Place) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, place)
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any] | None:
        if node.tag != "tag:yaml.org,2002:map":
            self._refuse_tag(node, place)
            return None
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                self._say(line, place, f"a key must be text; put it in quotes{_shown(key_node)}")
                continue
            key = key_node.value
            if key in out:
                first = self.lines[(*place, key)]
                self._say(line, (*place, key), f"stands twice (first in line {first})")
                continue
            self.lines[(*place, key)] = line
            out[key] = self.value(value_node, (*place, key))
        return out

    def _sequence(self, node: yaml.SequenceNode, place: Place) -> list[Any] | None:
        if node.tag != "tag:yaml.org,2002:seq":
            self._refuse_tag(node, place)
            return None
        out = []
        for i, item in enumerate(node.value):
            self.lines[(*place, i)] = item.start_mark.line + 1
            out.append(self.value(item, (*place, i)))
        return out

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        if node.tag not in _PLAIN and node.tag != _TIME:
            self._refuse_tag(node, place)
            return None
        try:
            value = yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self._say(node.start_mark.line + 1, place, f"cannot be understood{_shown(node)} ({error})")
            return None
        return value if node.tag in _PLAIN else _iso(value)

    def _refuse_tag(self, node: yaml.Node, place: Place) -> None:
        tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
        self._say(node.start_mark.line + 1, place, f"the tag {tag} is not used in catalogs; write a plain value")

    def _say(self, line: int, place: Place, message: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(place), message))


def _shown(node: yaml.Node) -> str:
    return f": {node.value[:40]}" if isinstance(node, yaml.ScalarNode) else ""


def _iso(value: date) -> str:
    """A YAML date or time as ISO text; a time with an offset is told in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat()
