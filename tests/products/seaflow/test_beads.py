"""Beads are found whatever the gains, and the filter through them is the published one."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.products.seaflow.beads import CHANNELS, bright, find_beads
from workbench.products.seaflow.parameters import SLOPES, derive
from workbench.readers.parameter_files import read_parameters
from workbench.readers.seaflow_evt import SeaflowEvt

REFERENCE = ((57728, 58784, 59792), (40264, 38304, 36144), (39968, 38256, 36816))


@pytest.mark.parametrize("instrument", ["740", "130"])
def test_the_reference_filter_comes_out_of_the_reference_beads(data, instrument):
    known = read_parameters(data / "seaflow" / "filter" / f"reference_filter_params_{instrument}.csv")
    found = derive(*REFERENCE, instrument, width=20000, min_d1=-4000, min_d2=-4000)
    assert found.table == next(iter(known.filters.sets.values())).table


def test_the_filter_of_a_real_cruise_comes_out_of_its_beads(data):
    sets = read_parameters(data / "seaflow/testcruise/params/testcruise_full_plan.db").filters.sets
    one = next(one for name, one in sets.items() if name.startswith("ac874650"))  # the other is of an older rule
    fsc, d1, d2, width = one.array[:, :4].T
    assert derive(fsc, d1, d2, "740", width=width[0]).table == one.table


def test_slopes_are_those_of_the_published_table(data):
    with (data / "seaflow" / "filter" / "seaflow_filter_slopes.csv").open() as file:
        rows = {row["ins"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(SLOPES)
    for name, row in rows.items():
        table = [[float(row[f"notch.large.{d}{q}"]) for d in ("D1", "D2")] for q in ("_2.5", "", "_97.5")]
        assert [list(pair) for pair in SLOPES[name]] == table


def test_ids_are_made_from_the_numbers():
    a, b = derive(*REFERENCE, "740"), derive(*REFERENCE, "740", date="2024-01-01")
    assert a.id == b.id != derive(*REFERENCE, "751").id
    assert [len(part) for part in a.id.split("-")] == [8, 4, 4, 4, 12]


def test_what_is_no_bead_position_is_refused():
    with pytest.raises(WorkbenchError, match=r"no filter slopes for instrument '741'.*Known: 130, 740, 751, 989"):
        derive(*REFERENCE, "741")
    with pytest.raises(WorkbenchError, match="positions are log codes above 0"):
        derive((1, 2, np.nan), *REFERENCE[1:], "740")


@pytest.mark.parametrize("layout", ["evt_v1", "evt_v2"])
def test_the_beads_of_the_test_cruise_are_where_people_saw_them(data, layout):
    events = []
    for path in SeaflowEvt().files(data / "seaflow" / "testcruise" / layout):
        try:
            events.append(bright(SeaflowEvt().columns(path, CHANNELS)))
        except ReaderError:
            continue
    found = find_beads(events)
    assert abs(found.fsc[1] - 33656) < 400
    assert 18000 < found.d1[1] < 24000 and 18000 < found.d2[1] < 24000
    assert 53000 < found.pe < 53600
    again = find_beads(np.concatenate(events[::-1]))
    assert [again.fsc.tolist(), again.d1.tolist()] == [found.fsc.tolist(), found.d1.tolist()]


def water(rng, fsc, pe, d, beads, cells):
    """Beads in and out of focus, a wide cloud of bright cells, dim background."""
    blurred = beads * 2
    off = rng.uniform(0.1, 0.8, blurred)
    clouds = [
        np.column_stack([d + rng.normal(0, 700, (beads, 2)), fsc + rng.normal(0, 330, beads), pe + rng.normal(0, 360, beads)]),
        np.column_stack([d + 30000 * off[:, None] * rng.random((blurred, 2)), fsc * (1 - off), pe * (1 - off / 2)]),
        np.column_stack([rng.normal(22000, 6000, (cells, 2)), rng.normal(25000, 4000, cells), rng.normal(42000, 3500, cells)]),
        np.column_stack([rng.uniform(0, 65535, (cells, 2)), rng.uniform(0, 65535, (cells, 2))]),
    ]  # fmt: skip
    rows = np.clip(np.concatenate(clouds), 0, 65535).round().astype(np.uint16)
    return dict(zip(CHANNELS, rows.T, strict=True))


@given(
    st.integers(0, 2**32), st.integers(24000, 60000), st.integers(46000, 62000), st.integers(12000, 44000),
    st.integers(150, 3000), st.integers(0, 8000),
)  # fmt: skip
def test_beads_are_found_whatever_the_gains(seed, fsc, pe, d, beads, cells):
    assume(cells <= 25 * beads)  # where bright cells lie over the beads, over 30 to one, the beads drown in them
    codes = water(np.random.default_rng(seed), fsc, pe, d, beads, cells)
    found = find_beads(bright(codes))
    assert abs(found.fsc[1] - fsc) < 400
    assert abs(found.pe - pe) < 400
    assert abs(found.d1[1] - d) < 600 and abs(found.d2[1] - d) < 600
    assert found.fsc[0] < found.fsc[1] < found.fsc[2] and found.d1[0] > found.d1[1] > found.d1[2]


def test_without_beads_it_says_so():
    rng = np.random.default_rng(1)
    cells = water(rng, 33000, 53000, 20000, 0, 20000)
    with pytest.raises(WorkbenchError, match=r"no cloud of beads|too few for beads"):
        find_beads(bright(cells))
    with pytest.raises(WorkbenchError, match="0 bright, aligned events"):
        find_beads([])
