"""When an EVT file is left out, and what is said of it then."""

from __future__ import annotations

from enum import IntEnum

#: Files with more events, or with more OPP in a quantile, are left out, unless other limits are given. The command
#: `workbench seaflow` leaves out what seaflowpy does (20,000 OPP); a cruise that is watched shows what there is.
MAX_EVENTS = 50_000 * 180
MAX_OPP = MAX_EVENTS


class Flag(IntEnum):
    """Why a file has no OPP."""

    OK = 0
    UNREADABLE = 1
    TOO_MANY_EVENTS = 2
    TOO_MANY_OPP = 3
    EMPTY_QUANTILE = 4
