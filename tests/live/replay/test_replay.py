"""A cruise again: the same bytes in the same order through the same doors, spoilt only where that was asked for."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server import free_port
from workbench.catalog.cruise import open_cruise
from workbench.core.clock import Clock
from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.live.journal import Journal
from workbench.live.listeners import open_listener
from workbench.live.replay import Faults, Piece, Sent, Stream, of_cruise, of_files, replay
from workbench.live.replay.pieces import stamp
from workbench.testing.listeners import Desk, until

START = np.datetime64("2023-01-12T03:00:00", "ns")
SECOND = 10**9


def _pieces(count: int = 600, source: str = "ship", step: int = SECOND) -> list[Piece]:
    first = int(START.astype(np.int64))
    return [Piece(first + i * step, source, "a.log", b"$GPGGA,%04d\r\n" % i) for i in range(count)]


def _files(count: int) -> list[Piece]:
    first = int(START.astype(np.int64))
    return [Piece(first + i * 180 * SECOND, "evt", f"{i}", file=Path(f"{i}")) for i in range(count)]


def _stream(pieces: list[Piece], name: str = "ship") -> Stream:
    def within(window: Window) -> Iterator[Piece]:
        return (piece for piece in pieces if window.start <= np.datetime64(piece.time, "ns") < window.stop)

    return Stream(name, False, within)


def _tree(folder: Path) -> dict[str, bytes]:
    return {os.fspath(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


SHARES = st.floats(0.2, 0.8)


@given(share=SHARES, seed=st.integers(0, 100))
def test_split_loses_nothing(share: float, seed: int) -> None:
    pieces = _pieces()
    spoilt = list(Faults(split=share, seed=seed).spoil(iter(pieces)))
    assert len(spoilt) > len(pieces)
    assert b"".join(piece.body for piece in spoilt) == b"".join(piece.body for piece in pieces)
    assert all(piece.payload for piece in spoilt)


@given(share=SHARES, seed=st.integers(0, 100))
def test_reorder_changes_neighbours_only(share: float, seed: int) -> None:
    pieces = _pieces()
    spoilt = list(Faults(reorder=share, seed=seed).spoil(iter(pieces)))
    assert Counter(piece.body for piece in spoilt) == Counter(piece.body for piece in pieces)
    away = [abs(index - int(piece.body[7:11])) for index, piece in enumerate(spoilt)]
    assert max(away) == 1


@given(share=SHARES, seed=st.integers(0, 100))
def test_duplicates_stand_side_by_side(share: float, seed: int) -> None:
    pieces = _pieces()
    spoilt = list(Faults(duplicate=share, seed=seed).spoil(iter(pieces)))
    once = [piece for index, piece in enumerate(spoilt) if index == 0 or piece != spoilt[index - 1]]
    assert once == pieces and len(spoilt) > len(pieces)


@given(share=SHARES, seed=st.integers(0, 100))
def test_gaps_are_whole_minutes(share: float, seed: int) -> None:
    pieces = _pieces(6000)
    left = Counter(piece.time // (60 * SECOND) for piece in Faults(gaps=share, seed=seed).spoil(iter(pieces)))
    assert set(left.values()) <= {60} and len(left) < 100


@given(share=SHARES, seed=st.integers(0, 100))
def test_late_files_come_all_of_them(share: float, seed: int) -> None:
    files = _files(200)
    spoilt = list(Faults(late=share, seed=seed).spoil(iter(files)))
    times = [piece.time for piece in spoilt]
    assert times == sorted(times)
    due = {piece.path: piece.time for piece in files}
    delays = [piece.time - due[piece.path] for piece in spoilt]
    assert sorted(piece.path for piece in spoilt) == sorted(due) and 0 < max(delays) <= 3600 * SECOND
    assert min(delays) >= 0


@given(seed=st.integers(0, 100))
def test_the_same_seed_spoils_the_same(seed: int) -> None:
    faults = Faults(0.1, 0.1, 0.1, 0.1, 0.1, seed)
    assert list(faults.spoil(iter(_pieces()))) == list(faults.spoil(iter(_pieces())))
    other = Faults(0.1, 0.1, 0.1, 0.1, 0.1, seed + 1)
    assert list(faults.spoil(iter(_pieces()))) != list(other.spoil(iter(_pieces())))
    assert not Faults() and faults


@pytest.mark.parametrize(
    ("line", "time"),
    [
        (b"2014-08-01T00:00:00.285000Z $INGGA,1*00\n", "2014-08-01T00:00:00.285"),
        (b"2014_185/2014-07-04T00-00-02+00-00\t180.0\n", "2014-07-04T00:00:02"),
        (b"2017-05-06T19:52:57.601Z\t6.0\n", "2017-05-06T19:52:57.601"),
        (b"FILE\tDATE\n", None),
        (b"2014-13-41T00:00:00Z x\n", None),
    ],
)
def test_times_of_lines(line: bytes, time: str | None) -> None:
    assert stamp(line) == (None if time is None else int(np.datetime64(time, "ns").astype(np.int64)))


def test_what_a_logger_wrote_is_not_sent() -> None:
    assert Piece(0, "s", "p", b"2014-08-01T00:00:00.285000Z $INGGA,1*00\r\n").payload == b"$INGGA,1*00\r\n"
    assert Piece(0, "s", "p", b"2017-05-06T19:52:57.601Z\t6.0\n").payload == b"2017-05-06T19:52:57.601Z\t6.0\n"


def test_a_cruise_in_a_folder_is_the_same_files(simulated: Path, tmp_path: Path) -> None:
    """Byte for byte, logs and whole files, under the same names."""
    cruise = open_cruise(simulated)
    sent = asyncio.run(replay(of_cruise(cruise), [f"folder:{tmp_path}"], warp=np.inf))
    for name in ("underway", "seaflow", "sfl", "log"):
        url = Path(cruise[name].places()[0])
        known = _tree(url) if url.is_dir() else {url.name: url.read_bytes()}
        assert _tree(tmp_path / name) == known
    assert set(sent.pieces) == {"underway", "seaflow", "sfl", "log"}


def test_a_window_is_a_part_of_it(simulated: Path) -> None:
    cruise = open_cruise(simulated)
    assert cruise.start is not None
    window = Window(cruise.start + np.timedelta64(1, "h"), cruise.start + np.timedelta64(2, "h"))
    assert "vct" in cruise and "vct" not in {stream.name for stream in of_cruise(cruise)}, "no instrument said it"
    for stream in of_cruise(cruise):
        everything = list(stream.pieces(Window()))
        inside = [piece for piece in everything if window.start <= np.datetime64(piece.time, "ns") < window.stop]
        assert [piece for piece in stream.pieces(window) if stamp(piece.body) or piece.file] == [
            piece for piece in inside if stamp(piece.body) or piece.file
        ]
        assert inside or stream.name == "log"  # which says something now and then


@pytest.mark.parametrize("name", ["sfl", "seaflow"])
def test_nothing_is_written_over(simulated: Path, tmp_path: Path, name: str) -> None:
    cruise = open_cruise(simulated)
    assert cruise.start is not None
    streams, window = of_cruise(cruise), Window(cruise.start, cruise.start + np.timedelta64(20, "m"))
    asyncio.run(replay(streams, [f"{name}=folder:{tmp_path}"], warp=np.inf, window=window))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(b"mine")
    with pytest.raises(WorkbenchError, match="is there already"):
        asyncio.run(replay(streams, [f"{name}=folder:{tmp_path}"], warp=np.inf, window=window))
    assert set(_tree(tmp_path).values()) == {b"mine"}


@pytest.mark.parametrize("scheme", ["udp", "tcp", "tcp+listen"])
def test_through_the_ships_doors_into_a_journal(tmp_path: Path, scheme: str) -> None:
    """Replay, listener, journal; and the journal replayed gives the same bytes in the same portions."""
    pieces = _pieces(300)

    async def run() -> list[bytes]:
        with Journal(tmp_path / "raw") as journal:
            if scheme == "tcp+listen":  # the replay listens, the workbench connects
                at = f"127.0.0.1:{free_port()}"
                listener = open_listener("ship", f"tcp://{at}", journal)
                await listener.start()
            else:
                url = "udp://127.0.0.1:0" if scheme == "udp" else "tcp+listen://127.0.0.1:0"
                listener = open_listener("ship", url, journal)
                await listener.start()
                at = listener.bound
            sent = await replay([_stream(pieces)], [f"ship={scheme}://{at}"], warp=np.inf)
            size = sum(len(piece.body) for piece in pieces)
            await until(lambda: listener.counters.bytes == size, 60)
            await listener.stop()
            assert sent.pieces == {"ship": 300} and sent.bytes == size
            return [entry.body for entry in journal.read("ship")]

    bodies = asyncio.run(run())
    assert b"".join(bodies) == b"".join(piece.body for piece in pieces)
    if scheme == "udp":
        assert bodies == [piece.body for piece in pieces]
    (stream,) = of_files([tmp_path / "raw" / "ship"])
    assert stream.name == "ship" and [piece.payload for piece in stream.pieces(Window())] == bodies


def test_a_real_feed_over_udp_is_the_lines_that_its_logger_received(data: Path, tmp_path: Path) -> None:
    """The Seapath of NBP1406: 5,000 sentences, each a datagram, none changed."""
    (stream,) = of_files([data / "underway" / "NBP1406" / "s330" / "raw"])
    (log,) = (data / "underway" / "NBP1406" / "s330" / "raw").iterdir()

    async def run() -> list[bytes]:
        with Journal(tmp_path) as journal:
            listener = open_listener("ship", "udp://127.0.0.1:0", journal)
            await listener.start()
            await replay([stream], [f"udp://{listener.bound}"], warp=np.inf)
            await until(lambda: listener.counters.received + listener.counters.dropped == 5000, 60)
            await listener.stop()
            assert listener.counters.dropped == 0
            return [entry.body for entry in journal.read("ship")]

    assert asyncio.run(run()) == [line.split(b" ", 1)[1] for line in log.read_bytes().splitlines(keepends=True)]


def test_the_pace() -> None:
    """Never before it is due: 3 s of the cruise at 20 times the speed."""

    async def run() -> None:
        desk, seen = Desk(), []
        listener = open_listener("ship", "udp://127.0.0.1:0", desk)
        await listener.start()
        loop = asyncio.get_running_loop()
        began = loop.time()
        pieces = _pieces(7, step=SECOND // 2)
        await replay(
            [_stream(pieces)], [f"udp://{listener.bound}"], warp=20, told=lambda sent: seen.append(loop.time())
        )
        for index, moment in enumerate(seen):
            assert moment - began >= index * 0.5 / 20 - 0.005
        await listener.stop()

    asyncio.run(run())


def test_a_clock_is_followed() -> None:
    """Another run goes on where the cruise is now: what was due before is not sent again."""
    looked: list[float] = []

    class FromTheFirstLook(Clock):
        """However long it takes to begin."""

        def now(self) -> np.datetime64:
            looked.append(time.time())
            gone = round((looked[-1] - looked[0]) * self.warp * 1e9)
            return self.start + np.timedelta64(gone, "ns")

    async def run() -> list[bytes]:
        desk = Desk()
        listener = open_listener("ship", "udp://127.0.0.1:0", desk)
        await listener.start()
        clock = FromTheFirstLook(START + np.timedelta64(500, "s"), 100.0, time.time())
        await replay([_stream(_pieces())], [f"udp://{listener.bound}"], follow=clock)
        assert clock.now() >= START + np.timedelta64(599, "s")
        await until(lambda: desk.bodies[-1:] == [b"$GPGGA,0599\r\n"], 60)
        await listener.stop()
        return desk.bodies

    bodies = asyncio.run(run())
    assert bodies[-1] == b"$GPGGA,0599\r\n" and 500 <= int(bodies[0][7:11]) < 510


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("shp=udp://127.0.0.1:1", "Did you mean 'ship'"),
        ("upd://127.0.0.1:1", "Did you mean 'udp'"),
        ("evt=udp://127.0.0.1:1", "--to evt=folder:DIR"),
        ("udp://127.0.0.1", "which port"),
        ("127.0.0.1:5", "does not say how"),
        ("folder:", "which folder"),
        ("mqtt://127.0.0.1:1/ship?qso=0", "Did you mean 'qos'"),
        ("mqtt://127.0.0.1:1/ship?qos=2", "qos is 0 or 1"),
        ("mqtts://127.0.0.1:1/ship?password_env=NOT_SET_HERE", "NOT_SET_HERE (password_env) is not set"),
        ("udp://127.0.0.1:1?rate=5", "'rate' is no option of udp"),
    ],
)
def test_mistakes_are_told(to: str, said: str) -> None:
    streams = [_stream([]), Stream("evt", True, lambda window: iter(()))]
    with pytest.raises(WorkbenchError) as told:
        asyncio.run(replay(streams, [to]))
    assert said in str(told.value)


def test_what_is_sent_nowhere_is_told() -> None:
    with pytest.raises(WorkbenchError, match="whole files: to a folder"):
        asyncio.run(replay([Stream("evt", True, lambda window: iter(()))], ["udp://127.0.0.1:1"]))
    with pytest.raises(WorkbenchError, match="nothing to replay"):
        asyncio.run(replay([], ["udp://127.0.0.1:1"]))


def test_files_without_times(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("$GPGGA,1\n" * 3000)
    with pytest.raises(WorkbenchError, match="nobody knows when"):
        list(of_files([tmp_path / "a.log"])[0].pieces(Window()))
    (tmp_path / "photo.jpg").write_text("x")
    with pytest.raises(WorkbenchError, match="no reader claims"):
        of_files([tmp_path / "photo.jpg"])


def test_who_reads_no_more_does_not_keep_an_interrupted_replay() -> None:
    """The other end of a stream stands still, as a workbench whose disk is full: Ctrl-C ends it all the same."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line = Piece(int(START.astype(np.int64)), "ship", "a.log", b"x" * (1 << 16))
            endless = Stream("ship", False, lambda window: repeat(line))
            sent = Sent()
            port = deaf.getsockname()[1]
            going = asyncio.create_task(replay([endless], [f"tcp://127.0.0.1:{port}"], warp=np.inf, sent=sent))
            before = -1
            while sent.bytes != before or not sent.bytes:  # until it is stuck
                before = sent.bytes
                await asyncio.sleep(0.5)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(going), 30)

    asyncio.run(run())


