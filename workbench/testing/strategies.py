"""Hypothesis strategies for what readers meet: EVT bytes, SFL rows, windows."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard
from hypothesis import strategies as st

from workbench.core.window import Window
from workbench.readers.seaflow_layout import CHANNELS

Codes = dict[str, npt.NDArray[np.uint16]]


@st.composite
def evt_codes(draw: Callable[..., Any], layout: str = "v2", max_rows: int = 30) -> Codes:
    """Channels of a v1 or v2 file: every uint16, the edges of the scale often."""
    n = draw(st.integers(1, max_rows))
    code = st.one_of(st.sampled_from([0, 1, 10, 14, 16, 65535]), st.integers(0, 65535))
    channel = st.lists(code, min_size=n, max_size=n)
    return {name: np.array(draw(channel), dtype=np.uint16) for name in CHANNELS[layout]}


def evt_bytes(codes: Codes, layout: str = "v2") -> bytes:
    """The bytes of an EVT file, built from the table of FORMATS without the package's own writer."""
    channels = [codes[name] for name in CHANNELS[layout]]
    n = len(channels[0])
    if layout == "v2":
        return np.array([14, n], "<u4").tobytes() + np.stack(channels, axis=1).astype("<u2").tobytes()
    first = [np.full(n, 10, np.uint16), np.zeros(n, np.uint16)]  # u32 10 as two u16
    return np.array([n], "<u4").tobytes() + np.stack(first + channels, axis=1).astype("<u2").tobytes()


def packed(raw: bytes, suffix: str) -> bytes:
    """`raw` as it stands in a file of that suffix: ``""``, ``.gz`` or ``.zst``."""
    if suffix == ".gz":
        return gzip.compress(raw, compresslevel=1, mtime=0)
    return zstandard.ZstdCompressor(level=1).compress(raw) if suffix == ".zst" else raw


@st.composite
def windows(draw: Callable[..., Any], times: Sequence[np.datetime64] | npt.NDArray[np.datetime64]) -> Window:
    """Windows whose ends stand on, just before and just after `times`."""
    near = [t + np.timedelta64(d, "ns") for t in times for d in (-1, 0, 1)]
    return Window(draw(st.sampled_from(near)), draw(st.sampled_from(near)))


def _cell(low: float, high: float) -> st.SearchStrategy[float]:
    return st.one_of(st.just(float("nan")), st.floats(low, high).map(lambda x: round(x, 6)))


_LIMITS = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 360.0)}


@st.composite
def sfl_columns(draw: Callable[..., Any], max_rows: int = 12) -> dict[str, Any]:
    """Columns for ``write_sfl``: times that repeat and step back, missing numbers."""
    from workbench.readers.seaflow_files import file_name
    from workbench.readers.seaflow_sfl import CURATED

    seconds = draw(st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=max_rows))
    times = np.array(seconds, dtype="datetime64[s]").astype("datetime64[ns]")
    out: dict[str, Any] = {"time": times, "file_id": [file_name(t) for t in times]}
    for name in CURATED.values():
        if name not in out:
            cell = _cell(*_LIMITS.get(name, (-9e5, 9e5)))
            out[name] = np.array(draw(st.lists(cell, min_size=len(times), max_size=len(times))))
    return out
