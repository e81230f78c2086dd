"""`workbench demo`: a simulated cruise that goes on, through the doors of a ship, while engine and board run.

EVT files appear in a folder and positions come as datagrams; the engine keeps, records and works on them.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workbench.apps.supervisor import Supervisor
from workbench.core.clock import Clock
from workbench.core.errors import WorkbenchError

#: Days that the demo's cruise lasts at least.
LENGTH = 12.0
#: Seconds that a board of a recorded cruise has the processor for itself, to draw its first page.
ALONE = 6.0


def run(
    dir: str, *, days: float = 3.0, seed: int = 7, particles: int = 20_000, warp: float = 60.0,
    host: str = "127.0.0.1", port: int = 5006,
) -> int:  # fmt: skip
    """Simulate `days` of a cruise into `dir` unless they are there, then serve its board while the cruise goes on.

    An engine (its API at a free port) keeps and records what comes, as on a ship.

    A later run takes up the cruise where its newest data stand. A day takes about 145 MB on disk at 20,000 particles
    a file; the whole cruise of 12 days 1.7 GB.

    Parameters
    ----------
    dir : str
        Folder of the cruise.
    days : float
        How much there is at the start.
    seed, particles : int
        As for ``workbench simulate``.
    warp : float
        Cruise seconds a second; 0 stands still.
    host, port : str, int
        Where the board listens.

    Returns
    -------
    int
        0 after Ctrl-C while the board was served; 130 when it came while the cruise was still being written.
    """
    from workbench.simulate.cruise import CATALOG, ID

    folder = Path(dir)
    free(host, port)
    try:
        newest, end = prepare(folder, days=days, seed=seed, particles=particles)
    except KeyboardInterrupt:
        print(f"\nstopped; what is written stays in {folder}, and the next run completes it")
        return 130
    record = folder / f"{ID}.cruise"
    Clock(newest, warp, time.time()).save(record)
    print(_standing(folder, newest, end, warp), flush=True)
    others = _others(folder, record, folder / CATALOG)

    def begin() -> None:
        for other in others:
            other.start()

    recorded = (record / "series").is_dir()  # shown at once; the others would take the cores from the board
    try:
        if not recorded:
            begin()
        return serve_board(folder / CATALOG, record, host, port, begin if recorded else None)
    except KeyboardInterrupt:
        return 0
    finally:
        for other in others:
            other.stop()


def _others(folder: Path, record: Path, catalog: Path) -> list[Supervisor]:
    """What runs beside the board: the engine, and who writes the cruise on."""
    engine = [sys.executable, "-m", "workbench", "engine", str(catalog), "--record", str(record), "--port", "0"]
    writer = [sys.executable, "-m", "workbench.simulate.continuation", str(folder), str(record)]
    return [Supervisor(engine, name="the engine", piped=False), Supervisor(writer, name="the cruise's writer")]


def serve_board(catalog: Path, record: Path, host: str, port: int, then: Callable[[], None] | None = None) -> int:
    """Serve the board of this catalog until it is stopped, and call `then` a little after it is there; the exit status."""
    from workbench.apps.board import announce, serve

    def ready(address: str) -> None:
        announce(address)
        if then is not None:
            later = threading.Timer(ALONE, then)
            later.daemon = True
            later.start()

    return int(serve(str(catalog), record=str(record), host=host, port=port, ready=ready))


def prepare(folder: Path, *, days: float, seed: int, particles: int) -> tuple[np.datetime64, np.datetime64]:
    """Write what is missing of the first `days`; up to when the cruise is written, and when it ends (UTC)."""
    from workbench.simulate.continuation import Continuation
    from workbench.simulate.cruise import begin, planned_end

    begin(folder, days=days, seed=seed, particles=particles, length=max(LENGTH, days))
    with Continuation(folder) as cruise:
        stop = cruise.start + np.timedelta64(round(days * 86400), "s")
        if cruise.newest < stop:
            print(
                f"Simulating {days:g} days of a cruise into {folder} (once; later runs go on from there).", flush=True
            )
            cruise.until(stop, progress=True)
        return cruise.newest.astype("datetime64[ns]"), planned_end(folder)


def free(host: str, port: int) -> None:
    """WorkbenchError when nobody can listen there."""
    if port == 0:
        return
    try:
        kind, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise WorkbenchError(
                f"port {port} of {host} is in use, perhaps by another board. Stop it, or give another one: --port {port + 1}"
            ) from None
        raise WorkbenchError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None


def _standing(folder: Path, newest: np.datetime64, end: np.datetime64, warp: float) -> str:
    """A line that says where the cruise stands and what comes next."""
    if newest >= end:
        return f"This cruise ended on {_minute(end)}. To begin a new one, delete {folder} or name another folder."
    pace = f"goes on at {warp:g} times the speed of real time" if warp else "stands still (--warp 0)"
    return f"The cruise stands at {_minute(newest)} and {pace} until {_minute(end)}. Ctrl-C stops it."


def _minute(time: np.datetime64) -> str:
    return f"{np.datetime_as_string(time, unit='m').replace('T', ' ')} UTC"
