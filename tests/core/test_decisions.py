"""What people decided, laid over a file's plan: what holds when, whatever the order; withdrawn, it is as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.decisions import BEGINNING, Decided, Entry, Withdrawn, applied, holding_at, planned
from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating, Plan
from workbench.core.parameters import Excluded, Parameters
from workbench.core.plan_dataset import parameters_in, plan_dataset

START = np.datetime64("2014-07-04T00:00:00", "ns")
hours = st.integers(0, 12)


def at(hour: float) -> np.datetime64:
    return START + np.timedelta64(round(hour * 3600), "s")


def gating(name: str, corner: float = 1.0) -> Gating:
    return Gating(name, (Gate("beads", "fsc_small", "pe", ((corner, 1.0), (9.0, 1.0), (9.0, 9.0))),))


FILTER = FilterParameters("f", ((1.0,) * len(FIELDS),) * 3)


@st.composite
def files(draw) -> Plan[Gating]:
    starts = draw(st.lists(hours, max_size=4, unique=True))
    if not starts:
        return Plan((), {"file": gating("file")})
    return Plan(tuple((at(h), f"file{h}") for h in starts), {f"file{h}": gating(f"file{h}", h) for h in starts})


@st.composite
def people(draw, start: int = 1) -> list[Entry[Gating]]:
    found = []
    for i, hour in enumerate(draw(st.lists(hours, max_size=6)), start=start):
        gone = Withdrawn("B", START, change=100 + i) if draw(st.booleans()) else None
        found.append(Entry(f"own{i}", at(hour), gating(f"own{i}", i), "A", START, "", gone, i))
    return found


def expected(plan: Plan[Gating], entries: list[Entry[Gating]], time: np.datetime64) -> Gating | None:
    """What holds, by the words of the rule."""
    known = [(start, 0, plan.sets[name]) for start, name in plan.entries] or [(BEGINNING, 0, plan.sets["file"])]
    known += [(e.start, e.change, e.value) for e in entries if e.withdrawn is None]
    before = [each for each in known if each[0] <= time]
    return max(before, key=lambda each: each[:2])[2] if before else None


@given(files(), people(), st.floats(-1, 14))
def test_the_last_start_holds_and_of_one_start_the_last_saved(plan, entries, hour):
    made = planned(plan, entries)
    assert made is not None
    assert made.at(at(hour)) == expected(plan, entries, at(hour))


@given(files(), people(), st.randoms())
def test_the_order_in_which_entries_are_told_does_not_matter(plan, entries, random):
    other = list(entries)
    random.shuffle(other)
    assert planned(plan, entries) == planned(plan, other)
    for hour in range(14):
        assert holding_at(entries, at(hour)) == holding_at(other, at(hour))


@given(files(), people())
def test_all_withdrawn_is_the_file_itself(plan, entries):
    gone = [replace(entry, withdrawn=Withdrawn("B", START)) for entry in entries]
    assert planned(plan, gone) is plan


@given(files(), people(), people(50))
def test_withdrawing_the_later_ones_leaves_the_earlier(plan, first, later):
    gone = [replace(entry, withdrawn=Withdrawn("B", START)) for entry in later]
    assert planned(plan, [*first, *gone]) == planned(plan, first)


@given(files(), people())
def test_what_holds_goes_through_a_dataset_and_back(plan, entries):
    out = (Excluded("d/f", "bubbles", "G", START),)
    decided = Decided(tuple(entries), (), out if entries else (), 9)
    held = applied(Parameters(Plan((), {"f": FILTER}), plan), decided)
    back = parameters_in(plan_dataset(held))
    assert back.excluded == held.excluded
    assert back.gatings is not None and held.gatings is not None
    for hour in range(-1, 14):
        assert back.gatings.at(at(hour)) == held.gatings.at(at(hour))
    assert back.gatings.sets == held.gatings.sets


def test_nothing_decided_is_the_same_object():
    parameters = Parameters(Plan((), {"f": FILTER}), None)
    assert applied(parameters, Decided()) is parameters


def test_gates_begin_where_a_file_has_none():
    entry = Entry("own", at(3), gating("own"), "A", START, change=1)
    held = applied(Parameters(Plan((), {"f": FILTER}), None), Decided((entry,), (), (), 1))
    assert held.gatings is not None
    assert held.gatings.at(at(2)) is None
    assert held.gatings.at(at(3)) == entry.value


def test_what_was_written_back_to_the_file_and_then_withdrawn_is_gone():
    entry = Entry("own", at(3), gating("own"), "A", START, change=1)
    written = Plan(((at(0), "file"), (at(3), "own")), {"file": gating("file"), "own": entry.value})
    assert planned(written, [entry]) == written
    gone = planned(written, [replace(entry, withdrawn=Withdrawn("B", START, change=2))])
    assert gone == Plan(((at(0), "file"),), {"file": gating("file")})
