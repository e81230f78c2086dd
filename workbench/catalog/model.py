"""The shape of a catalog file: which keys stand where, and what they hold.

`check` reads files with these models; ``catalogs/schema.json`` is generated from them, so that editors help while
a catalog is written.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from workbench.core import clock, window
from workbench.core.errors import WorkbenchError

#: How many paths a `url` may list.
MAX_URLS = 1000


def _duration(text: str) -> str:
    try:
        span = window.duration(text)
    except WorkbenchError as error:
        raise ValueError(str(error).rstrip(".")) from None
    if span <= np.timedelta64(0, "ns"):
        raise ValueError(f"'{text}' is no time at all")
    return text


def _moment(text: str) -> str:
    try:
        clock.parse(text)
    except ValueError as error:
        raise ValueError(f"{error}; write it as 2023-01-12 or 2023-01-12T21:00 (UTC)") from None
    return text


def _range(pair: list[float | None]) -> list[float | None]:
    if len(pair) != 2 or pair == [None, None]:
        raise ValueError("needs two values, [lowest, highest]; null leaves a side open")
    low, high = pair
    if low is not None and high is not None and low > high:
        raise ValueError(f"{low:g} is more than {high:g}; write [lowest, highest]")
    return pair


def _urls(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        if len(value) > MAX_URLS:
            raise ValueError(f"lists {len(value)} paths; more than {MAX_URLS} are a folder or a pattern")
        return value
    raise ValueError("must be a path or a list of paths")


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
Duration = Annotated[str, AfterValidator(_duration), Field(examples=["1s", "10min", "6h", "2 days"])]
Moment = Annotated[
    str, AfterValidator(_moment), WithJsonSchema({"type": "string", "examples": ["2023-01-12", "2023-01-12T21:00"]})
]
Side = Annotated[float, Field(allow_inf_nan=False)] | None
Range = Annotated[
    list[Side], AfterValidator(_range),
    WithJsonSchema({"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}),
]  # fmt: skip
Urls = Annotated[
    Any, AfterValidator(_urls),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class About(_Strict):
    """The cruise itself."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """Short name; the cruise folder is named after it."""
    ship: str | None = None
    """The ship, as people call it."""
    title: str | None = None
    """What the board says on top."""
    start: Moment | None = None
    """First moment, UTC; a date alone means the beginning of that day."""
    end: Moment | None = None
    """Last moment, UTC; a date alone means the end of that day. When it is past, ages count from here."""


class KpiModel(_Strict):
    """A number to watch."""

    source: str
    """Name of a source."""
    variable: str
    """One of the source's variables."""
    reduce: Literal["last", "mean", "median", "min", "max", "sum", "count"] = "last"
    """How rows become one number."""
    over: Duration = "10min"
    """How far back rows count."""
    expect: Range | None = None
    """Lowest and highest value that need no hand; null leaves a side open."""
    unit: str | None = None
    """The unit to show (UDUNITS); without it the variable's own."""
    label: str | None = None
    """What the tile says."""


class BoardModel(BaseModel):
    """One picture of the board; other keys are options of the view."""

    model_config = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)

    view: Annotated[str, Field(examples=["cruise_map", "cytogram", "series", "tiles", "files"])]
    """Name of a view."""
    source: str | None = None
    """The source it shows first."""


class Pages(_Strict):
    """Pages beside the front page, each with its own pictures in place of the usual ones."""

    instrument: list[BoardModel] | None = None
    """How the instrument is: operations, cytograms of a file."""
    science: list[BoardModel] | None = None
    """What is in the water: T-S, populations by time and by latitude."""
    gates: list[BoardModel] | None = None
    """Where gates are drawn: the gate editor."""
    filter: list[BoardModel] | None = None
    """Where the filter is changed: the filter editor."""


class Metadata(_Strict):
    """What is declared about the cruise."""

    cruise: About
    board: list[BoardModel] = []
    """The pictures, in order."""
    pages: Pages = Pages()
    """The pictures of further pages."""
    kpis: dict[Name, KpiModel] = {}
    """The numbers to watch, by name."""
    record: str | None = None
    """The cruise folder; by default ``{{ CATALOG_DIR }}/<cruise id>.cruise``."""


class Args(BaseModel):
    """Where the data are and who reads them, or what makes them; other keys are options of the reader or product."""

    model_config = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)

    reader: Annotated[str, Field(examples=["seaflow_evt", "seaflow_sfl", "nmea_log", "hdf5", "influxdb"])] | None = None
    """Name of a reader."""
    url: Urls | None = None
    """A folder, a file, a pattern or a list; begins with ``{{ CATALOG_DIR }}/``, ``$WORKBENCH_DATA/``,
    ``$WORKBENCH_RECORD/`` (the cruise folder) or ``/``. Of a server, such as ``influxdb://host:8086/database/measurement``."""
    listen: str | None = None
    """In place of url: where it is received, such as ``udp://0.0.0.0:55501``."""
    product: Annotated[str, Field(examples=["seaflow", "track"])] | None = None
    """In place of reader: name of a product."""
    inputs: dict[str, str] | None = None
    """The product's inputs: name of each, and the source that it is."""
    every: Duration | None = None
    """How often a row (or a file) is due."""
    stale_after: Duration | None = None
    """Age from which the source counts as stale."""


class Entry(_Strict):
    """One source."""

    driver: Literal["workbench"]
    description: str = ""
    """One sentence for people."""
    args: Args


class Catalog(_Strict):
    """A cruise: its sources, its board, its numbers to watch."""

    metadata: Metadata
    sources: dict[Name, Entry]
    description: str | None = None
    version: Literal[1] | None = None
    """The style of intake's catalogs; 1 is the only one."""
