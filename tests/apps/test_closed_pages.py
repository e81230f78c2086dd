"""Pages of a real board that were opened and closed: nothing that they were made of is there any more."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.beside import Beside, beside

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

#: Pages of one round; the first round fills what is kept for the next page.
EACH = 3
QUESTION = {"source": "seaflow", "x": "fsc_small", "y": "pe", "time": "all", "range": [-600, 66136, -600, 66136],
            "level": 512, "picture": "picture"}  # fmt: skip
OURS = ("Session", "View", "Component")
#: Bytes in use that a closed page may leave in what is kept for others (one that stays has some millions).
FEW = 250_000


@pytest.fixture(scope="module")
def board(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's board, whose files are all there."""
    folder = tmp_path_factory.mktemp("closed") / "cruise"
    shutil.copytree(simulated.parent, folder)
    path = folder / "catalog.yaml"
    text = path.read_text().replace('listen: "folder:{{ CATALOG_DIR }}/evt"', 'url: "{{ CATALOG_DIR }}/evt"')
    path.write_text(text)
    return path


def let_go(host: Beside, listeners: int) -> dict[str, int]:
    """What there is once no page is, or after a while."""
    until = time.monotonic() + 60
    while True:
        found: dict[str, int] = host.ask(alive=True)
        gone = host.ask()["listeners"] <= listeners and not any(found[name] for name in OURS)
        if gone or time.monotonic() > until:
            return found
        time.sleep(0.5)


def test_closed_pages_leave_nothing(board: Path) -> None:
    words: tuple[Any, ...] = (sys.executable, "-W", "ignore", "-m")
    with (
        beside([*words, "tests.benchmarks.hosts", "board", board, "1"]) as host,
        beside([*words, "tests.benchmarks.viewers"]) as crowd,
    ):
        address = host.answer()
        given = {"address": address, "question": QUESTION, "query": "time=all"}
        crowd.ask(open=1, session=False, **given)  # the gallery listens from its first picture on
        crowd.ask(close=True)
        none, rounds = host.ask()["listeners"], []
        for _ in range(3):
            crowd.ask(open=EACH, **given)
            opened = host.ask(alive=True)
            # at first there may be one more: the page by which the board warms up
            assert opened["Session"] >= EACH and opened["Document"] >= EACH and opened["View"] > EACH, opened
            crowd.ask(close=True)
            rounds.append(let_go(host, none))
    first, _, last = rounds
    more = last.pop("bytes") - first.pop("bytes")
    print(f"{EACH} pages opened and closed twice more: {more / 1e6:.2f} MB")
    assert not any(last[name] for name in OURS), last
    assert last["Document"] <= 1, "one is Bokeh's own"
    assert last["Model"] < 20, "models that no page has"
    assert more < FEW * 2 * EACH, "memory"
