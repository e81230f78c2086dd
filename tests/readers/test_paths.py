"""What a folder or a pattern means: the files that a reader claims, and what is said where it claims none of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from workbench.readers.paths import find, matcher

LINE = "2020-02-29T00:00:00Z $GPGGA,000000.00,3259.800,N,11758.700,W,1,08,1.0,10.0,M,,M,,*50\n"


@pytest.mark.parametrize("named", ["{folder}", "{folder}/*.txt", "{folder}/*"])
def test_files_that_are_called_otherwise_are_told(tmp_path: Path, named: str) -> None:
    (tmp_path / "gps.txt").write_text(LINE)
    ds = xr.open_dataset(named.format(folder=tmp_path), engine="nmea_log")
    assert ds.sizes["time"] == 0
    assert "1 file, such as gps.txt, none named *_####-##-##, " in ds.attrs["refused"]
    assert "*.log (# is a digit)" in ds.attrs["refused"]
    assert xr.open_dataset([tmp_path / "gps.txt"], engine="nmea_log").sizes["time"] == 1


def test_nothing_is_told_of_an_empty_folder_or_beside_files_that_are_meant(tmp_path: Path) -> None:
    claims = matcher(("*.log",))
    assert find(tmp_path, claims).refused == find(tmp_path / "*", claims).refused == ()
    (tmp_path / ".hidden").write_text("")
    assert find(tmp_path, claims).refused == ()
    (tmp_path / "gps.txt").write_text(LINE)
    (tmp_path / "gps.log").write_text(LINE)
    assert find(tmp_path, claims).refused == ()
