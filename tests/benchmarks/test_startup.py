"""Starting: the command line answers before any science library is loaded, a first picture without waiting for a compiler.

Every run is a process of its own. Beside the limit (Python alone) stand what one would import otherwise.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.rows import SMOKE
from tests.server import Server
from workbench.simulate.cruise import write

pytestmark = pytest.mark.timeout(600)

ROUNDS = 1 if SMOKE else 7
#: What the package itself is compiled to is kept, whatever the caller's environment says.
CALM = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
COMMAND = Path(sys.executable).with_name("workbench")
#: What a notebook does first; what it imports is not counted.
FIRST = """
import sys, time
import numpy, xarray
import workbench
from workbench.raster import count, levels, plane
import workbench.catalog.cruise
ds = xr = None
begun = time.perf_counter()
cruise = workbench.open_cruise(sys.argv[1])
ds = cruise["seaflow"].open()
counts = count.count(ds, "fsc_small", "pe", plane.snap(0, 65536, 0, 65536))
levels.levels(counts.values)
print(time.perf_counter() - begun, int(counts.sum()))
"""
#: The same as one would do it otherwise.
OTHERWISE = """
import sys, time
import numpy, xarray, pandas, datashader
import datashader.transfer_functions
import workbench
import workbench.catalog.cruise
begun = time.perf_counter()
ds = workbench.open_cruise(sys.argv[1])["seaflow"].open()
frame = ds[["fsc_small", "pe"]].to_dataframe()
frame = 10 ** (frame / 65536 * 3.5)
canvas = datashader.Canvas(512, 512, (1, 10**3.5), (1, 10**3.5), x_axis_type="log", y_axis_type="log")
counts = canvas.points(frame, "fsc_small", "pe")
datashader.transfer_functions.shade(counts)
print(time.perf_counter() - begun, int(counts.sum()))
"""


def _run(*words: str | os.PathLike[str]) -> str:
    done = subprocess.run(
        [os.fspath(word) for word in words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=CALM,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]  # 1: status says that no engine runs
    return done.stdout


@pytest.fixture(scope="module")
def cruise(tmp_path_factory, smoke) -> Path:
    """``catalog.yaml`` whose particles are read from their files."""
    path = write(tmp_path_factory.mktemp("startup") / "cruise", days=0.05, particles=500 if smoke else 20_000)
    text = path.read_text().replace('listen: "folder:{{ CATALOG_DIR }}/evt"', 'url: "{{ CATALOG_DIR }}/evt"')
    path.write_text(text)
    (path.parent / "SIM25.cruise").mkdir()
    return path


def test_the_command_line(measure, row, cruise) -> None:
    candidates = {
        "help": lambda: _run(COMMAND, "--help"),
        "status": lambda: _run(COMMAND, "status", cruise),
        "python": lambda: _run(sys.executable, "-c", ""),
        "panel": lambda: _run(sys.executable, "-W", "ignore", "-c", "import panel, holoviews, xarray"),
    }
    took = {name: 1e3 * seconds for name, seconds in measure("the command line", candidates, repeats=5).items()}
    for name in ("help", "status"):
        row(f"workbench {'--' if name == 'help' else ''}{name}", "ms", took[name], peer=took["panel"],
            peer_name="import panel, holoviews, xarray", limit=took["python"], at_most=3 * took["python"])  # fmt: skip


def test_a_first_cytogram(row, cruise) -> None:
    """In a fresh process, after its imports: kernels come from their cache."""
    _run(sys.executable, "-c", FIRST, cruise)
    found: dict[str, list[list[str]]] = {"ours": [], "other": []}
    for _ in range(1 if SMOKE else 5):
        found["ours"].append(_run(sys.executable, "-W", "ignore", "-c", FIRST, cruise).split())
        found["other"].append(_run(sys.executable, "-W", "ignore", "-c", OTHERWISE, cruise).split())
    assert {told[1] for told in found["ours"]} == {told[1] for told in found["other"]}
    ours, other = (statistics.median(float(told[0]) for told in found[name]) for name in ("ours", "other"))
    row(
        "first cytogram of a fresh process, after its imports",
        "s",
        ours,
        peer=other,
        peer_name="datashader, log axes",
        at_most=1.5,
    )


def _opened(cruise: Path, folder: Path, pages: int = 1) -> tuple[float, float, list[float], list[float]]:
    """Seconds from the start of a board to its address and to its first painted page; of more pages after it, until
    they are painted and until their pictures are live."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import PROGRAM

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        blank = browser.new_page()
        begun = time.monotonic()
        # The browser is there before the board, as on a ship; its page is asked for as soon as the address is known.
        with Server(
            "board", cruise, "--port", "0", log=folder / "log", env={"PYTHONDONTWRITEBYTECODE": None}
        ) as server:
            known = time.monotonic() - begun
            _paint(blank, server.address)
            first, more, live = time.monotonic() - begun, [], []
            blank.wait_for_function(_LIVE, polling=50, timeout=120_000)
            for _ in range(pages):
                time.sleep(0 if SMOKE else 2)  # the page before has all its cards
                page, again = browser.new_page(), time.monotonic()
                _paint(page, server.address)
                more.append(time.monotonic() - again)
                page.wait_for_function(_LIVE, polling=50, timeout=120_000)
                live.append(time.monotonic() - again)
                page.close()
        browser.close()
    return known, first, more, live


