"""SeaFlow filters, gates and plans as a dataset: what a person decided for a cruise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.filters import FIELDS
from workbench.core.gates import Plan
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import plan_dataset
from workbench.core.sizes import COLUMNS
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.core.window import ALWAYS, Window
from workbench.readers import paths as locate
from workbench.readers.parameter_files import read_parameters
from workbench.readers.reader import Reader, window_of, without
from workbench.readers.size_table import read_size_table

_NAT = np.datetime64("NaT", "ns")


def _spec(name: str, dim: str, dtype: str, unit: str = "") -> VariableSpec:
    return VariableSpec(name, (dim,), dtype, unit, None, name.replace("_", " "))


class SeaflowPlan(Reader):
    """SeaFlow plan: filter and gating parameters of a cruise, from when each holds, and the size table.

    Read from a popcycle database, a folder or prefix of TSVs (``*.filter.tsv``, ``*.filter_plan.tsv``,
    ``*.gating.tsv``, ``*.gating_plan.tsv``, ``*.poly.tsv``; in a catalog, name the first, the others lie beside it), or
    the reference CSV. A dataset along ``time`` with ``filter_id`` and ``gating_id`` that hold from then on, and flat tables of the filters (dim ``filter_row``), gates
    (``gate``, ``corner``; linear units) and sizes (``size``); `workbench.core.plan_dataset.parameters_in` makes the
    parameters of it. Gates that are not polygons (``auto``) are kept, and listed in attr ``not_evaluated``. A window
    gives what holds within it: also the last row before its start.
    """

    description = "SeaFlow filters, gates and plans"
    provides: ClassVar[tuple[VariableSpec, ...]] = (
        VARIABLES["time"],
        *(_spec(name, "time", "str") for name in ("filter_id", "gating_id")),
        *(_spec(name, "filter_row", "str") for name in ("filter", "filter_date")),
        _spec("filter_quantile", "filter_row", "float64", "1"),
        *(_spec(name, "filter_row", "float64", "1") for name in FIELDS),
        *(_spec(name, "gate", "str") for name in ("gating", "gating_date", "gate_population", "gate_method")),
        *(_spec(name, "gate", "str") for name in ("gate_x", "gate_y", "gate_extra")),
        _spec("corners", "gate", "int64", "1"),
        *(_spec(name, "corner", "float64", "1") for name in ("corner_x", "corner_y")),
        _spec("scatter", "size", "float64", "1"),
        *(_spec(name, "size", "float64", "um" if name.startswith("diam") else "pg") for name in COLUMNS),
    )
    patterns: ClassVar[tuple[str, ...]] = ("*.db", "*.filter.tsv", "*filter_params*.csv")
    parameters: ClassVar[bool] = True
    appends: ClassVar[bool] = False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        size_table: str | None = None,
        instrument: str | None = None,
    ) -> xr.Dataset:
        """Open parameters; of several files, their sets together.

        Parameters
        ----------
        filename_or_obj : path, prefix, folder, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
            What holds at some time with ``start <= time < stop``.
        size_table : str, optional
            ``calibrated-mie.csv``: its columns for the instrument come along.
        instrument : str, optional
            Serial number, where neither the file nor its name says it.

        Returns
        -------
        xarray.Dataset
            In memory.

        Raises
        ------
        ReaderError
            When the one file named is not usable, or a path does not exist.
        """
        if _is_set(filename_or_obj):
            found = locate.Found((fspath(filename_or_obj),), alone=True)
        else:
            found = locate.find(_named(filename_or_obj), locate.matcher(self.patterns))
        parts, refused = found.each(lambda path: (path, read_parameters(path)))
        parts.sort(key=lambda part: (_first(part[1]), part[0]))
        together = _together([path for path, _ in parts], [parameters for _, parameters in parts])
        table = None
        if size_table is not None:
            serial = instrument or together.instrument or _serial(path for path, _ in parts)
            if not serial:
                where = parts[0][0] if parts else str(filename_or_obj)
                raise ReaderError(where, "does not say which instrument this is", hint="Name it: instrument: '740'")
            table = read_size_table(size_table, serial)
        ds = plan_dataset(together, table)
        ds.attrs["refused"] = "\n".join(refused)
        window = window_of(start, stop)
        if window != ALWAYS:
            ds = ds.isel(time=holding(ds["time"].to_numpy(), window))
        return without(ds, drop_variables)

    def complete(self, path: str | PathLike[str]) -> int:
        """The size of the file when the parameters can be read, else 0."""
        try:
            read_parameters(path)
            return Path(path).stat().st_size
        except (ReaderError, OSError):
            return 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """First and last start; NaT twice when one set holds for the whole cruise."""
        time = plan_dataset(read_parameters(path))["time"].to_numpy()
        return (time.min(), time.max()) if time.size else (_NAT, _NAT)


def holding(time: np.ndarray[Any, np.dtype[np.datetime64]], window: Window) -> slice:
    """Rows of ascending starts that hold at some time within a window."""
    first = int(np.searchsorted(time, window.start, "right")) - 1
    last = int(np.searchsorted(time, window.stop, "left"))
    return slice(max(first, 0), last)


def _is_set(named: Any) -> bool:
    """True for a folder that holds one set of TSVs and no database: its files belong together whatever their prefix."""
    if not isinstance(named, str | PathLike) or not Path(named).is_dir():
        return False
    place = Path(named)
    return len(list(place.glob("*.filter.tsv"))) == 1 and not any(place.glob("*.db"))


def _named(named: Any) -> Any:
    """A prefix of TSVs stands for its filter table."""
    if isinstance(named, str | PathLike):
        place = Path(named)
        beside = place.with_name(f"{place.name}.filter.tsv") if place.name else place
        if not place.exists() and beside.is_file():
            return fspath(beside)
        return named
    return [_named(item) for item in named] if isinstance(named, Iterable) else named


def _first(parameters: Parameters) -> int:
    starts = [plan.entries[0][0] for plan in (parameters.filters, parameters.gatings) if plan and plan.entries]
    return int(min(starts).astype(np.int64)) if starts else np.iinfo(np.int64).min


def _serial(paths: Iterable[str]) -> str:
    """The serial number in a name such as ``TN413_740.db``."""
    found = (re.search(r"_(\d{3})\.\w+$", path) for path in paths)
    return next((match[1] for match in found if match), "")


def _together(paths: list[str], parts: list[Parameters]) -> Parameters:
    if len(parts) == 1:
        return parts[0]
    filters = _joined(paths, [part.filters for part in parts])
    gatings = _joined(paths, [part.gatings for part in parts])
    cruise = next((part.cruise for part in parts if part.cruise), "")
    instrument = next((part.instrument for part in parts if part.instrument), "")
    return Parameters(filters, gatings if gatings.sets else None, cruise, instrument)


def _joined(paths: list[str], plans: list[Plan[Any] | None]) -> Plan[Any]:
    sets: dict[str, Any] = {}
    entries: list[tuple[np.datetime64, str]] = []
    for path, plan in zip(paths, plans, strict=True):
        for name, value in (plan.sets if plan else {}).items():
            if sets.setdefault(name, value) != value:
                raise ReaderError(path, f"parameters '{name}' are others than those of that id in another file")
        entries += plan.entries if plan else ()
    try:
        return Plan(tuple(entries), sets)
    except WorkbenchError as error:
        raise ReaderError(paths[0], f"not usable with the files beside it: {error}") from error
