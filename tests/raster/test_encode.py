"""Frames for the browser."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.raster.encode import decode, encode, frame, pack

LEVELS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40))
HEADER = st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text())


@given(HEADER, LEVELS)
def test_a_frame_comes_back_as_it_was(header, levels) -> None:
    said, got = decode(encode(header, levels))
    np.testing.assert_array_equal(got, levels)
    assert said == header | {"width": levels.shape[1], "height": levels.shape[0]}


def test_the_layout_the_browser_reads() -> None:
    data = encode({"ask": 1}, np.array([[1, 2], [3, 4]], np.uint8))
    (size,) = struct.unpack("<I", data[:4])
    assert json.loads(data[4 : 4 + size]) == {"ask": 1, "width": 2, "height": 2}
    assert zlib.decompress(data[4 + size :]) == b"\x01\x02\x03\x04"  # row by row, lowest y first


def test_the_packed_levels_are_made_once_for_all_headers() -> None:
    packed = pack(np.arange(12, dtype=np.uint8).reshape(3, 4)[:, ::-1])
    a, b = (frame({"ask": n, "width": 4, "height": 3}, packed) for n in (1, 2))
    assert a.endswith(packed) and b.endswith(packed)
    np.testing.assert_array_equal(decode(a)[1], decode(b)[1])


def test_broken_frames_are_refused() -> None:
    data = encode({}, np.zeros((4, 4), np.uint8))
    for broken in (b"", data[:3], data[:10], data[:-4], data[:-12] + b"garbage!!!!!"):
        with pytest.raises(ValueError, match="frame"):
            decode(broken)
    with pytest.raises(ValueError, match="uint8"):
        pack(np.zeros((4, 4)))
