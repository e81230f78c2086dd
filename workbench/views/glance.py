"""What a page shows at a glance: head, numbers, map and cytograms as still pictures, before what draws them live is there.

It comes with the first bytes of a page and is drawn by a few lines of script (``glance.js``), with the very colours,
style sheets and numbers of the live page, which is built beneath it and takes over. Nothing here knows Panel: a new
process can answer a glance before it has loaded that.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.catalog.declared import BoardItem
from workbench.core.codes import CHANNELS
from workbench.live.row_feed import RowFeed
from workbench.live.session import CYTOGRAMS, Session
from workbench.raster.coastline import middle, rings
from workbench.views import head as page_head
from workbench.views import planes, say
from workbench.views.assets import script, style
from workbench.views.colours import DENSITY, TRACK
from workbench.views.links import Link
from workbench.views.names import label_of, labels
from workbench.views.numbers import tiles_of
from workbench.views.track import NEAR, bounds, columns, land_columns, limits, voyage_of

#: Cards of the upper row: only these have pictures.
UPPER = 3
#: Cells along an axis of a picture: what a card as large as on a laptop asks for.
LEVEL = 256
#: What kind of card a view is (the class says so, but brings Panel); another one is a plain card.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "tiles": "tiles", "cruise_map": "map", "cytogram": "cytogram", "series": "series", "populations": "series",
        "files": "files", "t_s": "against", "by_latitude": "against",
    }
)  # fmt: skip
_AROUND = ("control.js", "choose.js", "strip.js", "words.js")
_SHARED = ("ages.js", "frames.js", "groups.js", "map_box.js")
_SHEETS = ("board.css", "words.css", "choose.css", "control.css", "stage.css", "glance.css")

Told = dict[str, Any]


def told_of(session: Session, items: Sequence[BoardItem], links: Sequence[Link] = ()) -> Told:
    """What a glance at the front page shows, without the pictures of its cytograms.

    Parameters
    ----------
    session : Session
        What is looked at.
    items : sequence of BoardItem
    links : sequence of Link

    Returns
    -------
    dict
        JSON-able. ``cards`` whose ``picture`` is told wait for a ``frame`` (`raster.encode`, base64).
    """
    pages = [(one.label, one.href, one.name == "") for one in links]
    kinds = [(KINDS.get(item.view, "other"), item) for item in items]
    tiles = next((item for kind, item in kinds if kind == "tiles"), None)
    cards = _cards(session, kinds)
    lower = [kind for wanted in ("series", "other", "files") for kind, _ in kinds if kind == wanted]
    more = len(cards[UPPER:]) + sum(kind == "against" for kind, _ in kinds)
    return {
        "head": page_head.draw(page_head.head_of(session.feeds, pages)), "pages": page_head.navigation(pages),
        "clock": page_head.told_clock(session), "time": _time(session), "lower": lower, "more": more,
        "tiles": None if tiles is None else tiles_of(session, tiles.options.get("kpis") or tuple(session.feeds.cruise.kpis)),
        "cards": cards[:UPPER],
    }  # fmt: skip


def _time(session: Session) -> Told:
    return {
        "time": session.time, "follow": session.follow, "window": [say.milliseconds(t) for t in session.window],
        "message": session.message, "finished": session.feeds.cruise.finished,
    }  # fmt: skip


def _cards(session: Session, kinds: Sequence[tuple[str, BoardItem]]) -> list[Told]:
    """Maps, then cytograms, as they stand on the page."""
    maps = [item for kind, item in kinds if kind == "map" and _sails(session, item)]
    drawn = [item for _, item in kinds if item.view in CYTOGRAMS]
    cards = [_map(session, item) for item in maps[:UPPER]]
    return cards + [_cytogram(session, item, plane) for plane, item in enumerate(drawn)]


def _sails(session: Session, item: BoardItem) -> bool:
    feed = session.feeds.get(str(item.source))
    return isinstance(feed, RowFeed) and "latitude" in feed.specs


def _choice(key: str, label: str, options: Mapping[str, str], value: str) -> Told:
    told = {value: value, **options} if value not in options else options
    return {"key": key, "label": label, "help": label, "options": [[k, v] for k, v in told.items()], "value": value}


def _map(session: Session, item: BoardItem) -> Told:
    voyage = voyage_of(session, str(item.source))
    lon0 = middle(voyage.whole["longitude"].values)
    west, south, east, north = bounds(voyage.whole, lon0)
    data = columns(voyage, lon0)
    low, high = limits(data["track"]["value"].astype(float))
    near = tuple(round(v) for v in (west - NEAR, max(-90.0, south - NEAR), east + NEAR, min(90.0, north + NEAR)))
    named = {"": "none", **labels(session.feeds)}
    return {
        "kind": "map", "title": item.options.get("title", "Cruise map"), "home": [west, south, east, north],
        "choices": [_choice("colour", "colour", named, session.colour)],
        "low": low, "high": high, "label": label_of(session.feeds, session.colour) if voyage.colour else "",
        "land": _land(lon0, *near),
        **{name: {key: _floats(data[name][key]) for key in keys} for name, keys in _DRAWN.items()},
    }  # fmt: skip


_DRAWN = {"whole": ("x", "y"), "track": ("x0", "y0", "x1", "y1", "value"), "newest": ("x", "y")}


@lru_cache(maxsize=8)
def _land(lon0: float, west: float, south: float, east: float, north: float) -> Told:
    found = land_columns(rings(west, east, south, north, lon0, "50m"))
    return {key: _floats(values) for key, values in found.items()}


def _cytogram(session: Session, item: BoardItem, plane: int) -> Told:
    source = str(item.source)
    feed: Any = session.feeds.get(source)
    x, y = session.planes[plane]
    by = planes.by_of(feed, item.options.get("by", ""))
    named = {name: f"{name} – {say.name(name).lower()}" for name in getattr(feed, "channels", ())}
    choices = [_choice("x", "x", named, x), _choice("y", "y", named, y)]
    groups = getattr(feed, "groups", ())
    if groups:
        told = {name: f"by {name.replace('_q', ', quantile ')}" for name in groups}
        choices.append(_choice("by", "by", {"": "all together", **told}, by))
    asked = planes.question(source, x, y, session.time, by)
    return {
        "kind": "cytogram", "title": item.options.get("title", "Cytogram"), "choices": choices, "plane": plane,
        "labels": [planes.title(x), planes.title(y)], "decades": [x in CHANNELS, y in CHANNELS], "whole": [*planes.WHOLE] * 2,
        "picture": {**asked, "range": [*planes.WHOLE] * 2, "level": LEVEL}, "frame": "",
    }  # fmt: skip


def _floats(values: npt.NDArray[Any]) -> str:
    """float32, little endian, base64."""
    return base64.b64encode(np.asarray(values).astype("<f4").tobytes()).decode("ascii")


@lru_cache(maxsize=1)
def _program() -> str:
    """The script: each component in a scope of its own, whose `render` draws what never changes."""
    parts = [script(*_SHARED)]
    for name in _AROUND:
        text = script(name).removeprefix(script()).replace("export function", "function")
        parts.append(f"const {name.removesuffix('.js')} = (() => {{\n{text}\nreturn render\n}})()")
    shared = {"density": DENSITY, "trackColours": TRACK, "colours": planes.COLOURS, "called": planes.CALLED}
    parts.append(f"const HOUSE = {json.dumps(shared)}, SHEETS = {json.dumps({n: style(n) for n in _SHEETS})}")
    parts.append(script("glance.js").removeprefix(script()))
    return "\n".join(parts).replace("</", "<\\/")


def html_of(told: Told) -> str:
    """The glance as a script to stand in a page."""
    text = json.dumps(told, separators=(",", ":")).replace("<", "\\u003c")
    return f"<script>(() => {{\n{_program()}\nglance({text})\n}})()</script>"
