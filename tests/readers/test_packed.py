"""Gzip files inflate to the same bytes whichever library does it, and break with the same error."""

from __future__ import annotations

import gzip
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ReaderError
from workbench.readers import packed


@pytest.fixture(params=["isal", "zlib"])
def library(request, monkeypatch):
    if request.param == "zlib":
        monkeypatch.setattr(packed, "_gzip_library", lambda: zlib)
    return request.param


def test_the_fast_library_is_taken_where_it_is():
    assert packed._gzip_library().__name__ == "isal.isal_zlib"


@pytest.mark.parametrize("size", [1, 65_536, (1 << 20) - 1, 1 << 20, 3_000_001])
@pytest.mark.parametrize("level", [1, 9])
def test_members_padding_and_pieces(library, tmp_path, size, level):
    raw = np.random.default_rng(size).integers(0, 9, size).astype(np.uint8).tobytes()
    path = tmp_path / "one.gz"
    half = size // 2
    path.write_bytes(gzip.compress(raw[:half], level) + gzip.compress(raw[half:], level) + bytes(700))
    assert packed.unpack(str(path), size).tobytes() == raw
    with pytest.raises(ReaderError, match="more bytes"):
        packed.unpack(str(path), size - 1)


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_cut_file_ends_early_with_either(tmp_path_factory, raw, data):
    path = tmp_path_factory.mktemp("cut") / "one.gz"
    whole = gzip.compress(raw)
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole) - 1))])
    for library in (packed._gzip_library(), zlib):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packed, "_gzip_library", lambda library=library: library)
            with pytest.raises(ReaderError):
                packed.unpack(str(path), len(raw))
