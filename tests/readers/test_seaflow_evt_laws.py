"""seaflow_evt holds the laws of readers, in every layout and container."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_layout import CHANNELS, PARQUET
from workbench.testing import readers, strategies

_START = np.datetime64("2021-12-31T23:57:00")
_STEP = np.timedelta64(180, "s")


def _codes(layout: str, seed: int, rows: int) -> strategies.Codes:
    rng = np.random.default_rng(seed)
    return {name: rng.integers(0, 65536, rows).astype(np.uint16) for name in CHANNELS[layout]}


class EvtTests(readers.ReaderTests):
    engine = "seaflow_evt"
    layout = "v2"
    suffix = ""

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for i, rows in enumerate((4000, 1, 3000, 2500)):
            path = folder / (file_name(_START + i * _STEP) + self.suffix)
            path.parent.mkdir(exist_ok=True)
            raw = strategies.evt_bytes(_codes(self.layout, i, rows), self.layout)
            path.write_bytes(strategies.packed(raw, self.suffix))
            paths.append(path)
        return paths


class TestV1(EvtTests):
    layout = "v1"


class TestV2(EvtTests):
    pass


class TestV1Gzip(EvtTests):
    layout, suffix = "v1", ".gz"


class TestV2Gzip(EvtTests):
    suffix = ".gz"


class TestV2Zstandard(EvtTests):
    suffix = ".zst"
    lazy = False  # the first block, of up to 128 kB, must be inflated to see the header


class TestParquet(EvtTests):
    head = 70_000  # the last 64 kB hold the footer
    dtypes: ClassVar[dict[str, str]] = dict.fromkeys(PARQUET, "float32")

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for i, rows in enumerate((20_000, 1, 15_000, 9_000)):
            path = folder / (file_name(_START + i * _STEP) + ".parquet")
            path.parent.mkdir(exist_ok=True)
            codes = _codes("parquet", i, rows)
            pq.write_table(pa.table({name: codes[name].astype(np.float32) for name in PARQUET}), path)
            paths.append(path)
        return paths
