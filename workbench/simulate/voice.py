"""The ship speaks: positions of a simulated cruise sent as datagrams when they are due, as a navigation feed sends them.

Where to, the engine says: it writes the address that its feed got into ``engine.json`` in the cruise folder, so that no
port need be agreed on. What is sent while nobody listens is lost, as at sea.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import numpy as np

from workbench.core import clock
from workbench.simulate.cruise import Simulation
from workbench.simulate.positions import lines

#: Real seconds between two looks at the clock; between two looks for the address.
TICK, LOOK = 0.1, 1.0
#: Seconds of the cruise that are sent at once, at most; what is older was said to nobody.
MOST = 600


class Voice:
    """Sends until closed; use it in ``with``.

    Parameters
    ----------
    cruise : Simulation
    record : Path
        The cruise folder, whose ``clock.json`` tells the time.
    end : numpy.datetime64[ns]
        When the cruise ends.
    feed : str
        The Source that is spoken to.
    """

    def __init__(self, cruise: Simulation, record: Path, end: np.datetime64, feed: str = "ship") -> None:
        self._cruise, self._record, self._end, self._feed = cruise, record, end, feed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="voice", daemon=True)
        self._looked = float("-inf")
        self._to: tuple[str, int] | None = None

    def __enter__(self) -> Voice:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _speak(self) -> None:
        said, going = self._second(), True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            while going:
                going = not self._stop.wait(TICK)  # what is due by then is said all the same
                now = self._second()
                to = self._address()
                if to is not None and now > said:
                    self._say(door, to, max(said, now - MOST), now)
                said = max(said, now)

    def _say(self, door: socket.socket, to: tuple[str, int], first: int, stop: int) -> None:
        cruise = self._cruise
        text = lines(cruise.seed, cruise.start, cruise.track, cruise.happenings, first, stop)
        for line in text.splitlines():
            _, _, sentence = line.partition(b" ")  # who receives it puts the time in front
            try:
                door.sendto(sentence + b"\r\n", to)
            except OSError:
                return  # nobody is there

    def _second(self) -> int:
        """Whole seconds of the cruise that are over."""
        return int((clock.as_of(self._end) - self._cruise.start) / np.timedelta64(1, "s"))

    def _address(self) -> tuple[str, int] | None:
        """Where the feed is heard; None while it is not."""
        if time.monotonic() - self._looked >= LOOK:
            self._looked, self._to = time.monotonic(), heard_at(self._record, self._feed)
        return self._to


def heard_at(record: Path, feed: str) -> tuple[str, int] | None:
    """The address at which the engine of a cruise folder hears a feed; None when it does not."""
    try:
        said = json.loads((record / "engine.json").read_text(encoding="utf-8"))
        bound = next(each["bound"] for each in said["feeds"] if each["name"] == feed)
        host, _, port = bound.rpartition(":")
        return host, int(port)
    except (OSError, ValueError, KeyError, StopIteration):
        return None
