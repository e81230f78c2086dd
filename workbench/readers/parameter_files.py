"""Filter and gating parameters from and to a popcycle database, TSV exports, or the reference CSV."""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from workbench.core.errors import ReaderError, WorkbenchError, nearest
from workbench.core.filters import FIELDS
from workbench.core.parameters import Parameters
from workbench.readers import popcycle
from workbench.readers.parameter_tables import AUTO, CHANNELS, filter_rows, parameters_of, tables_of
from workbench.readers.sqlite_file import TableRow, read_table, read_tables

__all__ = ["TABLES", "is_database", "read_parameters", "read_table", "write_csv", "write_database", "write_tsv"]

#: Tables of parameters, and the columns of their TSV files.
TABLES = {
    "filter": ("instrument", "cruise", "id", "date", "quantile", *FIELDS),
    "filter_plan": ("start_date", "filter_id"),
    "gating": ("id", "date", "pop_order", "pop", "method", "channel1", "channel2", *AUTO),
    "gating_plan": ("start_date", "gating_id"),
    "poly": ("pop", *CHANNELS, "point_order", "gating_id"),
}
LARGEST = 64 * 2**20
#: Polygons before the gates that name them, gates before the plan: what is read in between is the old plan.
_ORDER = ("filter", "poly", "gating", "filter_plan", "gating_plan")


def read_parameters(path: str | PathLike[str]) -> Parameters:
    """Read the filter and gating parameters of a cruise.

    Parameters
    ----------
    path : path-like
        A popcycle SQLite database; a folder with one set of ``*.filter.tsv``, ``*.filter_plan.tsv``, ``*.gating.tsv``,
        ``*.gating_plan.tsv``, ``*.poly.tsv``; the prefix of such files, or one of them; or a reference CSV (filters
        only).

    Raises
    ------
    ReaderError
        When it is none of these, a cell is wrong (row and column are named), or its tables contradict each other.
    """
    place = Path(path)
    try:
        if place.is_file() and place.suffix.lower() == ".csv":
            return parameters_of({"filter": _delimited(place, ",")})
        if place.is_file() and not place.name.endswith(".tsv"):
            return parameters_of(_database(place))
        return parameters_of({name: _delimited(file, "\t") for name, file in _find(place).items()})
    except ReaderError:
        raise
    except OSError as error:  # gone since it was found, or not ours to read
        raise ReaderError.unreadable(path, error) from error
    except (WorkbenchError, KeyError, ValueError, TypeError) as error:
        raise ReaderError(path, f"not usable as parameters: {error}") from error


def _database(path: Path) -> dict[str, list[TableRow]]:
    if not is_database(path):
        with path.open("rb") as file:
            start = file.read(8)
        raise ReaderError(
            path, "not a parameter file", expected="a popcycle database, TSVs or a CSV", found=repr(start)
        )
    return read_tables(path, (*TABLES, "metadata"))


def _delimited(path: Path, delimiter: str) -> list[TableRow]:
    if path.stat().st_size > LARGEST:
        raise ReaderError(
            path, "too large for a parameter file", expected=f"at most {LARGEST}", found=path.stat().st_size
        )
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file, delimiter=delimiter)
            names = next(lines, [])
            for cells in lines:
                if not cells:
                    continue
                where = f"{path.name}, line {lines.line_num}"
                if len(cells) != len(names):
                    raise ReaderError(
                        path, f"{where} is no row", expected=f"{len(names)} cells", found=f"{len(cells)} cells"
                    )
                row = TableRow(zip(names, cells, strict=True))
                row.where = where
                rows.append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReaderError(path, f"not a table of text ({error})") from error
    except OSError as error:
        raise ReaderError.unreadable(path, error) from error
    return rows


def _find(place: Path) -> dict[str, Path]:
    for name in TABLES:  # one file of a set stands for the set
        if place.is_file() and place.name.endswith(f".{name}.tsv"):
            place = place.with_name(place.name.removesuffix(f".{name}.tsv"))
    found = {}
    for name in TABLES:
        if place.is_dir():
            files = sorted(place.glob(f"*.{name}.tsv"))
        else:
            files = [file for file in [place.with_name(f"{place.name}.{name}.tsv")] if file.is_file()]
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise ReaderError(
                place, f"more than one {name} table ({names})", hint="Name the prefix of the ones you mean."
            )
        if files:
            found[name] = files[0]
    if "filter" not in found:
        raise _nothing(place)
    return found


