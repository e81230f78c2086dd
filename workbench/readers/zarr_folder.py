"""Zarr, version 2 and 3: a folder of chunks, read by the zarr library. A chunk that is not there holds its fill value."""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError
from workbench.readers.stored import Array, Stored, plain, text

_METADATA = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
_MOST = 1 << 31


def is_zarr(path: str) -> bool:
    """True for a folder with Zarr's metadata in it."""
    return os.path.isdir(path) and any(os.path.exists(os.path.join(path, name)) for name in _METADATA)


def complete(path: str) -> int:
    """Bytes of its metadata and chunks when it opens, else 0."""
    try:
        with opened(path) as container:
            container.arrays("")
    except ReaderError:
        return 0
    found = 0
    for here, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):  # a chunk under way, which has got its own name since
                found += os.path.getsize(os.path.join(here, name))
    return found


def stamp(path: str) -> tuple[int, int]:
    """A number and a time that change when the folder does: of its metadata, which every append writes."""
    size, newest = 0, 0
    for here, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.isdigit() and name != "c"]
        for name in names:
            if name in _METADATA or name == ".zattrs":
                stat = os.stat(os.path.join(here, name))
                size, newest = size + stat.st_size, max(newest, stat.st_mtime_ns)
    return size, newest


@contextmanager
def opened(path: str) -> Iterator[Container]:
    """Open it.

    Raises
    ------
    ReaderError
        When it is none, or what is read of it is broken.
    """
    import zarr

    try:
        yield Container(path, zarr.open_group(path, mode="r"))
    except (ReaderError, GeneratorExit):
        raise
    except Exception as error:  # zarr's codecs raise what they like
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReaderError(path, f"broken Zarr ({said})") from error


class Container:
    """One Zarr folder, opened."""

    def __init__(self, path: str, group: Any) -> None:
        self.path = path
        self.group = group

    def arrays(self, group: str) -> list[Stored]:
        """Every array below `group`."""
        top = self.group[group.strip("/")] if group.strip("/") else self.group
        found = [(path, node) for path, node in top.members(max_depth=None) if hasattr(node, "shape")]
        last = [path.rsplit("/", 1)[-1] for path, _ in found]
        base = f"{group.strip('/')}/" if group.strip("/") else ""
        out: list[Stored] = []
        for path, node in sorted(found, key=lambda item: item[0]):
            short = path.rsplit("/", 1)[-1]
            name = path.replace("/", "_") if last.count(short) > 1 else short
            out += self._stored(base + path, name, path.rpartition("/")[0], node)
        return out

    def _stored(self, key: str, name: str, folder: str, node: Any) -> Iterator[Stored]:
        attrs = dict(node.attrs)
        dims = (
            attrs.pop("_ARRAY_DIMENSIONS", None) or getattr(node.metadata, "dimension_names", None) or ("",) * node.ndim
        )
        fill = attrs.pop("_FillValue", node.fill_value if node.metadata.zarr_format == 2 else None)
        kind = np.dtype(node.dtype).kind
        if kind not in "biufcMOSUT" or len(dims) != node.ndim:
            return
        about = plain(attrs)
        if (number := _fill(fill, kind)) is not None:
            about["_FillValue"] = number
        paths = tuple(f"{folder}/{dim}".lstrip("/") if dim else "" for dim in dims)
        dtype = "O" if kind in "OSUT" else np.dtype(node.dtype).str
        yield Stored(
            key, name, paths, tuple(map(int, node.shape)), dtype, about, coordinate=paths == (key.split("/")[-1],)
        )

    def length(self, stored: Stored) -> int:
        """How long the first axis is."""
        return int(self.group[stored.key].shape[0])

    def sound(self, stored: Stored) -> None:
        """Refuse chunks of gigabytes."""
        node = self.group[stored.key]
        size = int(np.prod([int(n) for n in node.chunks], dtype=object)) * max(np.dtype(node.dtype).itemsize, 1)
        if size > _MOST:
            raise ReaderError(self.path, f"'{stored.name}' has chunks of {size} bytes")

    def read(self, stored: Stored, where: tuple[slice, ...]) -> Array:
        """Values of `stored` there."""
        values = np.asarray(self.group[stored.key][where])
        return text(values.astype(object)) if stored.dtype == "O" else values


def _fill(value: Any, kind: str) -> float | int | None:
    """The fill value as a number: xarray keeps it as base64 in version 3."""
    if isinstance(value, str) and kind == "f":
        try:
            raw = base64.b64decode(value, validate=True)
            return float(struct.unpack("<d", raw)[0]) if len(raw) == 8 else float(value)
        except (ValueError, struct.error):
            return None
    if isinstance(value, int | float | np.integer | np.floating) and kind in "iuf":
        return value.item() if isinstance(value, np.generic) else value
    return None
