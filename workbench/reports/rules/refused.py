"""Files and lines that could not be read."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from workbench.core.window import Window
from workbench.reports.finding import Finding, Number, joined, plural
from workbench.views import say

TOPIC = "Files"
_BAD = re.compile(r"(?P<why>[^:]+): (?P<count>\d+) \((?P<first>.*)\)\s*")


def files(
    read: int, refused: Sequence[str], source: str, window: Window, *, particles: int | None = None, empty: int = 0
) -> list[Finding]:
    """How many files were read, and which could not be.

    Parameters
    ----------
    read : int
    refused : sequence of str
        ``path: reason`` each.
    source : str
    window : Window
    particles : int, optional
        In the files that were read.
    empty : int
        Files read that hold nothing.
    """
    if not read and not refused:
        return []
    numbers: tuple[Number, ...] = (Number("files read", read), Number("files refused", len(refused)))
    if particles is not None:
        numbers = (*numbers, Number("particles", particles))
    held = f" with {say.count(particles)} particles" if particles is not None else ""
    whole = "Every file" if not refused else plural(read, "file", number=say.count)
    were = "was" if not refused or read == 1 else "were"
    counted = f" ({say.count(read)})" if not refused else ""
    text = f"{whole} of {source}{counted}{held} {were} read."
    found = [Finding(TOPIC, "fact", text, numbers, source, window, "files of the source in this time")]
    if refused:
        names = [line.split(": ", 1) for line in refused]
        short = [parts[0].rsplit("/", 1)[-1] for parts in names]
        others = [plural(len(short) - 3, "other")] if len(short) > 3 else []
        first = joined([*short[:3], *others])
        more = tuple(
            number
            for i, (name, parts) in enumerate(zip(short[:40], names[:40], strict=True), 1)
            for number in (Number(f"file {i}", name), Number(f"why {i}", parts[-1]))
        )
        rest = (Number("others", len(short) - 3),) if len(short) > 3 else ()
        text = f"{plural(len(refused), 'file', number=say.count)} could not be read: {first}."
        found.append(
            Finding(TOPIC, "fault", text, (*numbers, *rest, *more), source, window, "what the reader refuses, and why")
        )
    return found


def unmatched(listed: Sequence[str], there: Sequence[str], source: str, files_of: str, window: Window) -> list[Finding]:
    """Files that a log lists and nobody has, and files that no line of it lists.

    Parameters
    ----------
    listed : sequence of str
        ``file_id`` of the log's rows.
    there : sequence of str
        Names of the files, readable or not.
    source, files_of : str
        The log and the source of the files.
    window : Window
    """
    ours, theirs = {_plain(name) for name in there}, {_plain(name) for name in listed}
    if not ours & theirs:
        return []
    found = []
    for names, text in (
        (sorted(theirs - ours), f"listed in {source} but not among the files of {files_of}"),
        (sorted(ours - theirs), f"among the files of {files_of} but not listed in {source}"),
    ):
        if names:
            others = [plural(len(names) - 3, "other")] if len(names) > 3 else []
            numbers = (Number("files", len(names)), *(Number("others", len(names) - 3) for _ in others),
                       *(Number(f"file {i + 1}", name) for i, name in enumerate(names[:40])))  # fmt: skip
            told = f"{plural(len(names), 'file', number=say.count)} {'is' if len(names) == 1 else 'are'} {text}: {joined([*names[:3], *others])}."
            found.append(
                Finding(TOPIC, "fault", told, numbers, source, window, "names compared without folder and packing")
            )
    return found


def _plain(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    return base.removesuffix(".parquet").removesuffix(".gz").removesuffix(".zst")


def lines(bad: str, rows: int, source: str, window: Window) -> list[Finding]:
    """Lines of a log that hold no row: a wrong checksum, a sentence cut short.

    Parameters
    ----------
    bad : str
        ``reason: count (first at byte N of PATH)`` a line, as the readers' attr ``bad`` has it.
    rows : int
        Rows that were read.
    source : str
    window : Window
    """
    told = [match for line in bad.splitlines() if (match := _BAD.fullmatch(line))]
    total = sum(int(match["count"]) for match in told)
    if not total:
        return []
    reasons = joined(f"{say.count(int(match['count']))} × {match['why'].strip()}" for match in told)
    numbers = (
        Number("lines not understood", total), Number("rows read", rows),
        *(Number(match["why"].strip(), int(match["count"])) for match in told),
        *(Number("first", match["first"]) for match in told),
    )  # fmt: skip
    text = f"{plural(total, 'line', number=say.count)} of {source} could not be understood and {'was' if total == 1 else 'were'} left out ({reasons})."
    return [Finding(TOPIC, "fault", text, numbers, source, window, "what the reader counts as bad")]


def nothing(source: str, window: Window, fault: str | None = None) -> Finding:
    """A source that gave no rows."""
    if fault:
        text = f"{source} could not be read: {fault.rstrip('.')}."
        return Finding(TOPIC, "fault", text, (Number("reason", fault),), source, window, "the source cannot be opened")
    text = f"{source} has no data in this time."
    return Finding(TOPIC, "fact", text, (Number("rows", 0),), source, _finite(window), "rows in this time")


def _finite(window: Window) -> Window:
    zero = np.datetime64(0, "ns")
    return window if window.start < window.stop else Window(zero, zero)
