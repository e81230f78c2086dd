"""Whole lines of files that grow, and parsed files that are kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.readers import lines
from workbench.readers.kept import Kept, hold_at_most


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 60))
def test_blocks(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int) -> None:
    """Pieces hold whole lines and add up to the file; lines that are too long are told and left out."""
    path = tmp_path_factory.mktemp("lines") / "a"
    raw = b"\n".join(parts)
    path.write_bytes(raw)
    end = lines.whole(path)
    assert end == raw.rfind(b"\n") + 1
    found, long = [], []
    for buffer, length, base in lines.blocks(path, 0, end, size):
        piece = buffer[:length].tobytes()
        assert piece == raw[base : base + length]
        assert piece[-1:] in (b"", b"\n")
        found += piece.splitlines(keepends=True) if length else []
        long += [base] if not length else []
    wanted = [line + b"\n" for line in raw[:end].split(b"\n")[:-1]]
    assert b"".join(found) == b"".join(line for line in wanted if len(line) <= size)
    assert len(long) == sum(len(line) > size for line in wanted)


def test_whole_reads_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x\n" + b"y" * 200_000)
    assert lines.whole(path) == 2
    path.write_bytes(b"y" * 200_000)
    assert lines.whole(path) == 0
    with pytest.raises(ReaderError, match="cannot be read"):
        lines.whole(tmp_path / "b")


@dataclass(frozen=True)
class Text:
    text: bytes
    calls: int

    @property
    def end(self) -> int:
        return len(self.text)

    @property
    def nbytes(self) -> int:
        return len(self.text)


class Asked:
    """Reads a file, and knows what it was told of its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: list[bytes | None] = []

    def __call__(self, known: Text | None) -> Text:
        self.known.append(None if known is None else known.text)
        return Text(self.path.read_bytes(), len(self.known))


def test_kept(tmp_path: Path) -> None:
    """Read once; read on where it grew; read anew where it was rewritten, shortened or replaced."""
    path = tmp_path / "a"
    ask, kept = Asked(path), Kept[Text](1000)
    path.write_bytes(b"a" * 100)
    assert kept.get(path, 0, ask) is kept.get(path, 0, ask)
    path.write_bytes(b"a" * 100 + b"b")
    assert kept.get(path, 0, ask).text.endswith(b"b")
    assert ask.known == [None, b"a" * 100]
    path.write_bytes(b"c" * 200)
    kept.get(path, 0, ask)
    path.write_bytes(b"c" * 150)
    kept.get(path, 0, ask)
    other = tmp_path / "b"
    other.write_bytes(b"c" * 250)
    os.replace(other, path)
    kept.get(path, 0, ask)
    path.write_bytes(b"d" + b"c" * 260)
    kept.get(path, 0, ask)
    os.utime(path, ns=(1, 1))
    kept.get(path, 0, ask)
    assert ask.known[2:] == [None] * 5
    with pytest.raises(ReaderError, match="cannot be read"):
        kept.get(tmp_path / "none", 0, ask)


def test_kept_lets_go(tmp_path: Path) -> None:
    """The least recently used goes when there is too much; one that is too large alone is still read."""
    kept, asked = Kept[Text](250), {}
    for name in "abc":
        path = tmp_path / name
        path.write_bytes(b"x" * 100)
        asked[name] = Asked(path)
    for name in "abacbca":
        kept.get(tmp_path / name, 0, asked[name])
    assert {name: len(ask.known) for name, ask in asked.items()} == {"a": 2, "b": 2, "c": 1}
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert kept.get(tmp_path / "a", 0, asked["a"]).nbytes == 1000


def test_a_process_may_hold_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server says holds for every cache of the process, also for those that were there before."""
    kept, asked = Kept[Text](10_000), {}
    monkeypatch.setattr("workbench.readers.kept._ceiling", 1 << 62)
    hold_at_most(150)
    for name in "aba":
        path = tmp_path / name
        path.write_bytes(b"x" * 100)
        kept.get(path, 0, asked.setdefault(name, Asked(path)))
    assert len(asked["a"].known) == 2
