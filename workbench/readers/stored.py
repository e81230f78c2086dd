"""An array in a file, whatever kind of file: what it is called, how long it is, what is said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: Values of an attribute larger than this are nobody's description.
_LONG = 4096


@dataclass(frozen=True)
class Stored:
    """One array in a file.

    Attributes
    ----------
    key : str
        Where it lies: the path of a dataset, the name of a column.
    name : str
        What it is called, as one word.
    dims : tuple of str
        A name for each axis; ``""`` where the file does not say.
    shape : tuple of int
    dtype : str
        As it comes out of ``read``: a numpy dtype, or ``"O"`` for text.
    attrs : dict
        What is said of it; plain values that JSON keeps.
    how : str
        How it is read: ``""`` as it stands; others belong to the kind of file.
    pick : tuple of str or int
        Which part of it: a field of a table, a column of a block.
    coordinate : bool
        It gives the values of the dimension that has its name.
    """

    key: str
    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    attrs: Mapping[str, Any] = field(default_factory=dict)
    how: str = ""
    pick: tuple[Any, ...] = ()
    coordinate: bool = False

    @property
    def known_as(self) -> set[str]:
        """Every name by which a person may ask for it: its own, its path, its field."""
        path = self.key.strip("/")
        field = "/".join(str(part) for part in self.pick)
        own = {self.name, self.key, path, path.rsplit("/", 1)[-1]} if self.how != "field" else {self.name}
        return own | ({f"{path}/{field}", f"{path}/{self.name}", field} if self.how == "field" and field else set())

    @property
    def packing(self) -> tuple[float, float]:
        """Factor and offset of packed numbers; 1 and 0 where nothing is said, or what is no number."""
        said = self.attrs.get("scale_factor"), self.attrs.get("add_offset")
        scale, offset = (float(v) if isinstance(v, int | float) and math.isfinite(v) else None for v in said)
        return 1.0 if scale is None else scale, offset or 0.0


class Container(Protocol):
    """One opened file."""

    def arrays(self, group: str) -> list[Stored]:
        """The arrays in it, below `group` where files of this kind have groups."""

    def length(self, stored: Stored) -> int:
        """How long the first axis is now."""

    def read(self, stored: Stored, where: tuple[slice, ...]) -> Array:
        """Values of `stored` there; each slice has a start and a stop within its shape, and no step."""

    def sound(self, stored: Stored) -> None:
        """ReaderError when it claims more than the file can hold."""


class Kind(Protocol):
    """One kind of file."""

    def complete(self, path: str) -> int:
        """Bytes of it when it is whole, else 0."""

    def opened(self, path: str) -> AbstractContextManager[Container]:
        """Open it; ReaderError when it is broken."""


def plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as text, numbers and lists of these; what is neither is left out."""
    out = {}
    for name, value in attrs.items():
        said = plain_value(value)
        if said is not None:
            out[str(name)] = said
    return out


def plain_value(value: Any) -> Any:
    """A value of an attribute that JSON can keep, or None."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0")
    if isinstance(value, str | int | float):
        return value
    array = np.asarray(value)
    if array.size > _LONG or array.size == 0:
        return None
    if array.dtype.kind in "biuf":
        return array.item() if array.size == 1 else array.ravel().tolist()
    if array.dtype.kind in "SUO":
        items = [plain_value(item) for item in array.ravel().tolist()]
        if all(isinstance(item, str) for item in items):
            return items[0] if len(items) == 1 else items
    return None


def text(values: Array) -> Array:
    """Text of any kind (bytes, fixed width) as an object array of str, without padding."""
    flat = [_said(value) for value in values.ravel().tolist()]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(values.shape)


def _said(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0 ")
    return "" if value is None or value is np.nan else str(value).rstrip("\0 ")


def joined_characters(values: Array) -> Array:
    """Single characters along the last axis (bytes or code units) as text."""
    codes = values.view(np.uint8) if values.dtype.kind == "S" else values
    flat = np.ascontiguousarray(codes).reshape(-1, codes.shape[-1]) if codes.size else np.empty((0, 1), np.uint8)
    if values.dtype.kind == "S":
        words = [row.tobytes().decode("utf-8", "replace").rstrip("\0 ") for row in flat]
    else:
        words = [row.astype("<u2").tobytes().decode("utf-16-le", "replace").rstrip("\0 ") for row in flat]
    out = np.empty(int(np.prod(values.shape[:-1], dtype=np.int64)), dtype=object)
    out[:] = words or ""
    return out.reshape(values.shape[:-1])


def refuse_size(path: str, name: str, shape: Sequence[int], itemsize: int, held: int, most: int) -> str | None:
    """Why an array of `shape` cannot come out of `held` bytes, each giving no more than `most`; None when it can."""
    claimed = int(np.prod([int(n) for n in shape], dtype=object)) * itemsize
    if claimed <= max(held, 1 << 12) * most or claimed <= 1 << 20:
        return None
    return f"'{name}' claims {claimed} bytes, for which the file holds {held}"
