"""Building the picture indices of a cruise: `workbench index`, and what engine and board do by the way.

index_cruise(cruise)                     # every particle source, as far as it is not done
with building(feeds, cruise.folder): ... # a board: in the background, while nobody else does it
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.catalog.cruise import Cruise
from workbench.core.errors import WorkbenchError, suggest
from workbench.live.feeds import Feeds
from workbench.live.index_builder import groups_of, layers_of, planes_of, update_index, worth
from workbench.live.indexed import PLACE, Indexed
from workbench.live.particle_feed import ParticleFeed
from workbench.record.lock import EngineLock

log = logging.getLogger(__name__)

#: Seconds between two looks of a board, and how gently it works.
LOOK, GENTLY = 20.0, 15


@dataclass(frozen=True)
class Indexing:
    """What came of it for one source.

    Attributes
    ----------
    source : str
    files : int or None
        Files indexed now; None when another process is at it, or the cruise folder cannot be written.
    indexed, particles : int
        Particles that are indexed, and that there are.
    nbytes : int
        What the index takes on disk.
    """

    source: str
    files: int | None
    indexed: int
    particles: int
    nbytes: int


def index_cruise(
    cruise: Cruise, names: Sequence[str] = (), *, again: bool = False, quiet: bool = True
) -> list[Indexing]:
    """Index the particle sources of a cruise, as far as it is not done; what is interrupted goes on the next time.

    Parameters
    ----------
    cruise : Cruise
    names : sequence of str
        Sources; by default all that hold particles.
    again : bool
        Begin anew.
    quiet : bool
        No progress bars.

    Returns
    -------
    list of Indexing

    Raises
    ------
    WorkbenchError
        When a source does not exist, holds no particles or cannot be read.
    """
    there = [name for name, source in cruise.items() if source.is_particles]
    for name in names:
        if name not in there:
            raise WorkbenchError(f"cruise {cruise.id} has no source of particles '{name}'. {suggest(name, there)}")
    return [_index(cruise, feed_of(cruise, name), again, quiet) for name in names or there]


def feed_of(cruise: Cruise, name: str) -> ParticleFeed:
    """The feed of a source, with its index."""
    feed = ParticleFeed(cruise[name])
    feed.index = Indexed(cruise.folder.joinpath(*PLACE, name), feed.labels)
    return feed


def _index(cruise: Cruise, feed: ParticleFeed, again: bool, quiet: bool) -> Indexing:
    from tqdm import tqdm

    feed.poll()
    while feed.more and not feed.fault:
        feed.poll()
    if feed.fault:
        raise WorkbenchError(feed.fault)
    assert feed.index is not None
    wanted = layers_of(feed, planes_of(cruise), groups_of(cruise))
    there = feed.index.covered(feed.table)
    total = len(feed.table) if again else feed.index.lacking(feed.table)
    with tqdm(total=total, unit="file", desc=feed.name, disable=quiet or not sys.stderr.isatty()) as bar:
        files = update_index(feed, wanted, again=again, done=bar.update)
    if files is None and (there == feed.rows or not wanted):
        files = 0
    return Indexing(feed.name, files, feed.index.covered(feed.table), feed.rows, feed.index.folder.nbytes)


# -- beside an engine ----------------------------------------------------------------------------------------------

_followed: dict[tuple[Path, Path, str], ParticleFeed] = {}


def follow(cruise: Cruise, seconds: float = float("inf")) -> bool:
    """Index what came since the last call in this process, which remembers the files; True when there is more.

    A source that cannot be read is left for the next time.
    """
    until = time.monotonic() + seconds
    more = False
    for name, source in cruise.items():
        if not source.is_particles:
            continue
        key = (cruise.path, cruise.folder, name)
        feed = _followed.get(key)
        if feed is None:
            feed = _followed[key] = feed_of(cruise, name)
        feed.poll()
        while feed.more and not feed.fault:
            feed.poll()
        wanted = layers_of(feed, planes_of(cruise), groups_of(cruise))
        update_index(feed, wanted, stopped=lambda: time.monotonic() > until)
        more |= time.monotonic() > until
    return more


# -- in a board ----------------------------------------------------------------------------------------------------


@contextmanager
def building(feeds: Feeds, cruise: Cruise) -> Iterator[None]:
    """Index in the background what makes pictures slow, while no engine runs; ends soon after the block."""
    stop = threading.Event()
    thread = threading.Thread(target=_build, args=(feeds, cruise, stop), name="index", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10.0)


def _build(feeds: Feeds, cruise: Cruise, stop: threading.Event) -> None:
    _be_gentle()
    groups, told = [feed for feed in feeds.values() if isinstance(feed, ParticleFeed)], dict[str, str]()
    while groups and not stop.wait(LOOK):
        for feed in groups:
            try:
                if worth(feed) and EngineLock(cruise.folder).holder() is None:
                    wanted = layers_of(feed, planes_of(cruise), groups_of(cruise))
                    files = update_index(feed, wanted, stopped=stop.is_set)
                    log.info("index of %s: %s files", feed.name, "nobody's" if files is None else files)
            except Exception as wrong:  # a full disk, say; until it is tried again the board is slower, nothing more
                said = f"{type(wrong).__name__}: {wrong}"
                if told.get(feed.name) != said:
                    log.exception("index of %s", feed.name)
                told[feed.name] = said


def _be_gentle() -> None:
    """Let the pages go first: on Linux a thread has a niceness of its own."""
    set_priority: Callable[[int, int, int], None] | None = getattr(os, "setpriority", None)
    if sys.platform == "linux" and set_priority is not None:
        with suppress(OSError):  # the whole board is gentler than that already, and only root may be less so
            set_priority(os.PRIO_PROCESS, threading.get_native_id(), GENTLY)
