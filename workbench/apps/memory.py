"""Memory of a process that runs for weeks: what was large and is free goes back to the system."""

from __future__ import annotations

import ctypes
import gc

#: `mallopt` of glibc: what is larger than this many bytes stands alone, and goes back when it is let go of. Untold,
#: glibc raises the limit to 32 MB by itself, and holes of that size stay between what is small.
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
LARGE, ARENAS = 256 << 10, 2


def return_what_is_large() -> bool:
    """Have large arrays given back as soon as nobody holds them. Call it before threads begin; False without glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, LARGE)) and bool(mallopt(_ARENA_MAX, ARENAS))


def leave_out_what_stays() -> None:
    """Have modules and all else that is there now left out of garbage collection.

    Of a million objects that stay, Python looks for circles only when a quarter of a million came on top of them, and
    until then circles hold their arrays.
    """
    gc.collect()
    gc.freeze()
