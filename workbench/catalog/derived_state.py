"""Where one stands in the inputs of a product, as a short text: another one whenever an input has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

#: So deep are cursors looked into for parts that stayed the objects they were: ``folders``, and each of the folders.
_DEEP = 2


class State:
    """Texts of cursors.

    A cursor names every file of a cruise. What of it is the object that it was last time (a folder to which no file
    came) is not written out again: a new file costs its folder, however long the cruise.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], tuple[Any, bytes]] = {}  # by place: what stood there, and its sum

    def of(self, cursors: Mapping[str, Any]) -> str:
        """The text; equal only for equal cursors, in this process and the next one."""
        before, self._sums = self._sums, {}
        return _digest(b"".join(self._sum((given,), cursor, before) for given, cursor in sorted(cursors.items()))).hex()

    def _sum(self, place: tuple[str, ...], value: Any, before: Mapping[tuple[str, ...], tuple[Any, bytes]]) -> bytes:
        known = before.get(place)
        if known is not None and known[0] is value:
            for below, held in before.items():
                if below[: len(place)] == place:
                    self._sums[below] = held
            return known[1]
        if isinstance(value, Mapping) and len(place) <= _DEEP:
            parts = [self._sum((*place, str(key)), value[key], before) for key in sorted(value, key=str)]
            found = _digest(repr((place[-1], len(parts))).encode("utf-8", "surrogatepass") + b"".join(parts))
        else:
            text = json.dumps(value, sort_keys=True, default=str)
            found = _digest(f"{place[-1]}\0{text}".encode("utf-8", "surrogatepass"))
        self._sums[place] = value, found
        return found


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()