#: A replay in a process of its own that has Ctrl-C pressed when it has worked for so many seconds (of the processor's
#: time: the same moment on a busy machine as on an idle one).
PRESSED = """
import signal, sys
from workbench.cli import main
signal.signal(signal.SIGVTALRM, lambda *_: signal.raise_signal(signal.SIGINT))
signal.setitimer(signal.ITIMER_VIRTUAL, float(sys.argv.pop(1)))
sys.exit(main())
"""


#: A command that is interrupted while compiled code calls back (llvmlite does at each function that it loads).
CALLED_BACK = """
import ctypes, os, signal, sys, time
from workbench import cli
def run(args):
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(int(sys.argv[2])))()
    time.sleep(20)
    return 0
cli.Parser.parse_args = lambda self, argv: cli.argparse.Namespace(version=False, run=run)
sys.exit(cli.main())
"""


@pytest.mark.parametrize(("asked", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_comes_while_compiled_code_calls_back_comes_again(asked: int, status: int) -> None:
    command = [sys.executable, "-c", CALLED_BACK, "simulate", str(int(asked))]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == status, done.stderr


@pytest.mark.fault
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [0.01, 0.3, 0.6, 0.9, 1.1, 1.3])
def test_ctrl_c_is_heard_whenever_it_comes(simulated: Path, tmp_path: Path, seconds: float) -> None:
    """While it loads, opens the cruise, begins or sends: never swallowed, status 130, and no half file stays."""
    words = ["replay", simulated, "--warp", "600", "--to", f"folder:{tmp_path}"]
    command = [sys.executable, "-c", PRESSED, str(seconds), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=200)
    assert done.returncode == 130, done.stderr
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_interrupted_it_leaves_no_half_file(simulated: Path, tmp_path: Path) -> None:
    """Ctrl-C: status 130, a line that says how far it came, no traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", "replay", simulated, "--warp", "600", "--to", f"folder:{tmp_path}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            latest = time.monotonic() + 100
            while not list(tmp_path.rglob("*_gps-*")) and process.poll() is None and time.monotonic() < latest:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130 and "stopped; sent" in err and "Traceback" not in err + out
    assert not list(tmp_path.rglob(".*"))
