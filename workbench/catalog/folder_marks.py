"""The marks of a folder's files as one text that can be looked into: the cursor of a long cruise is little, and JSON.

Lines of one width, in the order of the names: a name without what all names begin with, ``/``, which no name holds, and
the numbers of its mark in hexadecimal. A line is found by halving.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.core.texts import common

#: What was seen of one file (see `workbench.catalog.marks`).
Mark = list[int]
#: What all names begin with, the width of a line, the lines.
Packed = list[Any]


class FolderMarks(Mapping[str, Mark]):
    """Marks by name, some 45 bytes each; they never change.

    Parameters
    ----------
    packed : Packed, optional
        The `packed` of others, of this process or another one; equal marks are packed alike.
    """

    def __init__(self, packed: Packed | None = None) -> None:
        self.packed: Packed = ["", 1, ""] if packed is None else packed
        self._begin: str = self.packed[0]
        self._width: int = self.packed[1]
        self._lines: str = self.packed[2]

    def __len__(self) -> int:
        return len(self._lines) // self._width

    def __iter__(self) -> Iterator[str]:
        return map(self.name, range(len(self)))

    def __getitem__(self, name: str) -> Mark:
        rest = name.removeprefix(self._begin)
        place = bisect_left(range(len(self)), rest, key=self._rest)
        if place == len(self) or self.name(place) != name:
            raise KeyError(name)
        return _mark(self._line(place).partition("/")[2])

    def name(self, place: int) -> str:
        """The name of a line, counted from 0."""
        return self._begin + self._rest(place)

    def decoded(self) -> dict[str, Mark]:
        """The same as a dict, for those who need all of them."""
        return {name: _mark(numbers) for name, numbers in self._texts().items()}

    def with_marks(self, changes: Mapping[str, Mark | None]) -> FolderMarks:
        """The same with other marks of some names; None takes one away."""
        texts = self._texts()
        for name, mark in changes.items():
            if mark is None:
                texts.pop(name, None)
            else:
                texts[name] = " ".join(f"{number:x}" for number in mark)
        names = sorted(texts)
        begin = common(names[0], names[-1]) if names else ""
        lines = [f"{name[len(begin) :]}/{texts[name]}" for name in names]
        width = max(map(len, lines), default=1)
        return FolderMarks([begin, width, "".join(line.ljust(width) for line in lines)])

    def _line(self, place: int) -> str:
        return self._lines[place * self._width : (place + 1) * self._width]

    def _rest(self, place: int) -> str:
        return self._line(place).partition("/")[0]

    def _texts(self) -> dict[str, str]:
        parts = (self._line(place).rstrip(" ").partition("/") for place in range(len(self)))
        return {self._begin + rest: numbers for rest, _, numbers in parts}


def _mark(numbers: str) -> Mark:
    return [int(number, 16) for number in numbers.split()]
