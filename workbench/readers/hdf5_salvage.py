"""What can still be got out of an HDF5 file that is cut, or whose writer was killed: into a copy, chunk by chunk.

The file itself is only read. A scratch copy gets a superblock that says it is closed, and zeros up to the length it should
have, so that libhdf5 opens it; of each dataset, those chunks are taken that lie within the bytes that were really there and
can be decoded. What is lost is NaN; in whole numbers it is the least number, which ``_FillValue`` names; of tables, the rows
up to the first loss are kept. The result appears under its name when it is whole, or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from os import PathLike, fspath
from typing import Any

import h5py
import numpy as np

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.readers import hdf5_superblock as superblock
from workbench.readers.hdf5_file import BROKEN
from workbench.readers.stored import Array

#: Chunks of one dataset that are looked for.
_MOST = 1_000_000
_LARGEST = 1 << 30
_PIECE = 1 << 20
_MACHINERY = ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_FillValue")


@dataclass(frozen=True)
class Recovered:
    """What became of one dataset.

    Attributes
    ----------
    name : str
    rows, of : int
        Rows that were recovered, of how many there should be.
    said : str
        Why not all.
    """

    name: str
    rows: int
    of: int
    said: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.rows} of {self.of} rows" + (f" ({self.said})" if self.said else "")


def salvage(
    path: str | PathLike[str], copy: str | PathLike[str], tell: Callable[[Recovered], None] = lambda _: None
) -> list[Recovered]:
    """Write what is left of `path` into `copy`.

    Parameters
    ----------
    path : path-like
        It is not changed.
    copy : path-like
        Must not exist.
    tell : callable
        Called with each dataset as it is done.

    Returns
    -------
    list of Recovered

    Raises
    ------
    WorkbenchError
        When `copy` exists, or nothing could be recovered.
    ReaderError
        When `path` is no HDF5 file.
    """
    source, target = fspath(path), fspath(copy)
    if os.path.lexists(target):
        raise WorkbenchError(f"{target} exists; name a copy that does not")
    block = superblock.find(source)
    if block is None:
        raise ReaderError(source, "no HDF5 file: it has no superblock", offset=0)
    folder, name = os.path.split(os.path.abspath(target))
    scratch, made = (os.path.join(folder, f".{name}.{os.getpid()}.{what}") for what in ("scratch", "part"))
    try:
        shutil.copyfile(source, scratch)
        there = os.path.getsize(scratch)
        with open(scratch, "r+b") as file:
            file.seek(block.at)
            file.write(superblock.closed(block))
            if there < block.end <= there * 1000 + (1 << 30):
                file.truncate(block.end)
        done = _recover(source, scratch, made, there, tell)
        if not any(each.rows for each in done):
            raise WorkbenchError(f"{source}: nothing could be recovered from its {there} of {block.end} bytes")
        _sync(made)
        os.link(made, target)  # fails where somebody else wrote a file of that name in the meantime
    except FileExistsError as error:
        raise WorkbenchError(f"{target} exists; name a copy that does not") from error
    finally:
        for left in (scratch, made):
            if os.path.exists(left):
                os.unlink(left)
    return done


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _recover(source: str, scratch: str, made: str, there: int, tell: Callable[[Recovered], None]) -> list[Recovered]:
    done: list[Recovered] = []
    try:
        with h5py.File(scratch, "r", locking=False) as old, h5py.File(made, "w") as new:
            _attributes(old, new)
            for name, node in _walk(old, done):
                each = _dataset(name, node, new, there)
                done.append(each)
                tell(each)
            _axes(old, new)
    except BROKEN as error:
        if not done:
            said = " ".join(str(error).split())[:200]
            raise WorkbenchError(f"{source}: nothing could be recovered ({said})") from error
    return done


def _walk(old: h5py.File, done: list[Recovered]) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset that can be reached; groups and datasets that cannot are put among `done`."""
    stack: list[h5py.Group] = [old]
    seen = set()
    while stack:
        group = stack.pop()
        try:
            names = list(group)
        except BROKEN as error:
            done.append(Recovered(group.name, 0, 0, f"its list of contents is lost: {_short(error)}"))
            continue
        for name in names:
            path = f"{group.name.rstrip('/')}/{name}"
            try:
                if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                    continue
                node = group[name]
                if isinstance(node, h5py.Group) and node.id not in seen:
                    seen.add(node.id)
                    stack.append(node)
                elif isinstance(node, h5py.Dataset):
                    assert node.shape is not None and node.dtype is not None
                    yield path, node
            except (*BROKEN, AssertionError) as error:
                done.append(Recovered(path, 0, 0, f"its description is lost: {_short(error)}"))


