"""Files that arrive: taken when they are whole by their format's own test, once, whatever wrote them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alone import FRAMES, held
from workbench.live.journal import Journal
from workbench.live.listeners import folder, open_listener
from workbench.live.listeners.arrivals import PATIENCE, Arrival, Arrivals
from workbench.live.listeners.folder import Folder, arrived, is_remote
from workbench.live.listeners.taken import Taken
from workbench.readers.nmea_log import NmeaLog
from workbench.readers.seaflow_evt import V2, SeaflowEvt, write_evt
from workbench.testing.listeners import Desk, until

NAME = "2023_012/2023-01-12T03-00-00+00-00"


def _evt(path: Path, rows: int = 100) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_evt(path, {name: np.arange(rows) % 65536 for name in V2})
    return path.read_bytes()


def _arrivals(root: Path, reader: object) -> Arrivals:
    return Arrivals(str(root), lambda name: True, reader, settle=1.0)  # type: ignore[arg-type]


class _Looks:
    """Look again and again, a second apart."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.now = 0.0
        self.refused = 0

    def __call__(self, times: int = 3, step: float = 1.0) -> list[Arrival]:
        out = []
        for _ in range(times):
            self.now += step
            for path in self.arrivals.all():
                if path not in self.arrivals.waiting:
                    self.arrivals.notice(path, self.now)
            found, refused = self.arrivals.look(self.now)
            self.refused += refused
            for arrival in found:
                self.arrivals.take(arrival)
            out += found
        return out


def test_a_whole_file_is_taken_once(tmp_path: Path) -> None:
    data = _evt(tmp_path / NAME)
    looks = _Looks(_arrivals(tmp_path, SeaflowEvt()))
    (arrival,) = looks(5)
    assert arrival == Arrival(NAME, len(data), (tmp_path / NAME).stat().st_mtime_ns, hashlib.sha256(data).hexdigest())
    assert looks(5) == [] and looks.arrivals.waiting == {}


@given(cuts=st.lists(st.floats(0, 0.999), max_size=5))
def test_a_container_is_never_taken_before_its_last_byte(cuts: list[float]) -> None:
    """However a file grows, and however long it stands still in between."""
    with _folder() as folder:
        data = _evt(folder.parent / "source" / NAME)
        looks = _Looks(_arrivals(folder, SeaflowEvt()))
        path = folder / NAME
        path.parent.mkdir(parents=True)
        for cut in sorted(cuts):
            path.write_bytes(data[: int(cut * len(data))])
            assert looks(4) == []
        path.write_bytes(data)
        assert [arrival.size for arrival in looks(4)] == [len(data)]


@given(steps=st.lists(st.integers(0, 200), min_size=1, max_size=8))
def test_of_a_log_whole_lines_are_taken_as_it_grows(steps: list[int]) -> None:
    """The newest arrival tells all whole lines that stand there, with their sum."""
    with _folder() as folder:
        lines = b"".join(b"2023-01-12T03:00:%02dZ $GPGGA,%d\n" % (index, index) for index in range(60))
        looks, end, found = _Looks(_arrivals(folder, NmeaLog())), 0, []
        for step in steps:
            end += step
            (folder / "ship.log").write_bytes(lines[:end])
            found += looks(1)
        found += looks(3)
        whole = lines[:end].rfind(b"\n") + 1
        assert [each.size for each in found] == sorted({each.size for each in found})
        if whole:
            assert (found[-1].size, found[-1].sha256) == (whole, hashlib.sha256(lines[:whole]).hexdigest())
        else:
            assert found == []


def test_a_log_that_stands_still_is_not_refused(tmp_path: Path) -> None:
    """Each log that was taken counted as a broken file a minute later, after a restart once more."""
    (tmp_path / "gps.log").write_bytes(b"2023-01-12T03:00:00.000Z $GPGGA,1*00\n2023-01-12T03:00:01.000Z $GP")
    (tmp_path / "empty.log").touch()
    (tmp_path / "none.log").write_bytes(b"no line ends here")
    first, again = _Looks(_arrivals(tmp_path, NmeaLog())), _Looks(_arrivals(tmp_path, NmeaLog()))
    assert [arrival.path for arrival in first(100)] == ["gps.log"] and first.refused == 1
    again.arrivals.taken["gps.log"] = first.arrivals.taken.get("gps.log")  # type: ignore[assignment]
    assert again(100) == [] and again.refused == 1


