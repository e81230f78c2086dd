"""The filter editor: counts are the product's to the particle, what is saved is what is shown, nobody changes what they may not."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.cruise import open_cruise
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.live.access import Access, Asker, Token
from workbench.live.feeds import Feeds
from workbench.live.session import Session
from workbench.products.seaflow.filter import focus
from workbench.products.seaflow.filter_draft import FilterDraft
from workbench.raster.plane import snap
from workbench.views.filter_answers import DETECTORS, FilterQuestion, _codes
from workbench.views.filter_editor import FilterEditor
from workbench.views.filter_stage import CHARTS, charts, pictures

#: What came from other threads, for the page: a page does one thing after the other.
WAITING: deque[Callable[[], object]] = deque()


def turn() -> None:
    """The page does what waits."""
    while WAITING:
        WAITING.popleft()()


@pytest.fixture(scope="module")
def feeds(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Feeds:
    cruise = open_cruise(simulated, record=tmp_path_factory.mktemp("record"))
    feeds = Feeds(cruise)
    for name in ("seaflow", "sfl"):
        feeds[name].poll()
    return feeds


@pytest.fixture
def edit(feeds: Feeds) -> Iterator[Any]:
    made: list[FilterEditor] = []

    def start(**session: Any) -> FilterEditor:
        editor = FilterEditor(Session(feeds, schedule=WAITING.append, **session), "seaflow", plan="plan")
        editor.card()
        made.append(editor)
        answered(editor)
        return editor

    yield start
    for editor in made:
        editor.session.close()
    turn()


def answered(editor: FilterEditor) -> dict[str, Any]:
    """What is told once everything that was asked is answered."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        turn()
        told, last = editor.stage.told, editor._last
        if last is not None and last.question == editor._asked and told.get("n") == editor._n:
            return told
        time.sleep(0.01)
    raise AssertionError(f"no answer: {editor.stage.told}")


def drawn(editor: FilterEditor, n: int, *, quantile: float = 50.0, by: float = 500.0, final: bool = True) -> float:
    """A hand has moved the beads of a quantile along D1."""
    d1 = float(editor.draft.beads[QUANTILES.index(quantile), 1]) + by
    editor.stage.drawn = {"quantile": quantile, "d1": d1, "together": False, "final": final, "n": n}
    turn()
    return d1


def ask(editor: FilterEditor, what: str, **more: Any) -> None:
    editor.stage.asked = {"do": what, "n": editor._n + 1, **more}
    turn()


def shown(editor: FilterEditor) -> FilterParameters:
    """The parameters in the browser."""
    return FilterParameters("", tuple(tuple(row) for row in editor.stage.table))


def counted(editor: FilterEditor, parameters: FilterParameters) -> list[int]:
    """OPP of each quantile in what is looked at, by the product."""
    ds = editor.feed.source.open(editor._look.window).load()
    ends = np.cumsum(ds["row_size"].to_numpy())
    total = np.zeros(3, int)
    for start, stop in zip([0, *ends[:-1]], ends, strict=True):
        columns = (ds[name].to_numpy()[start:stop] for name in ("D1", "D2", "fsc_small"))
        total += np.array(focus(*columns, parameters).opp_count)
    return total.tolist()


def test_it_shows_the_filter_that_holds_on_four_charts(edit: Any) -> None:
    editor = edit()
    held = editor.hand.plan.at(editor._look.time)
    assert shown(editor).table == held.parameters.table
    assert [f.object.name for f in editor.stage.figures] == [f"filter:{kind},{detector}" for kind, detector in CHARTS]
    assert editor.stage.state["may"] is True
    ranges = {(f.x_range.id, f.y_range.id) for f in charts()}
    assert (len({x for x, _ in ranges}), len(ranges)) == (1, 2)  # zoomed together, D1 and D2 each for itself


