"""How a process is, told in a file that others read at any moment; a full disk is told there, too."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any


def tell(path: Path, status: Mapping[str, Any]) -> None:
    """Put a status (what JSON keeps) in the place of the one before.

    Raises
    ------
    OSError
        When the disk cannot be written, or is full and what stands there has no room for it.
    """
    said = json.dumps(status).encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(said.ljust(2 * len(said)))  # room for what is to be said of a full disk
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _write_over(path, said)


def _write_over(path: Path, said: bytes) -> None:
    """Write over the bytes that a file has: a full disk lets one do that."""
    handle = os.open(path, os.O_WRONLY)
    try:
        room = os.fstat(handle).st_size
        if room < len(said):
            raise OSError(ENOSPC, os.strerror(ENOSPC), os.fspath(path))
        os.pwrite(handle, said.ljust(room), 0)
    finally:
        os.close(handle)
