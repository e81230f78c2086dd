"""Which array of a file is its time, which others have a value for each row, and what the axes are called."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from workbench.core.errors import ReaderError, WorkbenchError, suggest
from workbench.readers import moments
from workbench.readers.stored import Container, Stored

#: Names that mean the time of a row, best first, in lower case.
TIMES = ("time", "times", "timestamp", "timestamps", "datetime", "date_time", "time_utc", "utc", "utc_time", "date",
         "epoch", "unix_time", "unixtime", "posix_time", "datenum", "matlab_time", "mtime", "juld", "index", "t")  # fmt: skip
#: Values looked at to tell in what unit an array of times is.
_LOOKED = 64
#: The axis of arrays that can grow; one may be so many rows ahead of another.
OPEN, _AHEAD = "~", 64


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are kept. Equal for files of one kind, whatever they hold.

    Attributes
    ----------
    time : Stored or None
        None where nothing in the file is a time.
    unit, calendar : str
        Of `time`.
    rows : tuple of Stored
        Arrays with a value for each row; one of their dims is ``time``, whose length is 0 here.
    still : tuple of Stored
        Arrays without rows.
    left_out : tuple of str
        Names of arrays along another time.
    loose : bool
        The file does not say that the arrays run along one axis; they may be of different lengths while it grows.
    """

    time: Stored | None
    unit: str
    calendar: str
    rows: tuple[Stored, ...]
    still: tuple[Stored, ...]
    left_out: tuple[str, ...]
    loose: bool = False

    def text(self) -> str:
        """The layout as JSON: its signature."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Layout:
        """The layout whose `text` this is."""
        made = json.loads(text)
        stored = {name: tuple(_stored(item) for item in made[name]) for name in ("rows", "still")}
        time = _stored(made["time"]) if made["time"] else None
        return cls(
            time, made["unit"], made["calendar"], **stored, left_out=tuple(made["left_out"]), loose=made["loose"]
        )


def _stored(item: Mapping[str, Any]) -> Stored:
    lists = {name: tuple(item[name]) for name in ("dims", "shape", "pick")}
    return Stored(**{**item, **lists})


def describe(path: str, container: Container, group: str, time: str | None, unit: str | None) -> Layout:
    """Look through an opened file.

    Parameters
    ----------
    path : str
    container : Container
    group : str
    time : str, optional
        The array that is the time; chosen by its unit and name when not given.
    unit : str, optional
        Its unit, where the file does not say it, or says it wrong.

    Raises
    ------
    ReaderError
        When there is no such array, or its unit is none.
    """
    found = [stored for stored in container.arrays(group) if stored.shape is not None]
    try:
        chosen = _named_time(path, container, found, time, unit) if time else _likely_time(container, found, unit)
    except ReaderError:
        raise
    except WorkbenchError as error:
        raise ReaderError(path, str(error)) from error
    if chosen is None:
        bare = [replace(each, dims=tuple("" if dim.startswith("?") else dim for dim in each.dims)) for each in found]
        named = _axes(bare, None, "")
        return Layout(None, "", "", (), tuple(named), ())
    clock, its_unit = chosen
    found = _open_ends(found, clock)
    clock = next(each for each in found if (each.key, each.pick) == (clock.key, clock.pick))
    row = clock.dims[0]
    lone = {dim for each in _clocks(found) if each.dims != clock.dims for dim in each.dims if dim} - {row}
    left = [each for each in found if each is not clock and each.dims[:1] and each.dims[0] in lone]
    arrays = _axes([each for each in found if each not in left], clock, row)
    time_of = next(each for each in arrays if (each.key, each.pick) == (clock.key, clock.pick))
    rows = tuple(_empty(each) for each in arrays if "time" in each.dims and each is not time_of)
    still = tuple(each for each in arrays if "time" not in each.dims)
    calendar = str(clock.attrs.get("calendar", ""))
    loose = row == OPEN or not row
    return Layout(_empty(time_of), its_unit, calendar, rows, still, tuple(each.name for each in left), loose)


def _open_ends(found: list[Stored], clock: Stored) -> list[Stored]:
    """Arrays that can grow as the time does, in its group, run along it, though one may be a few rows ahead."""
    home, rows = clock.dims[0], clock.shape[0]
    others = {each.dims[0] for each in _clocks(found)} - {home}
    out = []
    for each in found:
        dims = list(each.dims)
        for i, dim in enumerate(dims):
            if dim.startswith("?"):
                near = abs(each.shape[i] - rows) <= max(_AHEAD, rows // 100) or dim.startswith("??")
                below = dim.startswith(home.rstrip("/") + "/") and dim not in others
                dims[i] = OPEN if home.startswith("?") and (dim == home or below) and near else ""
        out.append(replace(each, dims=tuple(dims)))
    return out


def _empty(stored: Stored) -> Stored:
    """Without its number of rows."""
    return replace(
        stored, shape=tuple(0 if dim == "time" else n for dim, n in zip(stored.dims, stored.shape, strict=True))
    )


def _named_time(
    path: str, container: Container, found: list[Stored], name: str, unit: str | None
) -> tuple[Stored, str]:
    matches = [each for each in found if name in each.known_as]
    if not matches:
        raise ReaderError(
            path, f"there is no array '{name}' to take the time from", hint=suggest(name, (s.name for s in found))
        )
    clock = matches[0]
    if len(clock.dims) != 1:
        raise ReaderError(path, f"'{name}' is no time of rows: it has {len(clock.dims)} axes")
    its_unit = _unit(container, clock, unit)
    if its_unit is None:
        hint = f"Say it: `time_units: seconds since 1970-01-01`, or one of {', '.join(moments.NAMED)}"
        raise ReaderError(path, f"'{name}' does not say in which unit its times are", hint=hint)
    return clock, its_unit


def _likely_time(container: Container, found: list[Stored], unit: str | None) -> tuple[Stored, str] | None:
    """The best candidate whose unit is known, or can be told from its values."""
    shared = Counter(dim for each in found for dim in each.dims[:1])
    lengths = Counter(each.shape[0] for each in found if each.shape)

    def worth(each: Stored) -> tuple[int, ...]:
        many = shared[each.dims[0]] if each.dims[0] else lengths[each.shape[0]]
        return (-int(each.coordinate and _says_time(each)), _rank(each), -int(_says_time(each)), -many)

    for each in sorted(_clocks(found), key=worth):
        its_unit = _unit(container, each, unit)
        if its_unit is not None:
            return each, its_unit
    return None


def _clocks(found: list[Stored]) -> list[Stored]:
    return [each for each in found if len(each.dims) == 1 and (_says_time(each) or _rank(each) < len(TIMES))
            and each.dtype.lstrip("<>|=")[:1] in "iufMO"]  # fmt: skip


def _says_time(each: Stored) -> bool:
    return "M8" in each.dtype or moments.is_time_unit(each.attrs.get("units"))


def _rank(each: Stored) -> int:
    last = each.name.lower().split("_")[-1] if each.name.lower() not in TIMES else each.name.lower()
    if each.attrs.get("standard_name") == "time":
        return 0
    return (
        TIMES.index(each.name.lower())
        if each.name.lower() in TIMES
        else TIMES.index(last)
        if last in TIMES[:3]
        else len(TIMES)
    )


def _unit(container: Container, clock: Stored, asked: str | None) -> str | None:
    if asked is not None:
        return moments.known(asked)
    said = clock.attrs.get("units")
    if "M8" in clock.dtype:
        return "datetime64"
    if isinstance(said, str) and moments.is_time_unit(said):
        return moments.known(said)
    if not clock.shape[0]:
        return "" if _rank(clock) < len(TIMES) else None  # no rows yet: nothing to be told, nothing to decode
    container.sound(clock)
    return moments.guess(container.read(clock, (slice(0, min(_LOOKED, clock.shape[0])),)))


def _axes(found: list[Stored], clock: Stored | None, row: str) -> list[Stored]:
    """Names of axes: ``time`` along the rows, a dimension's own name, the name of the one array that runs along it."""
    rows = clock.shape[0] if clock is not None else -1
    known: dict[str, str] = {row: "time"} if row else {}
    short = Counter(_last(dim) for dim in {dim for each in found for dim in each.dims if dim and dim != row})
    sizes = {each.shape[0]: each.name for each in found
             if each.dims == ("",) and each.shape[0] != rows and each.dtype[1:2] in "iuf"}  # fmt: skip
    alone = Counter(each.shape[0] for each in found if each.dims == ("",))
    out = []
    for each in found:
        dims = list(each.dims)
        if clock is not None and not row and rows in each.shape and "time" not in dims:
            at = each.shape.index(rows)
            if not dims[at]:
                dims[at] = "time"
        for i, dim in enumerate(dims):
            if dim == "time" and not row and clock is not None:
                continue
            if dim:
                last = _last(dim)
                dims[i] = known.get(dim) or (last if short[last] == 1 and last != "time" else _path(dim))
            elif alone[each.shape[i]] == 1 and each.shape[i] in sizes:
                dims[i] = sizes[each.shape[i]]
            else:
                dims[i] = f"{each.name}_axis_{i}" if len(set(each.shape)) < len(each.shape) else f"size_{each.shape[i]}"
        out.append(replace(each, dims=tuple(dims)))
    return out


