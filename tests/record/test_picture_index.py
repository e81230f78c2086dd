"""The picture index on disk: what it holds is what the files hold, whatever happens to them and to its writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from workbench.core.viewport import Viewport
from workbench.raster import time_index
from workbench.raster.count import count_by, count_codes
from workbench.raster.tiles import Layer
from workbench.raster.time_index import count_files
from workbench.record import picture_index_update as update
from workbench.record.picture_index import CONTENTS, IndexFolder
from workbench.record.picture_index_update import Listing, bring_up_to_date

LAYERS = tuple(Layer("x", "y", by, level, step) for by in ("", "pop") for level, step in ((64, 150), (1024, 400)))
WHOLE = Viewport(0, 65536, 0, 65536, 64, 64)
NAMES = ("one", "two", "three")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_index, "FEW", 0)


class Files:
    """Files in memory: id -> (time, columns)."""

    def __init__(self) -> None:
        self.held: dict[int, tuple[int, dict[str, np.ndarray]]] = {}
        self.unreadable: set[int] = set()
        self.reads = 0
        self._id = 0

    def write(self, at: int, size: int, seed: int, *, gaps: bool = False) -> int:
        rng = np.random.default_rng(seed)
        self._id += 1
        x, y = rng.integers(0, 65536, (2, size)).astype(np.uint16)
        columns: dict[str, np.ndarray] = {"x": x, "y": y, "pop": rng.choice(np.array([0, 1, 2, 255], np.uint8), size)}
        if gaps:
            columns["y"] = np.where(rng.random(size) < 0.2, np.nan, y).astype(np.float32)
        self.held[self._id] = (at, columns)
        return self._id

    def listing(self, names: tuple[str, ...] = NAMES) -> Listing:
        order = sorted(self.held, key=lambda i: (self.held[i][0], i))
        sizes = np.array([len(self.held[i][1]["x"]) for i in order], np.int64)

        def read(i: int) -> dict[str, np.ndarray] | None:
            self.reads += 1
            return None if order[i] in self.unreadable else self.held[order[i]][1]

        times = np.array([self.held[i][0] for i in order], np.int64)
        return Listing(np.array(order, np.uint64), times, sizes, read, lambda: names)

    def count(self, ids: list[int], by: bool) -> np.ndarray:
        out = np.zeros((3, 64, 64) if by else (64, 64), np.uint32)
        for i in ids:
            x, y, label = (self.held[i][1][name] for name in ("x", "y", "pop"))
            good = ~np.isnan(y.astype(np.float64))
            x, y = x[good], y[good].astype(np.uint16)
            if by:
                count_by(x, y, label[good], WHOLE, 3, out)
            else:
                count_codes(x, y, WHOLE, out)
        return out


def named(counts: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Planes in the order of NAMES."""
    out = np.zeros((3, 64, 64), np.uint32)
    for plane, name in zip(counts, names, strict=True):
        out[NAMES.index(name)] = plane
    return out


