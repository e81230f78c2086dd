"""Who stands beside the engine: boards, and ``workbench up``. A file each in the cruise folder, held while they live.

    boards/HOST-PID.json    of a board: {"pid", "parent", "host", "address"}
    up.json                 of `workbench up`: {"pid", "host"}

The system lets go of a file when its process ends, however it ends: what is left of one that was killed says nothing.
The standard library alone, for `workbench status`.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import AbstractContextManager, nullcontext, suppress

from workbench.core.held import held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

BOARDS, UP = "boards", "up.json"
#: What an older program may not have written.
NOBODY = {"pid": None, "parent": None, "host": ""}
#: Seconds within which a board answers.
PATIENCE = 5.0


class Standing:
    """A file that says who is there, for as long as it is entered; where it cannot be written, nothing is said.

    Parameters
    ----------
    path : path-like
    **about
        What it says, beside the process and its machine.
    """

    def __init__(self, path: str | os.PathLike[str], **about: str) -> None:
        self.path = os.fspath(path)
        self.about = {"pid": os.getpid(), "parent": os.getppid(), "host": socket.gethostname(), **about}
        self._handle: int | None = None

    def __enter__(self) -> Standing:
        folder, name = os.path.split(self.path)
        temporary = os.path.join(folder, f".{name}.{os.getpid()}")
        try:
            os.makedirs(folder, exist_ok=True)
            self._handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.pwrite(self._handle, json.dumps(self.about).encode(), 0)
            os.replace(temporary, self.path)
        except OSError:
            self._leave(temporary)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._leave(self.path)

    def _leave(self, path: str) -> None:
        with suppress(OSError):
            os.unlink(path)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def board(folder: str | os.PathLike[str], address: str) -> AbstractContextManager[object]:
    """Says that this process is a board of a cruise; what is left of boards that were killed is taken away.

    A cruise folder that is not there is not made for it.
    """
    if not os.path.isdir(folder):
        return nullcontext()
    place = os.path.join(folder, BOARDS)
    for name in _names(place):
        path = os.path.join(place, name)
        if held(path) is None:
            with suppress(OSError):
                os.unlink(path)
    return Standing(os.path.join(place, f"{socket.gethostname()}-{os.getpid()}.json"), address=address)


def boards(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The boards of a cruise that live: ``{pid, parent, host, address, up}``; one that does not answer is not up."""
    place = os.path.join(folder, BOARDS)
    found = [{**NOBODY, **about} for name in _names(place) if (about := held(os.path.join(place, name)))]
    return [{**about, "up": _answers(about)} for about in found]


def silent(folder: str | os.PathLike[str], pid: int | None) -> bool:
    """Whether the board with this pid, on this machine, says that it is there and does not answer."""
    about = held(os.path.join(folder, BOARDS, f"{socket.gethostname()}-{pid}.json"))
    return about is not None and not _answers({**NOBODY, **about})


def up(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The `workbench up` that keeps engine and board of a cruise running; None when none does."""
    about = held(os.path.join(folder, UP))
    return {**NOBODY, **about} if about else None


def _names(place: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(place) if name.endswith(".json") and not name.startswith("."))
    except OSError:
        return []


def _answers(about: dict[str, Any]) -> bool:
    """Does a board say anything? One on another machine is believed."""
    if about["host"] != socket.gethostname():
        return True
    host, _, port = str(about.get("address", "")).partition("://")[2].rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
            return connection.recv(5) != b""
    except (OSError, ValueError):
        return False