def _last(dim: str) -> str:
    path, _, axis = dim.partition("#")
    last = path.rsplit("/", 1)[-1].replace(" ", "_") or "row"
    return f"{last}_{axis}" if axis not in ("", "0") else f"{last}_row" if axis else last


def _path(dim: str) -> str:
    return dim.strip("/").replace("/", "_").replace(" ", "_").replace("#", "_")


def in_its_unit(container: Container, layout: Layout, asked: str | None) -> bool:
    """Whether the times of a file that is laid out so are in the unit of `layout`: where no file says it, values tell."""
    clock = layout.time
    if clock is None or _unit(container, clock, asked):  # said: a layout has no rows that could tell it
        return True
    there = container.length(clock)
    return not there or _unit(container, replace(clock, shape=(there,)), asked) == layout.unit


def times(container: Container, layout: Layout, begin: int, stop: int) -> moments.Moments:
    """Times of the rows from `begin` to `stop`."""
    clock = layout.time
    if clock is None or stop <= begin:
        return np.empty(0, "datetime64[ns]")
    fill = clock.attrs.get("_FillValue", clock.attrs.get("missing_value"))
    values, (scale, offset) = container.read(clock, (slice(begin, stop),)), clock.packing
    return moments.decode(values, layout.unit, layout.calendar, fill, scale=scale, offset=offset)
