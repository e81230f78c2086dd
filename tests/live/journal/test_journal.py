"""The raw journal: what was kept comes back exactly, from any place on, whatever happened to the file's end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.core import clock
from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.live.journal import Entry, Journal, Position
from workbench.live.journal import frame as frames
from workbench.live.journal import segment as segments
from workbench.live.receipt import Receipt

START = np.datetime64("2023-01-12T03:04:05.123456789", "ns")
BODIES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([b"", b"\n", b"$GPGGA,1*00\r\n", b"#: ", b"\n#: 2023", b"\x00" * 50, b"a\n#: b\n" * 5]),
)
PEERS = st.one_of(st.sampled_from(["10.0.0.5:4001", "[::1]:5", "", "a b", "topic/ä\n"]), st.text(max_size=20))
STEPS = st.integers(-2 * 3600 * 10**9, 3 * 3600 * 10**9)  # the clock goes anywhere
THINGS = st.lists(st.tuples(BODIES, PEERS, STEPS), min_size=1, max_size=25)


@contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")  # many small journals: the disk would be synced for each
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def _receipts(things: list[tuple[bytes, str, int]]) -> list[Receipt]:
    steps = np.cumsum([step for *_, step in things])
    return [
        Receipt("ship", body, peer, START + np.timedelta64(int(step), "ns"))
        for (body, peer, _), step in zip(things, steps, strict=True)
    ]


def _known(entries: list[Entry]) -> list[tuple[bytes, np.datetime64]]:
    return [(each.body, each.time) for each in entries]


@given(things=THINGS, packed=st.booleans())
def test_what_was_kept_comes_back_in_the_order_of_writing(things: list[tuple[bytes, str, int]], packed: bool) -> None:
    given_in = _receipts(things)
    with _folder() as folder, Journal(folder, packed=packed) as journal:
        places = [journal.append(r.name, r.body, r.peer, r.time) for r in given_in]
        for _ in range(30 if packed else 0):
            journal._pack_one()
        entries = list(journal.read("ship"))
        assert _known(entries) == [(r.body, r.time) for r in given_in]
        for entry, receipt in zip(entries, given_in, strict=True):
            if len(receipt.peer) < 20:
                assert entry.peer == receipt.peer or receipt.peer == "-"
        assert [entry.after for entry in entries] == places == sorted(set(places))
        assert journal.end("ship") == places[-1]
        for index, place in enumerate(places):
            cursor = json.loads(json.dumps(place.as_json()))
            assert list(journal.read("ship", cursor)) == entries[index + 1 :]
        assert journal.damage.torn == journal.damage.bad == 0


@given(things=THINGS, cut=st.integers(1, 300))
@example(things=[(b"x", "p", 0), (b"", "p", 0)], cut=1)
def test_a_torn_end_costs_the_last_entries_and_nothing_else(things: list[tuple[bytes, str, int]], cut: int) -> None:
    """Any prefix reads as a prefix; a later process begins a new segment and repairs nothing."""
    with _folder() as folder:
        with Journal(folder, packed=False) as journal:
            for receipt in _receipts(things):
                journal.append("ship", receipt.body, receipt.peer, START)
            entries = list(journal.read("ship"))
        (path,) = (folder / "ship").iterdir()
        size = max(0, path.stat().st_size - cut)
        path.write_bytes(path.read_bytes()[:size])
        whole = [entry for entry in entries if entry.after.offset <= size]
        journal = Journal(folder, packed=False)
        assert list(journal.read("ship")) == whole
        assert journal.damage.torn == 0, "half an entry may still become whole"
        with journal:
            journal.append("ship", b"after", "", START)
        assert path.stat().st_size == size
        assert _known(list(journal.read("ship"))) == [*_known(whole), (b"after", START)]
        assert journal.damage.torn == (size > (whole[-1].after.offset if whole else 0))


@given(things=THINGS, where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@example(things=[(b"a", "", 0), (b"b", "", 0), (b"c", "", 0)], where=0.66, flip=1)
def test_a_bad_byte_costs_one_entry(things: list[tuple[bytes, str, int]], where: float, flip: int) -> None:
    with _folder() as folder:
        with Journal(folder, packed=False) as journal:
            for receipt in _receipts(things):
                journal.append("ship", receipt.body, receipt.peer, START)
            entries = list(journal.read("ship"))
        (path,) = (folder / "ship").iterdir()
        data = bytearray(path.read_bytes())
        at = int(where * len(data))
        data[at] ^= flip
        path.write_bytes(data)
        left = list(journal.read("ship"))
        hit = [entry for entry in entries if entry.at.offset <= at < entry.after.offset]
        assert left == [entry for entry in entries if entry not in hit]
        assert journal.damage.bad == (hit[0] is not entries[-1])


@given(things=THINGS, a=st.integers(-4, 4), b=st.integers(-4, 4))
def test_a_window_gives_what_was_received_in_it(things: list[tuple[bytes, str, int]], a: int, b: int) -> None:
    window = Window(START + np.timedelta64(a, "h"), START + np.timedelta64(b, "h"))
    with _folder() as folder, Journal(folder, packed=False) as journal:
        for receipt in _receipts(things):
            journal.append("ship", receipt.body, receipt.peer, receipt.time)
        inside = [entry for entry in journal.read("ship") if window.start <= entry.time < window.stop]
        assert list(journal.read("ship", window=window)) == inside


@given(data=st.binary(max_size=200))
def test_nothing_is_read_out_of_noise(data: bytes) -> None:
    assert not isinstance(frames.decode(data, 0), frames.Frame)


def test_every_byte_that_goes_bad_costs_one_entry(tmp_path: Path) -> None:
    with Journal(tmp_path, packed=False) as journal:
        for body in (b"$GPGGA,1*00\r\n", b"", b"#: \n#: 2023", b"$GPGGA,2*00\r\n"):
            journal.append("ship", body, "10.0.0.5:1", START)
        entries = list(journal.read("ship"))
    (path,) = (tmp_path / "ship").iterdir()
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        hit = [entry for entry in entries if entry.at.offset <= at < entry.after.offset]
        assert list(journal.read("ship")) == [entry for entry in entries if entry not in hit], at


def test_a_segment_an_hour_and_nothing_written_over_when_the_clock_is_set_back(tmp_path: Path) -> None:
    hours = [0, 0.5, 1, 2, 1, 1.5, 26, 0]
    with Journal(tmp_path, packed=False) as journal:
        for index, hour in enumerate(hours):
            time = np.datetime64("2023-01-12T03:10", "ns") + np.timedelta64(int(hour * 60), "m")
            journal.append("ship", b"%d" % index, "", time)
        assert [entry.body for entry in journal.read("ship")] == [b"%d" % index for index in range(len(hours))]
    assert [path.name for path in sorted((tmp_path / "ship").iterdir())] == [
        "00000001_2023-01-12T03.journal", "00000002_2023-01-12T04.journal", "00000003_2023-01-12T05.journal",
        "00000004_2023-01-12T04.journal", "00000005_2023-01-13T05.journal", "00000006_2023-01-12T03.journal",
    ]  # fmt: skip


def test_a_clock_that_jitters_at_the_full_hour_begins_one_segment(tmp_path: Path) -> None:
    hour = np.datetime64("2023-01-12T04", "ns")
    with Journal(tmp_path, packed=False) as journal:
        for step in (-3, -1, 0, -2, 5, -5, 7):
            journal.append("ship", b"x", "", hour + np.timedelta64(step, "ms"))
    assert len(list((tmp_path / "ship").iterdir())) == 2


def test_closed_segments_are_zstd_that_everyone_reads(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        before = journal.append("ship", b"$GPGGA,1*00", "10.0.0.5:1", START)
        journal.append("ship", b"$GPGGA,2*00", "10.0.0.5:1", START + np.timedelta64(1, "h"))
        journal.tend()
        packed = tmp_path / "ship" / "00000001_2023-01-12T03.journal.zst"
        text = zstandard.ZstdDecompressor().stream_reader(packed.read_bytes()).read()
        assert text.splitlines()[1] == b"$GPGGA,1*00"
        assert not packed.with_suffix("").exists()
        assert [entry.body for entry in journal.read("ship", before)] == [b"$GPGGA,2*00"]
        assert b"\n$GPGGA,2*00\n" in (tmp_path / "ship" / "00000002_2023-01-12T04.journal").read_bytes(), "for grep"


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255), st.sampled_from(["flip", "cut", "zeros"]))
def test_a_compressed_segment_that_went_bad_costs_some_of_its_own(where: float, flip: int, how: str) -> None:
    """One bad byte of weeks ago ended all reading, and a folder was never listened to again."""
    random = np.random.default_rng(0)
    with _folder() as folder:
        with Journal(folder) as journal:
            for i in range(900):
                journal.append("ship", b"%d %s" % (i, random.bytes(60)), "", START + np.timedelta64(i // 300, "h"))
            journal.tend()
        path = next(folder.glob("ship/00000002_*.journal.zst"))
        kept = path.read_bytes()
        at = int(where * len(kept))
        bad = {"flip": bytes([kept[at] ^ flip]) + kept[at + 1 :], "cut": b"", "zeros": bytes(len(kept) - at)}[how]
        path.write_bytes(kept[:at] + bad)
        again = Journal(folder)
        numbers = [int(entry.body.split()[0]) for entry in again.read("ship")]
        assert [n for n in numbers if not 300 <= n < 600] == [*range(300), *range(600, 900)]
        assert numbers == sorted(set(numbers))
        assert again.damage.bad or len(numbers) == 900


def test_a_silent_feed_is_closed_when_its_hour_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.live.journal.writer.SILENT", 0.0)
    clock.use(clock.Clock(START, 0, 0))
    with Journal(tmp_path, fsync=1000) as journal:
        journal.append("ship", b"x", "", clock.now())
        journal.tend()
        assert [path.suffix for path in (tmp_path / "ship").iterdir()] == [".journal"]
        clock.use(clock.Clock(START + np.timedelta64(1, "h"), 0, 0))
        journal.tend()
        assert [path.suffix for path in (tmp_path / "ship").iterdir()] == [".zst"]


def test_receipts_of_another_time_than_now_share_a_segment(tmp_path: Path) -> None:
    with Journal(tmp_path, fsync=1000) as journal:
        for _ in range(3):
            journal.append("ship", b"x", "", START)
            journal.tend()
    assert len(list((tmp_path / "ship").iterdir())) == 1


def test_what_another_process_writes_is_not_compressed(tmp_path: Path) -> None:
    with Journal(tmp_path) as first, Journal(tmp_path) as second:
        first.append("ship", b"first", "", START)
        second.append("ship", b"second", "", START)
        second.tend()
        first.append("ship", b"third", "", START)
        assert sorted(path.suffix for path in (tmp_path / "ship").iterdir()) == [".journal", ".journal"]
        assert [entry.body for entry in first.read("ship")] == [b"first", b"third", b"second"]


def test_a_crash_between_compressing_and_deleting(tmp_path: Path) -> None:
    with Journal(tmp_path, packed=False) as journal:
        journal.append("ship", b"x", "", START)
    (plain,) = (tmp_path / "ship").iterdir()
    plain.with_name(f"{plain.name}.zst").write_bytes(zstandard.compress(plain.read_bytes()))
    with Journal(tmp_path) as journal:
        assert [entry.body for entry in journal.read("ship")] == [b"x"]
        journal.append("ship", b"y", "", START)
        journal.tend()
        assert not plain.exists()
        assert [entry.body for entry in journal.read("ship")] == [b"x", b"y"]


def test_whatever_goes_wrong_the_thread_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would be brought onto the disk any more, and nobody told."""
    tries = []

    def oops() -> None:
        tries.append(1)
        raise ValueError("oops")

    with Journal(tmp_path, fsync=0.01) as journal:
        monkeypatch.setattr(journal, "tend", oops)
        journal.append("ship", b"x", "", START)
        until = time.monotonic() + 60
        while len(tries) < 3 and time.monotonic() < until:
            time.sleep(0.01)
    assert len(tries) >= 3


