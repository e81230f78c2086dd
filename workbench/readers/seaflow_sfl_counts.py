"""An SFL beside the EVT files on disk: which stand on both sides, and how many events each has."""

from __future__ import annotations

import os
from os import PathLike, fspath

import xarray as xr

from workbench.core.errors import ReaderError
from workbench.readers import seaflow_files
from workbench.readers.parameter_files import is_database
from workbench.readers.seaflow_evt import SeaflowEvt
from workbench.readers.seaflow_sfl_cells import Cells
from workbench.readers.sqlite_file import read_tables


def event_counts(path: str | PathLike[str]) -> dict[str, int]:
    """Events of each file id, by the headers of EVT files or the opp table of a popcycle database.

    Raises
    ------
    ReaderError
        When there is no such path, or the database has no counts.
    """
    if is_database(path):
        rows = read_tables(path, ("opp",))["opp"]
        if not rows:
            raise ReaderError(path, "its table opp has no rows, so no events are known")
        return {str(row["file"]): int(row["all_count"]) for row in rows}
    with xr.open_dataset(fspath(path), engine=SeaflowEvt) as ds:
        return dict(zip(ds["file_id"].to_numpy().tolist(), ds["row_size"].to_numpy().tolist(), strict=True))


def manifest(cells: Cells, evt: str | PathLike[str]) -> dict[str, list[str]]:
    """File ids of an SFL against those on disk.

    Returns
    -------
    dict
        ``both``, ``only_sfl``, ``only_disk``: file ids in the order of time; one that stands plain and compressed is one.

    Raises
    ------
    ReaderError
        When there is no such folder.
    """
    sfl = [_id(cell) for cell in cells.columns["FILE"]]
    disk = [_id(os.fspath(path)) for path in SeaflowEvt().files(fspath(evt))]
    held, listed = set(disk), set(sfl)
    return {
        "both": list(dict.fromkeys(name for name in sfl if name in held)),
        "only_sfl": list(dict.fromkeys(name for name in sfl if name not in held)),
        "only_disk": list(dict.fromkeys(name for name in disk if name not in listed)),
    }


def _id(path: str) -> str:
    name = seaflow_files.parse(path)
    return name.file_id if name else path
