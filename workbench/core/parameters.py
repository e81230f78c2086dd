"""What a person decided for a whole cruise: filters and gatings, and from when each holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.filters import FilterParameters
from workbench.core.gates import Gating, Plan

_TIME = re.compile(r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)(?:Z|[+-]00:00)?", re.ASCII)
#: Nanoseconds reach from the one to the other.
_FIRST_YEAR, _LAST_YEAR = 1677, 2262


@dataclass(frozen=True)
class Excluded:
    """A file that is left out of abundance, and why.

    Attributes
    ----------
    file : str
        File id, such as ``2014_185/2014-07-04T00-00-02+00-00``.
    reason, who : str
    when : numpy.datetime64[ns]
        When it was excluded (UTC).
    """

    file: str
    reason: str
    who: str
    when: np.datetime64


@dataclass(frozen=True)
class Parameters:
    """Filter and gating plans of one cruise and instrument.

    Attributes
    ----------
    filters : Plan of FilterParameters
    gatings : Plan of Gating or None
        None where a parameter file has filters only.
    cruise, instrument : str
        Empty where the file does not say.
    notes : tuple of str
    excluded : tuple of Excluded
        Files that people left out of abundance.
    """

    filters: Plan[FilterParameters]
    gatings: Plan[Gating] | None = None
    cruise: str = ""
    instrument: str = ""
    notes: tuple[str, ...] = field(default=())
    excluded: tuple[Excluded, ...] = ()


def parse_time(text: str) -> np.datetime64:
    """An RFC 3339 time in UTC (``Z``, ``+00:00`` or no zone) as datetime64[ns].

    Raises
    ------
    WorkbenchError
        When it is no time, or has another zone.
    """
    match = _TIME.fullmatch(str(text).strip())
    try:
        if match is None or not _FIRST_YEAR < int(match[1][:4]) < _LAST_YEAR:
            raise ValueError
        return np.datetime64(match[1].replace(" ", "T"), "ns")
    except ValueError:
        raise WorkbenchError(f"'{text}' is not a UTC time like 2014-07-04T00:00:02+00:00") from None


def format_time(time: np.datetime64) -> str:
    """datetime64 as ``2014-07-04T00:00:02+00:00``, the way SeaFlow tools write it."""
    return f"{np.datetime_as_string(time.astype('datetime64[s]'))}+00:00"
