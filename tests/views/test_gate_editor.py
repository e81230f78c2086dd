"""The gate editor: what is drawn is what is saved, edges are straight where they should be, nobody changes what they may not."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.cruise import open_cruise
from workbench.core.codes import linear, to_linear
from workbench.core.texts import Texts
from workbench.core.window import Window
from workbench.live.access import Access, Asker, Token
from workbench.live.feeds import Feeds
from workbench.live.file_table import FileTable
from workbench.live.preview import Plane
from workbench.live.session import Session
from workbench.products.seaflow.classify import classify
from workbench.raster.plane import snap
from workbench.views.gate_curve import FLOOR, STEP, code_of, curve
from workbench.views.gate_editor import GateEditor
from workbench.views.gate_look import look
from workbench.views.gate_stage import PLANES, pictures, planes_of, told_gates

VALUE = st.floats(0.6, 3162.0)
POLYGON = st.lists(st.tuples(VALUE, VALUE), min_size=3, max_size=8)
EVERYTHING = st.lists(st.tuples(st.floats(-50, 5000), st.floats(-50, 5000)), min_size=3, max_size=8)


# curves


@given(POLYGON)
def test_every_point_of_a_curve_lies_on_a_straight_linear_edge(vertices: list[tuple[float, float]]) -> None:
    corners, points = np.array(vertices), 10.0 ** (curve(vertices) / 65536 * 3.5)
    ends = np.roll(corners, -1, axis=0) - corners
    far = []
    for point in points:
        along = np.einsum("ij,ij->i", point - corners, ends) / np.maximum(np.einsum("ij,ij->i", ends, ends), 1e-300)
        nearest = corners + ends * along.clip(0, 1)[:, None]
        far.append(np.hypot(*(point - nearest).T).min())
    assert max(far) < 1e-6 * corners.max()


@given(EVERYTHING)
def test_the_corners_are_on_the_curve_in_order_and_its_steps_are_small(vertices: list[tuple[float, float]]) -> None:
    points, corners = curve(vertices), code_of(np.array(vertices))
    assert np.array_equal(points[0], points[-1])
    at = 0
    for corner in [*corners, corners[0]]:
        found = np.flatnonzero((points[at:] == corner).all(axis=1))
        assert found.size
        at += int(found[0])
    assert np.abs(np.diff(points, axis=0)).max() <= STEP + 1e-6
    assert points.min() >= code_of(FLOOR) - 1e-9


def test_a_straight_linear_edge_bends_on_log_axes() -> None:
    points = curve([(1, 1), (1000, 100), (1000, 1)])
    middle = points[np.abs(points[:, 0] - code_of(31.6)).argmin()]
    assert middle[1] < code_of(10) - 2000  # a straight line on the screen would go through (31.6, 10)


def test_no_polygon_has_no_curve() -> None:
    assert curve([]).shape == (0, 2)


# what one looks at


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=30, unique=True), st.sampled_from(["file", "hour"]))
def test_stepping_visits_every_file_once(seconds: list[int], scope: Any) -> None:
    times = np.array(sorted(seconds)) * 10**9
    names = [f"f{t}" for t in times]
    one = np.ones(len(times), np.int64)
    table = FileTable(times, one, one, np.arange(len(times)), Texts(names), Texts(names))
    nothing = Window(np.datetime64(0, "ns"), np.datetime64(1, "ns"))
    seen = look(table, scope, np.datetime64(int(times[0]), "ns"), nothing)
    assert seen.earlier is None
    visited: list[str] = []
    while True:
        here = table.within(seen.window)
        visited += seen.files or names[here]
        assert seen.time == np.datetime64(int(times[here][0]), "ns")
        if seen.later is None:
            break
        seen = look(table, scope, seen.later, nothing)
    assert visited == names
    assert look(table, scope, None, nothing) == seen  # the newest is the last


def test_without_files_there_is_an_empty_range() -> None:
    window = Window(np.datetime64("2025-01-01"), np.datetime64("2025-01-02"))
    seen = look(FileTable(), "hour", None, window)
    assert (seen.window, seen.files, seen.earlier, seen.later) == (window, (), None, None)


def test_a_frame_holds_the_pictures_of_all_planes() -> None:
    counts = {
        Plane(x, y, snap(0, 65536, 0, 65536, 16)): np.arange(2 * 4 * 4, dtype=np.uint32).reshape(2, 4, 4) * (i + 1)
        for i, (x, y) in enumerate(PLANES)
    }
    data = pictures(counts, ["beads", "unknown"], 7)
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    levels = np.frombuffer(zlib.decompress(data[4 + size :]), np.uint8).reshape(3, 2, 4, 4)
    assert (header["n"], header["populations"]) == (7, ["beads", "unknown"])
    assert [p["name"] for p in header["planes"]] == [f"gates:{x},{y}" for x, y in PLANES]
    for shown, counted in zip(levels, counts.values(), strict=True):
        assert np.array_equal(shown == 0, counted == 0)
        assert (np.diff(shown.ravel()[np.argsort(counted.ravel())].astype(int)) >= 0).all()  # by rank, over both planes


# the editor


@pytest.fixture(scope="module")
def feeds(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Feeds:
    cruise = open_cruise(simulated, record=tmp_path_factory.mktemp("record"))
    feeds = Feeds(cruise)
    for name in ("seaflow", "sfl"):
        feeds[name].poll()
    return feeds


@pytest.fixture
def edit(feeds: Feeds) -> Iterator[Any]:
    made: list[GateEditor] = []

    def start(**session: Any) -> GateEditor:
        editor = GateEditor(Session(feeds, **session), "seaflow", plan="plan")
        editor.card()
        made.append(editor)
        answered(editor)
        return editor

    yield start
    for editor in made:
        editor.session.close()


def answered(editor: GateEditor) -> dict[str, Any]:
    """What is told once everything was counted."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = editor.stage.told
        if told.get("done") and told["n"] >= editor._n:
            return told
        time.sleep(0.01)
    raise AssertionError(f"no answer: {editor.stage.told}")


