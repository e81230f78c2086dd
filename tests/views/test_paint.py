"""Both themes are complete, readable, and carried by every figure."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from bokeh.models import Div, LinearAxis

import workbench.views
from workbench.views.component import script
from workbench.views.paint import DENSITY, LINES, ROLES, TRACK, paint

HERE = Path(workbench.views.__file__).parent


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_both_themes_have_the_same_roles() -> None:
    assert set(ROLES["light"]) == set(ROLES["dark"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", ["ink", "muted", "alarm", "good", "accent"])
def test_text_can_be_read(theme: str, role: str) -> None:
    roles = ROLES[theme]  # type: ignore[index]
    assert contrast(roles[role], roles["card"]) >= 4.5  # WCAG 2.2 AA


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_stand_out_from_the_card(theme: str) -> None:
    card = ROLES[theme]["card"]  # type: ignore[index]
    assert all(contrast(colour, card) >= 3 for colour in LINES[theme])  # type: ignore[index]


def test_density_goes_one_way_from_the_paper_to_the_ink() -> None:
    for palette, sign in ((DENSITY["light"], -1), (DENSITY["dark"], 1), (TRACK["dark"], 1)):
        lights = [luminance(colour) for colour in palette]
        assert all((b - a) * sign > -2e-3 for a, b in itertools.pairwise(lights))


def test_paint_notes_both_themes_and_keeps_what_was_noted() -> None:
    axis = LinearAxis()
    paint(axis, "dark", major_label_text_color="muted")
    paint(axis, "dark", axis_label_text_color="ink")
    (tag,) = axis.tags
    assert tag["paint"]["light"] == {
        "major_label_text_color": ROLES["light"]["muted"], "axis_label_text_color": ROLES["light"]["ink"],
    }  # fmt: skip
    assert axis.major_label_text_color == ROLES["dark"]["muted"]


def test_other_tags_stay() -> None:
    div = Div(tags=["mine"])
    paint(div, styles={"light": {"color": "#000"}, "dark": {"color": "#fff"}})  # type: ignore[arg-type]
    assert div.tags[0] == "mine"


@pytest.mark.parametrize("path", sorted(HERE.glob("*.js")) + sorted(HERE.glob("*.css")), ids=lambda p: p.name)
def test_nothing_points_outside(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}/", text.replace("http://www.w3.org/", ""))
    assert "@import" not in text
    assert "serviceWorker" not in text


@pytest.mark.parametrize("path", sorted(HERE.glob("*.css")), ids=lambda p: p.name)
def test_every_colour_variable_exists(path: Path) -> None:
    assert set(re.findall(r"var\(--wb-(\w+)", path.read_text(encoding="utf-8"))) <= set(ROLES["light"])


def test_a_module_is_the_roles_the_theme_and_the_file() -> None:
    text = script("words.js")
    assert text.startswith("const ROLES = ")
    assert text.index("function watchTheme") < text.index("export function render")
