"""The gates of the real test cruise: redrawn, saved, compared, withdrawn; counts equal the product's to the particle."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.catalog.cruise import Cruise, open_cruise
from workbench.catalog.plan_entries import PlanEntries
from workbench.core.codes import linear
from workbench.core.errors import WorkbenchError
from workbench.core.gates import Gate, Gating

FIRST, SECOND = "2014-07-04T00:00:02", "2014-07-04T00:03:02"
FILE = "2014_185/2014-07-04T00-03-02+00-00"

CATALOG = """
metadata: {{cruise: {{id: T1, start: 2014-07-04, end: 2014-07-05}}}}
sources:
  seaflow: {{driver: workbench, args: {{reader: seaflow_evt, url: "{root}/testcruise/evt_v2"}}}}
  sfl: {{driver: workbench, args: {{reader: seaflow_db, url: "{params}", table: sfl}}}}
  plan: {{driver: workbench, args: {{reader: seaflow_plan, url: "{params}", size_table: "{root}/{sizes}"}}}}
  populations: {{driver: workbench, args: {{product: seaflow, inputs: {{evt: seaflow, sfl: sfl, plan: plan}}}}}}
"""


def catalog(data: Path, folder: Path, kind: str = "plan") -> Path:
    root = data / "seaflow"
    params = root / "testcruise" / "params" / f"testcruise_full_{kind}.db"
    sizes = "calibrated-mie.de77773.2020-10-23.csv"
    path = folder / "cruise.yaml"
    path.write_text(CATALOG.format(root=root, params=params, sizes=sizes))
    return path


@pytest.fixture
def path(data: Path, tmp_path: Path) -> Path:
    return catalog(data, tmp_path)


@pytest.fixture
def cruise(path: Path) -> Cruise:
    return open_cruise(path)


def shifted(cruise: Cruise, time: str = FIRST) -> Gating:
    draft = cruise.gates.at(time).draft()
    draft.move("synecho", 100.0, 0.0)
    return draft.gating


def test_redrawn_saved_counted_compared_and_withdrawn(cruise):
    expected = cruise["populations"].open().load()
    assert expected["n_count"].sum() == 1878  # data/README.md
    assert float(expected["abundance"].sum()) == pytest.approx(43.6686, abs=1e-4)
    plan = cruise.gates.at(FIRST)
    files = cruise["seaflow"].open("2014-07-04T00:00..2014-07-04T00:03")
    raw = plan.counts(files)["n_count"]
    first = expected["n_count"].sel(time=np.datetime64(FIRST))
    assert raw.sel(population=first["population"]).values.tolist() == first.values.tolist()
    assert plan.counts(linear(files))["n_count"].identical(raw)
    assert pickle.loads(pickle.dumps(plan)).counts(files)["n_count"].identical(raw), "in another process"

    entry = cruise.gates.save(shifted(cruise), start=FIRST, who="Francois", note="drift")
    held = cruise.gates.at(FIRST)
    assert held.entry == entry and held.gating.gates == shifted_gates(plan.gating)
    made = cruise["populations"].open().load()
    after = made["n_count"].sel(time=np.datetime64(FIRST))
    counted = held.counts(files)["n_count"].sel(population=after["population"])
    assert counted.values.tolist() == after.values.tolist() != first.values.tolist()
    later = slice(1, None)
    assert made["n_count"].isel(time=later).identical(expected["n_count"].isel(time=later))

    found = cruise.gates.diff(plan, entry, files, window="2014-07-04..2014-07-05")
    assert (found.changed, found.added, found.removed) == (("synecho",), (), ())
    assert found.counts is not None and found.abundance is not None
    of_a, of_b = (found.counts[k].sel(population=first["population"]) for k in "ab")
    assert of_a.values.tolist() == first.values.tolist() and of_b.values.tolist() == after.values.tolist()
    at_first = {"time": np.datetime64(FIRST)}
    a, b = found.abundance["a"].sel(at_first), found.abundance["b"].sel(at_first)
    assert a.values.tolist() == expected["abundance"].sel(at_first).sel(population=a["population"]).values.tolist()
    assert b.values.tolist() == made["abundance"].sel(at_first).sel(population=b["population"]).values.tolist()

    cruise.gates.withdraw(entry.id, who="Ginger")
    assert cruise["populations"].open().load().identical(expected)
    gone = cruise.gates.entry(entry.id).withdrawn
    assert gone is not None and gone.who == "Ginger"


def shifted_gates(gating: Gating) -> tuple[Gate, ...]:
    return tuple(
        gate if gate.population != "synecho"
        else Gate(gate.population, gate.x, gate.y, tuple((x + 100.0, y) for x, y in gate.vertices), extra=gate.extra)
        for gate in gating.gates
    )  # fmt: skip


def test_opp_files_count_as_the_product_does(cruise, data):
    import xarray as xr

    expected = cruise["populations"].open()["n_count"].sel(time=np.datetime64(FIRST))
    opp = xr.open_dataset(data / "seaflow" / "testcruise" / "opp_plan", engine="seaflow_opp", chunks={})
    at = int(opp["row_size"].values[0])
    counted = cruise.gates.at(FIRST).counts(opp.isel(particle=slice(0, at), file=slice(0, 1)))["n_count"]
    assert counted.sel(population=expected["population"]).values.tolist() == expected.values.tolist()
    every = cruise.gates.at(FIRST).counts(cruise["seaflow"].open(f"{FIRST}..2014-07-04T00:01"), filtered=False)
    assert int(every["n_count"].sum()) == 40000 and every["n_count"].dims == ("population",)


def test_another_process_and_an_open_source_follow_at_once(cruise, path):
    source = cruise["populations"]
    before, cursor = source.changed()
    same, again = source.changed(cursor)
    assert again == cursor and not same.sizes["time"]
    entry = open_cruise(path).gates.save(shifted(cruise), start=FIRST, who="A")
    new, after = source.changed(cursor)
    assert after != cursor and new.attrs["replaces"] == "populations"
    assert not new["n_count"].identical(before["n_count"])
    open_cruise(path).gates.withdraw(entry.id, who="A")
    back, _ = source.changed(after)
    assert back["n_count"].identical(before["n_count"])


def test_only_the_files_that_an_entry_touches_are_worked_on_again(cruise, monkeypatch):
    from workbench.products.seaflow import process as product  # the product takes it from there when it begins

    cruise["populations"].open()
    worked: list[int] = []
    real = product.process
    monkeypatch.setattr(product, "process", lambda *args, **options: worked.append(1) or real(*args, **options))
    entry = cruise.gates.save(shifted(cruise), start="2014-07-04T01:00", who="A")
    cruise["populations"].open()
    assert len(worked) == 3  # of eight
    cruise.excluded.add(FILE, who="A", reason="bubbles")
    cruise["populations"].open()
    assert len(worked) == 3
    cruise.gates.withdraw(entry.id, who="A")
    cruise["populations"].open()
    assert len(worked) == 6


def test_two_editors_the_later_is_told_whom_it_would_replace(cruise, path):
    other = open_cruise(path)
    mine, theirs = cruise.gates.at(FIRST).draft(), other.gates.at(FIRST).draft()
    mine.move("synecho", 1, 1)
    theirs.move("beads", 1, 1)
    saved = other.gates.save(theirs, start=FIRST, who="Ginger", note="beads")
    with pytest.raises(WorkbenchError, match=r"replace.*" + saved.id + r".*Ginger.*beads"):
        cruise.gates.save(mine, start=FIRST, who="Francois")
    assert [entry.id for entry in cruise.gates.since(mine.revision or 0)] == [saved.id]
    cruise.gates.save(mine, start="2014-07-03T23:00", who="Francois")  # before hers begins: hides nothing
    forced = cruise.gates.save(mine, start=FIRST, who="Francois", replace=True)
    assert cruise.gates.at(FIRST).id == forced.id
    cruise.gates.withdraw(forced.id, who="Francois")
    assert cruise.gates.at(FIRST).id == saved.id  # hers holds again


def test_who_saves_while_somebody_takes_up_what_holds_is_not_passed_over(cruise, path, monkeypatch):
    other, at, saved = open_cruise(path), PlanEntries._at, []
    theirs = shifted(other)

    def then_saved(self, time):
        found = at(self, time)
        if not saved:
            saved.append(other.gates.save(theirs, start=FIRST, who="Ginger"))
        return found

    monkeypatch.setattr(PlanEntries, "_at", then_saved)
    mine = cruise.gates.at(FIRST).draft()
    mine.move("synecho", 1, 1)
    with pytest.raises(WorkbenchError, match=r"replace.*" + saved[0].id + r".*Ginger"):
        cruise.gates.save(mine, start=FIRST, who="Francois")


def test_a_draft_is_saved_again_and_again_until_somebody_comes_between(cruise, path):
    draft = cruise.gates.at(FIRST).draft()
    for corner in range(3):
        draft.move_point("synecho", corner, (50.0, 60.0 + corner))
        entry = cruise.gates.save(draft, start=FIRST, who="A")
        assert cruise.gates.at(FIRST).entry == entry
    open_cruise(path).gates.save(shifted(cruise), start=FIRST, who="B", replace=True)
    with pytest.raises(WorkbenchError, match="by B"):
        cruise.gates.save(draft, start=FIRST, who="A")


def test_what_was_withdrawn_meanwhile_is_not_saved_again_unseen(cruise):
    saved = cruise.gates.save(shifted(cruise), start=FIRST, who="A")
    draft = cruise.gates.at(FIRST).draft()
    cruise.gates.withdraw(saved.id, who="Ginger")
    with pytest.raises(WorkbenchError, match="withdrawn by Ginger"):
        cruise.gates.save(draft, start=FIRST, who="A")
    with pytest.raises(WorkbenchError, match="already"):
        cruise.gates.withdraw(saved.id, who="A")
    with pytest.raises(WorkbenchError, match="stands in the file"):
        cruise.gates.withdraw(cruise.gates.at(FIRST).id, who="A")
    with pytest.raises(WorkbenchError, match=r"no gating has the id|nearest|known"):
        cruise.gates.withdraw("nothing", who="A")


def test_without_a_base_only_the_same_start_of_another_is_guarded(cruise):
    gating = shifted(cruise)
    cruise.gates.save(gating, start=FIRST, who="A")
    cruise.gates.save(gating, start=FIRST, who="A", note="again, my own")
    with pytest.raises(WorkbenchError, match="replace"):
        cruise.gates.save(gating, start=FIRST, who="B")
    cruise.gates.save(gating, start="2014-07-04T00:00:03", who="B")


def test_history_holding_and_until(cruise):
    gates = cruise.gates
    first, second = (entry.id for entry in gates.history())
    a = gates.save(shifted(cruise), start="2014-07-04T00:01", who="A")
    assert [entry.id for entry in gates.history()] == [first, a.id, second]
    end = gates.until(a)
    assert end is not None and end.id == second
    assert gates.until(end) is None
    b = gates.save(shifted(cruise), start=SECOND, who="B")
    assert [entry.id for entry in gates.holding()] == [first, a.id, b.id]
    with pytest.raises(WorkbenchError, match="holds"):
        gates.at("2014-07-03")


def test_filters_are_saved_and_withdrawn_likewise(cruise):
    expected = cruise["populations"].open().load()
    one, two = (cruise.filters.at(time).parameters for time in (FIRST, SECOND))
    entry = cruise.filters.save(one, start=SECOND, who="A", note="as at first")
    made = cruise["populations"].open().load()
    opp = made["opp_count"].sel(time=np.datetime64(SECOND)).values.tolist()
    assert opp == [492, 178, 142]  # data/README.md: filter 2414efe1; ac874650 gives 284/205/152
    assert cruise.filters.at(SECOND).parameters.table == one.table != two.table
    cruise.filters.withdraw(entry.id, who="A")
    assert cruise["populations"].open().load().identical(expected)


def test_filters_side_by_side_and_proposed_from_the_beads(cruise):
    second = cruise["seaflow"].open(f"{SECOND}..2014-07-04T00:04")
    found = cruise.filters.diff(FIRST, SECOND, second)
    assert found and found.focused is not None and found.changed["width"] == ((2500.0,) * 3, (5000.0,) * 3)
    assert found.focused["opp_count_a"].values.tolist() == [[492, 178, 142]]  # data/README.md
    assert found.focused["opp_count_b"].values.tolist() == [[284, 205, 152]]
    assert found.focused["evt_count"].values.tolist() == [39925]
    assert not cruise.filters.diff(FIRST, FIRST)
    filter_, beads = cruise.filters.propose()
    assert beads.count > 20 and cruise.filters.revision == 0
    entry = cruise.filters.save(filter_, start=SECOND, who="A", note="from the beads")
    assert cruise.filters.at(SECOND).parameters.table == filter_.table == entry.value.table
    assert cruise["populations"].open()["opp_count"].sel(time=np.datetime64(SECOND), quantile=50) > 0


def test_opening_a_cruise_compiles_nothing():
    code = "import sys, workbench.catalog.cruise; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_is_left_out_with_a_reason_and_brought_back(cruise):
    expected = cruise["populations"].open().load()
    with pytest.raises(WorkbenchError, match="why"):
        cruise.excluded.add(FILE, who="Ginger", reason=" ")
    told = cruise.excluded.add(FILE, who="Ginger", reason="bubbles")
    assert (told.file, told.who, told.reason) == (FILE, "Ginger", "bubbles")
    assert FILE in cruise.excluded and len(cruise.excluded) == 1
    made = cruise["populations"].open().load()
    out = made["file_id"].values == FILE
    assert made["excluded"].values.tolist() == out.astype(int).tolist()
    assert np.isnan(made["abundance"].values[out]).all() and np.isnan(made["biomass"].values[out]).all()
    assert made["n_count"].identical(expected["n_count"])  # what was seen stays
    kept = expected["opp_evt_ratio"].values[~out & (expected["file_flag"].values == 0)]
    assert made["virtual_core"].values.tolist() == np.median(kept, axis=0).tolist()
    assert made.attrs["excluded"] == f"{FILE}: bubbles (Ginger)"
    with pytest.raises(WorkbenchError, match=r"Ginger .*bubbles"):
        cruise.excluded.add(FILE, who="A", reason="other")
    cruise.excluded.remove(FILE, who="Ginger")
    assert cruise["populations"].open().load().identical(expected)
    with pytest.raises(WorkbenchError, match="not left out"):
        cruise.excluded.remove(FILE, who="Ginger")


def test_a_window_of_the_plan_gives_what_holds_in_it(cruise):
    entry = cruise.gates.save(shifted(cruise), start="2014-07-04T00:01", who="A")
    plan = cruise["plan"].open("2014-07-04T00:02..2014-07-04T00:03")
    assert plan["gating_id"].values.tolist() == [entry.id]
    assert entry.id not in cruise["plan"].open("2014-07-04T00:00:02..2014-07-04T00:00:30")["gating_id"].values


def test_one_set_for_the_whole_cruise_holds_until_the_saved_one(data, tmp_path):
    cruise = open_cruise(catalog(data, tmp_path, "one_param"))
    expected = cruise["populations"].open().load()
    assert expected["n_count"].sum() == 2042  # data/README.md
    cruise.gates.save(shifted(cruise), start="2014-07-04T01:00", who="A")
    made = cruise["populations"].open().load()
    before = made["time"].values < np.datetime64("2014-07-04T01:00")
    assert made["n_count"].isel(time=before).identical(expected["n_count"].isel(time=before))
    assert not made["n_count"].isel(time=~before).identical(expected["n_count"].isel(time=~before))


def test_edit_outside_a_notebook_is_a_draft(cruise):
    from workbench.core.draft import Draft

    assert isinstance(cruise.gates.at(FIRST).edit(), Draft)


def test_a_cruise_without_a_plan_says_so(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "metadata: {cruise: {id: X}}\nsources:\n  s: {driver: workbench, args: {reader: seaflow_sfl, url: /x}}\n"
    )
    with pytest.raises(WorkbenchError, match="no source of gates"):
        _ = open_cruise(path).gates


@pytest.fixture
def two(path: Path) -> Path:
    """The catalog of a cruise with two instruments, each with a plan of its own."""
    text = path.read_text()
    second = text[text.index("  plan:") :].replace("plan", "plan2", 1).replace("populations:", "populations2:")
    path.write_text(text + second.replace("plan: plan}", "plan: plan2}"))
    return path


def test_of_several_plans_one_is_named(two):
    cruise = open_cruise(two)
    with pytest.raises(WorkbenchError, match=r"several plans: plan, plan2.*gates.of\('plan'\)"):
        cruise.gates.at(FIRST)
    draft = cruise.gates.of("plan2").at(FIRST).draft()
    draft.move("synecho", 100.0, 0.0)
    entry = cruise.gates.of("plan2").save(draft, start=FIRST, who="Ginger")
    assert [room.at(FIRST).entry.id == entry.id for room in map(cruise.gates.of, ("plan", "plan2"))] == [False, True]
    assert cruise.filters.of("plan2").at(FIRST).entry.id == cruise.filters.of("plan").at(FIRST).entry.id
    cruise.excluded.of("plan2").add(FILE, who="Ginger", reason="bubbles")
    assert [len(cruise.excluded.of(plan)) for plan in ("plan", "plan2")] == [0, 1]
    with pytest.raises(KeyError, match="no source 'plan3'"):
        cruise.gates.of("plan3").at(FIRST)


def test_a_command_names_one_of_several_plans(two, capsys):
    from workbench.cli import main

    assert main(["gates", "list", str(two)]) == 1
    assert "--plan plan" in capsys.readouterr().err
    assert main(["gates", "exclude", str(two), FILE, "--who", "Ginger", "--reason", "bubbles", "--plan", "plan2"]) == 0
    assert [len(open_cruise(two).excluded.of(plan)) for plan in ("plan", "plan2")] == [0, 1]
    assert main(["gates", "list", str(two), "--plan", "plan"]) == 0
