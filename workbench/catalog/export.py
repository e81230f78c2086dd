"""A Source as one file for other programs: NetCDF (CF-1.11, ACDD-1.3) or CSV.

    export(cruise, "sfl", "sfl.nc")                      # the format by the name
    export(cruise, "sfl", "sfl.csv", "2014-07-04..2014-07-05")
    open_netcdf("sfl.nc")                                # equal to cruise["sfl"].open()

Rows are read part by part and written block by block, so that memory does not grow with the cruise. The file has its name only once
it is whole: until then it is written beside it, under a hidden name that an interruption takes away.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import xarray as xr

from workbench.catalog.export_csv import CsvFile
from workbench.catalog.export_netcdf import NetcdfFile, open_netcdf
from workbench.catalog.export_parts import Parts, blocks, row_dim
from workbench.catalog.metadata import Told, tell
from workbench.core.errors import WorkbenchError, suggest
from workbench.core.window import ALWAYS, Window

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise

__all__ = ["FORMATS", "Exported", "blocks", "export", "format_of", "open_netcdf", "row_dim"]

#: Rows (or particles) in memory at once, unless a single file of the source holds more.
BLOCK = 1 << 19


class _File(Protocol):
    def __init__(self, path: Path, parts: Parts, told: Told) -> None: ...
    def write(self, block: xr.Dataset, start: int) -> None: ...
    def close(self) -> None: ...


FORMATS: dict[str, type[_File]] = {"netcdf": NetcdfFile, "csv": CsvFile}
_ENDINGS = {".nc": "netcdf", ".nc4": "netcdf", ".netcdf": "netcdf", ".csv": "csv"}


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    path : Path
    rows : int
        Rows, or particles.
    size : int
        Bytes.
    refused : tuple of str
        Files of the source that could not be read, ``path: reason``; their rows are not in there.
    across : mapping of str to int
        What else a row is made of: of populations, how many there are of them and of quantiles.
    """

    path: Path
    rows: int
    size: int
    refused: tuple[str, ...] = ()
    across: Mapping[str, int] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """``1 418 rows``, or ``23 times x 6 populations x 3 quantiles``; in words where there are none."""
        if not self.rows:
            return "no rows (nothing was written in this time)"
        if not self.across:
            return f"{self.rows} row{'s' * (self.rows != 1)}"
        counts = {"time": self.rows, **self.across}
        return " x ".join(f"{count} {name}{'s' * (count != 1)}" for name, count in counts.items())


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file's name asks for; WorkbenchError when it asks for none."""
    ending = Path(path).suffix.lower()
    if ending not in _ENDINGS:
        raise WorkbenchError(
            f"{os.fspath(path)}: its name tells no format. Give --to netcdf or --to csv, or a name ending in .nc or .csv"
        )
    return _ENDINGS[ending]


def export(
    cruise: Cruise, source: str, path: str | os.PathLike[str], window: Window | str = ALWAYS, *, to: str | None = None,
    attributes: dict[str, str] | None = None, progress: Callable[[int, int], object] = lambda done, total: None,
    block: int = BLOCK,
) -> Exported:  # fmt: skip
    """Write the rows of a source into one file.

    Parameters
    ----------
    cruise : Cruise
    source : str
        Name of a source.
    path : path-like
        The file to write; one that is there gives way once the new one is whole.
    window : Window or str
        As `Source.open` takes it.
    to : {"netcdf", "csv"}, optional
        By the file's name unless told.
    attributes : dict of str, optional
        Global attributes of a NetCDF file that only people know (``creator_name``, ``license``, ...).
    progress : callable of int, int
        Told rows done and rows in all after each block; before that, 0 and the rows found so far.
    block : int
        Rows in memory at once, about.

    Returns
    -------
    Exported

    Raises
    ------
    WorkbenchError
        When there is no such source or format, the source holds more than one table (CSV), the folder is missing, or
        the file cannot be written.
    """
    target = Path(path)
    kind = to or format_of(target)
    if kind not in FORMATS:
        raise WorkbenchError(f"'{kind}' is not a format. {suggest(kind, FORMATS)}")
    if source not in cruise:
        raise WorkbenchError(f"cruise {cruise.id} has no source '{source}'. {suggest(source, cruise)}")
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise WorkbenchError(
            f"{target}: is a folder" if target.is_dir() else f"{target.parent}: there is no such folder"
        )
    parts = Parts(cruise[source], window, block, looked=lambda rows: progress(0, rows))
    told = tell(cruise, source, parts.ds, parts.extent, attributes or {})
    with _whole_or_nothing(target) as temp:
        with _faults_told(target):
            file = FORMATS[kind](temp, parts, told)
        try:
            for rows, start, stop in parts:
                rows.load()
                with _faults_told(target):
                    file.write(rows, start)
                progress(stop, parts.rows)
        finally:
            with _faults_told(target):
                file.close()
    refused = tuple(line for line in str(parts.ds.attrs.get("refused") or "").splitlines() if line)
    return Exported(target, parts.rows, target.stat().st_size, refused, _across(parts))


def _across(parts: Parts) -> dict[str, int]:
    """Dimensions beyond time of what has most of them."""
    if parts.dim != "time":
        return {}
    dims = max((array.dims for array in parts.ds.variables.values() if "time" in array.dims), key=len, default=())
    return {str(dim): parts.ds.sizes[dim] for dim in dims if dim != "time"}


@contextmanager
def _faults_told(target: Path) -> Iterator[None]:
    """What keeps a file from being written, in words: of a full disk NetCDF says ``HDF error``."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        free = shutil.disk_usage(target.absolute().parent).free / 1e6
        raise WorkbenchError(f"{target}: cannot be written ({why}); {free:.0f} MB are free there") from error


@contextmanager
def _whole_or_nothing(target: Path) -> Iterator[Path]:
    """A hidden file beside `target` that takes its place at the end, or goes."""
    temp = target.absolute().with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temp
        with temp.open("rb+") as file:
            os.fsync(file.fileno())
        with _undisturbed():
            os.replace(temp, target)
    finally:
        with suppress(FileNotFoundError):
            temp.unlink()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits until the end of this block (in the main thread, where it arrives)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
