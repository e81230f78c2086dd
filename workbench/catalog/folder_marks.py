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
#: Up to so many changes are put into the lines; for more, all lines are made anew.
_FEW = 8


class FolderMarks(Mapping[str, Mark]):
    """Marks by name, which never change: some 45 bytes for each of SeaFlow's files. One long name makes all lines wide.

    Parameters
    ----------
    packed : Packed, optional
        The `packed` of others, of this process or another one; equal marks are packed alike.
    """

    def __init__(self, packed: Packed | None = None) -> None:
        self.packed: Packed = NOTHING if packed is None else packed
        self._begin: str = self.packed[0]
        self._width: int = self.packed[1]
        self._lines: str = self.packed[2]

    def __len__(self) -> int:
        return len(self._lines) // self._width

    def __iter__(self) -> Iterator[str]:
        return map(self.name, range(len(self)))

    def __getitem__(self, name: str) -> Mark:
        place = self._place(name)
        if place == len(self) or self.name(place) != name:
            raise KeyError(name)
        return [int(number, 16) for number in self._line(place).partition("/")[2].split()]

    def name(self, place: int) -> str:
        """The name of a line, counted from 0."""
        return self._begin + self._rest(place)

    def columns(self, *numbers: int) -> list[list[int]]:
        """Some numbers of each mark, counted from 0, in the order of the names."""
        each = [text.split(" ") for text in self._texts().values()]
        return [[int(texts[number], 16) for texts in each] for number in numbers]

    def with_marks(self, changes: Mapping[str, Mark | None]) -> FolderMarks:
        """The same with other marks of some names; None takes one away."""
        texts = {name: mark and " ".join(f"{number:x}" for number in mark) for name, mark in changes.items()}
        few = {name: text for name, text in texts.items() if text} if len(texts) <= _FEW else {}
        lines = self._put(few) if len(few) == len(texts) else None
        return FolderMarks([self._begin, self._width, lines]) if lines else self._anew(texts)

    def _put(self, texts: Mapping[str, str]) -> str | None:
        """The lines with these; None where they begin otherwise or get another width."""
        lines, width = self, self._width
        for name, text in texts.items():
            line = f"{name[len(self._begin) :]}/{text}"
            place = lines._place(name)
            there = place < len(lines) and lines.name(place) == name
            shorter = there and len(line) < width and not lines._line(place).endswith(" ")
            if not name.startswith(self._begin) or len(line) > width or shorter or not len(lines):
                return None
            before, after = lines._lines[: place * width], lines._lines[(place + there) * width :]
            lines = FolderMarks([self._begin, width, f"{before}{line.ljust(width)}{after}"])
        return lines._lines

    def _anew(self, changes: Mapping[str, Any]) -> FolderMarks:
        texts = {name: text for name, text in {**self._texts(), **changes}.items() if text}
        names = sorted(texts)
        begin = common(names[0], names[-1]) if names else ""
        lines = [f"{name[len(begin) :]}/{texts[name]}" for name in names]
        width = max(map(len, lines), default=1)
        return FolderMarks([begin, width, "".join(line.ljust(width) for line in lines)])

    def _place(self, name: str) -> int:
        return bisect_left(range(len(self)), name.removeprefix(self._begin), key=self._rest)

    def _line(self, place: int) -> str:
        return self._lines[place * self._width : (place + 1) * self._width]

    def _rest(self, place: int) -> str:
        return self._line(place).partition("/")[0]

    def _texts(self) -> dict[str, str]:
        parts = (self._line(place).rstrip(" ").partition("/") for place in range(len(self)))
        return {self._begin + rest: numbers for rest, _, numbers in parts}


#: Of a folder of which nothing was seen.
NOTHING: Packed = ["", 1, ""]
