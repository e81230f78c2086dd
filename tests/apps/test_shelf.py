"""Catalogs below a folder: found, told what is wrong with them, and none from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.apps import launcher, shelf
from workbench.core.errors import WorkbenchError

GOOD = """
metadata: {cruise: {id: ID, ship: "R/V <b>"}}
sources:
  a: {driver: workbench, description: x, args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/none"}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "catalogs/b.yaml": GOOD.replace("ID", "B"), "deep/er/catalogs/a.yml": GOOD.replace("ID", "A"),
        "sim/catalog.yaml": GOOD.replace("ID", "S"), "sim/other.yaml": GOOD, "catalogs/wrong.yaml": "sources: {",
        ".hidden/catalogs/h.yaml": GOOD, "node_modules/catalogs/n.yaml": GOOD, "1/2/3/4/5/6/catalogs/far.yaml": GOOD,
    }.items():  # fmt: skip
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "outside.yaml").write_text(GOOD)
    return tmp_path / "root"


def test_found(root: Path) -> None:
    found = {each.path: each for each in shelf.catalogs(root)}
    assert set(found) == {"catalogs/b.yaml", "catalogs/wrong.yaml", "deep/er/catalogs/a.yml", "sim/catalog.yaml"}
    assert found["catalogs/b.yaml"].cruise == "B"
    assert found["catalogs/wrong.yaml"].trouble and not found["sim/catalog.yaml"].trouble


def test_the_page_escapes_and_links(root: Path) -> None:
    page = shelf.page(shelf.catalogs(root), root)
    assert "R/V &lt;b&gt;" in page and "R/V <b>" not in page
    assert "href='board?catalog=catalogs%2Fb.yaml'" in page
    assert "Cannot be opened: line " in page
    assert "http" not in page.replace("http-equiv", "")


def test_nothing_found_says_what_to_do(tmp_path: Path) -> None:
    page = shelf.page(shelf.catalogs(tmp_path), tmp_path)
    assert "workbench init" in page and "WORKBENCH_CATALOG" in page


@pytest.mark.parametrize(
    "name", ["../outside.yaml", "/etc/passwd", "catalogs", "none.yaml", "", "sim/../../outside.yaml"]
)
def test_no_catalog_of_elsewhere(root: Path, name: str) -> None:
    with pytest.raises(WorkbenchError, match="no catalog"):
        shelf.within(root, name)


def test_a_link_names_its_file(root: Path) -> None:
    assert shelf.within(root, "catalogs/b.yaml") == root / "catalogs" / "b.yaml"


def test_the_card() -> None:
    card = launcher.card()
    entry = card["launcher_entry"]
    assert Path(entry["icon_path"]).read_text().startswith("<svg")
    assert entry["title"] == "Cruise board"
    assert card["unix_socket"] is True, "nobody else on this machine may reach it"
    assert "{unix_socket}" in launcher.command()
