"""What a tick of an open page changes reaches it as one message, however many pictures changed; and from the first moment."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.viewers import Viewer
from tests.server import Server
from workbench.core.clock import Clock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Reader(Viewer):
    """A viewer who keeps what each message changed."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[int] = []
        self.changed = set[str]()

    async def _follow(self, socket: Any) -> None:
        while True:
            kind, (_, content, *_) = await self._message(socket)
            if kind == "PATCH-DOC":
                events = json.loads(content)["events"]
                self.changes.append(len(events))
                self.changed |= {event.get("attr", "") for event in events}


class Undrawn(Reader):
    """One whose page is not drawn yet, or whose browser never says so."""

    async def _say(self, socket: Any, kind: str, content: dict[str, Any]) -> None:
        if kind != "PATCH-DOC":
            await super()._say(socket, kind, content)


@pytest.fixture
def moving(simulated: Path, tmp_path: Path) -> Path:
    """The catalog of a cruise whose data are those of files, and whose clock goes on."""
    cruise = tmp_path / "cruise"
    shutil.copytree(simulated.parent, cruise)
    catalog = cruise / "catalog.yaml"
    catalog.write_text(
        catalog.read_text().replace('listen: "folder:{{ CATALOG_DIR }}/evt"', 'url: "{{ CATALOG_DIR }}/evt"')
    )
    Clock(np.datetime64("2025-01-14T22:00:00", "ns"), 120.0, time.time()).save(cruise / "SIM25.cruise")
    return catalog


def test_a_tick_is_one_message(moving: Path, tmp_path: Path) -> None:
    async def look(address: str) -> Reader:
        viewer = Reader()
        await viewer.open(address, None, True, "time=now-60min..now")
        await asyncio.sleep(1)
        viewer.changes.clear()  # what came before the page was ready
        until = time.monotonic() + 120
        while (len(viewer.changes) < 4 or max(viewer.changes) <= 5) and time.monotonic() < until:
            await asyncio.sleep(0.2)
        await viewer.close()
        return viewer

    with Server("board", moving, "--port", "0", log=tmp_path / "log") as server:
        viewer = asyncio.run(look(server.address))
    # A tick may have only numbers that moved; one of them has new pictures, and brings all that moved with them.
    assert max(viewer.changes) > 5, f"one by one they would come as messages of one change: {viewer.changes}"
    assert "changed" in viewer.changed, "tiles that moved, and not all of them"


def test_a_page_that_is_not_drawn_misses_nothing(moving: Path, tmp_path: Path) -> None:
    async def look(address: str) -> set[str]:
        viewer = Undrawn()
        await viewer.open(address, None, True, "time=now-60min..now")
        until = time.monotonic() + 30
        while not {"data", "window", "tiles"} <= viewer.changed and time.monotonic() < until:
            await asyncio.sleep(0.2)
        await viewer.close()
        return viewer.changed

    with Server("board", moving, "--port", "0", log=tmp_path / "log") as server:
        changed = asyncio.run(look(server.address))
    # Of a curve, of the time control and of the numbers: pictures of Bokeh, and what is ours.
    assert {"data", "window", "tiles"} <= changed
    assert "changed" not in changed, "of one tile; a browser that draws them later never looks at it"