_PACKER = """
import os, sys
from workbench.live.journal import Journal, segment
import numpy as np
os.replace = lambda *_: os._exit(9)
journal = Journal(sys.argv[1], fsync=3600)
for hour in (3, 4):
    journal.append("ship", b"x", "", np.datetime64(f"2023-01-12T0{hour}", "ns"))
journal.tend()
"""


def test_who_is_killed_while_compressing_leaves_nothing_for_good(tmp_path: Path) -> None:
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", _PACKER, str(tmp_path)], check=False).returncode == 9
    with Journal(tmp_path) as journal:
        journal.append("ship", b"y", "", START + np.timedelta64(9, "h"))
        for _ in range(9):
            journal.tend()
    assert not [path.name for path in (tmp_path / "ship").iterdir() if path.name.startswith(".")]
    assert [entry.body for entry in Journal(tmp_path).read("ship")] == [b"x", b"x"] * 3 + [b"y"]


def test_compressing_a_large_segment_keeps_nobody_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is appended meanwhile is brought onto the disk as often as is said, and whoever ends does not wait for it."""
    monkeypatch.setattr(segments, "BLOCK", 1000)
    with Journal(tmp_path, fsync=3600) as journal:
        journal.append("ship", bytes(50_000), "", START)
        journal.append("wind", b"a", "", START)
        journal.append("ship", b"next", "", START + np.timedelta64(1, "h"))
        journal.fsync, synced = 1e-9, []
        wind = journal._writers["wind"]
        monkeypatch.setattr(wind, "sync", lambda: synced.append(1))
        assert journal._pack_one() and len(synced) > 20
        journal.append("ship", bytes(50_000), "", START + np.timedelta64(1, "h"))
        journal.append("ship", b"next", "", START + np.timedelta64(2, "h"))
        journal._stop.set()
        assert not journal._pack_one()
        journal._stop.clear()
        assert journal._pack_one()
        assert sorted(path.suffix for path in (tmp_path / "ship").iterdir()) == [".journal", ".zst", ".zst"]
        assert [len(entry.body) for entry in journal.read("ship")] == [50_000, 4, 50_000, 4]


def test_a_journal_taken_away_under_way_goes_on(tmp_path: Path) -> None:
    with Journal(tmp_path, fsync=1000) as journal:
        journal.append("ship", b"gone", "", START)
        for path in (tmp_path / "ship").iterdir():
            path.unlink()
        journal.tend()
        assert "taken away" in journal.faults["ship"]
        journal.append("ship", b"there", "", START)
        assert [entry.body for entry in journal.read("ship")] == [b"there"]
        assert not journal.faults


def test_a_cursor_of_a_journal_that_was_begun_anew(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append("ship", b"x", "", START)
        assert [entry.body for entry in journal.read("ship", Position(42, 10))] == [b"x"]


def test_segments_that_wait_to_be_compressed_wait_once(tmp_path: Path) -> None:
    """Where hours pass faster than they are compressed (a replay), what waits must not gather in memory."""
    with Journal(tmp_path, fsync=3600) as journal:
        for hour in range(30):
            for name in ("ship", "wind"):
                journal.append(name, b"x", "", START + np.timedelta64(hour, "h"))
        assert len(journal._waiting) == len({each.path for each in journal._waiting}) == 58
        for _ in range(30):
            journal.tend()
        assert not journal._waiting
        assert len(list((tmp_path / "ship").glob("*.zst"))) == 29


def test_who_follows_the_newest_looks_at_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After weeks a feed has hundreds of segments: following fifty feeds must cost what it did on the first day."""
    looked: list[int] = []
    real = segments.find

    def find(folder: Path, first: int = 0) -> list[segments.Segment]:
        looked.append(len(found := real(folder, first)))
        return found

    monkeypatch.setattr(segments, "find", find)
    with Journal(tmp_path, packed=False) as journal:
        for hour in range(50):
            after = journal.append("ship", b"%d" % hour, "", START + np.timedelta64(hour, "h"))
        assert looked == [0], "only who begins looks for what others left"
        journal.append("ship", b"new", "", START + np.timedelta64(49, "h"))
        assert [entry.body for entry in journal.read("ship", after)] == [b"new"]
        assert looked == [0]
        assert [entry.body for entry in Journal(tmp_path).read("ship", after)] == [b"new"]
        assert looked == [0, 1], "another process knows the newest of them by its name"
        journal.append("ship", b"next", "", START + np.timedelta64(50, "h"))
        assert [entry.body for entry in journal.read("ship", after)] == [b"new", b"next"], "over the turn of the hour"


