"""Which kind of file a path leads to: HDF5 (NetCDF-4, MATLAB v7.3, pandas), NetCDF-3, Zarr or Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workbench.core.errors import ReaderError
from workbench.readers import hdf5_superblock, netcdf3, parquet_table, zarr_folder
from workbench.readers.stored import Container


def kind(path: str) -> str:
    """``hdf5``, ``netcdf3``, ``zarr`` or ``parquet``, by the first bytes.

    Raises
    ------
    ReaderError
        When it is none of these.
    """
    if os.path.isdir(path):
        if zarr_folder.is_zarr(path):
            return "zarr"
        raise ReaderError(path, "a folder, and no Zarr: it has no zarr.json, .zgroup or .zarray")
    try:
        with open(path, "rb", buffering=0) as file:
            start = file.read(8)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    if start.startswith(netcdf3.MAGIC):
        return "netcdf3"
    if start.startswith(parquet_table.MAGIC):
        return "parquet"
    if hdf5_superblock.find(path) is not None:
        return "hdf5"
    raise ReaderError(
        path,
        "neither HDF5 nor NetCDF, Zarr or Parquet",
        offset=0,
        expected="89484446",
        found=start[:4].hex() or "nothing",
    )


@contextmanager
def opened(path: str) -> Iterator[Container]:
    """Open a file of any of these kinds.

    Raises
    ------
    ReaderError
        When it is none of them, only a part of one, or broken.
    """
    found = kind(path)
    if found == "hdf5":
        from workbench.readers import hdf5_file
        from workbench.readers.hdf5_layout import Hdf5Container

        with hdf5_file.opened(path) as (file, growing):
            yield Hdf5Container(path, file, growing)
    else:
        module: Any = {"netcdf3": netcdf3, "zarr": zarr_folder, "parquet": parquet_table}[found]
        with module.opened(path) as container:
            yield container


def complete(path: str) -> int:
    """Bytes of it when it is whole, as far as 50 bytes or its metadata tell; else 0."""
    try:
        found = kind(path)
        if found == "hdf5":
            block, size = hdf5_superblock.checked(path), os.path.getsize(path)
            return size if block.swmr or block.end == size else 0  # longer: its writer has not told the file yet
    except (ReaderError, OSError):
        return 0
    module: Any = {"netcdf3": netcdf3, "zarr": zarr_folder, "parquet": parquet_table}[found]
    return int(module.complete(path))


def stamp(path: str) -> tuple[int, ...]:
    """What changes when the file does: size, time of change, inode.

    Raises
    ------
    ReaderError
        When there is none.
    """
    try:
        stat = os.stat(path)
        if os.path.isdir(path):
            return (*zarr_folder.stamp(path), stat.st_ino, 0)
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    return stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns
