"""Markdown into pages with a list of contents and a search; pure but for reading the files."""

from __future__ import annotations

import html
import json
import re
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from workbench.core.errors import WorkbenchError

_HERE = Path(__file__).parent
_FILES = ("guide.css", "search.js")


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, for the search.

    Attributes
    ----------
    page, anchor : str
        Where it is.
    title, text : str
    """

    page: str
    anchor: str
    title: str
    text: str


def home() -> Path:
    """The folder of Markdown: ``docs/`` of a clone, else what was installed.

    Raises
    ------
    WorkbenchError
        When it is nowhere.
    """
    clone = _HERE.parents[2]
    for folder in (clone / "docs", _HERE / "docs"):
        if (folder / "index.md").is_file() and (folder.parent == _HERE or (clone / "pyproject.toml").is_file()):
            return folder
    raise WorkbenchError(f"{_HERE / 'docs'}: the pages are not there; install the package again")


def site(parser: ArgumentParser, folder: Path | None = None) -> dict[str, bytes]:
    """Every file of the site, by its name.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The whole command line.
    folder : pathlib.Path, optional
        Of the Markdown; `home` unless told.
    """
    from workbench.apps.guide.reference import written

    folder = folder or home()
    texts = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.md"))}
    texts |= written(parser)
    files = {name: (_HERE / name).read_bytes() for name in _FILES}
    files |= {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}
    contents, sections = contents_of(texts["index.md"]), list[Section]()
    for name, text in texts.items():
        body, found = rendered(text, page_of(name))
        sections += found
        files[page_of(name)] = _page(name, body, found, contents).encode()
    rows = [[each.page, each.anchor, each.title, each.text] for each in sections]
    files["index.js"] = f"window.PAGES={json.dumps(rows, ensure_ascii=False, separators=(',', ':'))};".encode()
    return files


def page_of(name: str) -> str:
    """``decisions/README.md`` is ``decisions/index.html``."""
    return re.sub(r"README\.md$", "index.md", name).removesuffix(".md") + ".html"


def contents_of(index: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of pages, ``(group, [(title, page)])``, as the headings and links of ``index.md`` say."""
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for line in index.splitlines():
        if line.startswith("## "):
            groups.append((line[3:].strip(), []))
        elif groups and (link := re.match(r"- \[([^]]+)\]\(([^)#]+\.md)\)", line)):
            groups[-1][1].append((link[1], link[2]))
    return groups


def rendered(text: str, page: str) -> tuple[str, list[Section]]:
    """HTML of a page, and its sections."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    sections: list[Section] = []
    used: set[str] = set()
    words: list[str] = []

    def close() -> None:
        if sections:
            last = sections.pop()
            sections.append(Section(last.page, last.anchor, last.title, " ".join(" ".join(words).split())))
        words.clear()

    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            title = _plain(tokens[place + 1])
            anchor = _anchor(title, used)
            token.attrSet("id", anchor)
            close()
            sections.append(Section(page, anchor, title, ""))
        elif token.type == "inline":
            _relink(token)
            if tokens[place - 1].type != "heading_open":
                words.append(_plain(token))
        elif token.type in ("fence", "code_block"):
            words.append(token.content)
        elif token.attrs.pop("style", None) == "text-align:right":  # the site allows no styles but its own
            token.attrSet("class", "right")
    close()
    body: str = markdown.renderer.render(tokens, markdown.options, {})
    return body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>"), sections


def _plain(token: Token) -> str:
    return "".join(" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ())


def _anchor(title: str, used: set[str]) -> str:
    plain = re.sub(r"[^\w]+", "-", title.lower()).strip("-") or "section"
    name, number = plain, 1
    while name in used:
        number += 1
        name = f"{plain}-{number}"
    used.add(name)
    return name


def _relink(token: Token) -> None:
    for child in token.children or ():
        target = child.attrGet("href") if child.type == "link_open" else None
        if isinstance(target, str) and "://" not in target:
            path, mark, anchor = target.partition("#")
            if path.endswith(".md"):
                child.attrSet("href", page_of(path) + mark + anchor)


def _listed(name: str, up: str, contents: list[tuple[str, list[tuple[str, str]]]]) -> str:
    """The list of contents, as the page `name` shows it."""
    groups = []
    for group, links in contents:
        items = "".join(
            f'<li><a href="{up}{page_of(target)}"{" aria-current=page" if target == name else ""}>'
            f"{html.escape(label)}</a></li>"
            for label, target in links
        )
        groups.append(f"<h2>{html.escape(group)}</h2><ul>{items}</ul>")
    return "".join(groups)


def _page(name: str, body: str, sections: list[Section], contents: list[tuple[str, list[tuple[str, str]]]]) -> str:
    up = "../" * name.count("/")
    title = sections[0].title if sections else name
    inside = "".join(f'<li><a href="#{s.anchor}">{html.escape(s.title)}</a></li>' for s in sections[1:])
    here = f'<aside aria-label="On this page"><ul>{inside}</ul></aside>' if 3 < len(sections) < 40 else ""
    return f"""<!doctype html>
<html lang="en" data-up="{up}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)} · SciOps Workbench</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{up}guide.css">
<script defer src="{up}index.js"></script>
<script defer src="{up}search.js"></script>
</head>
<body>
<a class="skip" href="#text">To the text</a>
<header>
<button type="button" id="menu" aria-expanded="false" aria-controls="contents">Contents</button>
<a class="name" href="{up}index.html">SciOps Workbench</a>
<form role="search"><input id="search" type="search" placeholder="Search (press /)" aria-label="Search" autocomplete="off"
 aria-controls="found"></form>
<button type="button" id="theme">Dark</button>
<ol id="found" hidden></ol>
</header>
<div class="columns">
<nav id="contents" aria-label="Contents">{_listed(name, up, contents)}</nav>
<main id="text" tabindex="-1">{body}</main>
{here}
</div>
</body>
</html>
"""
