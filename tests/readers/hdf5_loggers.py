"""Loggers of HDF5 in SWMR mode, many in a few seconds: one process imports h5py, each logger is a fork of it.

    with Loggers(folder) as loggers:
        logger = loggers.start()
        logger.do(make=path, who=1, style={"chunk": 4})     # or open=path, rows=12, with the same style
        logger.do(append=3, flush="all")                    # "each" array but not the file, "none", or the first so many arrays
        logger.kill()                                       # or close(): the file is closed as it should be

Row `i` (from 1 on) has `i` in every array, and the time of the file's own hour: nothing that was written is 0. A style says
in which order arrays are written (`time` is the last of them, or the first), whether they are made longer `ahead` of what
is written, and whether chunks are `kept` in memory until they are flushed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

NAMES = ("who", "number", "counts", "spectrum")


def _main(place: str) -> None:
    """Fork a logger for each who calls, until our standard input ends."""
    import select

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen()
    print("ready", flush=True)
    while True:
        heard, *_ = select.select([sys.stdin, listening], [], [])
        if sys.stdin in heard:
            return
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _log(connection)
            os._exit(0)
        connection.close()


def _log(connection: socket.socket) -> None:
    with connection.makefile("rw") as line:
        line.write(f"{os.getpid()}\n")
        line.flush()
        file, at = None, {"rows": 0, "who": 0, "style": {}}
        for text in line:
            try:
                file = _do(file, at, **json.loads(text))
                said = "done"
            except Exception as error:
                said = f"{type(error).__name__}: {error}".replace("\n", " ")
            line.write(said + "\n")
            line.flush()


def _do(file: Any, at: dict[str, Any], *, make: str = "", open: str = "", append: int = 0, flush: Any = "all",
        close: bool = False, **more: Any) -> Any:  # fmt: skip
    at |= more
    style = at["style"]
    order = [*NAMES, "time"] if style.get("last", True) else ["time", *NAMES]
    kept = {} if style.get("kept", True) else {"rdcc_nbytes": 0}
    if make:
        file, chunk = h5py.File(make, "w", libver="latest", **kept), style.get("chunk", 4)
        for name in order:
            wide = (2,) if name == "spectrum" else ()
            kind = {"counts": "i4", "time": "i8"}.get(name, "f8")
            file.create_dataset(name, (0, *wide), kind, maxshape=(None, *wide), chunks=(chunk, *wide))
        file["time"].attrs["units"] = "seconds since 2024-01-01"
        at["rows"] = 0
    if open:
        file = h5py.File(open, "r+", libver="latest", **kept)
        for name in order:
            file[name].resize(at["rows"], axis=0)
    if make or open:
        file.swmr_mode = True
        file.flush()
    if append:
        at["rows"] += append
        new = np.arange(at["rows"] - append, at["rows"]) + 1
        for name in order:
            array, end = file[name], at["rows"] + style.get("ahead", 0)
            array.resize(max(end, array.shape[0]), axis=0)
            values = {
                "time": new + 3600 * at["who"],
                "who": np.full(append, at["who"]),
                "spectrum": new[:, None] + [0, 1],
            }
            array[at["rows"] - append : at["rows"]] = values.get(name, new)
    for name in order if flush in ("all", "each") else order[: 0 if flush == "none" else flush]:
        file[name].flush()
    if flush == "all":
        file.flush()
    if close:
        for name in order:
            file[name].resize(at["rows"], axis=0)
        file.close()
        return None
    return file


class Logger:
    """One logger in a process of its own."""

    def __init__(self, place: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(place))
        self._line = self._connection.makefile("rw")
        self._pid = int(self._line.readline())

    def tell(self, **what: Any) -> None:
        """Begin to do something; `heard` waits for it."""
        self._line.write(json.dumps(what) + "\n")
        self._line.flush()

    def heard(self) -> None:
        said = self._line.readline().strip()
        assert said == "done", said

    def do(self, **what: Any) -> None:
        self.tell(**what)
        self.heard()

    def close(self) -> None:
        self.do(close=True)
        self.kill()

    def kill(self) -> None:
        """End it without a word; when this returns it is gone."""
        os.kill(self._pid, signal.SIGKILL)
        with suppress(ConnectionResetError):  # it did not hear the last word
            while self._connection.recv(1 << 16):
                pass
        self._line.close()
        self._connection.close()


class Loggers:
    """Use it in a ``with`` statement; its loggers end with it."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / "loggers"

    def start(self) -> Logger:
        return Logger(self._place)

    def __enter__(self) -> Loggers:
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == b"ready"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(20)


if __name__ == "__main__":
    _main(sys.argv[1])
