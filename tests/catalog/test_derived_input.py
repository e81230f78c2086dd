"""Files added to what is known of an input, and texts of where one stands: the same as anew, at the cost of what is new."""

from __future__ import annotations

import gc
import json
import tempfile
import weakref
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alone import peak
from workbench.catalog import derived_state
from workbench.catalog.derived_input import Grown
from workbench.catalog.derived_state import State
from workbench.catalog.folder_marks import FolderMarks
from workbench.catalog.marks import VERSION
from workbench.catalog.source import Source
from workbench.core.errors import WorkbenchError
from workbench.readers import seaflow_evt
from workbench.readers.seaflow_evt import V2, write_evt

T0 = np.datetime64("2025-01-14T00:00", "s")


def written(folder: Path, number: int, size: int) -> Path:
    """One file of some particles, another number in each."""
    time = (T0 + np.timedelta64(180 * number, "s")).astype(str).replace(":", "-")
    path = folder / f"2025_{14 + number // 4:03}" / f"{time}+00-00"
    write_evt(path, {name: np.arange(size) + 100 * number + at for at, name in enumerate(V2)})
    return path


class Input:
    """A Source that is followed, and what is known of it."""

    def __init__(self, folder: Path) -> None:
        self.source = Source("seaflow_evt", str(folder))
        self.grown = Grown(self.source.origin.unchunked, self.source.origin.names)
        self.cursor = None
        self.opened = 0

    def look(self) -> xr.Dataset:
        new, self.cursor = self.source.changed(self.cursor)
        self.grown.add(new)
        return self.grown.dataset()


STEPS = st.lists(
    st.tuples(st.sampled_from(["later", "earlier", "anew", "gone", "settle"]), st.integers(1, 9), st.integers(0, 99)),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.data())
def test_what_grew_is_what_is_opened_anew(steps, data):
    with tempfile.TemporaryDirectory() as name:
        folder, last = Path(name), 20
        paths = [written(folder, last, 3)]
        followed = Input(folder)
        followed.look()
        for step, size, pick in steps:
            if step == "later":
                last += 1
                paths.append(written(folder, last, size))
            elif step == "earlier":
                paths.append(written(folder, 19 - pick % 20, size))
            elif step == "anew":
                paths[pick % len(paths)].unlink(missing_ok=True)
                written(folder, last, size + 10)
            elif step == "gone" and len(list(folder.glob("*/*"))) > 1:
                next(iter(sorted(folder.glob("*/*")))).unlink()
            elif step == "settle":
                followed.grown.settle()
            ds, anew = followed.look(), followed.source.origin.unchunked()
            xr.testing.assert_equal(ds.drop_vars(V2), anew.drop_vars(V2))
            first = data.draw(st.integers(0, anew.sizes["particle"]))
            some = {"particle": slice(first, data.draw(st.integers(first, anew.sizes["particle"])))}
            xr.testing.assert_equal(ds.isel(some), anew.isel(some))
            assert ds["pe"].dtype == anew["pe"].dtype and ds["pe"].attrs == anew["pe"].attrs


def test_a_later_file_opens_itself_alone(tmp_path, monkeypatch):
    for number in range(8):
        written(tmp_path, number, 5)
    followed = Input(tmp_path)
    followed.look().load()
    probed, probe = [], seaflow_evt.layout.probe
    monkeypatch.setattr(seaflow_evt.layout, "probe", lambda path: probed.append(path) or probe(path))
    for number in range(8, 11):
        written(tmp_path, number, 5)
        probed.clear()
        ds = followed.look()
        assert ds.isel(particle=slice(5 * number, None))["D1"].to_numpy()[0] == 100 * number + V2.index("D1")
        assert {Path(path).name for path in probed} == {str(ds["file_id"][-1].item()).split("/")[1]}
        followed.grown.settle()
    assert ds["D1"].to_numpy()[7] == 102 + V2.index("D1")  # of an old one, all are opened
    assert len({*probed}) == 11


def test_what_is_forgotten_leaves_the_memory(tmp_path):
    followed = Input(tmp_path)
    for number in range(3):
        written(tmp_path, number, 5)
        followed.look()
    held = weakref.ref(followed.grown._columns["time"].base)
    assert held() is not None
    followed.grown.forget()
    gc.collect()
    assert held() is None


def test_files_that_came_in_between_are_not_taken_for_others(tmp_path):
    written(tmp_path, 4, 5)
    followed = Input(tmp_path)
    followed.look()
    written(tmp_path, 5, 5)
    ds = followed.look()
    written(tmp_path, 3, 5)
    with pytest.raises(WorkbenchError, match="the next look begins with all"):
        ds["D1"].load()
    assert followed.look().sizes["file"] == 3


# where one stands

PARTS = st.recursive(
    st.none() | st.integers(-3, 3) | st.text(max_size=2),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=2), below, max_size=3),
    max_leaves=12,
)
CURSORS = st.dictionaries(st.sampled_from("ab"), st.dictionaries(st.text(max_size=2), PARTS, max_size=3), max_size=2)


@given(st.lists(CURSORS, min_size=1, max_size=4))
def test_a_state_is_equal_only_for_equal_cursors(cursors):
    """However the same process came there: what it kept, and what is made anew."""
    state = State()
    told = [
        (json.dumps(one, sort_keys=True), state.of(one), State().of(json.loads(json.dumps(one)))) for one in cursors
    ]
    for text, kept, anew in told:
        assert kept == anew
        for other, also, _ in told:
            assert (text == other) == (kept == also)


def test_a_state_of_many_files_writes_out_the_folder_that_has_a_new_one(monkeypatch):
    marks = {f"2025-01-14T{i:06}+00-00": [4_800_000 + i, 10**18 + i, 4_800_000 + i] for i in range(480)}
    folders = {f"/evt/2025_{day:03}": FolderMarks().with_marks(marks).packed for day in range(60)}
    state = State()
    told = [state.of({"evt": {"version": VERSION, "folders": folders}})]
    written_out = []
    dumps = json.dumps
    monkeypatch.setattr(
        derived_state.json, "dumps", lambda *a, **b: written_out.append(dumps(*a, **b)) or written_out[-1]
    )
    day = "/evt/2025_059"

    def one_more():
        written_out.clear()
        more = FolderMarks(folders[day]).with_marks({"2025-01-15": [4, 5, len(told)]})
        told.append(state.of({"evt": {"version": VERSION, "folders": {**folders, day: more.packed}}}))

    assert peak(one_more) < 400_000
    assert len({*told}) == 4
    assert 0 < sum(map(len, written_out)) < 30_000
