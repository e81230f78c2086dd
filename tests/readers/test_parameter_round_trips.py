"""Filter and gating parameters are the same from a database, from TSVs and (filters) from a CSV, however often written."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.readers import popcycle
from workbench.readers.parameter_files import TABLES, read_parameters, write_csv, write_tsv
from workbench.readers.parameter_tables import AUTO, CHANNELS
from workbench.readers.sqlite_file import read_tables

NUMBER = st.one_of(st.integers(-70_000, 70_000).map(float), st.floats(-1e6, 1e6, allow_nan=False))
WORD = st.text("abcdefghij-0123456789", min_size=1, max_size=12)
START = st.integers(0, 4_000_000_000).map(lambda s: np.datetime64(s, "s").astype("datetime64[ns]"))


@st.composite
def filters(draw, name):
    table = tuple(tuple(draw(st.lists(NUMBER, min_size=len(FIELDS), max_size=len(FIELDS)))) for _ in range(3))
    return FilterParameters(name, table, "2024-02-09T18:39:31+00:00")


@st.composite
def gates(draw, population):
    x, y = draw(st.permutations(CHANNELS))[:2]
    if draw(st.integers(0, 4)) == 0:
        extra = draw(st.dictionaries(st.sampled_from(AUTO), st.integers(-9, 9).map(float)))
        return Gate(population, x, y, (), "auto", extra)
    return Gate(population, x, y, tuple(draw(st.lists(st.tuples(NUMBER, NUMBER), min_size=3, max_size=6))))


@st.composite
def gatings(draw, name):
    populations = draw(st.lists(WORD, min_size=1, max_size=4, unique=True))
    return Gating(name, tuple(draw(gates(p)) for p in populations), "2024-02-09T18:39:31+00:00")


@st.composite
def plans(draw, kind):
    names = draw(st.lists(WORD, min_size=1, max_size=3, unique=True))
    starts = draw(st.lists(START, min_size=len(names) > 1, max_size=4, unique=True))
    return Plan(tuple((t, draw(st.sampled_from(names))) for t in starts), {n: draw(kind(n)) for n in names})


@st.composite
def parameters(draw):
    with_gates = draw(st.booleans())
    return Parameters(draw(plans(filters)), draw(plans(gatings)) if with_gates else None, draw(WORD), draw(WORD))


def write_database(path: Path, made: Parameters) -> Path:
    connection = popcycle.open_database(path)
    connection.execute("BEGIN")
    popcycle.put_parameters(connection, made)
    connection.execute("COMMIT")
    connection.close()
    return path


@given(parameters())
def test_a_database_and_tsvs_say_what_was_written(made):
    with tempfile.TemporaryDirectory() as folder:
        assert read_parameters(write_database(Path(folder) / "a.db", made)) == made
        files = write_tsv(Path(folder) / "a.b", made)
        for place in (Path(folder), Path(folder) / "a.b", files[-1]):
            assert read_parameters(place) == made
        again = write_tsv(Path(folder) / "again" / "a.b", read_parameters(Path(folder) / "a.b"))
        assert [f.read_bytes() for f in again] == [f.read_bytes() for f in files]


@given(filters("reference"), st.sampled_from("._"))
def test_a_csv_says_what_was_written(made, separator):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        there = Parameters(Plan((), {"reference": replace(made, date="")}), None, "TN1", "740")
        write_csv(path, there, separator=separator)
        assert read_parameters(path) == there


def test_a_csv_holds_one_filter(data):
    found = read_parameters(data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db")
    with pytest.raises(WorkbenchError, match="holds one filter, not 2"):
        write_csv("nowhere.csv", found)


@pytest.mark.parametrize("name", ["testcruise_bare", "testcruise_full_plan", "testcruise_full_one_param", "TN412_740"])
def test_real_databases_come_back_the_same(data, tmp_path, name):
    (source,) = (data / "seaflow").glob(f"*/**/{name}.db")
    made = read_parameters(source)
    assert read_parameters(write_database(tmp_path / "a.db", made)) == made
    write_tsv(tmp_path / "a", made)
    assert read_parameters(tmp_path / "a") == made
    for table in ("filter", "filter_plan", "gating_plan"):  # cell by cell, as they stood
        columns = [c for c in TABLES[table] if c not in ("instrument", "cruise")]
        asked = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(columns)}"
        assert (
            sqlite3.connect(tmp_path / "a.db").execute(asked).fetchall()
            == sqlite3.connect(source).execute(asked).fetchall()
        )


@pytest.mark.parametrize("table", ["filter", "filter_plan"])
def test_real_tsvs_come_back_byte_for_byte(data, tmp_path, table):
    source = data / "seaflow" / "testcruise" / "params" / "testcruise.filter_params"
    write_tsv(tmp_path / "made", read_parameters(source))
    wanted = Path(f"{source}.{table}.tsv").read_text().splitlines()
    assert sorted((tmp_path / f"made.{table}.tsv").read_text().splitlines()) == sorted(wanted)


def test_real_gates_come_back_byte_for_byte(data, tmp_path):
    source = data / "seaflow" / "testcruise" / "params"
    for name in ("filter", "filter_plan"):
        (tmp_path / f"real.{name}.tsv").write_bytes((source / f"testcruise.filter_params.{name}.tsv").read_bytes())
    for name in ("gating", "gating_plan", "poly"):
        (tmp_path / f"real.{name}.tsv").write_bytes((source / f"testcruise.gating_params.{name}.tsv").read_bytes())
    write_tsv(tmp_path / "made", read_parameters(tmp_path / "real"))
    for name in TABLES:
        made, wanted = ((tmp_path / f"{kind}.{name}.tsv").read_text().splitlines() for kind in ("made", "real"))
        assert made[0] == wanted[0] and sorted(made) == sorted(wanted), name


def test_the_schema_is_popcycles(data, tmp_path):
    """Columns, types and keys of each table, columns of the view; only sizes in vct may be NULL beyond it."""
    ours = popcycle.open_database(tmp_path / "a.db")
    theirs = sqlite3.connect(data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db")
    names = [row[0] for row in theirs.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
    assert len(names) == 12
    for name in names:
        a, b = ([row[1:] for row in c.execute(f"PRAGMA table_info({name})")] for c in (ours, theirs))
        if name == "vct":
            sizes = [i for i, row in enumerate(b) if row[0].startswith(("diam_", "Qc_"))]
            assert len(sizes) == 21 and len(b) == 36
            b = [(*row[:2], 0, *row[3:]) if i in sizes else row for i, row in enumerate(b)]
        assert a == b, name
    assert ours.execute("SELECT 1 FROM sqlite_master WHERE name = 'sflDateIndex' AND type = 'index'").fetchone()


def spoil(path: Path, line: int, column: int, cell: str | None) -> None:
    lines = [row.split("\t") for row in path.read_text().splitlines()]
    if cell is None:
        del lines[line][column]
    else:
        lines[line][column] = cell
    path.write_text("\n".join("\t".join(row) for row in lines) + "\n")


@pytest.mark.parametrize(
    ("table", "line", "column", "cell", "words"),
    [
        ("filter", 2, 8, "wide", ["a.filter.tsv, line 3", "column width", "'wide'"]),
        ("filter", 2, 8, None, ["a.filter.tsv, line 3", "17 cells", "16 cells"]),
        ("filter", 2, 4, "2.5", ["a.filter.tsv, line 3", "quantile 2.5", "twice"]),
        ("filter_plan", 1, 0, "soon", ["a.filter_plan.tsv, line 2", "start_date", "'soon'"]),
        ("filter_plan", 1, 1, "other", ["a.filter_plan.tsv, line 2", "filter_id", "'other'", "Known"]),
        ("gating", 1, 2, "first", ["a.gating.tsv, line 2", "pop_order", "'first'"]),
        ("gating", 1, 5, "chl_smal", ["a.poly.tsv", "no column 'chl_smal'", "Did you mean 'chl_small'"]),
        ("gating", 1, 3, "bead", ["a.gating.tsv, line 2", "gate 'bead' has 0 corners"]),
        ("poly", 3, 4, "", ["a.poly.tsv, line 4", "'' is not a number"]),
    ],
)
def test_a_spoilt_cell_is_named_with_file_line_and_column(data, tmp_path, table, line, column, cell, words):
    made = read_parameters(data / "seaflow" / "realtime-dbs" / "TN412_740.db")
    write_tsv(tmp_path / "a", made)
    spoil(tmp_path / f"a.{table}.tsv", line, column, cell)
    with pytest.raises(ReaderError) as caught:
        read_parameters(tmp_path / "a")
    for word in words:
        assert word in str(caught.value), (word, str(caught.value))


def test_a_spoilt_row_of_a_database_is_named(data, tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes((data / "seaflow" / "realtime-dbs" / "TN412_740.db").read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE filter SET width = 'wide' WHERE quantile = 50")
    with pytest.raises(ReaderError, match=r"a\.db: .*table filter, row 2, column width: 'wide' is not a number"):
        read_parameters(path)


CELLS = {"TEXT": WORD, "INTEGER": st.integers(-(2**53), 2**53), "REAL": NUMBER}


@given(st.data())
def test_every_table_of_a_database_comes_back_as_it_was_put(data):
    """metadata, sfl, opp, opp2, vct, filter, gating, poly, plans, outlier: any cells, NULL where it may be."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        connection = popcycle.open_database(path)
        connection.execute("BEGIN")
        names = [*(name for name in popcycle.TABLES if name not in ("stat", "abundance")), *TABLES]
        put: dict[str, list[dict]] = {}
        for name in names:
            kinds = [row[1:4] for row in connection.execute(f"PRAGMA table_info({name})")]
            cell = {c: CELLS[kind] if needed else st.none() | CELLS[kind] for c, kind, needed in kinds}
            key = [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[5]] or [kinds[0][0]]
            rows = st.lists(
                st.fixed_dictionaries(cell), max_size=3, unique_by=lambda row, key=key: tuple(map(row.get, key))
            )
            put[name] = data.draw(rows)
            popcycle.put(connection, name, put[name])
        connection.execute("COMMIT")
        connection.close()
        found = read_tables(path, names)
    assert {name: [dict(row) for row in rows] for name, rows in found.items()} == put
