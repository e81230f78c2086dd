"""Memory of a process that runs for weeks: what is free goes back to the system.

Python keeps small objects in arenas of 1 MB, and an arena with one object left stays: of objects that come and go for
weeks the holes add up, 5 to 20 MB an hour in a board at 60 times the ship's pace. With ``PYTHONMALLOC=malloc`` glibc holds
them, whose free pages go back one by one (`return_what_is_free`), for a tenth more of CPU and upwards. It is told by the
environment, before Python begins (docs/decisions/0018).
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import threading
import time
from contextlib import suppress

#: `mallopt` of glibc: what is larger than this many bytes stands alone, and goes back when it is let go of. Untold,
#: glibc raises the limit to 32 MB by itself, and holes of that size stay between what is small.
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
LARGE, ARENAS = 256 << 10, 1
#: Seconds between two looks for pages that are free.
EVERY = 60.0
#: Looks after which all libraries are loaded; more names than the table of interned ones has places left.
LOADED, NAMES = 6, 200_000
#: Blocks of each size that numpy keeps, and the size from which on it keeps none.
_BLOCKS, _SMALL = 7, 1024


def return_what_is_large(large: int = LARGE) -> bool:
    """Have large arrays given back as soon as nobody holds them. Call it before threads begin; False without glibc.

    Arrow, where it is not loaded yet, keeps no pool of its own, which would hold on to pages that nobody uses.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, large)) and bool(mallopt(_ARENA_MAX, ARENAS))


def as_environment() -> dict[str, str]:
    """The same for a child, told before it begins, and small objects where their pages can go back."""
    return {
        **({"PYTHONMALLOC": "malloc"} if _glibc() else {}),
        "MALLOC_MMAP_THRESHOLD_": str(LARGE),
        "MALLOC_ARENA_MAX": str(ARENAS),
        "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",  # else each thread comes to keep 230 kB of what it let go of
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def begin_for_weeks() -> None:
    """Begin this program anew, as the same process, with what `as_environment` says; once, and nowhere but on glibc."""
    if _glibc() and "PYTHONMALLOC" not in os.environ and not sys.flags.dev_mode:
        with suppress(OSError):
            os.execve(sys.executable, sys.orig_argv, {**as_environment(), **os.environ})


def _glibc() -> bool:
    try:
        return "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, OSError, ValueError):
        return False


def return_what_is_free() -> bool:
    """Give back all pages that are free now, holes between what stays included; False when there were none."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):
        return False


def settle_names(names: int = NAMES) -> None:
    """Have Python's table of interned names reach the size at which it stays.

    Each path that is made and let go of leaves a gap in it, and once there are no more free places the table is made
    anew, for three times as many names as live: in a process with all our libraries a step of 2 MB, after ten minutes or
    after days. This uses the free places up now.
    """
    for i in range(names):
        sys.intern(f"name {i} of no use")
        if i % 1000 == 0:
            time.sleep(0)  # others go first


def settle_arrays() -> None:
    """Have numpy's store of blocks reach the size at which it stays.

    It keeps seven blocks of each size below 1 kB that were let go of, 3.8 MB in all, and takes days to have met all sizes.
    """
    import numpy as np

    for size in range(1, _SMALL):
        held = [np.empty(size, np.uint8) for _ in range(_BLOCKS)]
        del held


def return_now_and_then(every: float = EVERY) -> threading.Thread:
    """Give back what is free, each minute, in a thread that ends with the process: small holes do not add up."""

    def go_on() -> None:
        for minute in itertools.count(1):
            time.sleep(every)
            if minute == LOADED:
                settle_names()
                settle_arrays()
            return_what_is_free()

    thread = threading.Thread(target=go_on, name="memory", daemon=True)
    thread.start()
    return thread
