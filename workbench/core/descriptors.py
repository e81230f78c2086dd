"""Files and connections that a process may have open at once. Many systems allow 1024 until more are asked for."""

from __future__ import annotations

import resource
from contextlib import suppress

#: As many as are asked for: hundreds of pages need a dozen connections each.
WANTED = 65_536


def allow_many(wanted: int = WANTED) -> int:
    """Ask for as many as the system gives this process without further rights; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
