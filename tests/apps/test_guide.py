"""The documentation: every page is reached, every link leads somewhere, nothing asks outside, all of it is found."""

from __future__ import annotations

import argparse
import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.error import HTTPError

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from workbench import cli
from workbench.apps.guide import home, site, write
from workbench.apps.guide.numpydoc import entries, markdown
from workbench.apps.guide.pages import contents_of, page_of, rendered
from workbench.apps.guide.reference import PUBLIC
from workbench.apps.guide.serve import server
from workbench.core import plugins


class Links(HTMLParser):
    """What a page asks for, what it links to, what may be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "a":
            self.links.append(found["href"])
        elif "href" in found or "src" in found:
            self.asked.append(found.get("href") or found["src"])
        if "id" in found:
            self.ids.append(found["id"])


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return site(cli.parser())


@pytest.fixture(scope="module")
def pages(files: dict[str, bytes]) -> dict[str, Links]:
    return {name: Links(body.decode()) for name, body in files.items() if name.endswith(".html")}


def _target(page: str, link: str) -> tuple[str, str]:
    path, _, anchor = link.partition("#")
    parts = page.split("/")[:-1]
    for word in path.split("/") if path else ():
        parts = parts[:-1] if word == ".." else [*parts, word]
    return "/".join(parts) if path else page, anchor


def test_every_link_leads_somewhere(pages: dict[str, Links], files: dict[str, bytes]) -> None:
    wrong = []
    for name, page in pages.items():
        for link in page.links + page.asked:
            if link.startswith(("data:", "http://localhost", "https://semver")):
                continue
            target, anchor = _target(name, link)
            if target not in files or (anchor and anchor not in pages[target].ids):
                wrong.append(f"{name}: {link}")
    # its author is still at it
    assert [each for each in wrong if "write-a-reader" not in each or (home() / "write-a-reader.md").exists()] == []


def test_nothing_is_asked_outside(pages: dict[str, Links], files: dict[str, bytes]) -> None:
    for name, page in pages.items():
        assert all("//" not in asked for asked in page.asked), name
    for name in ("guide.css", "search.js"):
        assert not re.search(r"https?:|@import|url\(|fetch\(|import\(", files[name].decode()), name


def test_every_page_is_in_the_contents(pages: dict[str, Links]) -> None:
    listed = {page_of(target) for _, links in contents_of((home() / "index.md").read_text()) for _, target in links}
    loose = {name for name in pages if not name.startswith("decisions/0")} - listed - {"index.html"}
    assert loose == set()


def test_ids_are_unique(pages: dict[str, Links]) -> None:
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), name


def test_the_index_holds_every_section(files: dict[str, bytes], pages: dict[str, Links]) -> None:
    text = files["index.js"].decode()
    rows = json.loads(text.removeprefix("window.PAGES=").removesuffix(";"))
    assert {row[0] for row in rows} == set(pages)
    for page, anchor, title, _ in rows:
        assert anchor in pages[page].ids and title


def test_the_reference_holds_everything(files: dict[str, bytes]) -> None:
    page = {name: body.decode() for name, body in files.items() if name.startswith("reference")}
    actions = [a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction)]
    for command, sub in actions[0].choices.items():
        assert f">workbench {command}</h2>" in page["reference-commands.html"]
        for action in sub._actions:
            for option in action.option_strings[-1:]:
                assert option == "--help" or option in page["reference-commands.html"]
    assert {name for _, name in PUBLIC} == set(workbench.__all__) - {"__version__"}
    for group, where in (("xarray.backends", "readers"), ("workbench.products", "products"),
                         ("workbench.views", "views"), ("workbench.listeners", "listeners")):  # fmt: skip
        for name in plugins.names(group):
            if plugins._registered(group)[name].value.startswith("workbench."):
                assert f'<h2 id="{name}">{name}</h2>' in page[f"reference-{where}.html"]
    schema = json.loads((Path(__file__).parents[2] / "catalogs" / "schema.json").read_text())
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})}
    known = set(re.findall(r"<code>(\w+)</code>", page["reference-catalog.html"]))
    assert {"view", "reader", "listen", "expect", "record", "every", *keys} <= known


def test_it_opens_from_a_folder(files: dict[str, bytes], tmp_path: Path) -> None:
    write(files, tmp_path / "site")
    assert {p.relative_to(tmp_path / "site").as_posix() for p in (tmp_path / "site").rglob("*") if p.is_file()} == set(
        files
    )


def test_build_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docs", "--build", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "index.html").stat().st_size > 1000
    assert "index.html written" in capsys.readouterr().out


@pytest.fixture
def address(files: dict[str, bytes]) -> Iterator[str]:
    with server(files, 0) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()
        thread.join()


def test_it_is_served(files: dict[str, bytes], address: str) -> None:
    for path, name in (("/", "index.html"), ("/decisions/", "decisions/index.html"), ("/search.js?v=1", "search.js")):
        with urllib.request.urlopen(address + path) as answer:
            assert answer.read() == files[name]
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for path in ("/no.html", "/../pyproject.toml", "/%2e%2e/README.md"):
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(address + path)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_text_never_becomes_markup(text: str) -> None:
    body, _ = rendered(f"# Title\n\n{text}\n", "page.html")
    assert "<script" not in body.lower() and "javascript:" not in body.lower().split("href=")[-1][:20]


@given(st.lists(st.sampled_from(["One", "Two", "one", "1"]), min_size=1, max_size=6))
def test_anchors_are_unique(titles: list[str]) -> None:
    _, sections = rendered("\n\n".join(f"## {title}" for title in titles), "page.html")
    assert [s.title for s in sections] == titles
    assert len({s.anchor for s in sections}) == len(titles)


def test_docstrings_become_tables() -> None:
    text = """Do it.

    Parameters
    ----------
    x, y : float
        Where; ``a | b``.
    """
    assert entries(text) == [("x, y", "float", "Where; ``a | b``.")]
    assert "| `x, y` | float | Where; `a \\| b`. |" in markdown(text)


def test_no_page_styles_itself(files: dict[str, bytes]) -> None:
    """The site's policy allows its own sheet alone; a column that stands to the right has a class."""
    assert [name for name, body in files.items() if name.endswith(".html") and b" style=" in body] == []
    assert 'class="right"' in rendered("| a | b |\n|---|--:|\n| 1 | 2 |\n", "page")[0]