def test_a_file_is_left_alone_until_it_stood_still(tmp_path: Path) -> None:
    """Also one that could be whole: written in place over what was there, its size says nothing."""
    looks = _Looks(_arrivals(tmp_path, None))
    for index in range(5):
        (tmp_path / "a").write_bytes(b"%04d" % index)
        os.utime(tmp_path / "a", (1673492400 + index,) * 2)
        assert looks(2, 0.4) == []
    assert [arrival.sha256 for arrival in looks(3, 0.4)] == [hashlib.sha256(b"0004").hexdigest()]


@given(order=st.permutations(range(5)), still=st.integers(0, 30), room=st.booleans())
@settings(deadline=None, max_examples=25)
def test_a_file_of_its_final_length_waits_for_its_bytes(order: list[int], still: int, room: bool) -> None:
    """Parts in any order, as rclone copies with several streams; with room made first; however long a part takes."""
    with _folder() as folder:
        data = _evt(folder.parent / "source" / NAME, 20_000)
        parts = [slice(i * 65536, (i + 1) * 65536) for i in order]
        path, looks = folder / NAME, _Looks(_arrivals(folder, SeaflowEvt()))
        path.parent.mkdir(parents=True)
        with path.open("wb", buffering=0) as file:
            file.truncate(len(data))
            if os.lseek(file.fileno(), 0, os.SEEK_HOLE) == len(data):
                return  # this disk does not tell
            if room:
                os.posix_fallocate(file.fileno(), 0, len(data))
            for part in parts:
                assert looks(1 + still) == []
                os.pwrite(file.fileno(), data[part], part.start)
                os.fsync(file.fileno())
        assert [arrival.sha256 for arrival in looks(3)] == [hashlib.sha256(data).hexdigest()]


def test_holes_that_stay_are_taken_for_what_the_file_is(tmp_path: Path) -> None:
    """Copied by a program that leaves out zeros, say: it stood still for a minute."""
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 20)
    looks = _Looks(_arrivals(tmp_path, None))
    found = looks(int(PATIENCE) + 4)
    assert [arrival.size for arrival in found] == [1 << 20] and looks.refused == 0


def test_the_truncated_file_that_rsync_partial_leaves_waits(tmp_path: Path) -> None:
    """It has the final name, the date 1970, and could be whole by chance; the next run replaces it."""
    data = _evt(tmp_path / NAME)
    os.utime(tmp_path / NAME, (0, 0))
    looks = _Looks(_arrivals(tmp_path, SeaflowEvt()))
    assert looks(10) == []
    os.utime(tmp_path / NAME, (1673492400, 1673492400))
    assert [arrival.size for arrival in looks()] == [len(data)]


def test_a_file_that_stays_half_is_counted_once(tmp_path: Path) -> None:
    data = _evt(tmp_path / NAME)
    (tmp_path / NAME).write_bytes(data[:-1])
    looks = _Looks(_arrivals(tmp_path, SeaflowEvt()))
    assert looks(20, PATIENCE / 4) == [] and looks.refused == 1
    (tmp_path / NAME).write_bytes(data)
    assert len(looks()) == 1


def test_hidden_files_and_those_under_way_are_left_alone(tmp_path: Path) -> None:
    for name in (".x.evt.Ab12Cd", "x.evt.partial", "x.tmp", ".~tmp~/x.evt", ".rsync-partial/x.evt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    looks = _Looks(_arrivals(tmp_path, None))
    assert looks(5) == []
    (tmp_path / ".x.evt.Ab12Cd").rename(tmp_path / "x.evt")
    assert [arrival.path for arrival in looks()] == ["x.evt"]


def test_a_changed_file_comes_again_and_a_touched_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    looks = _Looks(_arrivals(tmp_path, None))
    assert len(looks()) == 1
    os.utime(tmp_path / "a", (1673492400, 1673492400))
    assert looks() == []
    (tmp_path / "a").write_bytes(b"two")
    assert [arrival.sha256 for arrival in looks()] == [hashlib.sha256(b"two").hexdigest()]
    (tmp_path / "a").unlink()
    assert looks() == []


def test_a_log_written_anew_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "ship.log"
    path.write_bytes(b"2023-01-12T03:00:00Z $GPGGA,1\n" * 2)
    looks = _Looks(_arrivals(tmp_path, NmeaLog()))
    assert len(looks()) == 1
    for text in (b"2023-01-12T03:00:00Z $GPGGA,2\n" * 2, b"2023-01-12T03:00:00Z $GPGGA,3\n"):
        path.write_bytes(text)
        os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)
        assert looks()[-1].sha256 == hashlib.sha256(text).hexdigest()


