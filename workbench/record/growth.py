"""What is new in a table since a cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import xarray as xr

from workbench.record import days
from workbench.record.columns import REV, SEQ
from workbench.record.days import DAY
from workbench.record.hot import Hot, quoted
from workbench.record.lazy import at_once
from workbench.record.look import Look, Part, bounds
from workbench.record.meta import Meta

#: Rows after which a call stops and says that there is more.
ENOUGH = 200_000


def since(store: Hot, table: str, cursor: Any) -> tuple[xr.Dataset, Any] | None:
    """See `Record.changed`; None when there is no such table.

    The cursor: ``epoch`` and ``rev`` of what was given; on the way, ``upto`` (the revision to be reached) and ``day``
    (the next to be looked at).
    """
    with store.reading() as connection:
        meta = Meta.load(connection, table) if connection is not None else None
        if connection is None or meta is None:
            return None
        given = cursor or {"epoch": meta.epoch, "rev": -1}
        if given["epoch"] != meta.epoch or given["rev"] > meta.rev:
            return _answer(meta, [], replaces=f"rows of '{meta.name}' were replaced"), None
        meta = replace(meta, rev=given.get("upto", meta.rev))
        if given["rev"] == meta.rev:
            return _answer(meta, []), cursor
        query = f"select distinct (time - (time % {DAY} + {DAY}) % {DAY}) / {DAY} from {quoted(meta.name)} where {REV} > ? and {REV} <= ?"
        found = {row[0] for row in connection.execute(query, (given["rev"], meta.rev))}
    rolled = days.listed(store.path.parent / meta.name)
    found |= {number for number, day in rolled.items() if day.footer.revs[1] > given["rev"]}
    look, got, rows = Look(store, meta, ()), 0, []
    waiting = sorted(number for number in found if number >= given.get("day", number))
    for i, number in enumerate(waiting):
        part = Part(number, *bounds(number), 0)
        rows.append(look.rows(part, list(meta.columns.values()), given["rev"]))
        got += rows[-1].num_rows
        if got >= ENOUGH and i + 1 < len(waiting):
            after = {"epoch": meta.epoch, "rev": given["rev"], "upto": meta.rev, "day": waiting[i + 1]}
            return _answer(meta, rows, more=1), after
    return _answer(meta, rows), {"epoch": meta.epoch, "rev": meta.rev}


def _answer(meta: Meta, rows: list[pa.Table], replaces: str = "", more: int = 0) -> xr.Dataset:
    if not rows:
        none = {name: pa.array([], pa.int64()) for name in ("time", SEQ, REV)}
        rows = [pa.table(none | {c.name: pa.array([], c.arrow) for c in (*meta.keys, *meta.columns.values())})]
    ds = at_once(pa.concat_tables(rows), meta)
    return ds.assign_attrs(replaces=replaces, more=more)
