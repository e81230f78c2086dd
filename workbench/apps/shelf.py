"""The catalogs below a folder, and the page on which a person chooses one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from workbench.catalog.check import examine
from workbench.core.errors import WorkbenchError

#: Folders are searched this deep, and so many of them at most; what is there is found long before.
DEEP, MANY = 4, 5_000
_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


@dataclass(frozen=True)
class Found:
    """A catalog.

    Attributes
    ----------
    path : str
        Below the folder that was searched, with ``/``.
    cruise, about : str
        Its id, and what else the catalog says of it.
    trouble : str
        Its first mistake; empty when it can be opened.
    """

    path: str
    cruise: str = ""
    about: str = ""
    trouble: str = ""


def catalogs(root: Path) -> list[Found]:
    """The catalogs below `root`: YAML files in folders called ``catalogs``, and files called ``catalog.yaml``."""
    return [look(root, path) for path in sorted(_files(root))]


def look(root: Path, path: Path) -> Found:
    """What a catalog says of itself. No data are read."""
    name = path.relative_to(root).as_posix()
    try:
        examined = examine(path)
    except (WorkbenchError, OSError) as error:
        return Found(name, trouble=str(error))
    if examined.catalog is None:
        more = len(examined.problems) - 1
        first = f"{examined.problems[0]}".replace(f"{path}:", "line ", 1)
        return Found(name, trouble=first + (f" (and {more} more)" if more else ""))
    cruise = examined.catalog.metadata.cruise
    return Found(name, cruise.id, " · ".join(text for text in (cruise.ship, cruise.title) if text))


def within(root: Path, name: str) -> Path:
    """The file that a link names; WorkbenchError when it is none of this folder."""
    path = Path(os.path.normpath(root / name))
    if not path.is_relative_to(root) or path.suffix not in (".yaml", ".yml") or not path.is_file():
        raise WorkbenchError(f"there is no catalog '{name[:200]}' below {root}. Go back and choose one of the list.")
    return path


def _files(root: Path) -> Iterator[Path]:
    for seen, (folder, folders, files) in enumerate(os.walk(root)):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        known = {name for name in folders if not name.startswith(".") and name not in _SKIPPED}
        folders[:] = sorted(known) if depth < DEEP and seen < MANY else []
        for name in files:
            listed = here.name == "catalogs" and name.endswith((".yaml", ".yml"))
            if listed or name in ("catalog.yaml", "catalog.yml"):
                yield here / name


def page(found: Sequence[Found], root: Path) -> str:
    """The page on which one is chosen; it needs no script and asks nobody."""
    if not found:
        body = (
            f"<p>There is no catalog below <code>{escape(str(root))}</code> yet. Put one into a folder called "
            "<code>catalogs</code>, or let one be written in a terminal:</p><pre>workbench init DATA_FOLDER -o catalogs/cruise.yaml</pre>"
            "<p>To look at a simulated cruise:</p><pre>workbench simulate cruise --days 0.5</pre>"
            "<p>Then load this page again. <code>$WORKBENCH_CATALOG</code>, set before Jupyter starts, opens one at once.</p>"
        )
    else:
        body = f"<ul>{''.join(_item(each) for each in found)}</ul>"
    return _PAGE.replace("@BODY@", body)


def _item(found: Found) -> str:
    path = f"<small>{escape(found.path)}</small>"
    if found.trouble:
        return (
            f"<li class='bad'><b>{escape(found.path)}</b><small>Cannot be opened: {escape(found.trouble)}</small></li>"
        )
    link = f"board?{urlencode({'catalog': found.path})}"
    return (
        f"<li><a href='{escape(link)}'><b>{escape(found.cruise)}</b><span>{escape(found.about)}</span>{path}</a></li>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cruise boards</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --bg: #eef2f5; --card: #fff; --ink: #16232e; --soft: #566877; --link: #10293a; --bad: #a3212b }
@media (prefers-color-scheme: dark) {
  :root { --bg: #0a1016; --card: #121b23; --ink: #dde6ed; --soft: #92a4b2; --link: #5cb8e4; --bad: #ff8a8a }
}
body { margin: 0; background: var(--bg); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 46rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 1rem }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem }
li { background: var(--card); border-radius: 10px; box-shadow: 0 1px 3px #0002 }
li a, li.bad { display: grid; gap: .1rem; padding: .9rem 1.1rem; color: inherit; text-decoration: none }
li a b { color: var(--link); font-size: 1.1rem }
li a:hover, li a:focus-visible { outline: 2px solid var(--link); border-radius: 10px }
small { color: var(--soft); overflow-wrap: anywhere }
.bad small { color: var(--bad) }
pre { background: var(--card); padding: .8rem 1rem; border-radius: 10px; overflow-x: auto }
</style></head><body><main><h1>Cruise boards</h1>@BODY@</main></body></html>
"""