def _nothing(place: Path) -> ReaderError:
    """Why there are no filter parameters, and what may have been meant."""
    if not place.is_dir():
        near = nearest(place.name, os.listdir(place.parent)) if place.parent.is_dir() else None
        hint = (
            f"Did you mean {place.parent / near}?"
            if near
            else None
            if place.parent.is_dir()
            else f"There is no folder {place.parent}"
        )
        expected = f"a popcycle database, a CSV, a folder, or the prefix of {place.name}.filter.tsv"
        return ReaderError(place, "no such parameters", expected=expected, found="none", hint=hint)
    others = sorted(file.name for file in place.iterdir() if file.suffix.lower() in (".db", ".sqlite", ".csv"))
    hint = f"Name one of its files: {', '.join(others[:4])}" if others else None
    return ReaderError(
        place, "no filter parameters here", expected="a file *.filter.tsv in this folder", found="none", hint=hint
    )


def is_database(path: str | PathLike[str]) -> bool:
    """True when the file starts as SQLite does."""
    try:
        with open(fspath(path), "rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


# writing


def write_tsv(prefix: str | PathLike[str], parameters: Parameters) -> list[Path]:
    """Write ``PREFIX.filter.tsv``, ``.filter_plan.tsv`` and, with gatings, ``.gating``, ``.gating_plan``, ``.poly``.

    Parameters
    ----------
    prefix : path-like
        Its folder is made. Each file appears whole or not at all.
    parameters : Parameters

    Returns
    -------
    list of Path
    """
    place = Path(prefix)
    place.parent.mkdir(parents=True, exist_ok=True)
    tables = tables_of(parameters)
    about = {"instrument": parameters.instrument, "cruise": parameters.cruise}
    tables["filter"] = [{**about, **row} for row in tables["filter"]]
    written: dict[Path, Path] = {}
    try:
        for name in _ORDER:  # all of them first, then into place, the plans last
            if parameters.gatings is None and name in ("gating", "gating_plan", "poly"):
                continue
            path = place.with_name(f"{place.name}.{name}.tsv")
            written[path] = path.with_name(f".{path.name}.{os.getpid()}")
            _write(written[path], TABLES[name], tables[name], "\t")
        for path, temp in written.items():
            os.replace(temp, path)
    finally:
        for temp in written.values():
            temp.unlink(missing_ok=True)
    return [path for name in TABLES for path in written if path.name.endswith(f".{name}.tsv")]


def write_database(path: str | PathLike[str], parameters: Parameters) -> None:
    """Write into a popcycle database: its filter, gating, poly and plan tables, in one transaction; the others stay.

    Parameters
    ----------
    path : path-like
        One that is there, or a new one, which appears whole or not at all.
    parameters : Parameters

    Raises
    ------
    ReaderError
        When the file is no database, or its tables have other columns; nothing was changed.
    """
    place = Path(path)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        temp = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            with closing(popcycle.open_database(temp)) as connection:
                popcycle.put_parameters(connection, parameters)
            os.replace(temp, place)
        finally:
            temp.unlink(missing_ok=True)
        return
    if not is_database(place):
        raise ReaderError(place, "not a popcycle database", hint="Name a database (*.db), or a prefix for TSVs")
    tables = {name: rows for name, rows in tables_of(parameters).items() if name in TABLES}
    try:
        with closing(sqlite3.connect(place, isolation_level=None, timeout=30)) as connection:
            found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {*TABLES} <= found:
                popcycle.open_database(place).close()
            connection.execute("BEGIN IMMEDIATE")
            try:
                for name, rows in tables.items():
                    connection.execute(f"DELETE FROM {name}")
                    popcycle.put(connection, name, rows)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise ReaderError(place, f"cannot be written ({error})", hint="Nothing was changed") from error


def write_csv(path: str | PathLike[str], parameters: Parameters, *, separator: str = "_") -> None:
    """Write the reference CSV: one filter, no id, no gates; instrument and cruise where they are known.

    Parameters
    ----------
    path : path-like
    parameters : Parameters
        With one filter.
    separator : str
        ``"_"`` or ``"."`` in the names of the columns (``notch_small_D1``, ``notch.small.D1``).

    Raises
    ------
    WorkbenchError
        When there are several filters.
    """
    sets = list(parameters.filters.sets.values())
    if len(sets) != 1:
        raise WorkbenchError(f"a reference CSV holds one filter, not {len(sets)}; write a database or TSVs")
    about = {"instrument": parameters.instrument, "cruise": parameters.cruise}
    known = {name: value for name, value in about.items() if value}
    rows = [{**known, **row} for row in filter_rows(sets[0])]
    _write(Path(path), (*known, "quantile", *FIELDS), rows, ",", separator)


def _write(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], delimiter: str, separator: str = "_"
) -> None:
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temp.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            lines.writerow([name.replace("_", separator) for name in columns])
            lines.writerows([[_cell(name, row[name]) for name in columns] for row in rows])
        os.replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def _cell(column: str, value: Any) -> str:
    """As popcycle writes it: every digit; whole numbers of a filter without a point."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and column in FIELDS and abs(value) < 2**53:
        return str(int(value))
    return str(value)