def drawn(editor: GateEditor, name: str, by: float, n: int, final: bool = True) -> list[list[float]]:
    """A hand has moved the first corner."""
    vertices = [list(v) for v in editor.draft.gate(name).vertices]
    vertices[0][0] += by
    editor.stage.drawn = {"population": name, "vertices": vertices, "final": final, "n": n}
    return vertices


def shown(editor: GateEditor, name: str) -> list[list[float]]:
    return next(g["vertices"] for g in editor.stage.gates if g["population"] == name)


def ask(editor: GateEditor, what: str, **more: Any) -> None:
    editor.stage.asked = {"do": what, "n": time.monotonic_ns(), **more}


def test_it_shows_the_gates_that_hold_and_a_plane_for_each(edit: Any) -> None:
    editor = edit()
    held = editor.drawing.gates.at(editor._look.time)
    assert editor.stage.gates == told_gates(held.gating)
    assert [tuple(p) for p in editor.stage.planes] == list(PLANES) == planes_of(held.gating)
    assert [f.object.name for f in editor.stage.figures] == [f"gates:{x},{y}" for x, y in PLANES]
    assert editor.stage.state["may"] is True


def test_counts_agree_with_the_products_to_the_particle(edit: Any, feeds: Feeds) -> None:
    editor = edit()
    vertices = drawn(editor, "synecho", 40.0, 1)
    told = answered(editor)
    ds = linear(feeds["seaflow"].source.open(editor._look.window)).load()
    label = classify({n: ds[n].values for n in ("fsc_small", "pe", "chl_small")}, editor.draft.gating)
    want = [int((label == k + 1).sum()) for k in range(len(editor.draft.populations))] + [int((label == 0).sum())]
    assert told["counts"] == want
    assert told["particles"] == sum(want) == len(label)
    assert not told["approximate"]
    assert shown(editor, "synecho") == vertices
    assert told["before"]["synecho"] != told["counts"][told["populations"].index("synecho")]


def test_what_is_saved_is_what_is_shown_to_the_last_bit(edit: Any) -> None:
    editor = edit()
    vertices = drawn(editor, "prochloro", 1 / 3, 1)
    ask(editor, "save", start="2025-01-14 20:30:00", who="Ann", note="it drifted")
    entry = next(e for e in editor.drawing.gates.history() if e.id == editor.drawing.saved)
    gate = next(g for g in entry.value.gates if g.population == "prochloro")
    assert [list(v) for v in gate.vertices] == vertices == shown(editor, "prochloro")
    assert (entry.who, entry.note, str(entry.start)[:19]) == ("Ann", "it drifted", "2025-01-14T20:30:00")
    assert editor.stage.state["kind"] == "good"
    assert editor.stage.state["entries"][0]["who"] == "Ann"
    ask(editor, "withdraw", id=entry.id, who="Ann")
    assert editor.stage.state["entries"][0]["withdrawn"] == "Ann"


