"""What is told of the parts of a source, told of the whole: attributes of datasets that are written into one file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: Attributes that count something in the files.
_COUNTS = ("rows", "unchecked", "other", "files")
_BAD = re.compile(r"(?P<why>[^:]+): (?P<count>\d+)(?: \((?P<first>.*)\))?\s*")


def together(told: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Attributes of parts as the whole has them: counts added up, what is listed put together; None when they differ."""
    out: dict[str, Any] = {}
    for name in dict.fromkeys(name for attrs in told for name in attrs):
        values = [attrs.get(name) for attrs in told]
        if name in _COUNTS and all(isinstance(value, int | np.integer) for value in values):
            out[name] = sum(int(value) for value in values if value is not None)
        elif name == "refused":
            out[name] = "\n".join(dict.fromkeys(line for value in values for line in str(value or "").splitlines()))
        elif name == "bad":
            out[name] = _added_up([str(value or "") for value in values])
        elif any(repr(value) != repr(values[0]) for value in values):
            return None
        else:
            out[name] = values[0]
    return out


def _added_up(told: Sequence[str]) -> str:
    """Lines ``reason: count (first ...)``, each reason once, where it stands in the parts; other lines as they are.

    Where no first one is told, reasons stand by the alphabet, as such readers have them.
    """
    order: list[str] = []
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for text in told:
        place = 0
        for line in filter(None, text.splitlines()):
            match = _BAD.fullmatch(line)
            why = match["why"] if match else line
            if why not in counts:
                order.insert(place, why)
                first[why] = (match["first"] or "") if match else ""
            counts[why] = counts.get(why, 0) + (int(match["count"]) if match else 0)
            place = order.index(why) + 1
    order = order if any(first.values()) else sorted(order)
    lines = {why: f"{why}: {counts[why]}" + (f" ({first[why]})" if first[why] else "") for why in order}
    return "\n".join(lines[why] if counts[why] else why for why in order)
