"""The newest of one Source, held once per process.

    feed = open_feed(cruise["underway"])     # RowFeed, or ParticleFeed where rows are particles
    feed.poll()                              # takes in what is new; True when something changed; never raises
    feed.snapshot                            # dataset, revision, arrived, fault (text for people, or None)
    feed.rows, feed.span, feed.newest        # how many, Window or None, datetime64 or None
    feed.age(now), feed.stale(now)

What is only in a RowFeed (`series`, `track`, `value`) and only in a ParticleFeed (`table`, `codes`) is told there.
A source that cannot be read leaves what was read before in place, with `snapshot.fault` saying why; reading is tried
again at every poll. Memory does not grow with the length of a cruise.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.catalog.registered import named_in
from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.snapshot import Snapshot
from workbench.core.variables import VariableSpec
from workbench.core.window import ALWAYS, Window

if TYPE_CHECKING:
    from workbench.catalog.source import Source

log = logging.getLogger(__name__)

SECOND = np.timedelta64(1_000_000_000, "ns")
#: A feed is stale when nothing came for so many of its usual steps ...
PATIENCE = 3
#: ... but never sooner than this many seconds of the wall clock (a poll and a picture take time, too).
LEAST = 5.0
#: Broken files told, the newest ones.
REFUSED = 50


def open_feed(source: Source, within: Window = ALWAYS) -> Feed:
    """The feed that fits a source: particles or rows along time.

    Parameters
    ----------
    source : Source
    within : Window
        Times that can be; rows outside are left out (a wrong year would stretch every picture).
    """
    from workbench.live.particle_feed import ParticleFeed
    from workbench.live.row_feed import RowFeed

    return ParticleFeed(source) if source.is_particles else RowFeed(source, within)


class Feed(ABC):
    """The newest of one Source; see the top of this file.

    Parameters
    ----------
    source : Source

    Attributes
    ----------
    refused : tuple of str
        The newest broken files, ``path: reason`` each; the source itself works.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = str(source.name)
        self.refused: tuple[str, ...] = ()
        self.revision = 0
        self.arrived: np.datetime64 = np.datetime64("NaT", "ns")
        self.fault: str | None = None
        self.polled = False  #: the first look is done: no rows now means that there are none
        self.more = False  #: the source has more to give at once; poll again
        self.detail = 0  #: grows when something finer than before can be given without new rows
        self.told: Callable[[], object] | None = None  #: called when `detail` grows
        self._held: tuple[float, tuple[int, int]] = (0.0, (0, 0))  # until when `seen` stands still, and where
        self._specs: dict[str, VariableSpec] | None = None  # asked of the source once, and again when new names come
        self._named: set[str] = set()  # variables seen in what came
        self._cursor: Any = None
        self._lock = RLock()  # held while what is kept changes or is read
        self._polling = RLock()  # held by the one who polls

    @property
    def seen(self) -> tuple[int, int]:
        """Its state by which what is made of it is named: `revision` and `detail`, which stand still while held."""
        until, state = self._held
        return state if time.monotonic() < until else (self.revision, self.detail)

    def hold(self, until: float) -> None:
        """Have `seen` stand still until then (time.monotonic)."""
        self._held = until, (self.revision, self.detail)

    # what subclasses know

    @property
    @abstractmethod
    def rows(self) -> int:
        """Rows (or particles) taken in so far."""

    @property
    def rewritten(self) -> tuple[int, int]:
        """Another one whenever there are other rows before the newest."""
        return 0, 0

    @property
    @abstractmethod
    def span(self) -> Window | None:
        """First to last time, or None when nothing came yet."""

    @property
    @abstractmethod
    def step(self) -> np.timedelta64 | None:
        """The usual time between two rows (or files), or None when that cannot be told."""

    @abstractmethod
    def _dataset(self) -> xr.Dataset: ...

    @abstractmethod
    def _restart(self, new: xr.Dataset) -> None:
        """Take in `new`, which is everything, in place of what is kept."""

    @abstractmethod
    def _take(self, new: xr.Dataset) -> bool:
        """Take in what is new; False, with nothing taken, when only a restart can (rows were rewritten)."""

    # what all feeds do

    @property
    def specs(self) -> Mapping[str, VariableSpec]:
        """What its variables are, by name; known without asking the source (a server, files) each time."""
        if self._specs is None:
            self._specs = dict(self.source.variables())
        return self._specs

    @property
    def snapshot(self) -> Snapshot:
        """The newest rows (bounded), and what a person must know about them."""
        with self._lock:
            return Snapshot(self._dataset(), self.revision, self.arrived, self.fault)

    @property
    def newest(self) -> np.datetime64 | None:
        """Time of the newest row, or None."""
        span = self.span
        return None if span is None else span.stop - np.timedelta64(1, "ns")

    def poll(self) -> bool:
        """Take in what is new. True when rows, broken files or the fault changed. Never raises."""
        with self._polling:
            fault = None
            try:
                changed = self._pull()
                if self.refused and not self.rows:  # of nothing but broken files there is nothing to show
                    fault = self.refused[0]
            except (WorkbenchError, OSError) as error:
                changed, fault = False, _explain(error)
            except Exception as error:  # a reader's own mistake must not stop the board
                changed, fault = False, f"{type(error).__name__}: {error}"
                if fault != self.fault:  # it is tried again at every poll, and told once
                    log.exception("feed %s", self.name)
            changed |= fault != self.fault
            with self._lock:
                self.fault = fault
                self.polled |= not self.more or fault is not None
                self.revision += changed
            return changed

    def age(self, now: np.datetime64) -> np.timedelta64 | None:
        """How old the newest row is; None when there is none."""
        newest = self.newest
        return None if newest is None else now - newest

    def patience(self, over: np.timedelta64 | None = None) -> np.timedelta64:
        """How old the newest row may be before the feed is stale.

        Parameters
        ----------
        over : numpy.timedelta64, optional
            A time within which a row must have come whatever is usual, such as a KPI's ``over``.

        Returns
        -------
        numpy.timedelta64
            The source's ``stale_after``; without one, the longest of `PATIENCE` usual steps, `PATIENCE` times the
            source's ``every``, and `over`. Never less than `LEAST` seconds of the wall clock.
        """
        alone = getattr(self.source, "stale_after", None)
        if alone is not None:
            return max(alone, _least())
        known = [PATIENCE * step for step in (self.step, self.source.every) if step is not None]
        return max([_least(), *known, *([over] if over is not None else [])])

    def stale(self, now: np.datetime64, over: np.timedelta64 | None = None) -> bool:
        """True when no row came for longer than `patience`; `now` is the cruise's now."""
        age = self.age(now)
        return age is None or bool(age > self.patience(over))

    def close(self) -> None:  # noqa: B027
        """Wait for what is under way in the background."""

    def _detailed(self) -> None:
        self.detail += 1
        if self.told:
            self.told()

    def _pull(self) -> bool:
        """Read and take in; the cursor moves only when all of it went well, else the next poll starts anew."""
        cursor, self._cursor = self._cursor, None
        try:
            new, after = self.source.changed(cursor)
        except BaseException:
            self._cursor = cursor  # nothing was taken
            raise
        came = bool(_rows(new) or new.attrs.get("replaces"))
        if cursor is None or (came and new.attrs.get("all")):
            self._restart(new)
            self.refused = ()
        elif came and not self._take(new):
            new, after = self.source.changed(None)
            self._restart(new)
            self.refused = ()
        self._learn(new)
        self._cursor, self.more = after, bool(new.attrs.get("more"))
        lines = [line for line in str(new.attrs.get("refused", "")).splitlines() if line not in self.refused]
        self.refused = (*self.refused, *lines)[-REFUSED:]
        if came:
            self.arrived = clock.now()
        return came or bool(lines)

    def _learn(self, new: xr.Dataset) -> None:
        """What variables are that were not seen before."""
        names = self._seen(new) if _rows(new) else set()
        if not names <= self._named:
            specs = dict(self.source.variables())
            self._specs = {**specs, **named_in(new, specs), **named_in(self._dataset(), specs)}
            self._named |= names

    def _seen(self, new: xr.Dataset) -> set[str]:
        """Names of the variables that have come."""
        return set(map(str, new.variables))


def _rows(ds: xr.Dataset) -> bool:
    """True when there is a row (a moment, a file, a particle); labels such as populations are none."""
    return any(ds.sizes.get(dim) for dim in ("time", "file", "particle"))


def _least() -> np.timedelta64:
    running = clock.current()
    return np.timedelta64(round(LEAST * max(1.0, running.warp if running else 1.0) * 1e9), "ns")


def _explain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