def test_undo_and_redo_are_wired_and_a_drag_is_one_step(edit: Any) -> None:
    editor = edit()
    begin = editor.stage.gates
    for n in range(1, 6):
        drawn(editor, "beads", n, n, final=False)
    assert editor.stage.gates == begin  # the browser draws while the hand moves; nobody pulls it back
    assert not editor.stage.state["undo"]
    after = drawn(editor, "beads", 6, 6)
    assert shown(editor, "beads") == after
    ask(editor, "undo")
    assert editor.stage.gates == begin
    assert (editor.stage.state["undo"], editor.stage.state["redo"]) == (False, True)
    ask(editor, "redo")
    assert shown(editor, "beads") == after
    ask(editor, "undo")


def test_a_drag_that_ends_where_it_was_tried_is_answered_by_the_trial(edit: Any) -> None:
    """Also when the answer comes after the end of the drag: nobody waits for another one."""
    editor = edit()
    vertices = drawn(editor, "beads", 6, 7, final=False)
    editor.stage.drawn = {"population": "beads", "vertices": vertices, "final": True, "n": 8}
    answered(editor)
    editor._take(editor._last, 7)
    assert editor.stage.told["n"] == 8


def test_populations_are_added_copied_renamed_ordered_and_removed(edit: Any) -> None:
    editor = edit()
    first = editor.draft.populations
    corners = [[2, 2], [9, 2], [9, 9]]
    ask(editor, "add", name="mine", x="chl_small", y="pe", vertices=corners)
    assert [g["population"] for g in editor.stage.gates] == [*first, "mine"]
    ask(editor, "copy", population="mine", name="yours")
    ask(editor, "rename", population="yours", name="ours")
    ask(editor, "order", population="ours", by=-1)
    assert editor.draft.populations == (*first, "ours", "mine")
    ask(editor, "remove", population="mine")
    assert editor.draft.populations == (*first, "ours")
    assert answered(editor)["populations"] == [*first, "ours", "unknown"]
    ask(editor, "add", name="ours", x="chl_small", y="pe", vertices=corners)
    assert editor.stage.state["kind"] == "wrong"
    assert "already" in editor.stage.state["says"]
    assert editor.draft.populations == (*first, "ours")
    for _ in range(5):
        ask(editor, "undo")
    assert editor.draft.populations == first


@pytest.mark.parametrize("vertices", [[], [[1, 1], [2, 2]], [[1, 1], [2, 2], [float("nan"), 3]], "x", [[1], [2], [3]]])
def test_nonsense_changes_nothing_and_is_told(edit: Any, vertices: Any) -> None:
    editor = edit()
    before = editor.draft.gating
    editor.stage.drawn = {"population": "synecho", "vertices": vertices, "final": True, "n": 1}
    assert editor.draft.gating is before
    assert editor.stage.state["kind"] == "wrong"


def test_who_may_not_write_sees_everything_and_changes_nothing(edit: Any) -> None:
    token = Token("Ann", "scientist", hashlib.sha256(b"secret").hexdigest())
    rights = Access("0.0.0.0", tokens=(token,)).rights(Asker("10.0.0.9", "10.0.0.4:5006"))
    editor = edit(rights=rights)
    before, history = editor.draft.gating, len(editor.drawing.gates.history())
    state = editor.stage.state
    assert (state["may"], state["token"]) == (False, True)
    assert state["says"].startswith("Read-only. A token is needed")
    assert editor.stage.told["particles"] > 0
    drawn(editor, "synecho", 5.0, 1)
    for what in ("undo", "add", "remove", "rename", "copy", "order", "snap", "take", "save", "withdraw", "__init__"):
        ask(editor, what, population="synecho", name="x", id="x", start="2025-01-14 21:00:00", who="Ann", by=1)
    assert editor.draft.gating is before
    assert len(editor.drawing.gates.history()) == history
    ask(editor, "sign", token="wrong")
    assert not editor.stage.state["may"]
    ask(editor, "sign", token="secret")
    assert (editor.stage.state["may"], editor.stage.state["who"], editor.stage.state["signed"]) == (True, "Ann", True)
    drawn(editor, "synecho", 5.0, 2)
    ask(editor, "save", start="2025-01-14 21:00:00", who="Somebody else")
    assert editor.drawing.gates.entry(editor.drawing.saved).who == "Ann"  # the token's name, whatever was written
    ask(editor, "withdraw", id=editor.drawing.saved)