def test_counts_are_those_of_the_product_to_the_particle(edit: Any) -> None:
    editor = edit()
    before = answered(editor)["opp"]
    assert before == counted(editor, editor.hand.base)
    drawn(editor, 1, by=2500.0)
    told = answered(editor)
    assert told["opp"] == counted(editor, editor.draft.parameters) == counted(editor, shown(editor))
    assert (told["was"], told["opp"] != before) == (before, True)
    ds = editor.feed.source.open(editor._look.window).load()
    noise = (ds["fsc_small"] <= 1) & (ds["D1"] <= 1) & (ds["D2"] <= 1)
    assert (told["events"], told["evt"]) == (ds.sizes["particle"], int((~noise).sum()))


def test_pictures_hold_every_event_once(edit: Any) -> None:
    editor = edit()
    last = editor._last
    found = {key: int(counts.sum()) for key, (_, counts) in last.pictures.items()}
    for detector in DETECTORS:
        assert found["evt", detector] == last.evt
        assert found["opp", detector] == last.now.opp[1]
        assert found["beads", detector] == (last.beads.count if last.beads else 0)
    ask(editor, "quantile", quantile=0)
    answered(editor)
    assert int(editor._last.pictures["opp", "D1"][1].sum()) == editor._last.now.opp[0]


def test_a_frame_holds_the_levels_of_all_layers(edit: Any) -> None:
    data = pictures(edit()._last.pictures, 3)
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    levels = np.frombuffer(zlib.decompress(data[4 + size :]), np.uint8)
    assert header["n"] == 3
    assert sum(p["width"] * p["height"] for p in header["planes"]) == len(levels)
    assert [(p["layer"], p["detector"]) for p in header["planes"]] == [
        (layer, detector) for detector in DETECTORS for layer in ("evt", "opp", "beads")
    ]


def test_what_is_proposed_is_what_the_cruise_proposes(edit: Any, feeds: Feeds) -> None:
    editor = edit()
    ask(editor, "scope", scope="range")
    answered(editor)
    want, beads = feeds.cruise.filters.of("plan").propose(editor._look.window)
    assert editor._last.beads.count == beads.count == len(beads.events)
    ask(editor, "propose")
    assert editor.draft.parameters.table == want.table == shown(editor).table
    assert editor.stage.state["kind"] == "good"
    assert answered(editor)["beads"]["fsc"] == beads.fsc.tolist()
    ask(editor, "undo")
    assert not editor.hand.changed


def test_a_drag_is_one_step_and_numbers_are_set(edit: Any) -> None:
    editor = edit()
    begin = editor.stage.table
    for n in range(1, 5):
        drawn(editor, n, by=100.0 * n, final=False)
    assert editor.stage.table == begin  # the browser draws while the hand moves; nobody pulls it back
    assert not editor.stage.state["undo"]
    assert answered(editor)["opp"] == counted(editor, editor.hand.shown)
    d1 = drawn(editor, 5, by=400.0)
    assert editor.stage.table[1][FIELDS.index("beads_D1")] == d1
    ask(editor, "undo")
    assert editor.stage.table == begin
    ask(editor, "set", field="width", value="4200.5", quantile=None)
    assert [row[3] for row in editor.stage.table] == [4200.5] * 3
    ask(editor, "set", field="beads_D2", value=20_000, quantile=2.5)
    assert [row[2] == 20_000 for row in editor.stage.table] == [True, False, False]
    ask(editor, "undo")
    ask(editor, "undo")
    assert (editor.stage.table, editor.stage.state["undo"], editor.stage.state["redo"]) == (begin, False, True)


