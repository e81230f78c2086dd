"""Gates redrawn by a real mouse on the real cruise: counts as the products say, saved, reloaded, compared, withdrawn."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.chromium import Tab
from workbench.catalog.cruise import Cruise, open_cruise
from workbench.core.gates import Gating
from workbench.core.window import Window
from workbench.products.seaflow.classify import classify
from workbench.views.gate_curve import curve
from workbench.views.paint import POPULATIONS

pytestmark = pytest.mark.timeout(400)
HOUR = Window(np.datetime64("2014-07-04T01:00"), np.datetime64("2014-07-04T02:00"))
CHANNELS = ("fsc_small", "pe", "chl_small")

_READ = """() => {
  const plain = (v) => (v instanceof Map ? plain(Object.fromEntries(v)) : Array.isArray(v) ? v.map(plain) : v && v.constructor === Object ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)])) : v)
  const stage = [...Bokeh.documents[0].all_models].find((m) => m.class_name === "GateStage")
  const {gates, base, told, state, planes} = stage.data
  const chart = stage.data.series
  const lines = Object.fromEntries(chart.renderers.filter((r) => /^(now|before):/.test(r.name)).map((r) => [r.name, (r.data_source.data.get?.("mean") ?? r.data_source.data.mean)?.length ?? 0]))
  return plain({gates, base, told, state, planes, lines})
}"""

#: One key pressed four times before the hand can rest, however slow the machine is.
_FOUR_TIMES = """(e) => { for (let i = 0; i < 4; i++) e.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", shiftKey: true, bubbles: true, composed: true, cancelable: true})) }"""


class Editor:
    """The gate editor in a tab, worked by mouse and keys."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self.page = tab, tab.page
        self.page.wait_for_selector(".editor", timeout=90_000)
        tab.comes(self.is_shown, 90_000)
        self.settle()

    def is_shown(self) -> None:
        told = self.page.evaluate(_READ)["told"]
        assert self.page.locator(".editor").get_attribute("data-state") == "shown", told

    def read(self) -> dict[str, Any]:
        """What the browser was told."""
        return self.page.evaluate(_READ)  # type: ignore[no-any-return]

    def settle(self, gates: Callable[[list[dict[str, Any]]], object] = bool) -> dict[str, Any]:
        """Wait until the gates are those that what was done gives, and something is counted (`counted`: that it is these)."""
        for _ in range(300):
            self.page.wait_for_timeout(200)
            first = self.read()
            told = first["told"]
            if told.get("done") and not told["approximate"] and gates(first["gates"]):
                self.page.wait_for_timeout(300)
                again = self.read()
                if again["told"] == told and again["gates"] == first["gates"]:
                    return again
        raise AssertionError(f"still counting, or other gates than they should be: {told}, {first['gates']}")

    def settle_from(self, gates: list[dict[str, Any]]) -> dict[str, Any]:
        """Wait until the gates are others than these."""
        return self.settle(lambda now: now != gates)

    def counted(self, want: dict[str, int]) -> dict[str, Any]:
        """Wait until the counts are these."""

        def check() -> None:
            told = self.read()["told"]
            assert dict(zip(told["populations"], told["counts"], strict=True)) == want
            assert not told["approximate"]

        self.tab.comes(check)
        return self.read()

    def saved(self) -> None:
        """Wait until it says so."""
        self.page.wait_for_selector(".says[data-kind=good]:has-text('Saved')", timeout=60_000)

    def settle_at(self, gates: list[dict[str, Any]]) -> None:
        """Wait until the gates are these, and counted."""
        self.settle(lambda now: now == gates)

    def select(self, name: str) -> None:
        """Choose a population in the list."""
        row = self.page.locator(f".list li[data-population={name}]")
        if "selected" not in (row.get_attribute("class") or ""):
            row.locator(".pick").click()

    def vertices(self, name: str) -> list[list[float]]:
        """The corners the browser holds."""
        return next(g["vertices"] for g in self.read()["gates"] if g["population"] == name)

    def centre(self, i: int) -> tuple[float, float]:
        """Where a corner of the selected gate is on the screen."""
        box = self.page.locator(".gates .handle .dot").nth(i).bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, i: int, dx: float, dy: float) -> None:
        """Move a corner of the selected gate by mouse."""
        x, y = self.centre(i)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for step in range(1, 11):
            self.page.mouse.move(x + dx * step / 10, y + dy * step / 10)
            self.page.wait_for_timeout(30)
        self.page.mouse.up()

    def counts(self) -> dict[str, str]:
        """What the list says, by population."""
        rows = self.page.locator(".list li").all()
        return {str(row.get_attribute("data-population")): row.locator("b").inner_text() for row in rows}

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).first.click()


def expected(cruise: Cruise, gates: list[dict[str, Any]], window: Window = HOUR) -> dict[str, int]:
    """Particles in focus of each population, by the product."""
    from workbench.core.gates import Gate

    gating = Gating("", tuple(Gate(g["population"], g["x"], g["y"], tuple(map(tuple, g["vertices"]))) for g in gates))
    ds = cruise["vct"].open(window).load()
    focused = np.array([isinstance(name, str) and name != "" for name in ds["pop_q50"].values])
    label = classify({name: ds[name].values[focused] for name in CHANNELS}, gating)
    found = {name: int((label == k + 1).sum()) for k, name in enumerate(gating.populations)}
    return {**found, "unknown": int((label == 0).sum())}


@pytest.fixture
def catalog(root: Path, tmp_path: Path, data: Path) -> Path:
    """The real cruise with a record of its own."""
    text = (root / "catalogs" / "testcruise.yaml").read_text()
    path = tmp_path / "testcruise.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def real(
    board: Any, open_tab: Callable[..., Tab], catalog: Path, data: Path
) -> Callable[..., tuple[Editor, Cruise, Any]]:
    def start(*args: str, **options: Any) -> tuple[Editor, Cruise, Any]:
        server = board(catalog, *args, data=data)
        tab = open_tab(f"{server.address}/gates", width=1500, height=1000, **options)
        return Editor(tab), open_cruise(catalog, data=data), server

    return start


def test_a_gate_is_redrawn_counted_saved_reloaded_compared_and_withdrawn(real: Any, picture: Any) -> None:
    editor, cruise, _ = real()
    begin = editor.read()
    assert {p["population"]: p["vertices"] for p in begin["gates"]} == {
        g.population: [list(v) for v in g.vertices] for g in cruise.gates.at("2014-07-04T01:17:02").gating.gates
    }
    editor.select("synecho")
    assert editor.page.locator(".gates .handle").count() == 10
    before = editor.vertices("synecho")
    editor.drag(1, -40, 24)
    told = editor.settle_from(begin["gates"])
    after = editor.vertices("synecho")
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [1]
    want = expected(cruise, told["gates"])
    editor.counted(want)
    assert {name: int(text) for name, text in editor.counts().items()} == want
    assert want != expected(cruise, begin["gates"])
    editor.tab.shot("gates-redrawn")
    picture(editor.tab, "gates")

    editor.page.keyboard.press("Control+z")
    editor.settle_at(begin["gates"])
    editor.page.keyboard.press("Control+Shift+z")
    editor.settle_at(told["gates"])

    editor.page.get_by_label("Author").fill("Ann")
    editor.page.locator(".saving input[aria-label=Note]").fill("synecho drifted")
    editor.press("Save from there on")
    editor.saved()
    entry = cruise.gates.at("2014-07-04T01:17:02").entry
    assert (entry.who, entry.note, str(entry.start)[:19]) == ("Ann", "synecho drifted", "2014-07-04T01:17:02")
    gate = next(g for g in entry.value.gates if g.population == "synecho")
    assert [list(v) for v in gate.vertices] == after  # to the last bit

    editor.page.reload()
    again = Editor(editor.tab)
    assert again.read()["gates"] == told["gates"]
    assert again.page.locator("ol.entries li").count() == 3
    again.page.locator("ol.entries li", has_text="00:03:02").get_by_role("button", name="Compare").click()
    again.page.wait_for_selector(".gates .before")
    again.page.wait_for_selector(
        ".list li[data-population=synecho] .was:has-text('+'), .list li[data-population=synecho] .was:has-text('\u2212')"
    )
    compared = again.settle()
    assert [g["population"] for g in compared["base"]] == ["synecho"]
    assert again.page.locator(".gates .before").count() == 1
    assert compared["told"]["before"] == {k: float(v) for k, v in expected(cruise, begin["gates"]).items()}
    again.tab.comes(lambda: both_lines(again))
    again.tab.shot("gates-compared")

    again.press("Withdraw")
    again.page.wait_for_selector("ol.entries li.gone")
    again.settle_at(begin["gates"])
    assert cruise.gates.at("2014-07-04T01:17:02").entry.from_file


def both_lines(editor: Editor) -> None:
    lines = editor.read()["lines"]
    assert lines["before:synecho"] == lines["now:synecho"] == 4


def test_the_populations_of_the_cruise_follow_what_was_saved(real: Any) -> None:
    editor, cruise, _ = real()
    editor.select("synecho")
    begin = editor.read()["gates"]
    editor.drag(5, 40, -30)
    gates = editor.settle_from(begin)["gates"]
    editor.page.get_by_label("Author").fill("Ann")
    editor.press("Save from there on")
    editor.saved()
    ds = cruise["populations"].open(HOUR).load().sel(quantile=50.0)
    made = {str(p): int(ds["n_count"].sel(population=p).sum()) for p in ds["population"].values}
    want = expected(cruise, gates)
    assert {name: n for name, n in made.items() if n} == {name: n for name, n in want.items() if n}


def test_curves_in_the_browser_are_those_of_python_and_colours_those_of_all_views(real: Any) -> None:
    editor, _, _ = real()
    gate = next(g for g in editor.read()["gates"] if g["population"] == "prochloro")
    path = editor.page.locator(".gates g[data-population=prochloro] .line").first
    points = np.array([tuple(map(float, p.split(","))) for p in path.get_attribute("d").strip("MZ").split("L")])
    want = curve(gate["vertices"])
    assert len(points) == len(want)
    scale, shift = np.polyfit(want[:, 0], points[:, 0], 1)
    assert np.abs(points[:, 0] - (scale * want[:, 0] + shift)).max() < 0.2  # pixels
    scale, shift = np.polyfit(want[:, 1], points[:, 1], 1)
    assert scale < 0
    assert np.abs(points[:, 1] - (scale * want[:, 1] + shift)).max() < 0.2
    colour = path.evaluate("(e) => getComputedStyle(e).stroke")
    r, g, b = (int(POPULATIONS["prochloro"]["light"][i : i + 2], 16) for i in (1, 3, 5))
    assert colour == f"rgb({r}, {g}, {b})"


def counted_since(editor: Editor, before: dict[str, Any]) -> None:
    told = editor.read()["told"]
    assert told["n"] > before["told"]["n"] and told["done"] and not told["approximate"]


def test_points_are_added_and_deleted_by_mouse_and_keys(real: Any) -> None:
    editor, _, _ = real()
    editor.select("beads")
    start = editor.read()
    first, begin = start["gates"], editor.vertices("beads")
    editor.page.locator(".gates .handle").nth(0).focus()
    editor.page.keyboard.press("+")
    editor.settle_from(first)
    editor.tab.comes(lambda: counted_since(editor, start))
    more = editor.read()
    vertices = editor.vertices("beads")
    assert len(vertices) == len(begin) + 1
    a, b, new = np.array(begin[0]), np.array(begin[1]), np.array(vertices[1])
    assert abs(np.linalg.det(np.array([b - a, new - a]))) < 1e-4 * np.hypot(*(b - a)) * np.hypot(
        *new
    )  # on the edge: the polygon is the same
    assert more["told"]["counts"] == start["told"]["counts"]
    editor.page.keyboard.press("Delete")
    editor.settle_at(first)
    handle = editor.page.locator(".gates .handle").nth(3)
    handle.focus()
    handle.evaluate(_FOUR_TIMES)
    editor.settle_from(first)
    moved = editor.vertices("beads")
    assert moved[3][0] > begin[3][0]
    assert moved[3][1] == begin[3][1]  # what did not move stays to the last digit
    editor.page.keyboard.press("Control+z")
    editor.settle_at(first)  # four presses, one step


def test_a_new_population_is_drawn_click_by_click(real: Any) -> None:
    editor, cruise, _ = real()
    editor.press("Add a population")
    editor.press("Draw it")
    box = editor.page.locator(".plane").first.bounding_box()
    for fx, fy in ((0.3, 0.6), (0.5, 0.6), (0.5, 0.8), (0.3, 0.8)):
        editor.page.mouse.click(box["x"] + box["width"] * fx, box["y"] + box["height"] * fy)
    editor.tab.shot("gates-drawing")
    editor.page.keyboard.press("Enter")
    editor.page.wait_for_selector("li[data-population=picoeuk].selected")
    told = editor.settle()
    assert [g["population"] for g in told["gates"]][-1] == "picoeuk"
    assert len(editor.vertices("picoeuk")) == 4
    editor.counted(expected(cruise, told["gates"]))


def test_two_browsers_are_told_of_each_other(real: Any, open_tab: Callable[..., Tab]) -> None:
    one, cruise, server = real()
    two = Editor(open_tab(f"{server.address}/gates", width=1500, height=1000))
    one.select("synecho")
    one.drag(2, 20, 10)
    two.page.wait_for_selector(".says[data-kind=others]")
    assert "is changing these gates too" in two.page.locator(".says").inner_text()
    two.select("prochloro")
    begin = two.read()["gates"]
    two.drag(2, 20, 10)
    two.settle_from(begin)
    one.page.get_by_label("Author").fill("Ann")
    one.press("Save from there on")
    one.saved()
    two.page.get_by_label("Author").fill("Bob")
    two.press("Save from there on")
    two.page.wait_for_selector(".warn:not([hidden])")
    assert "Ann" in two.page.locator(".warn").inner_text()
    assert cruise.gates.at("2014-07-04T01:17:02").entry.who == "Ann"
    two.tab.shot("gates-replaces")
    two.press("Save all the same")
    two.saved()
    assert cruise.gates.at("2014-07-04T01:17:02").entry.who == "Bob"


def test_only_a_scientist_draws(real: Any, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"Ann scientist {hashlib.sha256(b'secret').hexdigest()}\n")
    editor, cruise, _ = real("--tokens", str(tokens))
    assert "Read-only" in editor.page.locator(".says").inner_text()
    editor.select("synecho")
    assert editor.page.locator(".gates .handle").count() == 0
    assert not editor.page.get_by_role("button", name="Save from there on").is_visible()
    editor.tab.shot("gates-read-only")
    editor.page.get_by_label("Token").last.fill("secret")
    editor.press("Sign in")
    editor.page.wait_for_selector(".editor[data-may=true]")
    begin = editor.read()["gates"]
    editor.drag(1, -40, 24)
    editor.settle_from(begin)
    assert editor.page.get_by_label("Author").input_value() == "Ann"
    editor.press("Save from there on")
    editor.saved()
    assert cruise.gates.at("2014-07-04T01:17:02").entry.who == "Ann"


def test_a_phone_moves_a_point(real: Any) -> None:
    editor, _, _ = real(phone=True)
    editor.select("synecho")
    editor.page.locator(".plane").first.scroll_into_view_if_needed()
    first, begin = editor.read()["gates"], editor.vertices("synecho")
    editor.drag(1, -20, 12)
    editor.settle_from(first)
    assert sum(a != b for a, b in zip(begin, editor.vertices("synecho"), strict=True)) == 1
    editor.tab.shot("gates-phone", full_page=False)


def test_words_across_the_planes_lie_on_no_gate(real: Any) -> None:
    """Under them is paper, not lines: a word crossed by a gate cannot be read at night."""
    editor, _, _ = real()
    cover = editor.page.locator(".plane .cover").first
    cover.evaluate("(e) => { e.textContent = 'No particles here' }")
    box = cover.bounding_box()
    assert box is not None and box["width"] < 200 and box["height"] < 40  # as wide as what it says
    editor.page.locator(".plane").first.evaluate(
        """(e, [x, y, w, h]) => {
          const r = e.getBoundingClientRect(), line = document.createElementNS("http://www.w3.org/2000/svg", "path")
          line.setAttribute("d", `M${x - r.left - 20},${y - r.top + h / 2}h${w + 40}`)
          line.setAttribute("style", "stroke: #ff00ff; stroke-width: 6")
          e.querySelector("svg.gates").append(line)
        }""",
        [box["x"], box["y"], box["width"], box["height"]],
    )  # a gate that goes right through
    with Image.open(io.BytesIO(editor.page.screenshot(clip=box))) as image:
        red, green, blue = np.asarray(image.convert("RGB"), int).transpose(2, 0, 1)
    assert not ((red - green > 60) & (blue - green > 60)).any()
    assert (red < 160).any(), "and the words are there"