def test_two_editors_are_told_of_each_other_and_the_later_save_says_what_it_replaces(edit: Any) -> None:
    one, two = edit(), edit()
    assert two.stage.state["kind"] == ""
    drawn(one, "synecho", 5.0, 1)
    assert two.stage.state["kind"] == "others"
    assert "changing these gates too" in two.stage.state["says"]
    drawn(two, "synecho", 9.0, 1)
    ask(one, "save", start="2025-01-14 22:00:00", who="Ann")
    assert one.stage.state["kind"] == "good"
    ask(two, "save", start="2025-01-14 22:00:00", who="Bob")
    replaces = two.stage.state["replaces"]
    assert "Ann" in replaces["text"]
    assert replaces["id"] == one.drawing.saved
    assert two.drawing.saved == ""
    ask(two, "compare", id=replaces["id"])
    assert {g["population"] for g in two.stage.base} == {"synecho"}
    ask(two, "save", start="2025-01-14 22:00:00", who="Bob", sure=True)
    held = two.drawing.gates.at(np.datetime64("2025-01-14T22:00"))
    assert (held.entry.who, two.stage.state["replaces"]) == ("Bob", None)
    for editor in (two, one):
        ask(editor, "withdraw", id=editor.drawing.saved)


def test_who_saves_right_after_me_is_not_passed_over_by_my_next_save(
    edit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = edit(), edit()
    save, bobs = one.drawing.plan.save, []
    drawn(two, "synecho", 9.0, 1)

    def then_bob(*given: Any, **more: Any) -> Any:
        entry = save(*given, **more)
        if not bobs:
            bobs.append(two.drawing.plan.save(two.draft.gating, start=entry.start, who="Bob", replace=True))
        return entry

    monkeypatch.setattr(one.drawing.plan, "save", then_bob)
    drawn(one, "synecho", 5.0, 1)
    ask(one, "save", start="2025-01-14 22:30:00", who="Ann", sure=True)
    mine = one.drawing.saved
    drawn(one, "synecho", 7.0, 2)
    ask(one, "save", start="2025-01-14 22:30:00", who="Ann")
    assert "Bob" in one.stage.state["replaces"]["text"]
    assert one.stage.state["replaces"]["id"] == bobs[0].id
    ask(one, "withdraw", id=bobs[0].id)
    ask(one, "withdraw", id=mine)


def test_a_cruise_without_a_plan_says_so(simulated: Path, tmp_path: Path) -> None:
    text = simulated.read_text().replace("{{ CATALOG_DIR }}", str(simulated.parent))
    lines = [
        line
        for line in text.split("  populations:\n    driver")[0].splitlines()
        if not any(word in line for word in ("populations", "prochloro", "synecho", "vct"))
    ]
    head = "\n".join(lines).split("  plan:\n")[0]
    (tmp_path / "catalog.yaml").write_text(head)
    cruise = open_cruise(tmp_path / "catalog.yaml", record=tmp_path / "record")
    session = Session(Feeds(cruise))
    for source in ("seaflow", "sfl"):
        editor = GateEditor(session, source)
        editor.card()
        assert (editor.stage.state["may"], editor.stage.gates) == (False, [])
        assert "no source of gates" in editor.stage.state["says"]
    assert editor.stage.told["done"] and editor.stage.told["cover"] == "No particles here", "nobody asks for more"
    session.close()


def test_before_an_engine_has_worked_raw_particles_are_drawn_on(simulated: Path, tmp_path: Path) -> None:
    feeds = Feeds(open_cruise(simulated, record=tmp_path / "record"))
    feeds.poll()
    editor = GateEditor(Session(feeds))
    assert "vct" in editor.sources() and feeds["vct"].rows == 0
    assert editor.source == "seaflow"
    editor.session.close()


def test_a_closer_look_has_finer_cells(edit: Any) -> None:
    editor = edit()
    ask(editor, "zoom", plane=0, range=[20_000.0, 30_000.0, 40_000.0, 50_000.0])
    answered(editor)
    planes = {(p.x, p.y): p.viewport for p in editor._last.pictures}
    near, whole = planes[PLANES[0]], planes[PLANES[1]]
    assert (near.x0 <= 20_000, near.x1 >= 30_000, near.y0 <= 40_000, near.y1 >= 50_000) == (True,) * 4
    assert (near.x1 - near.x0) / near.width < (whole.x1 - whole.x0) / whole.width / 2
    before = editor._zooms.copy()
    for nonsense in ([1, 0, 0, 1], [float("nan")] * 4, [1], "x"):
        ask(editor, "zoom", plane=0, range=nonsense)
    ask(editor, "zoom", plane=99, range=[0, 1, 0, 1])
    assert editor._zooms == before


def test_closing_leaves_nobody_counting(edit: Any) -> None:
    editor = edit()
    editor.session.close()
    assert editor._answers is None
    assert editor.presence.others() == []


def test_codes_and_linear_agree() -> None:
    assert np.allclose(code_of(to_linear(np.arange(0, 65536, 1000))), np.arange(0, 65536, 1000))