@given(things=st.lists(st.tuples(st.text(max_size=5), st.integers(0, 2**40), st.integers(-5, 2**62)), max_size=20))
def test_what_was_taken_is_remembered_like_in_a_dictionary(things: list[tuple[str, int, int]]) -> None:
    taken, known = Taken(), {}
    for path, size, mtime in things:
        taken[path] = known[path] = Arrival(path, size, mtime, "0" * 64)
    assert {path: taken.get(path) for path in known} == known
    assert taken.get("of another name") is None


def test_what_was_taken_lies_on_disk_or_in_memory_where_the_disk_refuses() -> None:
    """Thirty thousand files, those of 60 days, take no memory; on a full disk the newest do, and none is forgotten."""
    taken = Taken()
    tracemalloc.start(FRAMES)
    try:
        for i in range(30_000):
            taken[f"2023_012/{i:020d}"] = Arrival(f"2023_012/{i:020d}", i, i, "0" * 64)
        assert held("live", __file__) < 100_000
    finally:
        tracemalloc.stop()
    taken._file.execute("pragma query_only = on")
    taken["late"] = late = Arrival("late", 1, 2, "")
    assert taken.get("late") == late and taken.get(f"2023_012/{7:020d}").size == 7  # type: ignore[union-attr]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"\xff.evt"), "wb") as file:
        file.write(b"x")

    async def run() -> None:
        desk = Desk()
        listener = open_listener("evt", f"folder:{tmp_path}?settle=0.02", desk)
        await listener.start()
        await until(lambda: len(desk.taken) == 1, 60)
        await listener.stop()
        arrival = arrived(desk.bodies[0])
        assert arrival is not None and os.fsencode(arrival.path) == b"\xff.evt"

    asyncio.run(run())


def test_a_name_that_is_no_text_ends_no_watch(tmp_path: Path) -> None:
    """The kernel's word of it cannot be passed on; later files are taken as soon as before, not a minute later."""

    async def run() -> None:
        desk = Desk()
        (tmp_path / "first.evt").write_bytes(b"x")
        listener = open_listener("evt", f"folder:{tmp_path}?settle=0.02&rescan=3600", desk)
        await listener.start()
        await until(lambda: len(desk.taken) == 1, 60)
        for number in (2, 3):
            await asyncio.sleep(0.5)
            with open(os.path.join(os.fsencode(tmp_path), b"\xff%d.evt" % number), "wb") as file:
                file.write(b"x")
            await until(lambda: len(desk.taken) == number, 60)  # noqa: B023
        assert listener.counters.fault is None
        (tmp_path / "last.evt").write_bytes(b"y")
        await until(lambda: len(desk.taken) == 4, 60)
        await listener.stop()

    asyncio.run(run())


@contextmanager
def _folder() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "incoming"
        folder.mkdir()
        yield folder


def _listener(root: Path, door: object, more: str = "", **options: object) -> Folder:
    made = open_listener("evt", f"folder:{root}?settle=0.05{more}", door, **options)  # type: ignore[arg-type]
    assert isinstance(made, Folder)
    return made


def _paths(desk: Desk) -> list[str]:
    return sorted(arrival.path for arrival in map(arrived, desk.bodies) if arrival)


def test_after_a_restart_only_what_is_new_comes(tmp_path: Path) -> None:
    """The journal says what was taken; what came while nobody listened is found at the start."""
    root = tmp_path / "incoming"
    _evt(root / NAME)

    async def run(count: int) -> None:
        with Journal(tmp_path / "raw") as journal:
            listener = _listener(root, journal, reader="seaflow_evt")
            await listener.start()
            await until(lambda: len(list(journal.read("evt"))) >= count, 60)
            await asyncio.sleep(0.3)
            await listener.stop()
            assert len(list(journal.read("evt"))) == count

    asyncio.run(run(1))
    asyncio.run(run(1))
    _evt(root / "2023_012/2023-01-12T03-03-00+00-00", 50)
    asyncio.run(run(2))


