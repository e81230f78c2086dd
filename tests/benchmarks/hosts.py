"""Servers to be watched, each in a process of its own: our board, and the plain way to show a live cytogram.

    python -m tests.benchmarks.hosts board CATALOG [SECONDS after which a page that was closed is let go of]
    python -m tests.benchmarks.hosts plain POINTS.npy

The first answer is the address; each line then read is answered with what the process has used and holds
(`tests.benchmarks.beside`). The plain way is what documentation teaches: a `rasterize` DynamicMap in every session, moved
on by its own periodic callback.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.beside import answer, say

PARTICLES = 1_000_000
#: Particles that the window moves on with each second.
STEP = 20_000


def used() -> dict[str, float]:
    """CPU seconds and MB of this process: all that is resident, and what is its own.

    What it maps of libraries the system drops and reads again as it likes: 150 MB at once, on some machines.
    """
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "cpu": time.process_time(),
        **{name: int(told[field].split()[0]) / 1024 for name, field in (("rss", "VmRSS"), ("own", "RssAnon"))},
    }


class _Given(ctypes.Structure):
    """What the C library has given out (``struct mallinfo2``)."""

    _fields_ = [(name, ctypes.c_size_t) for name in ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]]  # fmt: skip


def given() -> int:
    """Bytes that are in use: what this process was given by the C library and has not given back.

    Under `core.memory` that is all of Python's, too; resident memory has the holes between them, which differ from page
    to page by more than a page leaves.
    """
    ask = getattr(ctypes.CDLL(None), "mallinfo2", None)  # glibc 2.33
    if ask is None:
        return int(used()["rss"] * 2**20)
    ask.restype = _Given
    told = ask()
    return int(told.uordblks + told.hblkhd)


def alive() -> dict[str, int]:
    """How many there are of what a page is made of, and the bytes that are in use."""
    from bokeh.document import Document
    from bokeh.model import Model

    from workbench.live.session import Session
    from workbench.views.component import Component
    from workbench.views.view import View

    gc.unfreeze()  # what was set aside is not told otherwise
    gc.collect()
    there = gc.get_objects()
    kinds = (Session, View, Component, Document, Model)
    found = {kind.__name__: sum(issubclass(type(one), kind) for one in there) for kind in kinds}
    del there
    gc.freeze()
    return {**found, "bytes": given()}


def board(catalog: str, patience: str = "") -> None:
    """`workbench board`, with a thread that answers."""
    from workbench.apps import board as app
    from workbench.apps import house
    from workbench.apps.desk import find
    from workbench.apps.settled import SETTLED
    from workbench.core import clock
    from workbench.core.clock import Clock

    if patience:
        milliseconds = int(1000 * float(patience))
        house.SERVING.update(
            unused_session_lifetime_milliseconds=milliseconds, check_unused_sessions_milliseconds=milliseconds
        )

    def state(said: dict[str, Any]) -> dict[str, Any]:
        if said.get("alive"):
            return alive()
        if said.get("collect"):
            SETTLED.collect()  # pages that are open or were closed are set aside: look among them, too
        if "warp" in said:  # it stood still while pages were opened, however long that took
            clock.use(Clock(clock.now(), said["warp"], time.time()))
        desk = find()
        held = {} if desk is None else {"listeners": desk.feeds.listeners, "waiting": desk.gallery.waiting, "drawn": desk.gallery.drawn}  # fmt: skip
        return {**used(), **held}

    def ready(address: str) -> None:
        say(address)
        _answer(state)

    app.serve(catalog, port=0, ready=ready)


def plain(points: str) -> None:
    """A cytogram of a moving window, as one writes it first."""
    import holoviews as hv
    import numpy as np
    import pandas as pd
    import panel as pn
    from holoviews.operation.datashader import rasterize

    hv.extension("bokeh")
    codes = np.load(points)
    frame = pd.DataFrame({"fsc_small": codes[0], "pe": codes[1]})
    updates = [0]

    def window(counter: int) -> hv.Points:
        start = counter * STEP % (len(frame) - PARTICLES)
        updates[0] += 1
        return hv.Points(frame.iloc[start : start + PARTICLES], ["fsc_small", "pe"])

    def page() -> Any:
        counter = hv.streams.Counter()
        moving = hv.DynamicMap(window, streams=[counter])
        shown = rasterize(moving, width=512, height=512, x_range=(0, 65536), y_range=(0, 65536))
        pn.state.add_periodic_callback(counter.event, period=1000)
        return pn.panel(shown.opts(width=600, height=600, cnorm="eq_hist"))

    def state(said: dict[str, Any]) -> dict[str, Any]:
        return {**used(), "updates": updates[0]}

    server = pn.io.server.get_server({"/": page}, port=0, start=False, show=False)
    say(f"http://localhost:{server.port}")
    threading.Thread(target=_answer, args=(state,), daemon=True).start()
    server.start()
    server.io_loop.start()


def _answer(state: Callable[[dict[str, Any]], Any]) -> None:
    """Answer while somebody asks, then end as by Ctrl-C in another terminal."""
    answer(state)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    if sys.argv[1] == "board":
        from workbench.core.memory import begin_for_weeks

        begin_for_weeks()  # as `workbench board` does
    {"board": board, "plain": plain}[sys.argv[1]](*sys.argv[2:])
