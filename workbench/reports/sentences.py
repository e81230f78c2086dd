"""The sentences of a report as HTML: each with the numbers it was made from, where it stands and again at the end."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from workbench.reports.finding import Finding
from workbench.reports.findings import topics, value_text
from workbench.reports.markup import kept_together
from workbench.views import say
from workbench.views.icons import icon

_LEAD = "<p class=lead>Every sentence is made from numbers; open it to see which. ↔ shows its time in the charts.</p>"
_SIGNS = {"fault": "up", "change": "note", "fact": "none"}


def by_topic(findings: Sequence[Finding]) -> str:
    """All sentences under their headings."""
    note = {id(finding): i for i, finding in enumerate(findings, 1)}
    groups = []
    for topic, found in topics(list(findings)).items():
        items = "".join(_sentence(f, note[id(f)]) for f in found)
        groups.append(f"<div class=topic><h3>{escape(topic)}</h3><ul>{items}</ul></div>")
    return _LEAD + "".join(groups)


def notes(findings: Sequence[Finding]) -> str:
    """The numbers behind each sentence, as a table that can be printed."""
    rows = "".join(
        f'<tr id="note-{i}"><th>{i}</th><td>{kept_together(f.text)}</td><td>{_inline(f)}</td></tr>'
        for i, f in enumerate(findings, 1)
    )
    head = "<tr><th></th><th>Sentence</th><th>Numbers, source and rule</th></tr>"
    return f"<table class=notes><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _sentence(finding: Finding, note: int) -> str:
    word = "To look at: " if finding.kind == "fault" else ""
    a, b = (say.milliseconds(t) for t in finding.window)
    says = "Show this time in the charts"
    show = (
        f'<button type="button" class="show" data-from="{a:.0f}" data-to="{b:.0f}" title="{says}" aria-label="{says}">↔</button>'
        if b > a
        else ""
    )
    return (
        f'<li class="finding {finding.kind}"><details><summary>{icon(_SIGNS[finding.kind])}<span><span class=vh>{word}</span>'
        f'{kept_together(finding.text)}<sup><a href="#note-{note}">{note}</a></sup></span></summary>'
        f"{_numbers(finding)}</details>{show}</li>"
    )


def _numbers(finding: Finding) -> str:
    rows = "".join(
        f"<tr><th>{escape(n.label)}</th><td>{kept_together(value_text(n.value, n.unit))}</td></tr>"
        for n in finding.numbers
    )
    about = f"<tr><th>source</th><td>{escape(finding.source)}</td></tr><tr><th>rule</th><td>{escape(finding.rule)}</td></tr>"
    return f"<table class=behind>{rows}{about}</table>"


def _inline(finding: Finding) -> str:
    told = "; ".join(f"{n.label} <b>{kept_together(value_text(n.value, n.unit))}</b>" for n in finding.numbers)
    return f"{told}. <i>{escape(finding.source)}</i>: {escape(finding.rule)}."
