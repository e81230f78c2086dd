"""Packed EVT files: what the readers take against zlib, on one core; all bytes of a file, compared before.

zlib is measured as one has it otherwise (`gzip.open`), and in the place of the fast library, in the same loop.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import columns
from workbench.readers import packed
from workbench.readers.seaflow_evt import SeaflowEvt, write_evt


@pytest.mark.parametrize("kind", ["simulated", "real"])
def test_gzip(kind: str, size, measure, row, tmp_path: Path, monkeypatch, request) -> None:
    """At least twice as fast as zlib, and it is what a reader takes."""
    n = size(1e6)
    codes = columns.simulated(n) if kind == "simulated" else columns.real(request.getfixturevalue("data"), n)
    plain = tmp_path / "2025-01-14T20-00-00+00-00"
    write_evt(plain, {**codes, "pulse_width": np.zeros(n, np.uint16), "evt_rate": np.zeros(n, np.uint16)})
    raw = plain.read_bytes()
    path = plain.with_name(f"{plain.name}.gz")
    path.write_bytes(gzip.compress(raw, 6))
    library = packed._gzip_library()
    asked = []

    def taken() -> object:
        asked.append(library)
        return library

    with monkeypatch.context() as patch:
        patch.setattr(packed, "_gzip_library", taken)
        np.testing.assert_array_equal(SeaflowEvt().open_dataset(path)["pe"].values, codes["pe"])
    assert asked and library is not zlib, "the reader does not ask for the fast library"

    def by(one: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(packed, "_gzip_library", lambda: one)
            assert packed.unpack(str(path), len(raw)).nbytes == len(raw)

    def otherwise() -> None:
        with gzip.open(path) as file:
            assert len(file.read()) == len(raw)

    assert packed.unpack(str(path), len(raw)).tobytes() == raw
    candidates = {"ours": lambda: by(library), "zlib in its place": lambda: by(zlib), "gzip": otherwise}
    took = measure(f"EVT .gz, {kind}", candidates, per=n, repeats=7)
    ns = {name: 1e9 * seconds / n for name, seconds in took.items()}
    name = f"EVT .gz unpacked, {kind}"
    row(name, "ns/particle", ns["ours"], peer=ns["gzip"], peer_name="zlib, by gzip.open", least_ratio=2)
    row(name, "ns/particle", ns["ours"], peer=ns["zlib in its place"], peer_name="zlib in the same loop")
