"""Keeps the time of a replay: each piece is sent when it is due."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.core import clock
from workbench.core.clock import Clock
from workbench.core.errors import WorkbenchError
from workbench.core.window import ALWAYS, MAX, Window
from workbench.live.replay.faults import Faults
from workbench.live.replay.pieces import Piece, Stream
from workbench.live.replay.target import Target
from workbench.live.replay.targets import parse

#: Seconds that are not worth sleeping.
_NEAR = 0.002
#: Pieces after which others have their turn, when there is no time to sleep.
_TURN = 64


@dataclass
class Sent:
    """What a replay has sent so far.

    Attributes
    ----------
    pieces : dict of str to int
        By source.
    bytes : int
    first, time : numpy.datetime64[ns]
        When the first and the newest piece were due; NaT before the first.
    """

    pieces: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    first: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "ns"))
    time: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "ns"))

    def __str__(self) -> str:
        each = ", ".join(f"{name} {count}" for name, count in self.pieces.items()) or "nothing"
        return f"{each} ({self.bytes} bytes), up to {np.datetime_as_string(self.time, unit='s')}"


async def replay(
    streams: Sequence[Stream],
    to: Sequence[str],
    *,
    warp: float = 1.0,
    window: Window = ALWAYS,
    faults: Faults | None = None,
    follow: Clock | None = None,
    sent: Sent | None = None,
    told: Callable[[Sent], object] | None = None,
) -> Sent:
    """Send streams again.

    Parameters
    ----------
    streams : sequence of Stream
    to : sequence of str
        ``[SOURCE=]URL``; a source goes to every place that names it or names none. Others are not sent.
    warp : float
        Seconds of the cruise a second; infinite for as fast as it goes.
    window : Window
        Only what is due then.
    faults : Faults, optional
    follow : Clock, optional
        A clock that says what time it is in the cruise, instead of `warp`: what is due is sent, what was due before
        now is not (another run sent it).
    sent : Sent, optional
        Counts, to be read meanwhile.
    told : callable, optional
        Called with it after each piece.

    Returns
    -------
    Sent

    Raises
    ------
    WorkbenchError
        When a place or a source is not known, or nothing would be sent.
    """
    sent = Sent() if sent is None else sent
    targets = [parse(text, list(streams)) for text in to]
    chosen = {stream.name: [target for target in targets if target.takes(stream)] for stream in streams}
    if not any(chosen.values()):
        raise WorkbenchError(_nowhere(streams))
    if follow is not None:
        window = window & Window(follow.now(), MAX)
    opened: list[Target] = []
    try:
        for target in targets:
            opened.append(target)
            await target.open()
        going = (stream for stream in streams if chosen[stream.name])
        await _send(_merged(going, window, faults), chosen, _Pace(warp, follow), sent, told)
    except asyncio.CancelledError:
        for target in opened:
            target.drop()
        raise
    finally:
        for target in opened:
            await target.close()
    return sent


async def _send(
    pieces: Iterator[Piece], chosen: dict[str, list[Target]], pace: _Pace, sent: Sent,
    told: Callable[[Sent], object] | None,
) -> None:  # fmt: skip
    for piece in pieces:
        await pace.until(piece.time)
        for target in chosen[piece.source]:
            await target.send(piece)
        sent.time = np.datetime64(piece.time, "ns")
        sent.first = sent.time if np.isnat(sent.first) else sent.first
        sent.pieces[piece.source] = sent.pieces.get(piece.source, 0) + 1
        sent.bytes += len(piece.body) if piece.file is None else piece.file.stat().st_size
        if told is not None:
            told(sent)


def _merged(streams: Iterator[Stream], window: Window, faults: Faults | None) -> Iterator[Piece]:
    """Pieces of all streams in the order of time."""
    each = (stream.pieces(window) for stream in streams)
    spoilt = (faults.spoil(pieces) for pieces in each) if faults else each
    return heapq.merge(*spoilt, key=lambda piece: piece.time)


class _Pace:
    """Waits until a moment of the cruise is there."""

    def __init__(self, warp: float, follow: Clock | None) -> None:
        self.warp = warp
        self.follow = follow
        self.began: tuple[float, int] | None = None
        self.turn = 0

    async def until(self, time: int) -> None:
        """Wait until it is due; let others have a turn now and then."""
        while (left := self._left(time)) > _NEAR:
            await asyncio.sleep(min(left, 60.0))
            self.turn = 0
        self.turn += 1
        if self.turn >= _TURN:
            self.turn = 0
            await asyncio.sleep(0)

    def _left(self, time: int) -> float:
        """Real seconds until then."""
        if self.follow is not None:
            gone = int(self.follow.now().astype(np.int64))
            return self.follow.seconds((time - gone) / 1e9) if time > gone else 0.0
        real = asyncio.get_running_loop().time()
        if self.began is None:
            self.began = real, time
        return (time - self.began[1]) / 1e9 / self.warp - (real - self.began[0])


def _nowhere(streams: Sequence[Stream]) -> str:
    if not streams:
        return "there is nothing to replay: no source has files or a raw journal"
    known = ", ".join(f"{stream.name}{' (whole files: to a folder)' if stream.whole else ''}" for stream in streams)
    return f"nothing would be sent: give --to [SOURCE=]URL for one of {known}"


def begin(folder: str, start: np.datetime64, warp: float) -> Clock:
    """The clock of a cruise folder; set to `start` now when it has none."""
    known = clock.follow(folder)
    if known is not None:
        return known
    made = Clock(start, warp, clock.wall())
    made.save(folder)
    return made
