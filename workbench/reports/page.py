"""The page around a report: what it may do, its colours, and the scripts that bring its pictures to life."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from workbench.views.component import script, style
from workbench.views.paint import FONT, ROLES

_HERE = Path(__file__).parent
#: What the browser may do: run what stands in the file, show what stands in the file.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)
_STAGES = {"map": "map.js", "time": "time.js"}


def page(title: str, body: str, made_by: str, told: Mapping[str, Any]) -> str:
    """A whole HTML file; ``@@SCRIPT@@`` stands where the script of the figures belongs.

    Parameters
    ----------
    title : str
    body : str
        HTML.
    made_by : str
        Name and version of the program.
    told : mapping
        What the browser needs beside the figures, by the id of their frame; JSON.
    """
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta name="generator" content="{escape(made_by)}">'
        f"<style>{_colours()}\n{_text('report.css')}</style></head>\n<body>{body}\n{_scripts(told)}</body></html>\n"
    )


def _scripts(told: Mapping[str, Any]) -> str:
    from bokeh.resources import Resources

    bokeh = "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)  # `render_js` adds what Panel loads
    data = json.dumps(told, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    css = json.dumps({"words": style("words.css"), "stage": style("stage.css")}).replace("</", "<\\/")
    stages = ",".join(f"{kind}: {_stage(name)}" for kind, name in _STAGES.items())
    return (
        f"<script>{bokeh}</script>\n"
        f'<script type="application/json" id="told">{data}</script>\n'
        f"<script>(() => {{\n{script('stage.js', 'map_box.js')}\nconst CSS = {css}\nconst STAGES = {{{stages}}}\n{_text('report.js')}\n}})()</script>\n@@SCRIPT@@"
    )


def _stage(name: str) -> str:
    """The board's own component as a function; its helpers stand in the script around it."""
    body = (Path(str(_views())) / name).read_text(encoding="utf-8").replace("export function render", "function render")
    return f"(() => {{\n{body}\nreturn render\n}})()"


def _views() -> Path:
    import workbench.views.component as component

    return Path(component.__file__).parent


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _colours() -> str:
    def rule(theme: str) -> str:
        return ";".join(f"--wb-{role}:{value}" for role, value in ROLES[theme].items())  # type: ignore[index]

    return (
        f":root{{{rule('light')};--font:{FONT}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-wb-theme=light]){{{rule('dark')}}}}}\n"
        f":root[data-wb-theme=dark]{{{rule('dark')}}}"
    )


def asked_for(html: str) -> list[str]:
    """Addresses in a page that a browser would ask for; none in a report."""
    found = re.findall(
        r"""<(?:script|link|img|iframe|audio|video|source|object|embed)\b[^>]*?\b(?:src|href|data)\s*=\s*["']?([^"'\s>]+)""",
        html,
        re.IGNORECASE,
    )
    found += re.findall(r"""url\(\s*["']?((?:https?:)?//[^"')]+)""", html)
    found += re.findall(r"""@import\s+["']?([^"';]+)""", html)
    return [address for address in found if not address.startswith(("data:", "#", "blob:"))]
