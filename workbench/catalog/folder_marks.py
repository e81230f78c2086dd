"""The marks of a folder's files as one text that can be looked into: the cursor of a long cruise is little, and JSON.

A line for each name, in their order: the name without what all names begin with, ``/``, the numbers of its mark in
hexadecimal, and NUL; no name holds ``/`` or NUL. Names stand there byte by byte (UTF-8), a character each, so that one
in another alphabet makes no others wide. A line is found by halving.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from workbench.core.texts import common

#: What was seen of one file (see `workbench.catalog.marks`).
Mark = list[int]
#: What all names begin with, how many names, their lines.
Packed = list[Any]
#: Up to so many changes are put into the lines; for more, all lines are made anew.
_FEW = 8
_END = "\0"


class FolderMarks(Mapping[str, Mark]):
    """Marks by name, which never change: some 45 bytes for each of SeaFlow's files.

    Parameters
    ----------
    packed : Packed, optional
        The `packed` of others, of this process or another one; equal marks are packed alike.
    """

    def __init__(self, packed: Packed | None = None) -> None:
        self.packed: Packed = NOTHING if packed is None else packed
        self._begin: str = self.packed[0]
        self._lines: str = self.packed[2]

    def __len__(self) -> int:
        return int(self.packed[1])

    def __iter__(self) -> Iterator[str]:
        return map(_name, self._texts())

    def __getitem__(self, name: str) -> Mark:
        line = self._lines[self._find(_stored(name))]
        if not line:
            raise KeyError(name)
        return [int(number, 16) for number in line[:-1].partition("/")[2].split(" ")]

    def places(self) -> list[int]:
        """Where the line of each name begins, in the order of the names."""
        return [0, *accumulate(len(line) + 1 for line in self._each())][:-1]

    def name(self, place: int) -> str:
        """The name whose line is at one of the `places`."""
        return _name(self._begin + self._rest(place))

    def columns(self, *numbers: int) -> list[list[int]]:
        """Some numbers of each mark, counted from 0, in the order of the names."""
        each = [text.split(" ") for text in self._texts().values()]
        return [[int(texts[number], 16) for texts in each] for number in numbers]

    def with_marks(self, changes: Mapping[str, Mark | None]) -> FolderMarks:
        """The same with other marks of some names; None takes one away."""
        texts = {_stored(name): mark and " ".join(f"{number:x}" for number in mark) for name, mark in changes.items()}
        here = len(self) and all(text and name.startswith(self._begin) for name, text in texts.items())
        return self._put(texts) if here and len(texts) <= _FEW else self._anew(texts)

    def _put(self, texts: Mapping[str, Any]) -> FolderMarks:
        marks = self
        for name, text in texts.items():
            found, lines = marks._find(name), marks._lines
            line = f"{name[len(self._begin) :]}/{text}{_END}"
            count = len(marks) + (found.start == found.stop)
            marks = FolderMarks([self._begin, count, f"{lines[: found.start]}{line}{lines[found.stop :]}"])
        return marks

    def _anew(self, changes: Mapping[str, Any]) -> FolderMarks:
        texts = {name: text for name, text in {**self._texts(), **changes}.items() if text}
        names = sorted(texts)
        begin = common(names[0], names[-1]) if names else ""
        lines = "".join(f"{name[len(begin) :]}/{texts[name]}{_END}" for name in names)
        return FolderMarks([begin, len(names), lines])

    def _find(self, name: str) -> slice:
        """The line of a name; nothing, at its place, where it has none."""
        place = bisect_left(range(len(self._lines)), name.removeprefix(self._begin), key=self._rest)
        there = place < len(self._lines) and self._begin + self._rest(place) == name
        return slice(place, self._lines.index(_END, place) + 1 if there else place)

    def _rest(self, at: int) -> str:
        """What the line begins with that holds this character: a name without its beginning."""
        begin = self._lines.rfind(_END, 0, at) + 1
        return self._lines[begin : self._lines.index("/", begin)]

    def _each(self) -> list[str]:
        return self._lines.split(_END)[:-1]

    def _texts(self) -> dict[str, str]:
        """Numbers by name, as they stand in the lines."""
        parts = (line.partition("/") for line in self._each())
        return {self._begin + rest: numbers for rest, _, numbers in parts}


def _stored(name: str) -> str:
    """A name as a character for each of its bytes; in order where names are."""
    return name.encode("utf-8", "surrogatepass").decode("latin-1")


def _name(stored: str) -> str:
    return stored.encode("latin-1").decode("utf-8", "surrogatepass")


#: Of a folder of which nothing was seen.
NOTHING: Packed = ["", 0, ""]