@pytest.mark.parametrize("name", ["../ship", "", "a/b", "1", "ship\n", "."])
def test_names_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    with Journal(tmp_path) as journal, pytest.raises(WorkbenchError, match="not the name of a source"):
        journal.append(name, b"", "", START)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cursor", [{}, {"segment": -1, "offset": 0}, {"segment": "x", "offset": 0}, 7])
def test_a_cursor_that_is_none(tmp_path: Path, cursor: object) -> None:
    with pytest.raises(WorkbenchError, match="no place in a journal"):
        Journal(tmp_path).read("ship", cursor)  # type: ignore[arg-type]


def test_an_empty_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "raw")
    assert list(journal.read("ship")) == [] and journal.names() == () and journal.end("ship") == Position()
    assert not (tmp_path / "raw").exists(), "reading makes nothing"


_WRITER = """
import sys
import numpy as np
from workbench.live.journal import Journal
with Journal(sys.argv[1], fsync=0.01) as journal:
    for i in range(20_000):
        time = np.datetime64("2023-01-12T03", "ns") + np.timedelta64(i, "s")
        journal.append("ship", b"%d " % i * (i % 50), "me", time)
"""


def test_another_process_reads_while_it_is_written_and_compressed(tmp_path: Path) -> None:
    journal, cursor, seen = Journal(tmp_path), Position(), 0
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)]) as writer:
        while True:
            ended = writer.poll() is not None
            for entry in journal.read("ship", cursor):
                assert entry.body == b"%d " % seen * (seen % 50)
                seen, cursor = seen + 1, entry.after
            if ended:
                break
        assert writer.wait() == 0
    assert seen == 20_000 and journal.damage.torn == journal.damage.bad == 0
