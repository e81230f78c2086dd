"""Filter and gating parameters from a popcycle database, TSV exports, or the reference CSV."""

from __future__ import annotations

import csv
import sqlite3
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.filters import FilterParameters
from workbench.core.gates import Plan
from workbench.core.parameters import Parameters
from workbench.readers.parameter_tables import Row, filters_of, gatings_of, plan_of

TABLES = ("filter", "filter_plan", "gating", "gating_plan", "poly")
LARGEST = 64 * 2**20


def read_parameters(path: str | PathLike[str]) -> Parameters:
    """Read the filter and gating parameters of a cruise.

    Parameters
    ----------
    path : path-like
        A popcycle SQLite database; a folder with one set of ``*.filter.tsv``, ``*.filter_plan.tsv``, ``*.gating.tsv``,
        ``*.gating_plan.tsv``, ``*.poly.tsv``; the prefix of such files; or a reference CSV (filters only).

    Raises
    ------
    ReaderError
        When it is none of these, or its tables contradict each other.
    """
    place = Path(path)
    try:
        if place.is_file() and place.suffix.lower() == ".csv":
            return Parameters(Plan((), filters_of(_delimited(place, ","))))
        if place.is_file() and not place.name.endswith(".tsv"):
            return _assemble(_database(place))
        return _assemble({name: _delimited(file, "\t") for name, file in _find(place).items()})
    except ReaderError:
        raise
    except (WorkbenchError, KeyError, ValueError, TypeError) as error:
        raise ReaderError(path, f"not usable as parameters: {error}") from error


def _assemble(tables: dict[str, list[Row]]) -> Parameters:
    filters: dict[str, FilterParameters] = filters_of(tables["filter"])
    if not filters:
        raise WorkbenchError("the filter table is empty")
    gatings = gatings_of(tables.get("gating", []), tables.get("poly", []))
    about: Row = next(iter(tables.get("metadata", [])), next(iter(tables["filter"]), {}))
    return Parameters(
        plan_of(tables.get("filter_plan", []), "filter_id", filters),
        plan_of(tables.get("gating_plan", []), "gating_id", gatings) if gatings else None,
        str(about.get("cruise") or ""),
        str(about.get("inst") or about.get("instrument") or ""),
    )


def _database(path: Path) -> dict[str, list[Row]]:
    with path.open("rb") as file:
        start = file.read(16)
    if start != b"SQLite format 3\0":
        raise ReaderError(
            path, "not a parameter file", expected="a popcycle database, TSVs or a CSV", found=repr(start[:8])
        )
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return {name: list(read_table(connection, name)) for name in (*TABLES, "metadata")}
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ReaderError(path, f"not a readable popcycle database ({error})") from error


def read_table(connection: sqlite3.Connection, name: str) -> list[dict[str, Any]]:
    """All rows of a table as dictionaries; none when the database lacks the table."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
        return []
    cursor = connection.execute(f'SELECT * FROM "{name}"')
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _delimited(path: Path, delimiter: str) -> list[Row]:
    if path.stat().st_size > LARGEST:
        raise ReaderError(
            path, "too large for a parameter file", expected=f"at most {LARGEST}", found=path.stat().st_size
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file, delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReaderError(path, f"not a table of text ({error})") from error


def _find(place: Path) -> dict[str, Path]:
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
        raise ReaderError(
            place, "no filter parameters here", expected="a popcycle database, *.filter.tsv or a CSV", found="none"
        )
    return found


def is_database(path: str | PathLike[str]) -> bool:
    """True when the file starts as SQLite does."""
    try:
        with open(fspath(path), "rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False
