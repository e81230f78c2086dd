"""The shared test cruise: every OPP value, flag, label, diameter and quota as expected."""

from __future__ import annotations

import sqlite3

import numpy as np
import pandas as pd
import pytest

from workbench.core.codes import to_linear
from workbench.core.filters import QUANTILES, FilterParameters
from workbench.core.gates import Gate, Gating
from workbench.core.sizes import COLUMNS
from workbench.products.seaflow.classify import classify
from workbench.products.seaflow.filter import focus
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.size import size
from workbench.readers.seaflow_evt import SeaflowEvt
from workbench.readers.size_table import read_size_table

CHANNELS = ("D1", "D2", "fsc_small", "pe", "chl_small")
COUNTS = {
    "00-00-02": {"2414efe1": (40000, 72, 39928, 211, 423, 107, 85)},
    "00-03-02": {
        "2414efe1": (40000, 75, 39925, 263, 492, 178, 142),
        "ac874650": (40000, 75, 39925, 263, 284, 205, 152),
    },
    "01-15-02": {"2414efe1": (40000, 40000, 0, 40000, 0, 0, 0)},
    "01-17-02": {"2414efe1": (40000, 75, 39925, 263, 0, 13, 14), "ac874650": (40000, 75, 39925, 263, 121, 51, 29)},
    "01-30-02": {"2414efe1": (40000, 72, 39928, 211, 423, 107, 85), "ac874650": (40000, 72, 39928, 211, 193, 131, 97)},
}


@pytest.fixture(scope="module")
def cruise(data):
    return data / "seaflow" / "testcruise"


@pytest.fixture(scope="module")
def database(cruise):
    path = cruise / "params" / "testcruise_full_plan.db"
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
        yield connection
    connection.close()


@pytest.fixture(scope="module")
def filters(database):
    rows = {}
    for row in database.execute("SELECT * FROM filter ORDER BY quantile"):
        rows.setdefault(row[0], []).append(row[3:])
    return {name: FilterParameters(name, tuple(table)) for name, table in rows.items()}


@pytest.fixture(scope="module")
def gatings(database):
    found = {}
    for name, pop, a, b in database.execute("SELECT id, pop, channel1, channel2 FROM gating ORDER BY id, pop_order"):
        corners = database.execute(
            f"SELECT {a}, {b} FROM poly WHERE gating_id = ? AND pop = ? ORDER BY point_order", (name, pop)
        ).fetchall()
        found.setdefault(name, []).append(Gate(pop, a, b, tuple(corners)))
    return {name: Gating(name, tuple(gates)) for name, gates in found.items()}


@pytest.mark.parametrize("layout", ["evt_v1", "evt_v2"])
@pytest.mark.parametrize("stamp", COUNTS)
def test_counts_and_particles(cruise, filters, layout, stamp):
    path = next((cruise / layout).rglob(f"*T{stamp}*"))
    codes = SeaflowEvt().columns(path, CHANNELS)
    for short, expected in COUNTS[stamp].items():
        parameters = next(p for name, p in filters.items() if name.startswith(short))
        found = focus(codes["D1"], codes["D2"], codes["fsc_small"], parameters)
        counts = (found.all_count, found.noise_count, found.evt_count, found.saturated_count, *found.opp_count)
        assert counts == expected
        wanted = particles(cruise, stamp, parameters.id)
        assert (found.flag() is Flag.OK) == (len(wanted) > 0)
        if len(wanted):
            for name in CHANNELS:
                np.testing.assert_allclose(to_linear(codes[name])[found.index], wanted[name], rtol=1e-12)
            for bit, q in enumerate(QUANTILES):
                np.testing.assert_array_equal(found.mask >> bit & 1, wanted[f"q{q:g}"])


def particles(cruise, stamp, filter_id, kind="opp"):
    """The expected rows of one file under one filter; empty when that pair is not expected."""
    tables = [
        pd.read_parquet(p)
        for run in ("one_param", "plan")
        for p in sorted((cruise / f"{kind}_{run}").glob("*.parquet"))
    ]
    for table in tables:
        rows = table[
            table["file_id"].astype(str).str.contains(f"T{stamp}") & (table["filter_id"].astype(str) == filter_id)
        ]
        if len(rows):
            return rows
    return tables[0].iloc[:0]


@pytest.mark.parametrize("run", ["one_param", "plan"])
def test_labels_exactly_diameters_and_quotas_to_1e_9(data, cruise, filters, gatings, run):
    table = read_size_table(data / "seaflow" / "calibrated-mie.de77773.2020-10-23.csv", "740")
    rows = pd.concat([pd.read_parquet(p) for p in sorted((cruise / f"vct_{run}").glob("*.parquet"))], ignore_index=True)
    for (gating, parameters), part in rows.groupby([rows["gating_id"].astype(str), rows["filter_id"].astype(str)]):
        for at, q in enumerate(QUANTILES):
            some = part[part[f"q{q:g}"]]
            names = np.array(["unknown", *gatings[gating].populations])
            labels = names[classify({c: some[c].to_numpy() for c in CHANNELS}, gatings[gating])]
            np.testing.assert_array_equal(labels, some[f"pop_q{q:g}"].astype(str))
            sizes = size(some["fsc_small"], filters[parameters].beads_fsc[at], table)
            np.testing.assert_allclose(sizes, some[[f"{c}_q{q:g}" for c in COLUMNS]], rtol=1e-9)