def _dataset(name: str, node: h5py.Dataset, new: h5py.File, there: int) -> Recovered:
    """Copy what is left of one dataset."""
    total = int(node.shape[0]) if node.ndim else 1
    try:
        if node.dtype.hasobject and h5py.check_string_dtype(node.dtype) is None:
            return Recovered(name, 0, total, "references are not copied")
        whole, lost = _target(name, node, new)
        good = np.zeros(total, dtype=np.int64)
        for where in _blocks(node):
            found = _read(node, where, there)
            if found is not None:
                whole[found[0] if node.ndim else ()] = found[1]
                good[found[0][0] if node.ndim else slice(None)] += 1
        rows = int((good == _across(node)).sum())
        if (
            rows < total and lost is None and node.ndim
        ):  # no value says "missing": keep what comes before the first loss
            rows = int(np.argmin(good == _across(node)))
            whole.resize(rows, axis=0)
        _attributes(node, whole)
        if rows < total and lost is not None and node.dtype.kind in "iu":
            whole.attrs["_FillValue"] = lost
        return Recovered(name, rows, total, "" if rows == total else "the rest is not in the file, or broken")
    except BROKEN as error:
        if name in new:
            del new[name]
        return Recovered(name, 0, total, _short(error))


def _target(name: str, node: h5py.Dataset, new: h5py.File) -> tuple[h5py.Dataset, Any]:
    """The dataset that will hold it, and the value that stands for what is lost (None where there is none)."""
    lost: Any = None
    if node.dtype.kind in "fc":
        lost = np.nan
    elif node.dtype.kind in "iu":
        lost = np.array(np.iinfo(node.dtype).min if node.dtype.kind == "i" else np.iinfo(node.dtype).max, node.dtype)[
            ()
        ]
    elif node.dtype.kind in "OS":
        lost = ""
    if not node.ndim:
        return new.create_dataset(name, (), node.dtype), lost
    chunks = tuple(min(int(c), max(int(n), 1)) for c, n in zip(node.chunks or _pieces(node), node.shape, strict=True))
    limits = (None, *node.shape[1:])
    fill = lost if node.dtype.kind in "fciu" else None
    return new.create_dataset(name, node.shape, node.dtype, chunks=chunks, maxshape=limits, fillvalue=fill,
                              compression="gzip" if node.compression else None), lost  # fmt: skip


def _pieces(node: h5py.Dataset) -> tuple[int, ...]:
    """The pieces in which a dataset without chunks is read."""
    row = max(int(np.prod(node.shape[1:], dtype=np.int64)) * node.dtype.itemsize, 1)
    return (max(1, _PIECE // row), *(max(int(n), 1) for n in node.shape[1:]))


def _blocks(node: h5py.Dataset) -> Iterator[tuple[slice, ...]]:
    if not node.ndim:
        yield (slice(0, 1),)
        return
    ranges = [range(0, int(n), int(c)) for n, c in zip(node.shape, node.chunks or _pieces(node), strict=True)]
    if np.prod([len(r) for r in ranges], dtype=object) > _MOST:
        raise ValueError("it claims more chunks than anybody writes")
    if node.chunks and int(np.prod(node.chunks, dtype=np.int64)) * node.dtype.itemsize > _LARGEST:
        raise ValueError("it claims chunks larger than anybody writes")
    for corner in product(*ranges):
        yield tuple(slice(at, min(at + r.step, r.stop)) for at, r in zip(corner, ranges, strict=True))


def _across(node: h5py.Dataset) -> int:
    """How many blocks cover one row."""
    if not node.ndim:
        return 1
    return int(
        np.prod(
            [-(-n // c) for n, c in zip(node.shape[1:], (node.chunks or _pieces(node))[1:], strict=True)],
            dtype=np.int64,
        )
    )


def _read(node: h5py.Dataset, where: tuple[slice, ...], there: int) -> tuple[tuple[slice, ...], Array] | None:
    """What is there of one block, and where; None when its bytes are not in the file, or cannot be decoded."""
    try:
        if not node.ndim:
            return where, np.asarray(node[()])
        if node.chunks:
            info = node.id.get_chunk_info_by_coord(tuple(s.start for s in where))
            if info.byte_offset is None or info.byte_offset + info.size > there:
                return None
        elif (begin := node.id.get_offset()) is not None:
            row = int(np.prod(node.shape[1:], dtype=np.int64)) * node.dtype.itemsize
            stop = min(where[0].stop, max(there - begin, 0) // max(row, 1))
            if stop <= where[0].start:
                return None
            where = (slice(where[0].start, stop), *where[1:])
        return where, np.asarray(node[where])
    except BROKEN:
        return None


def _attributes(old: Any, new: Any) -> None:
    try:
        names = [name for name in old.attrs if name not in _MACHINERY]
    except BROKEN:
        return
    for name in names:
        try:
            new.attrs[name] = old.attrs[name]
        except BROKEN:
            continue


def _axes(old: h5py.File, new: h5py.File) -> None:
    """Dimensions by name, where both the dimension and what runs along it were recovered."""

    def one(name: str, node: Any) -> None:
        if not isinstance(node, h5py.Dataset) or name not in old:
            return
        try:
            dims = [old[refs[0]].name if len(refs) else "" for refs in old[name].attrs.get("DIMENSION_LIST", ())]
        except BROKEN:
            return
        for axis, dim in enumerate(dims):
            if dim in new and dim != node.name and axis < node.ndim:
                if not new[dim].is_scale:
                    new[dim].make_scale(dim.rsplit("/", 1)[-1])
                node.dims[axis].attach_scale(new[dim])

    new.visititems(one)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
