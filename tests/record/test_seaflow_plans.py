"""A plan that changes touches the files whose parameters change, and no others: counted, for any two plans."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Parameters
from workbench.readers.seaflow_files import file_name
from workbench.record.seaflow_work import Limits, plan_work

START = np.datetime64("2024-01-01T00:00:02", "ns")
MINUTE = np.timedelta64(60, "s")


def one(number: int) -> FilterParameters:
    row = tuple(float(number) for _ in FIELDS)
    return FilterParameters(f"f{number}", (row, row, row))


FILTERS = {f"f{n}": one(n) for n in range(3)}
GATINGS = {
    f"g{n}": Gating(f"g{n}", (Gate("beads", "fsc_small", "pe", ((1, 1), (9, 1), (9, 9.0 + n))),)) for n in range(3)
}
plans = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 2)), max_size=5, unique_by=lambda e: e[0])


@pytest.fixture(scope="module")
def evt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evt")
    for at in range(12):
        path = folder / file_name(START + at * 3 * MINUTE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"never read")
    return str(folder)


def parameters(filters, gatings) -> Parameters:
    return Parameters(
        Plan(tuple((START + minute * MINUTE, f"f{n}") for minute, n in [(-10, 0), *filters]), FILTERS),
        Plan(tuple((START + minute * MINUTE, f"g{n}") for minute, n in [(-10, 0), *gatings]), GATINGS),
    )


def tasks(evt, chosen, **options):
    work = plan_work(evt, chosen, sfl=None, table=None, limits=options.pop("limits", Limits()), **options)
    return {task.file_id: task for task in work.tasks}


@given(plans, plans, plans, plans)
def test_only_what_a_plan_touches_is_done_again(evt, filters, gatings, others, other_gatings):
    before, after = (tasks(evt, parameters(*pair)) for pair in ((filters, gatings), (others, other_gatings)))
    assert len(before) == len(after) == 12
    for name, task in before.items():
        same = (task.filter, task.gating) == (after[name].filter, after[name].gating)
        assert (task.key == after[name].key) == same


@given(plans, plans, st.randoms())
def test_the_order_of_a_plan_does_not_matter(evt, filters, gatings, random):
    whole = tasks(evt, parameters(filters, gatings))
    random.shuffle(filters)
    random.shuffle(gatings)
    assert {n: t.key for n, t in tasks(evt, parameters(filters, gatings)).items()} == {
        n: t.key for n, t in whole.items()
    }


@given(plans, st.integers(-5, 40))
def test_since_leaves_the_others_out_and_touches_none(evt, filters, minute):
    since = START + minute * MINUTE
    whole, some = tasks(evt, parameters(filters, [])), tasks(evt, parameters(filters, []), since=since)
    assert set(some) == {name for name, task in whole.items() if task.time >= since}
    assert all(whole[name].key == task.key for name, task in some.items())


def test_other_limits_touch_all(evt):
    a, b = (tasks(evt, parameters([], []), limits=limits) for limits in (Limits(), Limits(opp=400)))
    assert not {task.key for task in a.values()} & {task.key for task in b.values()}


def test_before_the_first_entry_a_file_is_left_out_and_said(evt):
    late = Parameters(Plan(((START + 5 * MINUTE, "f1"),), {"f1": one(1)}))
    work = plan_work(evt, late, sfl=None, table=None, limits=Limits())
    assert len(work.tasks) == 10
    assert {why for _, why in work.left_out} == {"before the first entry of the filter plan"}