def test_what_is_saved_is_what_is_shown_to_the_last_bit(edit: Any) -> None:
    editor = edit()
    drawn(editor, 1, by=1000 / 3)
    table = shown(editor).table
    ask(editor, "save", start="2025-01-14 20:30:00", who="Ann", note="after the storm")
    entry = editor.hand.plan.entry(editor.hand.saved)
    assert entry.value.table == table == shown(editor).table
    assert (entry.who, entry.note, str(entry.start)[:19]) == ("Ann", "after the storm", "2025-01-14T20:30:00")
    assert editor.stage.state["kind"] == "good"
    told = next(e for e in editor.stage.state["entries"] if e["id"] == entry.id)
    assert (told["who"], told["note"], told["mine"]) == ("Ann", "after the storm", True)
    drawn(editor, 2, by=50)
    ask(editor, "save", start="2025-01-14 20:30:00", who="Ann")  # what was saved from it may be replaced
    assert editor.stage.state["replaces"] is None
    for _ in range(2):
        live = next(e for e in reversed(editor.hand.history) if e.who == "Ann" and e.withdrawn is None)
        ask(editor, "withdraw", id=live.id, who="Ann")
    assert {e["withdrawn"] for e in editor.stage.state["entries"] if e["mine"]} == {"Ann"}


def test_compared_with_another_entry_both_are_counted(edit: Any) -> None:
    editor = edit()
    drawn(editor, 1, by=3000)
    ask(editor, "compare", id=editor.hand.history[0].id)
    told = answered(editor)
    assert editor.stage.base == [list(row) for row in editor.hand.history[0].value.table]
    assert told["was"] == counted(editor, editor.hand.history[0].value)
    assert editor.stage.state["compared"].startswith("with the filter"), editor.stage.state["says"]


def test_nonsense_changes_nothing_and_is_told(edit: Any) -> None:
    editor = edit()
    before = editor.draft.parameters
    nonsense: list[dict[str, Any]] = [
        {"quantile": 51, "d1": 3e4}, {"quantile": 50, "d1": float("nan")}, {"quantile": 50, "fsc": "x"},
        {"quantile": 50, "d2": -1}, {},
    ]  # fmt: skip
    for each in nonsense:
        for final in (True, False):
            editor.hand.said = "", ""
            editor.stage.drawn = {**each, "final": final, "n": editor._n + 1}
            assert editor.draft.parameters is before, each
            assert editor.stage.state["kind"] == "wrong", each
    for field, value in (("__class__", 1), ("width", ""), ("width", "wide"), ("notch_small_D1", 1)):
        ask(editor, "set", field=field, value=value)
        assert editor.draft.parameters is before
        assert editor.stage.state["kind"] == "wrong", field


def test_who_may_not_write_sees_everything_and_changes_nothing(edit: Any) -> None:
    token = Token("Ann", "scientist", hashlib.sha256(b"secret").hexdigest())
    rights = Access("0.0.0.0", tokens=(token,)).rights(Asker("10.0.0.9", "10.0.0.4:5006"))
    editor = edit(rights=rights)
    before, history = editor.draft.parameters, len(editor.hand.history)
    state = editor.stage.state
    assert (state["may"], state["token"]) == (False, True)
    assert editor.stage.told["evt"] > 0
    drawn(editor, 1)
    for what in ("undo", "set", "propose", "snap", "take", "save", "withdraw", "__init__"):
        ask(editor, what, field="width", value=1, id="x", start="2025-01-14 21:00:00", who="Ann")
    assert editor.draft.parameters is before
    assert len(editor.hand.plan.history()) == history
    ask(editor, "sign", token="wrong")
    assert not editor.stage.state["may"]
    ask(editor, "sign", token="secret")
    assert (editor.stage.state["may"], editor.stage.state["who"], editor.stage.state["signed"]) == (True, "Ann", True)
    drawn(editor, 2)
    ask(editor, "save", start="2025-01-14 21:00:00", who="Somebody else")
    assert editor.hand.plan.entry(editor.hand.saved).who == "Ann"  # the token's name, whatever was written
    ask(editor, "withdraw", id=editor.hand.saved)


