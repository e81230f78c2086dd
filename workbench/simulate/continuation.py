"""A simulated cruise that goes on: what became due is written, and nothing is written twice.

``python -m workbench.simulate.continuation FOLDER RECORD`` follows the clock of the cruise folder RECORD until the
cruise ends or standard input closes; positions are sent to the engine of RECORD as well.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.memory import return_now_and_then
from workbench.readers.lines import whole
from workbench.readers.seaflow_evt import write_evt
from workbench.readers.seaflow_sfl import write_sfl
from workbench.simulate import logbook, particles
from workbench.simulate.cruise import EVERY, FIRST, ID, Files, Simulation, begins, planned_end, read_parameters
from workbench.simulate.positions import lines
from workbench.simulate.truth import told_until, write_truth
from workbench.simulate.voice import Voice

LOCK = "truth/.lock"
_HOUR, _DAY = 3600, 86400


class Continuation:
    """Writes a simulated cruise onward from where it stands. One process at a time (a lock); use it in ``with``.

    Parameters
    ----------
    folder : path-like
        Where `workbench.simulate.cruise.write` began the cruise.

    Raises
    ------
    WorkbenchError
        When there is no simulated cruise, or another process is writing it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        parameters = read_parameters(self.folder)
        if parameters is None:
            raise WorkbenchError(
                f"{self.folder} holds no simulated cruise. Write one: workbench simulate {self.folder}"
            )
        self.cruise = Simulation(parameters)
        self.start = self.cruise.start
        self._lock = _lock(self.folder / LOCK)
        self._sfl = self.folder / "sfl" / f"{ID}.sfl"
        for left in self.folder.glob("evt/*/.*"):
            left.unlink()
        self._next_file = self._resumed_file()
        self._next_second = self._resumed_second()
        self._reached = max(self._next_second, self._next_file * EVERY + FIRST if self._next_file else 0)
        self._told = told_until(self.folder, self.cruise)  # up to when the truth is written

    @property
    def newest(self) -> np.datetime64:
        """Up to when the cruise is written (UTC, whole seconds)."""
        return self.start + np.timedelta64(self._reached, "s")

    def until(self, time: np.datetime64, *, progress: bool = False, stop: Callable[[], bool] | None = None) -> None:
        """Write every file and line that is due by `time`: a file when it is full, a position when it is received.

        Parameters
        ----------
        time : numpy.datetime64
            UTC.
        progress : bool
            Show a bar.
        stop : callable, optional
            Asked between hours; True ends early.
        """
        seconds = int((time.astype("datetime64[s]") - self.start) / np.timedelta64(1, "s"))
        bar = _bar(self._next_file, self.cruise.due(seconds)) if progress else None
        begun = edge = max(0, min(self._next_second, self._next_file * EVERY + FIRST))
        while edge < seconds and not (stop is not None and edge > begun and stop()):
            edge = min(self._next_hour(edge), seconds)
            self._positions(edge)
            self._files(self.cruise.due(edge), bar)
            self._log(edge)
            self._reached = max(self._reached, edge)
        if bar is not None:
            bar.close()
        if self._told is None or self._reached // _DAY > self._told // _DAY:
            self._truth()

    def tell(self) -> None:
        """Write the truth of what there is: it is written again when a day is over."""
        write_truth(self.folder, self.cruise, float(self._reached))
        self._told = self._reached

    def close(self) -> None:
        """Write the truth of what there is, and let go of the folder."""
        if self._lock >= 0:
            self._truth()
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Continuation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _next_hour(self, second: int) -> int:
        """The first second after `second` that begins an hour of UTC, and a file of positions."""
        begin = int(self.start.astype(np.int64))
        return (begin + second) // _HOUR * _HOUR + _HOUR - begin

    def _positions(self, stop: int) -> None:
        """Append the positions of the seconds before `stop`, all of one hour."""
        if stop <= self._next_second:
            return
        text = self._lines(self._next_second, stop)
        if text:
            path = self._hour_file(stop - 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(text)
        self._next_second = stop

    def _lines(self, first: int, stop: int) -> bytes:
        return lines(self.cruise.seed, self.start, self.cruise.track, self.cruise.happenings, first, stop)

    def _hour_file(self, second: int) -> Path:
        hour = np.datetime_as_string(self.start + np.timedelta64(second, "s"), unit="h")
        return self.folder / "underway" / f"{ID}_gps-{hour}"

    def _files(self, stop: int, bar: Any) -> None:
        """Write the EVT files with numbers below `stop`, then their lines of the SFL."""
        index = self.cruise.numbers(self._next_file, stop)
        if index.size:
            files = self.cruise.files(index)
            cut = self.cruise.happenings.covered("truncated", begins(index))
            for row, name in enumerate(files.names):
                self._particles(files, row, self.folder / "evt" / name, bool(cut[row]))
                if bar is not None:
                    bar.update()
            write_sfl(self._sfl, files.sfl, append=True)
        self._next_file = max(self._next_file, stop)

    def _log(self, stop: int) -> None:
        """Append what the instrument's log says of the seconds before `stop`."""
        path = self.folder / "log" / "SFlog.txt"
        said = logbook.text(self.start, self.cruise.happenings, stop)
        have = path.stat().st_size if path.exists() else 0
        if len(said) > have:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(said[have:])

    def _particles(self, files: Files, row: int, path: Path, cut: bool) -> None:
        if path.exists():
            return
        columns = particles.columns(self.cruise.seed, int(files.index[row]), files.truth, row)
        if not cut:
            write_evt(path, columns)
            return
        begun = float(files.index[row] * EVERY + FIRST)
        share = self.cruise.happenings.of("truncated", begun, begun + 1)[0].more["share"]
        temp = path.with_name(f".{path.name}.cut")
        write_evt(temp, columns)
        os.truncate(temp, int(temp.stat().st_size * share) | 1)  # an odd length: in the middle of a row
        os.replace(temp, path)

    def _truth(self) -> None:
        if self._told != self._reached:
            self.tell()

    def _resumed_file(self) -> int:
        """The number after the last line of the SFL; half a line is taken away."""
        if not self._sfl.exists():
            return 0
        last = _last_line(self._sfl)
        cells = last.split("\t")
        if len(cells) < 2 or cells[0] == "FILE":
            return 0
        time = np.datetime64(cells[1].removesuffix("+00:00"), "s")
        return int((time - self.start) / np.timedelta64(1, "s") - FIRST) // EVERY + 1

    def _resumed_second(self) -> int:
        """The second after the last position; what is missing of its lines is appended."""
        hours = sorted((self.folder / "underway").glob(f"{ID}_gps-*"))
        if not hours:
            return 0
        path = hours[-1]
        begin = int(self.start.astype(np.int64))
        first = max(0, int(np.datetime64(path.name.rsplit("gps-", 1)[1], "s").astype(np.int64)) - begin)
        last = _last_line(path)
        if not last:
            return first
        second = int(np.datetime64(last[:19], "s").astype(np.int64)) - begin
        text = self._lines(first, second + 1)
        with path.open("ab") as file:
            file.write(text[file.tell() :])
        return second + 1


def _last_line(path: Path) -> str:
    """The last whole line of a file; what follows it is cut off. Empty when there is none."""
    end = whole(path)
    if end < path.stat().st_size:
        os.truncate(path, end)
    with path.open("rb") as file:
        file.seek(max(0, end - 4096))
        return file.read(end).rstrip(b"\n").rsplit(b"\n", 1)[-1].decode("ascii")


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise WorkbenchError(
            f"{path.parent.parent}: another process is writing this cruise. Stop it, or name another folder."
        ) from None
    return handle


def _bar(done: int, total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=max(total, done), initial=done, unit=" files", desc="simulating", leave=False, disable=None)


def follow(folder: str | os.PathLike[str], record: str | os.PathLike[str], *, tick: float = 1.0) -> int:
    """Write what becomes due by the clock of `record`, and send it to the engine there, until the cruise ends.

    It ends, too, when standard input closes.

    Parameters
    ----------
    folder : path-like
        The simulated cruise.
    record : path-like
        Its cruise folder, whose ``clock.json`` tells the time.
    tick : float
        Real seconds between two looks at the clock.

    Returns
    -------
    int
        Exit status: 0 when the cruise has ended or nobody is there any more.
    """
    clock.follow(record)
    end = planned_end(Path(folder))
    with Continuation(folder) as cruise, Voice(cruise.cruise, Path(record), end):
        cruise.tell()  # what it takes in memory is taken at the beginning
        return_now_and_then()
        while True:
            now = clock.as_of(end)
            cruise.until(now, stop=lambda: _alone(0))
            if now >= end or _alone(tick):  # not the clock again: it went on while this was written
                return 0


def _alone(seconds: float) -> bool:
    """Wait on standard input; True once it is closed, which the parent's end does as well."""
    ready, _, _ = select.select([0], [], [], seconds)
    return bool(ready) and not os.read(0, 4096)


def main(argv: list[str]) -> int:
    """`follow` as a process. The terminal's Ctrl-C is left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return follow(argv[0], argv[1])
    except (WorkbenchError, OSError) as error:
        sys.stderr.write(f"workbench: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
