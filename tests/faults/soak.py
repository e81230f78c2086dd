"""The demo left alone for an hour with a page open: does memory stay flat, does any log complain?

    python -m tests.faults.soak --minutes 60 --warp 60        (make soak)

Every process is sampled each 15 s (anonymous memory by the proportional share, ``Pss_Anon``, so that file pages
count for nobody); the slope is a least-squares line after the warm-up, beside the wave of the cruise's days (24 minutes
at 60x: what is drawn differs by day and night). Processes that are replaced on purpose (the engine's worker, every
hundred runs) are one line together: the most each one held. Fails when a server process grows by more than `--limit` MB
an hour (beyond the slope's standard error), when a log or the browser's console holds an error, or when the page stopped
being live.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from tests.browser import network
from tests.browser.chromium import Chromium, Tab
from tests.server import Server

ROOT = Path(__file__).resolve().parents[2]
STEP = 15.0


@dataclass
class Process:
    """Memory of one process through time, MB."""

    name: str
    role: str
    time: list[float] = field(default_factory=list)
    anonymous: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)

    def slope(self, warmup: float, column: str = "anonymous", day: float = 0) -> tuple[float, float]:
        """MB an hour after `warmup` seconds, and its standard error (NaN when there are too few samples).

        What comes and goes with the cruise's day, of `day` seconds, is told apart from what stays, where there are two.
        """
        t, y = np.array(self.time) / 3600, np.array(getattr(self, column))
        late = t * 3600 >= warmup
        t, y = t[late], y[late]
        if t.size < 4:
            return float("nan"), float("nan")
        columns = [np.ones_like(t), t]
        if t.size > 8 and 0 < 2 * day < 3600 * (t[-1] - t[0]):
            columns += [wave(2 * np.pi * 3600 / day * t) for wave in (np.sin, np.cos)]
        known = np.stack(columns, axis=1)
        found = np.linalg.lstsq(known, y)[0]
        spread = ((y - known @ found) ** 2).sum() / (t.size - found.size)
        return float(found[1]), float(np.sqrt(spread * np.linalg.inv(known.T @ known)[1, 1]))


@dataclass
class Soak:
    """What was seen."""

    processes: list[Process]
    errors: list[str]
    frames: list[int]
    warmup: float
    day: float = 0

    @property
    def lines(self) -> list[Process]:
        """The processes that stayed, and what replaced each other as one: at its end, the most each one held."""
        end = max((p.time[-1] for p in self.processes), default=0.0)
        passing = [p for p in self.processes if p.role == "server" and p.time[-1] < end - 4 * STEP]
        last = [p for p in self.processes if p.role == "server" and p not in passing and p.time[0] > self.warmup]
        staying = [p for p in self.processes if p not in passing and p not in last]
        replaced = sorted(passing + last, key=lambda p: p.time[-1])
        if not replaced:
            return staying
        together = Process(f"{len(replaced)} that were replaced", "server")
        for p in replaced:
            together.time.append(p.time[-1])
            together.anonymous.append(max(p.anonymous))
            together.resident.append(max(p.resident))
        return [*staying, together]

    def growing(self, limit: float) -> list[str]:
        """Server processes that gain more than `limit` MB an hour, by more than the slope's standard error."""
        slopes = [(p.name, p.slope(self.warmup, day=self.day)) for p in self.lines if p.role == "server"]
        return [
            f"{name} grows by {rate:.2f} +- {error:.2f} MB an hour (limit {limit:g})"
            for name, (rate, error) in slopes
            if rate - error > limit
        ]

    def silent(self) -> list[str]:
        """A sentence when the page got nothing over its websockets in the last part of the run."""
        tail = self.frames[-max(2, len(self.frames) // 5) :]
        return [] if len(tail) < 2 or tail[-1] > tail[0] else ["no websocket message reached the page any more"]

    def __str__(self) -> str:
        rows = [f"{'process':<34}{'first':>9}{'last':>9}{'max':>9}{'MB/h':>9}{'+-':>7}{'RSS MB/h':>10}"]
        for p in self.lines:
            (gradient, error), (rss, _) = (
                p.slope(self.warmup, column, self.day) for column in ("anonymous", "resident")
            )
            y = p.anonymous
            rows.append(
                f"{p.role + ' ' + p.name:<34.34}{y[0]:>9.1f}{y[-1]:>9.1f}{max(y):>9.1f}{gradient:>9.2f}{error:>7.2f}{rss:>10.2f}"
            )
        rows.append(f"websocket messages to the page: {self.frames[-1] if self.frames else 0}")
        rows += [f"error: {line}" for line in self.errors] or ["no errors in any log"]
        return "\n".join(rows)


def memory(pid: int) -> tuple[float, float]:
    """Anonymous and resident memory of a process, MB."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, _, rest = line.partition(":")
        values[key] = int(rest.split()[0]) / 1024
    return values.get("Pss_Anon", values.get("Anonymous", 0.0)), values["Rss"]


class Watch:
    """All processes under one, sampled together."""

    def __init__(self) -> None:
        self.processes: dict[int, Process] = {}
        self._start = time.monotonic()

    def sample(self, role: str, pid: int) -> None:
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            try:
                anonymous, resident = memory(process.pid)
                kind = " ".join(a for a in process.cmdline()[1:] if a.startswith("--type=")) or process.name()
            except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError, KeyError):
                continue  # it ended between listing and reading
            seen = self.processes.setdefault(process.pid, Process(f"{kind} {process.pid}", role))
            seen.time.append(time.monotonic() - self._start)
            seen.anonymous.append(anonymous)
            seen.resident.append(resident)

    def save(self, path: Path) -> None:
        """Every sample as CSV."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as out:
            table = csv.writer(out)
            table.writerow(["role", "process", "seconds", "anonymous_MB", "resident_MB"])
            for p in self.processes.values():
                for row in zip(p.time, p.anonymous, p.resident, strict=True):
                    table.writerow([p.role, p.name, *(f"{v:.3f}" for v in row)])


@contextmanager
def opened(address: str, folder: Path) -> Iterator[tuple[Tab, list[int], int]]:
    """The page in a Chromium: its tab, the count of websocket messages as a one-element list, the driver's pid."""
    from playwright.sync_api import sync_playwright

    before = {p.pid for p in psutil.Process().children()}
    with sync_playwright() as playwright:
        driver = next(p.pid for p in psutil.Process().children() if p.pid not in before)
        browser = Chromium(playwright, folder, ROOT / "test-output", log=False)
        tab = browser.open("about:blank")
        count = [0]

        def more(_: object) -> None:
            count[0] += 1

        tab.page.on("websocket", lambda socket: socket.on("framereceived", more))
        tab.page.goto(address)
        try:
            yield tab, count, driver
        finally:
            browser.close()


def soak(
    folder: Path, *, minutes: float, warp: float = 60, warmup: float = 600, days: float = 3, step: float = STEP
) -> Soak:
    """Run ``workbench demo`` in `folder` for `minutes` with one page open."""
    watch, frames = Watch(), []
    with ExitStack() as stack:
        try:
            stack.enter_context(network.cut_off())
        except network.CannotCut as reason:
            print(f"the network stays connected: {reason}")
        args = ("demo", folder / "demo-data", "--warp", f"{warp:g}", "--days", f"{days:g}", "--port", "0")
        server = stack.enter_context(Server(*args, log=folder / "server.log", wait=180))
        tab, count, driver = stack.enter_context(opened(server.address, folder))
        end = time.monotonic() + minutes * 60
        errors: list[str] = []
        while time.monotonic() < end:
            tab.page.wait_for_timeout(min(step, max(end - time.monotonic(), 0.1)) * 1000)
            if server.process.poll() is not None:
                errors.append(f"the server ended with {server.process.returncode}:\n{server.text()[-2000:]}")
                break
            watch.sample("server", server.process.pid)
            watch.sample("browser", driver)
            frames.append(count[0])
        errors += [f"page: {line}" for line in tab.trouble()]
        tab.shot("soak")
        status = server.stop()
        if status not in (0, 143, -15) and not errors:
            errors.append(f"the server ended with {status} when it was asked to stop")
        errors += [f"server: {line}" for line in server.trouble()]
    watch.save(ROOT / "test-output" / "soak.csv")
    return Soak(list(watch.processes.values()), errors, frames, warmup, 86_400 / warp)


def main() -> int:
    """0 when an hour (or `--minutes`) went by without growth or complaint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--warp", type=float, default=60)
    parser.add_argument("--days", type=float, default=3, help="length of the cruise that is there at the start")
    parser.add_argument("--warmup", type=float, default=600, help="seconds left out of the slope")
    parser.add_argument("--limit", type=float, default=1.0, help="MB an hour a server process may gain")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        seen = soak(Path(folder), minutes=args.minutes, warp=args.warp, warmup=args.warmup, days=args.days)
        (ROOT / "test-output").mkdir(exist_ok=True)
        (ROOT / "test-output" / "soak-server.log").write_bytes((Path(folder) / "server.log").read_bytes())
    print(seen)
    wrong = seen.growing(args.limit) + seen.silent()
    print("\n".join(wrong) or "flat")
    return 1 if wrong or seen.errors else 0


if __name__ == "__main__":
    sys.exit(main())