def test_two_editors_are_told_of_each_other_and_the_later_save_says_what_it_replaces(edit: Any) -> None:
    one, two = edit(), edit()
    assert two.stage.state["kind"] == ""
    drawn(one, 1)
    assert two.stage.state["kind"] == "others"
    assert "changing this filter too" in two.stage.state["says"]
    drawn(two, 1, by=900)
    ask(one, "save", start="2025-01-14 22:00:00", who="Ann")
    ask(two, "save", start="2025-01-14 22:00:00", who="Bob")
    replaces = two.stage.state["replaces"]
    assert "Ann" in replaces["text"]
    assert (replaces["id"], two.hand.saved) == (one.hand.saved, "")
    ask(two, "save", start="2025-01-14 22:00:00", who="Bob", sure=True)
    assert two.hand.plan.at(np.datetime64("2025-01-14T22:00")).entry.who == "Bob"
    for editor in (two, one):
        ask(editor, "withdraw", id=editor.hand.saved)


def test_a_closer_look_has_finer_cells(edit: Any) -> None:
    editor = edit()
    ask(editor, "zoom", D1=[20_000.0, 30_000.0, 10_000.0, 20_000.0], D2=[20_000.0, 30_000.0, float("nan"), 3.0])
    answered(editor)
    near, far = (editor._last.pictures["evt", detector][0] for detector in DETECTORS)
    assert (near.x1 - near.x0) / near.width < (far.x1 - far.x0) / far.width


def test_a_cruise_without_a_filter_or_events_says_so(simulated: Path, tmp_path: Path) -> None:
    text = simulated.read_text().replace("{{ CATALOG_DIR }}", str(simulated.parent))
    head = text.split("  board:\n")[0] + "sources:\n" + text.split("sources:\n")[1].split("  plan:\n")[0]
    (tmp_path / "catalog.yaml").write_text(head)
    session = Session(Feeds(open_cruise(tmp_path / "catalog.yaml", record=tmp_path / "record")))
    for source in ("seaflow", "sfl"):
        editor = FilterEditor(session, source)
        editor.card()
        assert (editor.stage.state["may"], editor.stage.table) == (False, [])
        assert "no source of gates" in editor.stage.state["says"]
        assert source == "seaflow" or editor.stage.told["cover"] == "No events here", "nobody asks for more"
        ask(editor, "propose")
        ask(editor, "undo")
    session.close()


def test_outside_a_notebook_a_draft_is_given_and_saved(feeds: Feeds) -> None:
    filters = feeds.cruise.filters.of("plan")
    plan = filters.at(feeds["seaflow"].span.start)
    draft = plan.edit()
    assert isinstance(draft, FilterDraft)
    draft.set("width", 4000)
    entry = filters.save(draft, start="2025-01-14T23:00", who="Ann")
    assert filters.diff(plan, draft).changed == {"width": ((5000.0,) * 3, (4000.0,) * 3)}
    assert (
        filters.save(draft, start="2025-01-14T23:00", who="Ann").value.table == entry.value.table
    )  # its own may be replaced
    for each in filters.history():
        if not each.from_file and each.withdrawn is None:
            filters.withdraw(each.id, who="Ann")


@given(st.lists(st.floats(0, 65_535), max_size=50))
def test_log_values_are_rounded_down_for_pictures(values: list[float]) -> None:
    codes = _codes(np.array(values))
    assert codes.dtype == np.uint16
    assert np.array_equal(codes, np.floor(values))


def test_a_question_is_equal_only_to_the_same() -> None:
    boxes = tuple((snap(0, 65536, 0, 65536, 256), snap(0, 65536, 0, 65536, 128)) for _ in DETECTORS)
    assert FilterQuestion((("a", 1),), None, None, 1, boxes) == FilterQuestion((("a", 1),), None, None, 1, boxes)
    assert FilterQuestion((("a", 1),), None, None, 1, boxes) != FilterQuestion((("a", 2),), None, None, 1, boxes)
