"""The files behind a url, found again cheaply and never missed."""

from __future__ import annotations

import gc
import os
import time
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog import tree
from workbench.catalog.tree import Tree
from workbench.core.errors import ReaderError
from workbench.readers import paths as locate

claims = locate.matcher(("*.x",))


def names(looked):
    return sorted(name for folder in looked.values() for name in folder.names)


def test_a_file_that_comes_in_the_same_tick_as_the_last_look_is_seen(tmp_path):
    """Time stamps of folders are coarse: two changes may carry the same one."""
    followed = Tree((str(tmp_path),), claims)
    (tmp_path / "a.x").touch()
    stamp = os.stat(tmp_path).st_mtime_ns
    assert names(followed.look()) == ["a.x"]
    (tmp_path / "b.x").touch()
    os.utime(tmp_path, ns=(stamp, stamp))
    assert names(followed.look()) == ["a.x", "b.x"]


def test_a_folder_whose_stamp_never_changes_is_listed_now_and_then(tmp_path, monkeypatch):
    """Some network shares do not keep time stamps of folders."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    followed = Tree((str(tmp_path),), claims)
    (tmp_path / "a.x").touch()
    os.utime(tmp_path, (1e9, 1e9))
    assert names(followed.look()) == ["a.x"]
    (tmp_path / "b.x").touch()
    os.utime(tmp_path, (1e9, 1e9))
    assert names(followed.look()) == ["a.x"]
    now[0] += 31
    assert names(followed.look()) == ["a.x", "b.x"]


def test_stamps_tell_whether_names_changed(tmp_path):
    followed = Tree((str(tmp_path),), claims)
    (tmp_path / "a.x").touch()
    first = followed.look()[str(tmp_path)].stamp
    assert followed.look()[str(tmp_path)].stamp == first
    (tmp_path / "no").touch()
    assert followed.look()[str(tmp_path)].stamp == first
    (tmp_path / "b.x").touch()
    assert followed.look()[str(tmp_path)].stamp > first


@pytest.mark.parametrize("place", ["", "*/*.x", "**/a.x"])
def test_of_a_folder_that_is_gone_nothing_is_kept(tmp_path, place):
    """Days are moved ashore while a board follows them for weeks. The first is named by two places, and joined."""
    days = [tmp_path / f"day{i}" for i in range(3)]
    for day in days:
        day.mkdir()
        (day / "a.x").touch()
    followed = Tree((str(tmp_path / place), str(days[0] / "a.x")), claims)
    kept = {path: weakref.ref(folder.names) for path, folder in followed.look().items()}
    assert len(kept) == 3 and all(names() is not None for names in kept.values())
    for day in days[:2]:
        (day / "a.x").unlink()
        day.rmdir()
    assert [*followed.look()] == [str(days[2])]
    gc.collect()
    assert [path for path, names in kept.items() if names() is not None] == [str(days[2])]


NAMED = st.lists(st.sampled_from(["one/a.x", "one/odd", "one/no", "two/a.x", "two/b.x", "two/deep/a.x"]), max_size=8)
PLACES = st.lists(
    st.sampled_from(["one", "one/a.x", "one/odd", "two", "two/a*", "*/*.x", "two/**"]), min_size=1, max_size=3
)


@given(PLACES, NAMED)
def test_another_stamp_is_another_list_of_names_however_they_are_named(tmp_path_factory, places, steps):
    top = tmp_path_factory.mktemp("tree")
    for folder in ("one", "two/deep"):
        (top / folder).mkdir(parents=True)
        (top / folder / "there.x").touch()
    followed, seen = Tree(tuple(str(top / place) for place in places), claims), {}
    for step in (None, *steps):
        if step:
            (top / step).unlink() if (top / step).exists() else (top / step).touch()
        stamps = []
        for _ in range(2):
            try:
                looked = followed.look()
            except ReaderError:  # nothing of it is there
                looked = {}
            for path, folder in looked.items():
                assert seen.setdefault((path, folder.stamp), folder.names) == folder.names
            stamps.append({path: folder.stamp for path, folder in looked.items()})
        assert stamps[0] == stamps[1]


def test_a_folder_that_may_not_be_read_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "a.x").touch()
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert names(Tree((str(tmp_path),), claims).look()) == ["a.x"]


parts = st.sampled_from(["a", "b", "ab", "*", "a*", "?", "[ab]", "**", "c.x", "*.x"])


@given(files=st.sets(st.lists(st.sampled_from(["a", "b", "ab", "c.x", "d.x", ".h"]), min_size=1, max_size=3).map("/".join), max_size=6),
       pattern=st.lists(parts, min_size=1, max_size=3).map("/".join))  # fmt: skip
def test_patterns_mean_what_readers_mean_by_them(tmp_path_factory, files, pattern):
    top = tmp_path_factory.mktemp("tree")
    for file in files:
        path = top / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except (FileExistsError, NotADirectoryError):
            continue
    url = str(top / pattern)
    base, rest = tree.split(url)
    if not os.path.lexists(url) and (not rest or not os.path.isdir(base)):
        with pytest.raises(ReaderError):
            Tree((url,), claims).look()
        return
    expected = {path for path in locate.find(url, claims).paths if os.path.isfile(path)}
    assert set(Tree((url,), claims).paths()) == expected
