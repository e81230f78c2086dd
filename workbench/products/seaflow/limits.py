"""When an EVT file is left out, and what is said of it then."""

from __future__ import annotations

from enum import IntEnum

#: Files with more events, or with more OPP in a quantile, are left out, unless other limits are given (seaflowpy's).
MAX_EVENTS = 50_000 * 180
MAX_OPP = 20_000


class Flag(IntEnum):
    """Why a file has no OPP."""

    OK = 0
    UNREADABLE = 1
    TOO_MANY_EVENTS = 2
    TOO_MANY_OPP = 3
    EMPTY_QUANTILE = 4
