"""Tables of a report: files that were refused, events, and where everything comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from workbench.record.state import Event
from workbench.reports.content import Content
from workbench.reports.markup import breakable, kept_together, prose
from workbench.reports.provenance import Origin, catalog_sum, size_text
from workbench.views import files, say

#: Lines of the table of files.
MOST = 200


def unread(content: Content) -> list[files.Entry]:
    """Files that were refused, and those that hold nothing."""
    entries: list[files.Entry] = []
    for name, mosaic in content.mosaics.items():
        for line in mosaic.refused:
            path, _, reason = line.partition(": ")
            entries.append(files.Entry(f"{name}: {path}", reason=reason))
        table = mosaic.table
        entries += [
            files.Entry(table.names[i], np.datetime64(int(table.times[i]), "ns"), 0)
            for i in np.flatnonzero(table.sizes == 0).tolist()
        ]
    return entries


def unread_files(entries: Sequence[files.Entry]) -> str:
    """Those files with the reason, as the board's card shows them."""
    more = f"<p class=none>and {len(entries) - MOST} more</p>" if len(entries) > MOST else ""
    listed = files.draw(entries[:MOST], live=False)
    return f'<div class="shadow files" data-css="words"><template>{listed}</template></div>{more}'


def events(found: Sequence[Event]) -> str:
    """What people and the engine wrote down."""
    rows = "".join(
        f"<tr><td>{kept_together(say.moment(e.time))}</td><td>{escape(e.text)}</td><td>{escape(e.source)}</td><td>{escape(e.who)}</td></tr>"
        for e in found
    )
    head = "<tr><th>Time (UTC)</th><th>Event</th><th>About</th><th>Who</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def provenance(content: Content, origins: Sequence[Origin], versions: Mapping[str, str], made: np.datetime64) -> str:
    """The catalog, its sources with their parameters and checksums, and what made the report."""
    cruise = content.cruise
    homes = [(f"{cruise.path.absolute().parent}{os.sep}", "")]
    if data := os.environ.get("WORKBENCH_DATA"):
        homes.append((data.rstrip(os.sep), "$WORKBENCH_DATA"))
    rows = "".join(_origin(origin, homes) for origin in origins)
    head = "<tr><th>Source</th><th>Rows</th><th>From – to (UTC)</th><th>Made of</th><th>Checksum</th></tr>"
    with_ = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in versions.items())
    when = kept_together(f"{say.moment(made)} UTC")
    return (
        f"<p>Catalog <b>{escape(cruise.path.name)}</b>, sha256 <code>{catalog_sum(content)}</code>. Made {when}.</p>"
        f"<div class=scroll><table class=origins><thead>{head}</thead><tbody>{rows}</tbody></table></div><dl class=facts>{with_}</dl>"
    )


def _origin(origin: Origin, homes: Sequence[tuple[str, str]]) -> str:
    span = kept_together(say.period(*origin.span)) if origin.span else "–"
    told = "".join(
        f"<div>{escape(k)}: {breakable(_argument(v, homes))}</div>"
        for k, v in origin.arguments.items()
        if v is not None
    )
    summed = (
        f"<code>{origin.checksum}</code><div class=of>{escape(origin.of)}</div>"
        if origin.checksum
        else escape(origin.of)
    )
    held = (
        f"{say.count(origin.files)} file{'s' * (origin.files != 1)}, {size_text(origin.size)}" if origin.files else ""
    )
    return (
        f"<tr><th>{escape(origin.name)}<div class=of>{prose(origin.description)}</div></th><td>{say.count(origin.rows)}</td>"
        f"<td>{span}</td><td>{told}<div class=of>{held}</div></td><td>{summed}</td></tr>"
    )


def _argument(value: Any, homes: Sequence[tuple[str, str]]) -> str:
    """As it stands in the catalog: places beside it, or under the root of the data, without where that is."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={_argument(v, homes)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_argument(v, homes) for v in value)
    text = str(value)
    for home, name in homes:
        text = text.replace(home, name)
    return text