class Cruise(RuleBasedStateMachine):
    """Files come late, change, vanish and break; the index says what it holds, and that is right."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self._held = tempfile.TemporaryDirectory()
        self.folder = Path(self._held.name) / "index"
        self.reader = IndexFolder(self.folder)
        self.files, self.clock, self.gone = Files(), 0, Files()

    def teardown(self) -> None:
        self._held.cleanup()

    @rule(size=st.integers(0, 400), seed=st.integers(0, 99), gaps=st.booleans())
    def come(self, size: int, seed: int, gaps: bool) -> None:
        self.clock += 10
        self.files.write(self.clock, size, seed, gaps=gaps)

    @rule(size=st.integers(1, 400), seed=st.integers(0, 99), share=st.floats(0, 1))
    def come_late(self, size: int, seed: int, share: float) -> None:
        self.files.write(int(self.clock * share) + 5, size, seed)

    @rule(which=st.integers(0, 99), seed=st.integers(0, 99))
    def change(self, which: int, seed: int) -> None:
        if self.files.held:
            old = sorted(self.files.held)[which % len(self.files.held)]
            at, columns = self._forget(old)
            self.files.write(at, len(columns["x"]), seed)

    @rule(which=st.integers(0, 99))
    def vanish(self, which: int) -> None:
        if self.files.held:
            self._forget(sorted(self.files.held)[which % len(self.files.held)])

    def _forget(self, old: int) -> tuple[int, dict[str, np.ndarray]]:
        self.gone.held[old] = self.files.held.pop(old)
        return self.gone.held[old]

    @rule(which=st.integers(0, 99))
    def break_or_mend(self, which: int) -> None:
        if self.files.held:
            self.files.unreadable ^= {sorted(self.files.held)[which % len(self.files.held)]}

    @rule(again=st.sampled_from([False] * 5 + [True]), stop=st.booleans(), order=st.permutations(NAMES))
    def index(self, again: bool, stop: bool, order: list[str]) -> None:
        """Whoever does it numbers the populations in an order of its own."""
        place = [255] * 256
        for old, name in enumerate(NAMES):
            place[old] = order.index(name)
        listing = self.files.listing(tuple(order))
        read = listing.read

        def renumbered(i: int) -> dict[str, np.ndarray] | None:
            columns = read(i)
            return None if columns is None else {**columns, "pop": np.array(place, np.uint8)[columns["pop"]]}

        listing = Listing(listing.ids, listing.times, listing.sizes, renumbered, listing.names)
        bring_up_to_date(IndexFolder(self.folder), LAYERS, listing, again=again, stopped=lambda: stop)

    @invariant()
    def it_is_right(self) -> None:
        opened = self.reader.read()
        if opened is None:
            return
        c = opened.contents
        ids = c.ids.tolist()
        assert len(set(ids)) == len(ids)
        assert (np.diff(c.times) >= 0).all()
        everything = Files()
        everything.held = {**self.files.held, **self.gone.held}
        for first, last in ((0, len(ids)), (len(ids) // 3, len(ids)), (len(ids) // 4, len(ids) * 3 // 4)):
            for by in ("", "pop"):
                got = count_files(c, opened.store, "x", "y", by, WHOLE, first, last)
                want = everything.count(ids[first:last], bool(by))
                assert np.array_equal(named(got, c.names) if by else got, want)


class Lazy(Cruise):
    """The same where files in the midst stay out until there are many."""


def _run(machine: type[Cruise], monkeypatch: pytest.MonkeyPatch, redo: int, loose: int) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    for name, value in (("REDO", redo), ("LOOSE", loose), ("BATCH", 300), ("COMMIT", 500)):
        monkeypatch.setattr(update, name, value)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=12, stateful_step_count=20, deadline=None, report_multiple_bugs=False)
    )


def test_what_it_holds_is_right_when_it_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _run(Cruise, monkeypatch, 10**6, 10**6)


def test_what_it_holds_is_right_when_late_files_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _run(Lazy, monkeypatch, 0, 600)


def ids_of(index: IndexFolder) -> list[int]:
    opened = index.read()
    return [] if opened is None else opened.contents.ids.tolist()


def test_all_files_come_in_and_are_read_once(tmp_path: Path) -> None:
    files, index = Files(), IndexFolder(tmp_path / "i")
    for at in range(20):
        files.write(at, 100, at)
        assert bring_up_to_date(index, LAYERS, files.listing()) == 1
    assert ids_of(index) == list(range(1, 21)) and files.reads == 20
    assert bring_up_to_date(index, LAYERS, files.listing()) == 0


def test_a_late_file_is_put_where_it_belongs(tmp_path: Path) -> None:
    files, index = Files(), IndexFolder(tmp_path / "i")
    for at in range(10):
        files.write(at * 10, 100, at)
    bring_up_to_date(index, LAYERS, files.listing())
    late = files.write(45, 100, 50)
    assert bring_up_to_date(index, LAYERS, files.listing()) == 6
    assert ids_of(index) == [1, 2, 3, 4, 5, late, 6, 7, 8, 9, 10]
    assert files.reads == 11


def test_one_that_cannot_be_read_delays_nobody(tmp_path: Path) -> None:
    files, index = Files(), IndexFolder(tmp_path / "i")
    for at in range(10):
        files.write(at * 10, 100, at)
    files.unreadable = {4}
    bring_up_to_date(index, LAYERS, files.listing())
    assert ids_of(index) == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    files.write(100, 100, 10)
    assert bring_up_to_date(index, LAYERS, files.listing()) == 1
    files.unreadable = set()
    bring_up_to_date(index, LAYERS, files.listing())
    assert ids_of(index) == list(range(1, 12))


def test_another_plane_needs_no_file(tmp_path: Path) -> None:
    files, index = Files(), IndexFolder(tmp_path / "i")
    for at in range(10):
        files.write(at, 100, at)
    bring_up_to_date(index, LAYERS[:1], files.listing())
    reads = files.reads
    more = (*LAYERS[:1], Layer("y", "x", "", 64, 200))
    bring_up_to_date(index, more, files.listing())
    opened = index.read()
    assert opened is not None and len(opened.contents.checkpoints[more[1]]) == 5 and files.reads == reads
    bring_up_to_date(index, LAYERS, files.listing())
    assert files.reads == reads + 10, "a new column does"
    bring_up_to_date(index, more, files.listing())
    files.write(10, 100, 10)
    assert bring_up_to_date(index, more, files.listing()) == 1
    assert files.reads == reads + 11, "to leave one out does not"


def test_what_nobody_needs_any_more_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "REDO", 300)
    files, index = Files(), IndexFolder(tmp_path / "i")
    for at in range(4):
        files.write(at, 100, at, gaps=at == 1)
    seen = []
    for turn in range(12):
        bring_up_to_date(index, LAYERS, files.listing())
        files.held.pop(max(files.held))
        files.write(3, 100, 100 + turn)
        opened = index.read()
        assert opened is not None
        seen.append((opened.store.extent.generation, opened.store.extent.particles))
    assert max(particles for _, particles in seen) <= 1200 and seen[-1][0] >= 1
    names = {path.name.split(".")[0] for path in (tmp_path / "i").iterdir() if path.name[0].isdigit()}
    assert names == {str(seen[-1][0])}


def test_one_writes_at_a_time(tmp_path: Path) -> None:
    index, files = IndexFolder(tmp_path / "i"), Files()
    files.write(0, 100, 0)
    with index.writing() as mine:
        assert mine
        assert bring_up_to_date(IndexFolder(tmp_path / "i"), LAYERS, files.listing()) is None
    assert bring_up_to_date(index, LAYERS, files.listing()) == 1


@pytest.mark.parametrize("spoil", [lambda d: b"", lambda d: d[:-30], lambda d: b"nonsense" * 99])
def test_what_is_no_index_is_none_and_built_anew(tmp_path: Path, spoil) -> None:
    index, files = IndexFolder(tmp_path / "i"), Files()
    files.write(0, 500, 0)
    bring_up_to_date(index, LAYERS, files.listing())
    path = tmp_path / "i" / CONTENTS
    path.write_bytes(spoil(path.read_bytes()))
    assert IndexFolder(tmp_path / "i").read() is None
    assert bring_up_to_date(index, LAYERS, files.listing()) == 1
    assert ids_of(index) == [1]


def test_files_that_are_too_short_are_no_index(tmp_path: Path) -> None:
    index, files = IndexFolder(tmp_path / "i"), Files()
    files.write(0, 500, 0)
    bring_up_to_date(index, LAYERS, files.listing())
    os.truncate(tmp_path / "i" / "0.x", 10)
    assert IndexFolder(tmp_path / "i").read() is None


def test_what_it_takes_is_told_though_a_file_gets_its_name_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "under way"):
        (tmp_path / name).write_bytes(b"12345")
    scandir = os.scandir

    def then_named(place: Path) -> list[os.DirEntry[str]]:
        entries = sorted(scandir(place), key=lambda entry: entry.name, reverse=True)
        (tmp_path / "under way").unlink()
        return entries

    monkeypatch.setattr(os, "scandir", then_named)
    assert IndexFolder(tmp_path).nbytes == 10


def test_a_folder_that_cannot_be_written_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    files = Files()
    files.write(0, 100, 0)
    assert bring_up_to_date(IndexFolder(tmp_path / "file" / "i"), LAYERS, files.listing()) is None


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.record.test_picture_index import Files, LAYERS
from workbench.record import picture_index_update as update
from workbench.record.picture_index import IndexFolder
update.BATCH, update.COMMIT = 300, 300
files = Files()
for at in range(400):
    files.write(at, 100, at)
print("ready", flush=True)
update.bring_up_to_date(IndexFolder({folder!r}), LAYERS, files.listing())
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_an_index_that_can_be_read(tmp_path: Path) -> None:
    root, folder = str(Path(__file__).parents[2]), str(tmp_path / "i")
    files = Files()
    for at in range(400):
        files.write(at, 100, at)
    index, rng, seen = IndexFolder(folder), np.random.default_rng(5), 0
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER.format(root=root, folder=folder)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        until = time.monotonic() + rng.uniform(0.0, 1.0)
        while time.monotonic() < until and writer.poll() is None:
            _holds(index, files)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        count = _holds(IndexFolder(folder), files)
        assert count >= seen, "what counted once counts"
        seen = count
    bring_up_to_date(index, LAYERS, files.listing())
    assert _holds(index, files) == 400


def _holds(index: IndexFolder, files: Files) -> int:
    opened = index.read()
    if opened is None:
        return 0
    ids = opened.contents.ids.tolist()
    first = len(ids) // 3
    got = count_files(opened.contents, opened.store, "x", "y", "", WHOLE, first, len(ids))
    assert np.array_equal(got, files.count(ids[first:], False))
    return len(ids)
