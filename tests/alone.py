"""What a test takes by itself, of memory and of the disk: threads that others left go on in the same process."""

from __future__ import annotations

import gc
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

#: Frames to trace (``tracemalloc.start(FRAMES)``): numpy allocates a few calls below the line that wants an array.
FRAMES = 5


def held(*places: str) -> int:
    """Bytes in use now, while `tracemalloc` traces, that lines of these layers of the workbench, and files, took."""
    names = [place if place.endswith(".py") else f"*/workbench/{place}/*" for place in places]
    found = tracemalloc.take_snapshot().statistics("traceback")
    files = {frame.filename for trace in found for frame in trace.traceback}
    mine = {file for file in files if any(fnmatch(file, name) for name in names)}
    return sum(trace.size for trace in found if not mine.isdisjoint(frame.filename for frame in trace.traceback))


def peak(call: Callable[[], object], tries: int = 3) -> int:
    """The most bytes in use while `call` works, of the try with the least: others do not disturb each of them."""
    found = []
    for _ in range(tries):
        gc.collect()
        tracemalloc.start()
        try:
            call()
            found.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(found)


@contextmanager
def moved(way: str) -> Iterator[Callable[[], int]]:
    """Gives what tells the bytes read (``rchar``) or written (``wchar``) since: not by threads that were before."""
    before, own = _others(way), 0
    begun, _ = _moved("", way)

    def since() -> int:
        nonlocal own
        total, _ = _moved("", way)
        now = _others(way)
        mine = total - begun - own - sum(now[task][0] - count for task, (count, _) in before.items() if task in now)
        own += sum(length for _, length in now.values()) if way == "rchar" else 0  # to look is to read
        return mine

    yield since


def _others(way: str) -> dict[str, tuple[int, int]]:
    found = {}
    for task in os.listdir("/proc/self/task"):
        if task != str(threading.get_native_id()):
            with suppress(OSError):  # it ended
                found[task] = _moved(f"/task/{task}", way)
    return found


def _moved(task: str, way: str) -> tuple[int, int]:
    """The count, and the length of what says it."""
    text = Path(f"/proc/self{task}/io").read_text()
    return int(text.split(f"{way}: ")[1].split()[0]), len(text)
