"""How SeaFlow names its files, and what a name says: identity, time, order.

New style: ``YYYY_DDD/YYYY-MM-DDTHH-MM-SS+00-00`` (some cruises write ``-00-00``), old style: ``YYYY_DDD/N.evt``
(2009 to 2013; the name has no date). Either may end in ``.gz`` or ``.zst``; a reduced file ends in ``.parquet``.
The same name in the same folder, plain and compressed, is one file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

#: What may follow a name, in the order in which a file that stands several times is read.
SUFFIXES = ("", ".zst", ".gz", ".parquet")

_DAY = re.compile(r"(\d{1,4})_(\d{1,3})")
_NEW = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)([+-])(\d\d)-(\d\d)")
_OLD = re.compile(r"(\d+)\.evt")
_STAMP = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]-[0-9][0-9]-[0-9][0-9][+-][0-9][0-9]-[0-9][0-9]"
#: Globs of EVT file names.
PATTERNS = (*(_STAMP + suffix for suffix in SUFFIXES), *("[0-9]*.evt" + suffix for suffix in SUFFIXES[:3]))
_NAT = np.iinfo(np.int64).min
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    for suffix in SUFFIXES[1:]:
        if path.endswith(suffix):
            return path[: -len(suffix)], suffix
    return path, ""


def parse(path: str | os.PathLike[str]) -> Name | None:
    """What the name of `path` says, or None when it is not the name of an EVT file."""
    plain, _ = stem(os.fspath(path))
    folder, base = os.path.split(plain)
    if match := _NEW.fullmatch(base):
        return _new(base, match)
    if match := _OLD.fullmatch(base):
        return _old(base, os.path.basename(folder), int(match[1]))
    return None


def undated(path: str) -> Name:
    """The name of a file that is called otherwise: known by that, of no time, before all others."""
    return Name(os.path.basename(stem(path)[0]), _NAT, (-1, 0))


def _new(base: str, match: re.Match[str]) -> Name | None:
    try:
        year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    away = timedelta(hours=int(match[8]), minutes=int(match[9]))
    moment = moment - away if match[7] == "+" else moment + away
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return Name(f"{day_folder(moment)}/{base}", seconds * 1_000_000_000, (seconds // 86400, seconds % 86400))


def _old(base: str, folder: str, number: int) -> Name:
    match = _DAY.fullmatch(folder)
    day = 0
    if match and int(match[1]) > 0:
        day = (datetime(int(match[1]), 1, 1, tzinfo=UTC) - _EPOCH).days + int(match[2]) - 1
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