@pytest.mark.parametrize("more", ["", "&poll=0.05"], ids=["told", "polling"])
def test_new_folders_moved_folders_and_plain_copies(tmp_path: Path, more: str) -> None:
    root, source = tmp_path / "incoming", tmp_path / "source"
    root.mkdir()
    names = [f"2023_012/2023-01-12T03-{minute:02d}-00+00-00" for minute in range(0, 12, 3)]
    for name in names:
        _evt(source / name)

    async def run() -> None:
        desk = Desk()
        listener = _listener(root, desk, more, reader="seaflow_evt")
        await listener.start()
        await asyncio.sleep(0.2)
        (root / "2023_012").mkdir()
        shutil.copy(source / names[0], root / names[0])
        await until(lambda: _paths(desk) == names[:1], 60)
        shutil.copytree(source / "2023_012", root / ".2023_013")
        (root / ".2023_013").rename(root / "2023_013")
        moved = [name.replace("_012", "_013") for name in names]
        await until(lambda: _paths(desk) == [names[0], *moved], 60)
        (root / "notes.txt").write_text("not an EVT file")
        await asyncio.sleep(0.3)
        await listener.stop()
        assert _paths(desk) == [names[0], *moved]

    asyncio.run(run())


COPIES = (
    "cp",
    "cp -p",
    "cp --sparse=always",
    "rsync -a",
    "rsync -a --inplace",
    "rclone copyto",
    "rclone copyto --inplace",
)


@pytest.mark.parametrize("command", [each for each in COPIES if shutil.which(each.split()[0])])
def test_real_programs_that_copy(tmp_path: Path, command: str) -> None:
    """A file of some size is taken once, with the bytes of its source, whichever program brought it."""
    root, source = tmp_path / "incoming", tmp_path / "source" / NAME
    (root / NAME).parent.mkdir(parents=True)
    data = _evt(source, 300_000)

    async def run() -> None:
        desk = Desk()
        listener = _listener(root, desk, reader="seaflow_evt")
        await listener.start()
        process = await asyncio.create_subprocess_exec(*command.split(), str(source), str(root / NAME))
        assert await process.wait() == 0
        await until(lambda: len(desk.bodies) > 0, 60)
        await asyncio.sleep(0.3)
        await listener.stop()
        (arrival,) = [found for body in desk.bodies if (found := arrived(body))]
        assert (arrival.path, arrival.size, arrival.sha256) == (NAME, len(data), hashlib.sha256(data).hexdigest())

    asyncio.run(run())


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    async def run() -> None:
        desk = Desk()
        listener = _listener(tmp_path / "incoming", desk, "&rescan=0.1")
        await listener.start()
        await until(lambda: listener.counters.fault is not None, 60)
        assert "No such file" in str(listener.counters.fault)
        (tmp_path / "incoming").mkdir()
        (tmp_path / "incoming" / "a").write_text("x")
        await until(lambda: _paths(desk) == ["a"], 60)
        assert listener.counters.fault is None
        await listener.stop()

    asyncio.run(run())


def test_network_mounts_are_known() -> None:
    assert not is_remote("/")
    assert not is_remote("/proc/self")


def test_a_look_at_everything_finds_what_was_not_taken_as_it_is(tmp_path: Path) -> None:
    """Of tens of thousands of files, nothing is gathered in memory each minute but what is worth a look."""
    arrivals = Arrivals(str(tmp_path), lambda name: True, None, settle=0.0)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    for path in arrivals.others():
        arrivals.notice(path, 0.0)
    for now in (1.0, 2.0):
        for arrival in arrivals.look(now)[0]:
            arrivals.take(arrival)
    assert arrivals.others() == [] and arrivals.waiting == {}
    (tmp_path / "b").write_text("other")
    (tmp_path / "c").unlink()
    (tmp_path / "d").write_text("d")
    assert sorted(arrivals.others()) == ["b", "d"]
    arrivals.notice("d", 3.0)
    assert arrivals.others() == ["b"]


def test_a_file_that_cannot_be_looked_at_is_counted_and_asked_for_seldom(tmp_path: Path) -> None:
    """A link to itself, say; nor does it keep the listener looking several times a second for weeks."""
    (tmp_path / "loop").symlink_to("loop")
    looks = _Looks(_arrivals(tmp_path, SeaflowEvt()))
    assert looks(3) == [] and looks.refused == 0
    assert looks(3, step=PATIENCE) == [] and looks.refused == 1
    assert not looks.arrivals.restless
    (tmp_path / "loop").unlink()
    data = _evt(tmp_path / "loop")
    assert [each.size for each in looks(3)] == [len(data)]


def test_a_test_that_fails_ends_nothing(tmp_path: Path) -> None:
    """A reader (of somebody else's) that stumbles over one file leaves the others to be taken."""

    class Stumbles(SeaflowEvt):
        def complete(self, path: str | os.PathLike[str]) -> int:
            if os.path.basename(path) == "bad":
                raise ValueError("oops")
            return super().complete(path)

    _evt(tmp_path / "bad")
    _evt(tmp_path / "good")
    looks = _Looks(_arrivals(tmp_path, Stumbles()))
    assert [each.path for each in looks(5)] == ["good"]
    assert looks(3, step=PATIENCE) == [] and looks.refused == 1


