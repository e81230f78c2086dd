"""How SeaFlow names its files, and what a name says: identity, time, order.

New style: ``YYYY_DDD/YYYY-MM-DDTHH-MM-SS+00-00`` (some cruises write ``-00-00``), old style: ``YYYY_DDD/N.evt``
(2009 to 2013; the name has no date). Either may end in ``.gz`` or ``.zst``; a reduced file ends in ``.parquet``.
The same name in the same folder, plain and compressed, is one file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

#: What may follow a name, in the order in which a file that stands several times is read.
SUFFIXES = ("", ".zst", ".gz", ".parquet")

_DAY = re.compile(r"(\d{1,4})_(\d{1,3})")
_NEW = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)([+-])(\d\d)-(\d\d)")
_OLD = re.compile(r"(\d+)\.evt")
_STAMP = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]-[0-9][0-9]-[0-9][0-9][+-][0-9][0-9]-[0-9][0-9]"
#: Globs of EVT file names.
PATTERNS = (*(_STAMP + suffix for suffix in SUFFIXES), *("[0-9]*.evt" + suffix for suffix in SUFFIXES[:3]))
_NAT = np.iinfo(np.int64).min
_EPOCH = datetime(1970, 1, 1)
_PACKED = frozenset(SUFFIXES[1:])


@dataclass(frozen=True, slots=True)
class Name:
    """What the name of one EVT file says.

    Attributes
    ----------
    file_id : str
        ``YYYY_DDD/stem``; the day folder of a new-style name is computed from its time.
    time : int
        Nanoseconds since 1970 (UTC); the smallest int64 (NaT) when the name has no date.
    order : tuple of int
        Sort key: day since 1970, then seconds of the day (new style) or file number (old style).
    """

    file_id: str
    time: int
    order: tuple[int, int]

    @property
    def time64(self) -> np.datetime64:
        """`time` as ``datetime64[ns]``; NaT when the name has no date."""
        return np.datetime64(self.time, "ns")


def stem(path: str) -> tuple[str, str]:
    """Split a path into (path without ``.gz``, ``.zst``, ``.parquet``; that suffix or "")."""
    plain, dot, end = path.rpartition(".")
    return (plain, dot + end) if dot + end in _PACKED else (path, "")


def parse(path: str | os.PathLike[str]) -> Name | None:
    """What the name of `path` says, or None when it is not the name of an EVT file."""
    return _parse(os.fspath(path))


@lru_cache(maxsize=256)
def _parse(path: str) -> Name | None:
    plain, _ = stem(path)
    folder, _, base = plain.rpartition("/")
    if match := _NEW.fullmatch(base):
        return _new(base, *match.groups())
    if match := _OLD.fullmatch(base):
        return _old(base, folder.rpartition("/")[2], int(match[1]))
    return None


def undated(path: str) -> Name:
    """The name of a file that is called otherwise: known by that, of no time, before all others."""
    return Name(os.path.basename(stem(path)[0]), _NAT, (-1, 0))


def named(path: str) -> Name:
    """What a path says of its file; one with a name of its own has no time and comes first."""
    return parse(path) or undated(path)


def grouped(paths: Iterable[str]) -> list[tuple[Name, list[str]]]:
    """Files in order, each with the paths under which it stands, best first."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(stem(path)[0], []).append(path)
    ordered = [(named(plain), plain) for plain in groups]
    ordered.sort(key=lambda item: (item[0].order, item[1]))
    found = []
    for name, plain in ordered:
        group = groups[plain]
        if len(group) > 1:
            group.sort(key=lambda path: (SUFFIXES.index(stem(path)[1]), path))
        found.append((name, group))
    return found


def _new(base: str, date: str, hour: str, minute: str, second: str, sign: str, ahead: str, more: str) -> Name | None:
    day = _day(date)
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if day is None or hours > 23 or minutes > 59 or seconds > 59:
        return None
    total = (day * 24 + hours) * 3600 + minutes * 60 + seconds
    away = int(ahead) * 3600 + int(more) * 60
    total += away if sign == "-" else -away
    days, within = divmod(total, 86400)
    return Name(f"{_folder(days)}/{base}", total * 1_000_000_000, (days, within))


@lru_cache(maxsize=4096)
def _day(date: str) -> int | None:
    try:
        return (datetime.fromisoformat(date) - _EPOCH).days
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _folder(days: int) -> str:
    return day_folder(_EPOCH + timedelta(days=days))


def _old(base: str, folder: str, number: int) -> Name:
    match = _DAY.fullmatch(folder)
    day = 0
    if match and int(match[1]) > 0:
        day = (datetime(int(match[1]), 1, 1) - _EPOCH).days + int(match[2]) - 1
    return Name(f"{folder}/{base}" if match else base, _NAT, (day, number))


def day_folder(moment: datetime) -> str:
    """``YYYY_DDD``: the folder of the day of `moment`."""
    return f"{moment.year:04d}_{moment.timetuple().tm_yday:03d}"


def file_name(time: np.datetime64) -> str:
    """The file id, which is also the path, of a file begun at `time` (UTC, whole seconds).

    >>> file_name(np.datetime64("2014-07-04T00:00:02"))
    '2014_185/2014-07-04T00-00-02+00-00'
    """
    moment: datetime = time.astype("datetime64[s]").astype(datetime)
    return f"{day_folder(moment)}/{moment:%Y-%m-%dT%H-%M-%S}+00-00"