def _paint(page, address: str) -> None:
    """Until a person sees the map and the cytograms, with their axes."""
    page.goto(f"{address}/?time=all", wait_until="commit")
    page.wait_for_function(_PAINTED, polling=50, timeout=120_000)


#: Looks into shadow roots: the state of a live picture.
_SHOWN = """() => {
  const seen = (root) => [...root.querySelectorAll("*")].some((e) =>
    e.dataset?.state === "shown" || (e.shadowRoot && seen(e.shadowRoot)))
  return seen(document)
}"""
#: The glance says so once its map and all its cytograms are drawn (and not before, when a picture is missing); the live
#: page when its first picture is.
_PAINTED = f"""() => document.querySelector(".glance[data-painted=true]") !== null || ({_SHOWN})()"""
#: The glance has gone: map and cytogram are those that a hand moves.
_LIVE = f"""() => document.querySelector(".glance") === null && ({_SHOWN})()"""


def test_the_board(row, cruise, tmp_path) -> None:
    from tests.browser.chromium import PROGRAM

    if not Path(PROGRAM).exists():
        pytest.skip("no Chromium; as root: apt-get install -y chromium")
    # The first brings files into memory; the median of five does not see it.
    runs = [_opened(cruise, tmp_path) for _ in range(1 if SMOKE else 5)]
    row("the board of a new process: its address", "s", statistics.median(known for known, *_ in runs))
    row(
        "the board of a new process: first painted page",
        "s",
        statistics.median(first for _, first, *_ in runs),
        at_most=4,
    )
    warm = statistics.median(seconds for _, _, more, _ in runs for seconds in more)
    row("the board, warm: a page painted", "s", warm, at_most=1)
    live = statistics.median(seconds for *_, live in runs for seconds in live)
    row("the board, warm: its pictures under the hand", "s", live)


def test_kernels_are_warmed(cruise, row) -> None:
    """A board that says it is there compiles nothing for its first picture."""
    from tests.benchmarks.beside import beside

    asked = json.dumps(
        {"source": "seaflow", "x": "fsc_small", "y": "pe", "time": "all", "range": [0, 65536, 0, 65536], "level": 512}
    )
    with (
        beside([sys.executable, "-W", "ignore", "-m", "tests.benchmarks.hosts", "board", cruise]) as host,
        beside([sys.executable, "-m", "tests.benchmarks.viewers"]) as crowd,
    ):
        address = host.answer()
        begun = time.monotonic()
        crowd.ask(open=1, address=address, question=json.loads(asked), session=False)
        while not host.ask()["drawn"]:
            time.sleep(0.01)
        took = time.monotonic() - begun
    row("the board of a new process: its first picture over a bare socket", "s", took, at_most=1)
