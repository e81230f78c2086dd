"""Docstrings of numpydoc as Markdown."""

from __future__ import annotations

import inspect
import re

_RULE = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_LISTS = ("Parameters", "Attributes", "Returns", "Raises", "Yields", "Other Parameters")


def markdown(text: str | None, level: int = 4) -> str:
    """A docstring as Markdown; its sections become headings of this level, lists of names become tables.

    Parameters
    ----------
    text : str or None
    level : int
    """
    plain = inspect.cleandoc(text or "")
    pieces = _RULE.split(plain)
    out = [prose(pieces[0])]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        out.append(f"{'#' * level} {title}" if level < 5 else f"**{title}**")
        out.append(_table(body) if title in _LISTS else prose(body))
    return "\n\n".join(part for part in out if part)


def summary(text: str | None) -> str:
    """The first sentence, on one line."""
    return prose(inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " "))


def entries(text: str | None, section: str = "Parameters") -> list[tuple[str, str, str]]:
    """``(names, type, explanation)`` of one section."""
    pieces = _RULE.split(inspect.cleandoc(text or ""))
    bodies = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return _entries(bodies.get(section, ""))


def prose(text: str) -> str:
    """Text of a docstring: ``code``, `names`, and blocks after a double colon."""
    lines: list[str] = []
    fenced = False
    for line in text.replace("``", "`").splitlines():
        deep = line.startswith("    ") and line.strip()
        if deep and not fenced and (not lines or not lines[-1].strip()):
            lines, fenced = [*lines, "```text"], True
        elif fenced and line.strip() and not deep:
            lines, fenced = [*lines, "```", ""], False
        lines.append(line[4:] if fenced and deep else re.sub(r"::$", ":", line))
    return "\n".join([*lines, "```"] if fenced else lines).strip()


def cell(text: str) -> str:
    """Text that fits into a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _entries(body: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, list[str]]] = []
    for line in body.splitlines():
        if line.strip() and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            found.append((names.strip(), kind.strip(), []))
        elif found:
            found[-1][2].append(line.strip())
    return [(names, kind, " ".join(words).strip()) for names, kind, words in found]


def _table(body: str) -> str:
    rows = [f"| `{cell(names)}` | {cell(kind)} | {cell(prose(said))} |" for names, kind, said in _entries(body)]
    return "\n".join(["| | | |", "|---|---|---|", *rows]) if rows else ""
