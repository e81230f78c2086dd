"""Whether every number in a sentence is one of those it says it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from workbench.reports.finding import Finding
from workbench.views import say


def shown(value: object) -> Iterator[str]:
    """Every way in which a number may be written."""
    if isinstance(value, np.datetime64):
        for seconds in (True, False):
            text = say.moment(value, seconds=seconds)
            yield from (text, text[11:])
    elif isinstance(value, str):
        yield value
        yield value.rsplit("/", 1)[-1]
    else:
        number = float(value)  # type: ignore[arg-type]
        for sign in (number, abs(number)):
            yield from (say.number(sign, digits) for digits in range(1, 7))
            yield from (say.plain(sign), f"{sign:.2g}")
            if sign == int(sign):
                yield from (say.count(int(sign)), str(int(sign)))
            yield say.age(np.timedelta64(round(sign * 1e9), "ns")) if abs(sign) < 1e9 else ""


def untold(finding: Finding) -> str:
    """What is left of digits when all numbers that the finding tells are taken out of its text."""
    text = finding.text.replace(finding.source.partition(".")[0], " ")
    known = sorted({t for n in finding.numbers for t in shown(n.value) if t}, key=len, reverse=True)
    for told in known:
        text = re.sub(rf"(?<![\d.]){re.escape(told)}(?!\.?\d)", " ", text)
    return " ".join(re.findall(r"\S*\d\S*", text))
