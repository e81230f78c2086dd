"""The page for an address that leads nowhere: which pages there are, the likeliest first. Nothing here knows Panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from workbench.core.errors import nearest
from workbench.views import say
from workbench.views.assets import style
from workbench.views.colours import ROLES, Theme
from workbench.views.icons import MARK
from workbench.views.links import Link, links

#: What each page of a board is for, in one line.
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "": "Where we are, what we see, and what needs a hand",
        "instrument": "How the instrument is, file by file",
        "science": "What is in the water, by time and by latitude",
        "gates": "Draw the gates of populations",
        "filter": "Find the beads, and what is in focus",
    }
)
#: Letters of an address that are said again.
_LONGEST = 60
#: The theme that the link asks for, else the one that is remembered; without a script, that of the system.
_CHOOSE = (
    'let t=new URLSearchParams(location.search).get("theme");'
    'try{t??=localStorage.getItem("workbench-theme")}catch{}'
    'if(t==="dark"||t==="light")document.documentElement.dataset.wbTheme=t'
)


def meant(path: str, pages: Sequence[Link]) -> Link | None:
    """The page whose name or label looks most like a part of this path, from its end; None when none does."""
    known = {word.lower(): page for page in pages for word in (page.name, page.label) if word}
    parts = [part.lower() for part in reversed(path.split("/")) if part]
    near = next((near for part in parts if (near := nearest(part, known))), None)
    return known[near] if near else None


def suggested(path: str, pages: Sequence[Link]) -> tuple[Link, ...]:
    """All pages, the one that was meant first."""
    first = meant(path, pages)
    return tuple(sorted(pages, key=lambda page: page is not first))


def wrong(path: str) -> str:
    """What is wrong, in words."""
    short = path if len(path) <= _LONGEST else f"{path[: _LONGEST - 1]}…"
    return f"There is no page '{short}' here."


def sentence(path: str, pages: Sequence[Link]) -> str:
    """What is wrong and what there is, for a program."""
    first = meant(path, pages)
    near = f" Did you mean '/{first.name}'?" if first else ""
    return f"{wrong(path)}{near} Pages: {', '.join(f'/{page.name}' for page in pages)}."


def draw(path: str, *, cruise: str = "", under: str = "", query: str = "") -> str:
    """The page as HTML. Pure; it asks for nothing.

    Parameters
    ----------
    path : str
        What was asked for, from ``/``, decoded.
    cruise, under : str
        The cruise, and what stands below it; empty where whoever asks may not know.
    query : str
        Of the address; links carry it on, as a time range in it means the same on each page.
    """
    up = "../" * max(0, path.count("/") - 1)  # relative: the board may stand behind a prefix
    tail = f"?{query}" if query else ""
    pages = links()
    first, rows = meant(path, pages), []
    for page in suggested(path, pages):
        href = say.escape(f"{up or './'}{page.name}{tail}")
        near = " class=near" if page is first else ""
        rows.append(
            f'<li><a href="{href}"{near}><b>{say.escape(page.label)}</b>'
            f"<span>{say.escape(ABOUT.get(page.name, ''))}</span></a></li>"
        )
    asked = f"Did you mean {first.label}? " if first else ""
    title = say.escape(f"{cruise} · no such page" if cruise else "No such page")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_colours()}\n{style('missing.css')}</style><script>{_CHOOSE}</script></head><body>"
        f"<header>{MARK}<div><b>{say.escape(cruise or 'SciOps Workbench')}</b>"
        f"<span>{say.escape(under)}</span></div></header>"
        f'<main><h1>{say.escape(wrong(path))}</h1><p>{say.escape(asked)}The pages of this board:</p><ul>{"".join(rows)}</ul></main>'
        "</body></html>\n"
    )  # fmt: skip


def _colours() -> str:
    def rule(theme: Theme) -> str:
        return ";".join([*(f"--wb-{name}:{colour}" for name, colour in ROLES[theme].items()), f"color-scheme:{theme}"])

    dark, light = rule("dark"), rule("light")
    return (
        f":root{{{light}}}\n@media (prefers-color-scheme: dark) {{ :root{{{dark}}} }}\n"
        f":root[data-wb-theme=light]{{{light}}}\n:root[data-wb-theme=dark]{{{dark}}}"
    )
