"""Who holds a file: one that a process locked (`flock`) for as long as it lives. The standard library alone."""

from __future__ import annotations

import fcntl
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def held(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What the holder wrote into the file, as JSON; empty where that cannot be read, None when nobody holds it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        try:
            found = json.loads(os.pread(handle, 4096, 0))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
    finally:
        os.close(handle)
