"""SFL rows and abundances in ``cruise.db``: what the database computes is what the product computes, to the last bit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.apps import seaflow_rows
from workbench.core.errors import WorkbenchError
from workbench.core.filters import QUANTILES
from workbench.core.sizes import INDICES
from workbench.products.seaflow.abundance import BY_FILE, abundance, virtual_core
from workbench.readers import popcycle
from workbench.readers.seaflow_db import SeaflowDb
from workbench.record import seaflow_cruise

POPULATIONS = ("beads", "prochloro", "unknown")
NUMBERS = st.one_of(st.none(), st.just(0.0), st.floats(1e-3, 100.0), st.just(-1.0))


def database(files: list[dict], path: Path = Path(":memory:")) -> sqlite3.Connection:
    """A cruise, in memory if nothing else is said."""
    made = seaflow_cruise.open_database(path)
    for at, one in enumerate(files):
        name = f"{at:03d}"
        popcycle.put_rows(made, "outlier", [(name, one["flag"])])
        for q, ratio in zip(QUANTILES, one["ratios"], strict=True):
            popcycle.put_rows(made, "opp", [(name, 9, 5, 7, ratio, "f", q)])
            for pop, count in zip(POPULATIONS, one["counts"], strict=True):
                numbers = dict.fromkeys(popcycle.STATISTICS, 1.0) | {f"Qc_{i}_mean": one["quota"] for i in INDICES}
                popcycle.put_rows(made, "vct", [(name, pop, count, *numbers.values(), "g", "f", q)])
    return made


def sfl(files: list[dict]) -> list[dict]:
    return [{"file": f"{at:03d}", "date": "2025-01-14T20:00:02+00:00", "stream_pressure": one["pressure"],
             "file_duration": one["duration"]} for at, one in enumerate(files) if one["known"]]  # fmt: skip


FILES = st.lists(
    st.fixed_dictionaries({
        "flag": st.sampled_from([0, 0, 0, 1]), "known": st.booleans(), "pressure": NUMBERS, "duration": NUMBERS, "quota": NUMBERS,
        "ratios": st.lists(st.one_of(st.just(0.0), st.floats(1e-4, 0.5)), min_size=3, max_size=3),
        "counts": st.lists(st.integers(1, 10**6), min_size=3, max_size=3),
    }), max_size=5,
)  # fmt: skip


@given(FILES, st.sampled_from(["740", "130"]))
def test_the_database_computes_what_the_product_computes(files, instrument):
    made = database(files)
    seaflow_cruise.put_sfl(made, seaflow_rows.cells(sfl(files)))
    seaflow_cruise.put_abundance(made, instrument)
    kept = [(at, one) for at, one in enumerate(files) if one["flag"] == 0]
    core = dict(zip(QUANTILES, virtual_core([one["ratios"] for _, one in kept]), strict=True))
    wanted = {}
    number = lambda value: np.nan if value is None else value  # noqa: E731
    for at, one in kept:
        for q, own in zip(QUANTILES, one["ratios"], strict=True):
            for pop, n in zip(POPULATIONS, one["counts"], strict=True):
                if one["known"]:
                    # fmt: off
                    cells, se = abundance([n], ratio=[own if pop in BY_FILE else core[q]], pressure=[number(one["pressure"])],
                                          duration=[number(one["duration"])], instrument=instrument)
                    # fmt: on
                    wanted[f"{at:03d}", pop, q] = (n, cells[0], se[0], *[cells[0] * number(one["quota"])] * 3)
    rows = {row[:3]: tuple(map(number, row[3:])) for row in made.execute("SELECT * FROM abundance")}
    made.close()
    assert rows.keys() == wanted.keys()
    for key, row in rows.items():
        np.testing.assert_array_equal(row, wanted[key], err_msg=str(key))


@given(FILES, FILES)
def test_sfl_rows_are_what_was_given_last(before, after):
    made = database([])
    for files in (before, after, after):
        seaflow_cruise.put_sfl(made, seaflow_rows.cells(sfl(files)))
    found = sorted(made.execute("SELECT file, date, stream_pressure, file_duration, lat FROM sfl"))
    made.close()
    assert found == [(*row.values(), None) for row in sfl(after)]


def test_sfl_rows_that_stand_there_are_not_written_again():
    made = database([])
    rows = [{"file": f"{at}", "date": "2025", "lat": float("nan"), "lon": 1.0} for at in range(5)]
    seaflow_cruise.put_sfl(made, seaflow_rows.cells(rows))
    before = made.total_changes
    seaflow_cruise.put_sfl(made, seaflow_rows.cells(rows))
    assert made.total_changes == before
    seaflow_cruise.put_sfl(made, seaflow_rows.cells([*rows[:3], {**rows[3], "lon": 2.0}]))
    assert made.total_changes == before + 2  # one gone, one changed
    assert made.execute("SELECT file, lat, lon FROM sfl").fetchall()[3:] == [("3", None, 2.0)]
    made.close()


def test_an_instrument_without_calibration_changes_nothing():
    made = database([{"flag": 0, "ratios": [0.1] * 3, "counts": [1, 2, 3], "quota": 1.0}])
    row = {"file": "000", "date": "2025", "stream_pressure": 12.0, "file_duration": 180.0}
    seaflow_cruise.put_sfl(made, seaflow_rows.cells([row]))
    seaflow_cruise.put_abundance(made, "740")
    before = made.execute("SELECT * FROM abundance").fetchall()
    assert len(before) == 9
    with pytest.raises(WorkbenchError):
        seaflow_cruise.put_abundance(made, "1")
    assert made.execute("SELECT * FROM abundance").fetchall() == before and not made.in_transaction
    made.close()


def test_one_more_file_restates_all_rows_and_writes_as_few_as_after_few():
    """Each new file moves the virtual core, on which every row hangs: nothing of them is written again."""
    one = {"flag": 0, "known": True, "pressure": 12.0, "duration": 180.0, "quota": 1.0, "counts": [1, 2, 3]}
    written = set()
    for files in (3, 30):
        cruise = [{**one, "ratios": [0.1 / (1 + at)] * 3} for at in range(files)]
        made = database(cruise)
        seaflow_cruise.put_sfl(made, seaflow_rows.cells(sfl(cruise[:-1])))
        popcycle.drop_file(made, [f"{files - 1:03d}"])
        seaflow_cruise.put_abundance(made, "740")
        before, changes = dict(made.execute("SELECT file || pop, abundance FROM abundance")), made.total_changes
        for q in QUANTILES:
            popcycle.put_rows(made, "opp", [(f"{files - 1:03d}", 9, 5, 7, 0.2, "f", q)])
        seaflow_cruise.put_sfl(made, seaflow_rows.cells(sfl(cruise)))
        seaflow_cruise.put_abundance(made, "740")
        after = dict(made.execute("SELECT file || pop, abundance FROM abundance"))
        assert all((after[key] == value) == ("prochloro" in key) for key, value in before.items())
        written.add(made.total_changes - changes)
        made.close()
    assert len(written) == 1


def test_a_file_is_found_by_its_index():
    made = database([])
    plan = [row[3] for row in made.execute("EXPLAIN QUERY PLAN SELECT * FROM abundance WHERE file = '000'")]
    made.close()
    assert plan and all(step.startswith("SEARCH") for step in plan), plan


def test_a_database_of_before_is_read_and_goes_on(tmp_path):
    """Abundances were a table once: their place is taken, and nothing else is touched."""
    made = popcycle.open_database(tmp_path / "cruise.db")
    made.execute(
        "CREATE TABLE abundance (file TEXT NOT NULL, pop TEXT NOT NULL, abundance REAL, PRIMARY KEY (file, pop))"
    )
    made.execute("INSERT INTO abundance VALUES ('000', 'beads', 7.0)")
    popcycle.put_rows(made, "outlier", [("000", 1)])
    made.close()
    for _ in range(2):
        made = seaflow_cruise.open_database(tmp_path / "cruise.db")
        assert made.execute("SELECT * FROM abundance").fetchall() == []
        assert made.execute("SELECT * FROM outlier").fetchall() == [("000", 1)]
        made.close()


def test_what_the_database_computes_is_read_as_any_table(tmp_path):
    file = {"flag": 0, "ratios": [0.1, 0.2, 0.3], "counts": [1, 2, 3], "quota": 2.0}
    made = database([file, file], tmp_path / "cruise.db")
    rows = [
        {"file": f"{at:03d}", "date": f"2025-01-14T2{at}:00", "stream_pressure": 12.0, "file_duration": 180.0}
        for at in (0, 1)
    ]
    seaflow_cruise.put_sfl(made, seaflow_rows.cells(rows))
    seaflow_cruise.put_abundance(made, "740")
    made.close()
    found = SeaflowDb().open_dataset(tmp_path / "cruise.db", table="abundance").isel(time=1).sel(population="unknown")
    cells, se = abundance([3.0], ratio=[0.1, 0.2, 0.3], pressure=[12.0], duration=[180.0], instrument="740")
    for name, wanted in (
        ("n_count", [3.0] * 3),
        ("abundance", cells),
        ("abundance_se", se),
        ("biomass_mid", 2 * cells),
    ):
        np.testing.assert_array_equal(found[name].to_numpy(), wanted, err_msg=name)