def test_files_noticed_meanwhile_do_not_disturb(tmp_path: Path) -> None:
    """The kernel tells of new files in another thread."""
    arrivals = _arrivals(tmp_path, SeaflowEvt())
    for number in range(5000):
        arrivals.notice(f"half-{number}", 0.0)
    for seen in arrivals.waiting.values():
        seen.tried = True

    class Tried:
        @property
        def tried(self) -> bool:
            arrivals.notice(f"new-{len(arrivals.waiting)}", 0.0)
            return True

    arrivals.waiting["half-0"] = Tried()  # type: ignore[assignment]
    assert arrivals.restless in (True, False)


def test_of_many_files_the_first_are_given_before_the_last_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing of a folder of weeks would be on record, and nothing could end, before all was read."""
    monkeypatch.setattr("workbench.live.listeners.arrivals.LOOK", 0.0)
    for number in range(5):
        _evt(tmp_path / f"evt-{number}", rows=10 + number)
    arrivals = _arrivals(tmp_path, SeaflowEvt())
    for path in arrivals.all():
        arrivals.notice(path, 0.0)
    assert arrivals.look(0.0) == ([], 0)
    taken: list[str] = []
    for _ in range(5):
        (found,), _ = arrivals.look(5.0)
        arrivals.take(found)
        taken.append(found.path)
        assert arrivals.more is (len(taken) < 5)
    assert sorted(taken) == [f"evt-{number}" for number in range(5)] and arrivals.look(6.0) == ([], 0)


def test_a_folder_that_comes_back_is_listened_to_again_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk taken out and put in again: what comes is not seen with the next look at everything alone, for ever after."""
    monkeypatch.setattr("workbench.live.listeners.folder.THERE", 0.2)
    root = tmp_path / "in"

    async def run() -> None:
        desk = Desk()
        _evt(root / "1")
        listener = open_listener(
            "evt", f"folder:{root}", desk, reader="seaflow_evt", settle=0.1, rescan=3600.0, pattern="*"
        )
        await listener.start()
        await until(lambda: len(desk.taken) == 1, 60)
        for count in (2, 3):
            shutil.rmtree(root)
            await asyncio.sleep(0.3)
            _evt(root / str(count))
            await until(lambda: len(desk.taken) == count, 60)  # noqa: B023
        await listener.stop()

    asyncio.run(run())


def test_what_comes_between_the_first_look_and_the_first_word_of_the_kernel_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, looked = tmp_path / "incoming", list[bool]()
    root.mkdir()
    others, awatch = Arrivals.others, folder.awatch

    def looks(self: Arrivals) -> Any:
        found = list(others(self))
        looked.append(True)
        return found

    async def late(*words: Any, **more: Any) -> Any:
        await until(lambda: looked, 60)
        _evt(root / "1")
        async for changes in awatch(*words, **more):
            yield changes

    monkeypatch.setattr(Arrivals, "others", looks)
    monkeypatch.setattr(folder, "awatch", late)
    monkeypatch.setattr(folder, "THERE", 0.2)

    async def run() -> None:
        desk = Desk()
        listener = open_listener(
            "evt", f"folder:{root}", desk, reader="seaflow_evt", settle=0.1, rescan=3600.0, pattern="*"
        )
        await listener.start()
        await until(lambda: len(desk.taken) == 1, 60)
        await listener.stop()

    asyncio.run(run())


def test_a_linked_folder_gives_nothing_twice(tmp_path: Path) -> None:
    """Whether the kernel tells of it or not: one that leads back would give every file again and again."""
    root = tmp_path / "in"

    async def run() -> None:
        desk = Desk()
        _evt(root / "a" / "1")
        listener = open_listener("evt", f"folder:{root}", desk, reader="seaflow_evt", settle=0.1, pattern="*")
        await listener.start()
        await until(lambda: len(desk.taken) == 1, 60)
        (root / "a" / "up").symlink_to(root)
        await asyncio.sleep(1)
        _evt(root / "a" / "2")
        await until(lambda: len(desk.taken) >= 2, 60)
        await asyncio.sleep(1)
        await listener.stop()
        found = [arrived(each.body) for each in desk.taken]
        assert [each.path for each in found if each] == ["a/1", "a/2"]

    asyncio.run(run())
