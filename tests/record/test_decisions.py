"""Decisions in the record: kept to the byte, each an event, checked and written in one transaction."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import WorkbenchError
from workbench.core.filters import FIELDS, FilterParameters
from workbench.core.gates import Gate, Gating
from workbench.record.decisions import FILTERS, GATES, Decisions
from workbench.record.record import Record

START = np.datetime64("2014-07-04T00:03:02", "ns")
numbers = st.floats(allow_nan=False, allow_infinity=False)
gates = st.builds(
    Gate, st.text(min_size=1, max_size=8), st.just("fsc_small"), st.sampled_from(["pe", "chl_small"]),
    st.lists(st.tuples(numbers, numbers), min_size=3, max_size=5).map(tuple),
)  # fmt: skip
gatings = st.lists(gates, max_size=3, unique_by=lambda g: g.population).map(lambda found: Gating("g", tuple(found)))


@given(gatings, st.text(max_size=20))
def test_saved_gates_come_back_to_the_byte(tmp_path_factory, gating, note):
    decisions = Decisions(tmp_path_factory.mktemp("c"), "plan")
    name = decisions.save(gating, start=START, who="A", note=note)
    (entry,) = decisions.read().gates
    assert (entry.id, entry.start, entry.who, entry.note) == (name, START, "A", note.strip())
    assert entry.value.gates == gating.gates
    assert [g.array.tobytes() for g in entry.value.gates] == [g.array.tobytes() for g in gating.gates]
    assert entry.value.id == name


@given(st.lists(numbers, min_size=36, max_size=36))
def test_saved_filters_come_back_to_the_byte(tmp_path_factory, values):
    table = tuple(tuple(values[at : at + 12]) for at in (0, 12, 24))
    decisions = Decisions(tmp_path_factory.mktemp("c"), "plan")
    name = decisions.save(FilterParameters("f", table), start=START, who="A")
    (entry,) = decisions.read().filters
    assert entry.value.array.tobytes() == FilterParameters("f", table).array.tobytes()
    assert entry.value.id == name


def gating(corner: float = 1.0) -> Gating:
    return Gating("g", (Gate("beads", "fsc_small", "pe", ((corner, 1.0), (9.0, 1.0), (9.0, 9.0))),))


def test_withdrawn_excluded_and_brought_back_with_who_and_when(tmp_path):
    decisions = Decisions(tmp_path, "plan")
    name = decisions.save(gating(), start=START, who="Francois", note="drifted")
    decisions.withdraw(GATES, name, who="Ginger", note="no")
    decisions.exclude("d/f", who="Ginger", reason="bubbles")
    found = decisions.read()
    gone = found.gates[0].withdrawn
    assert gone is not None and (gone.who, gone.note) == ("Ginger", "no")
    assert [(e.file, e.reason, e.who) for e in found.excluded] == [("d/f", "bubbles", "Ginger")]
    decisions.restore("d/f", who="Francois", reason="looked again")
    assert decisions.read().excluded == ()
    assert decisions.read(found.revision) == found  # as it was then
    events = Record(tmp_path).events.events()
    assert [(e.kind, e.who, e.source) for e in events] == [
        ("gates", "Francois", "plan"), ("gates", "Ginger", "plan"), ("excluded", "Ginger", "plan"),
        ("excluded", "Francois", "plan"),
    ]  # fmt: skip
    assert events[0].text.endswith("populations beads: drifted") and "2014-07-04T00:03:02Z" in events[0].text


def test_one_plan_knows_nothing_of_another(tmp_path):
    Decisions(tmp_path, "plan").save(gating(), start=START, who="A")
    assert Decisions(tmp_path, "other").read().revision == 0


def test_what_a_check_refuses_leaves_nothing(tmp_path):
    decisions = Decisions(tmp_path, "plan")
    decisions.save(gating(), start=START, who="A")
    before = decisions.read()

    def refuse(found):
        assert found == before
        raise WorkbenchError("no")

    with pytest.raises(WorkbenchError, match="no"):
        decisions.save(gating(2), start=START, who="B", check=refuse)
    with pytest.raises(WorkbenchError, match="name"):
        decisions.save(gating(2), start=START, who=" ")
    assert decisions.read() == before
    assert len(Record(tmp_path).events.events()) == 1


def test_of_many_who_save_at_once_upon_the_same_one_is_first(tmp_path):
    """Each may save only when nobody has: the check and the save are one."""

    def save(who: int) -> bool:
        def check(found):
            if found.gates:
                raise WorkbenchError("somebody was faster")

        try:
            Decisions(tmp_path, "plan").save(gating(who + 1), start=START, who=str(who), check=check)
        except WorkbenchError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(save, range(16))) == 1
    assert len(Decisions(tmp_path, "plan").read().gates) == 1


_SAVE = """
import sys
import numpy as np
from workbench.core.gates import Gate, Gating
from workbench.record.decisions import Decisions
folder, who = sys.argv[1:]
gating = Gating("g", (Gate("beads", "fsc_small", "pe", ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))),))
for minute in range(5):
    start = np.datetime64("2014-07-04", "ns") + np.timedelta64(minute, "m")
    print(Decisions(folder, "plan").save(gating, start=start, who=who))
"""


def test_processes_that_save_at_once_lose_nothing(tmp_path):
    both = [
        subprocess.Popen([sys.executable, "-c", _SAVE, str(tmp_path), who], stdout=subprocess.PIPE, text=True)
        for who in "AB"
    ]
    said = [line for each in both for line in each.communicate(timeout=60)[0].split()]
    found = Decisions(tmp_path, "plan").read()
    assert sorted(entry.id for entry in found.gates) == sorted(said) and len({*said}) == 10
    assert [entry.change for entry in found.gates] == sorted(entry.change for entry in found.gates)


def test_a_filter_is_no_gate(tmp_path):
    decisions = Decisions(tmp_path, "plan")
    name = decisions.save(FilterParameters("f", ((1.0,) * len(FIELDS),) * 3), start=START, who="A")
    assert not decisions.read().gates
    decisions.withdraw(FILTERS, name, who="A")
    assert decisions.read().filters[0].withdrawn is not None
