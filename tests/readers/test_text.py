"""Readers of lines that say only how lines become rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES
from workbench.readers.text import TextReader
from workbench.testing.readers import ReaderTests


class Pressures(TextReader):
    """Lines of ``SECOND,PSI`` after a line ``psi``."""

    provides = (VARIABLES["time"], VARIABLES["stream_pressure"])
    patterns = ("*.psi",)
    head = 1

    def parse(self, head: list[str], rows: list[str]) -> xr.Dataset:
        if head != ["psi"]:
            raise ValueError(f"begins with {head}, not with psi")
        pairs = [line.split(",") for line in rows]
        time = np.array([int(second) for second, _ in pairs], dtype="M8[s]").astype("M8[ns]")
        return xr.Dataset({"stream_pressure": ("time", np.array([float(psi) for _, psi in pairs]))}, {"time": time})


class TestText(ReaderTests):
    engine = Pressures
    lazy = False

    def write(self, folder: Path) -> list[Path]:
        paths = [folder / f"{i}.psi" for i in range(3)]
        for i, path in enumerate(paths):
            path.write_text("psi\n" + "".join(f"{100 * i + j},{12 + j / 8}\n" for j in range(20)))
        return paths


def test_a_head_that_is_not_whole_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.psi"
    path.write_text("ps")
    assert Pressures().complete(path) == 0
    assert Pressures().open_dataset(path).sizes["time"] == 0


@pytest.mark.parametrize("text", ["psy\n1,2\n", "psi\n1;2\n", "psi\n99999999999999999999999,2\n"])
def test_what_cannot_be_parsed_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.psi").write_text(text)
    with pytest.raises(ReaderError, match=r"a\.psi: is not what Pressures reads"):
        Pressures().open_dataset(tmp_path / "a.psi")


def test_no_file_is_larger_than_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.psi").write_text("psi\n1,2\n")
    monkeypatch.setattr(Pressures, "most", 3)
    with pytest.raises(ReaderError, match="too large"):
        Pressures().open_dataset(tmp_path / "a.psi")
