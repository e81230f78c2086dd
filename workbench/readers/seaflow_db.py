"""The popcycle SQLite database of a cruise as datasets: one table at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import ReaderError, suggest
from workbench.core.filters import QUANTILES
from workbench.core.variables import VARIABLES, VariableSpec, describe
from workbench.core.window import ALWAYS
from workbench.readers import paths as locate
from workbench.readers import sqlite_file
from workbench.readers.popcycle import ABUNDANCE, STATISTICS, TABLES
from workbench.readers.reader import Reader, columns_of, window_of, without
from workbench.readers.seaflow_files import parse
from workbench.readers.seaflow_sfl_text import parse_date

#: Canonical names of popcycle's columns.
CANONICAL = {
    "file": "file_id", "lat": "latitude", "lon": "longitude", "ocean_tmp": "sea_water_temperature",
    "temp": "sea_water_temperature",
}  # fmt: skip
_TEXT = frozenset({"file", "date", "time", "pop", "filter_id", "gating_id", "message", "cruise", "inst"})
_NAT = np.datetime64("NaT", "ns")
_POPULATION = ("time", "population", "quantile")
_SHORT = {"chl": ("1", "chlorophyll fluorescence"), "pe": ("1", "phycoerythrin fluorescence"), "fsc": ("1", "forward scatter"),
          "diam": ("um", "diameter"), "Qc": ("pg", "carbon per cell"), "abundance": ("uL-1", "abundance"),
          "biomass": ("ug L-1", "carbon biomass")}  # fmt: skip

Table = Literal["sfl", "opp", "opp2", "vct", "stat", "outlier", "metadata", "abundance"]


def _specs() -> tuple[VariableSpec, ...]:
    sfl = [CANONICAL.get(name, name) for name in TABLES["sfl"] if name not in ("file", "date")]
    found = [VARIABLES["time"], VARIABLES["file_id"], *(VARIABLES[name] for name in sfl)]
    for name in (*STATISTICS, *ABUNDANCE):
        unit, label = _SHORT[name.split("_")[0]]
        found.append(VariableSpec(name, _POPULATION, "float64", unit, None, f"{label} ({name})"))
    found.append(VariableSpec("n_count", _POPULATION, "float64", "1", None, "particles"))
    found += [
        VariableSpec(name, (), "float64", "1", None, name.replace("_", " "))
        for name in ("noise_count", "saturated_count")
    ]
    found += [VariableSpec(name, (), "float64", "1", None, label) for name, label in (
        ("file_flag", "why the file has no OPP"), ("flag", "quality of the file"))]  # fmt: skip
    return tuple(found)


#: Variables whose dims differ from table to table, so that they are not declared.
_COUNTS = {
    name: {"units": "1", "long_name": name.replace("_", " ")}
    for name in ("all_count", "evt_count", "opp_count", "opp_evt_ratio")
}


class SeaflowDb(Reader):
    """SeaFlow database of a cruise (popcycle's SQLite), one table: sfl, opp, opp2, vct, stat, outlier, abundance, metadata.

    A dataset along ``time`` (UTC: the date of the file in the sfl table, else in its name) with canonical names.
    ``vct``, ``stat`` and ``abundance`` have the dims ``time, population, quantile``, with ``n_count`` for the number
    of particles; a population that a file lacks is NaN there. ``opp`` has ``time, quantile``, the others ``time``. What is
    NULL is NaN, text without value is "". Attrs ``cruise`` and ``instrument`` say whose it is, ``repeated`` how many
    rows stood in a place that another row had taken (the last one counts).
    """

    description = "SeaFlow database of a cruise (popcycle)"
    provides: ClassVar[tuple[VariableSpec, ...]] = _specs()
    patterns: ClassVar[tuple[str, ...]] = ("*.db", "*.sqlite", "*.sqlite3")
    appends: ClassVar[bool] = False
    fixed: ClassVar[bool] = False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start: np.datetime64 | None = None,
        stop: np.datetime64 | None = None,
        table: Table = "stat",
    ) -> xr.Dataset:
        """Open databases, folders, globs or lists of them; only rows with ``start <= time < stop``.

        Parameters
        ----------
        filename_or_obj : path, glob, or iterable of these
        drop_variables : str or iterable of str, optional
        start, stop : numpy.datetime64, optional
        table : str
            One of sfl, opp, opp2, vct, stat, outlier, abundance, metadata.

        Returns
        -------
        xarray.Dataset
            In memory.

        Raises
        ------
        ReaderError
            When the one file named is no popcycle database, or there is no such table.
        """
        if table not in TABLES:
            raise ReaderError(str(filename_or_obj), f"there is no table '{table}'", hint=suggest(table, TABLES))
        found = locate.find(filename_or_obj, locate.matcher(self.patterns))
        parts, refused = found.each(lambda path: (path, _open(path, table)))
        parts.sort(key=lambda part: (_first(part[1]), part[0]))
        ds = _together([part for _, part in parts], table)
        ds.attrs["refused"] = "\n".join(refused)
        window = window_of(start, stop)
        if window != ALWAYS:
            ds = ds.isel(time=window.contains(ds["time"].to_numpy()))
        return without(ds, drop_variables)

    def columns(
        self, path: str | PathLike[str], names: Sequence[str], *, table: Table = "stat"
    ) -> dict[str, npt.NDArray[Any]]:
        """Variables of a table of one database as plain arrays."""
        ds = self.open_dataset(fspath(path), table=table)
        return columns_of(path, ds, names)

    def complete(self, path: str | PathLike[str]) -> int:
        """The size of the file when it is a whole database, else 0."""
        try:
            size = sqlite_file.check(path)
            _open(fspath(path), "metadata")
            return size
        except ReaderError:
            return 0

    def span(self, path: str | PathLike[str]) -> tuple[np.datetime64, np.datetime64]:
        """Earliest and latest date of the files it knows; NaT twice when there are none."""
        with sqlite_file.connect(path) as connection:
            times = _dates(connection)
        known = [time for time in times.values() if not np.isnat(time)]
        return (min(known), max(known)) if known else (_NAT, _NAT)


def _dates(connection: sqlite3.Connection) -> dict[str, np.datetime64]:
    """The time of every file that the database knows."""
    found = {}
    if sqlite_file.has(connection, "sfl"):
        for name, date in connection.execute("SELECT file, date FROM sfl"):
            found[str(name)] = parse_date(str(date or ""))
    for table in ("opp", "opp2", "vct", "outlier"):
        if sqlite_file.has(connection, table):
            for (name,) in connection.execute(f"SELECT DISTINCT file FROM {table}"):
                if np.isnat(found.get(str(name), _NAT)):
                    parsed = parse(str(name))
                    found[str(name)] = parsed.time64 if parsed else _NAT
    return found


def _open(path: str, table: str) -> xr.Dataset:
    """One table of one database."""
    with sqlite_file.connect(path) as connection:
        if not any(sqlite_file.has(connection, name) for name in ("sfl", "filter", "metadata")):
            raise ReaderError(
                path, "not a popcycle database", expected="tables sfl, filter and metadata", found="none of them"
            )
        about: dict[str, Any] = next(iter(sqlite_file.read_table(connection, "metadata")), sqlite_file.TableRow())
        columns = sqlite_file.read_columns(path, connection, table, _TEXT)
        times = _dates(connection) if columns and len(next(iter(columns.values()))) else {}
    ds = _arranged(path, table, columns, times)
    ds.attrs.update(cruise=str(about.get("cruise") or ""), instrument=str(about.get("inst") or ""))
    return ds


def _arranged(
    path: str, table: str, columns: dict[str, npt.NDArray[Any]], times: dict[str, np.datetime64]
) -> xr.Dataset:
    """Rows of a table along time, population and quantile."""
    rows = len(next(iter(columns.values()))) if columns else 0
    nothing = np.zeros(rows, dtype="U1")
    files, place = np.unique(columns.get("file", nothing), return_inverse=True)
    moments = np.array([times.get(name, _NAT) for name in files.tolist()], dtype="datetime64[ns]")
    order = np.lexsort((files, moments.view(np.int64)))
    index = {"time": np.argsort(order)[place]}
    coords: dict[str, Any] = {"time": ("time", moments[order])}
    dims = _dims(table)
    if "population" in dims:
        names, index["population"] = np.unique(columns.get("pop", nothing), return_inverse=True)
        coords["population"] = ("population", names)
    if "quantile" in dims:
        index["quantile"] = _quantiles(path, table, columns.get("quantile", np.full(rows, np.nan)))
        coords["quantile"] = ("quantile", np.array(QUANTILES), {"units": "1"})
    shape = {dim: len(coords[dim][1]) for dim in dims}
    cells = np.ravel_multi_index([index[dim] for dim in dims], [max(shape[dim], 1) for dim in dims])
    variables: dict[str, Any] = {"file_id": ("time", files[order])}
    for column in TABLES[table]:
        if column in ("file", "date", "time", "pop", "quantile"):
            continue
        name = "n_count" if (table, column) == ("vct", "count") else CANONICAL.get(column, column)
        here = _OF_FILE.get(column, dims) if table == "stat" else dims
        text = column in _TEXT
        values = columns.get(column, nothing if text else np.full(rows, np.nan))
        out = np.zeros([shape[d] for d in here], values.dtype) if text else np.full([shape[d] for d in here], np.nan)
        out[tuple(index[dim] for dim in here)] = values
        variables[name] = (here, out)
    return xr.Dataset(variables, coords, {"repeated": rows - len(np.unique(cells))})


#: Columns of ``stat`` that are the same for all populations of a file.
_OF_FILE: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("lat", "lon", "temp", "salinity", "par", "stream_pressure", "file_duration", "event_rate"), ("time",)
) | {"opp_evt_ratio": ("time", "quantile")}


def _dims(table: str) -> tuple[str, ...]:
    if table in ("vct", "stat", "abundance"):
        return _POPULATION
    return ("time", "quantile") if table == "opp" else ("time",)


def _quantiles(path: str, table: str, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    known = values[:, None] == np.array(QUANTILES)
    if not known.any(axis=1).all():
        row = int(np.flatnonzero(~known.any(axis=1))[0])
        raise ReaderError(
            path, f"table {table}, column quantile, row {row + 1}", expected="2.5, 50 or 97.5", found=values[row]
        )
    return np.asarray(np.argmax(known, axis=1), dtype=np.int64)


def _first(ds: xr.Dataset) -> int:
    time = ds["time"].to_numpy()
    known = time[~np.isnat(time)]
    return int(known.min().astype(np.int64)) if known.size else np.iinfo(np.int64).max


def _together(parts: list[xr.Dataset], table: str) -> xr.Dataset:
    """Several databases, one after the other; a population that one lacks is NaN there."""
    if len(parts) == 1:
        ds = parts[0]
    elif parts:
        names = sorted(
            {name for part in parts if "population" in part for name in part["population"].to_numpy().tolist()}
        )
        if names:
            parts = [_with_populations(part, names) for part in parts]
        ds = xr.concat(
            parts,
            "time",
            data_vars="all",
            coords="minimal",
            compat="override",
            join="override",
            combine_attrs="drop_conflicts",
        )
        ds.attrs["repeated"] = sum(part.attrs["repeated"] for part in parts)
    else:
        ds = _arranged("", table, {}, {})
    ds.attrs = {"Conventions": "CF-1.11", "cruise": "", "instrument": "", **ds.attrs, "table": table}
    known = {spec.name: spec for spec in SeaflowDb.provides}
    for name, array in ds.data_vars.items():
        if str(name) in known:
            array.attrs = {**known[str(name)].attrs(), **array.attrs}
        elif str(name) in _COUNTS:
            array.attrs = {**_COUNTS[str(name)], **array.attrs}
    return describe(ds)


def _with_populations(part: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    texts = {name: "" for name, array in part.data_vars.items() if array.dtype.kind == "U"}
    numbers = {name: np.nan for name in part.data_vars if name not in texts}
    return part.reindex(population=list(names), fill_value={**texts, **numbers})
