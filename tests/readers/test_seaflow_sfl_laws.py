"""seaflow_sfl holds the laws of readers, in each of its kinds of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_sfl import CURATED, write_sfl
from workbench.testing import readers

_DAY = np.timedelta64(1, "D")
_START = np.datetime64("2014-07-04T00:00:02")


class TestCurated(readers.ReaderTests):
    engine = "seaflow_sfl"
    lazy = False

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for day in range(3):
            rng = np.random.default_rng(day)
            times = _START + day * _DAY + np.arange(20) * np.timedelta64(180, "s")
            columns = {name: rng.normal(20, 5, 20) for name in CURATED.values()}
            columns["par"][3] = np.nan
            path = folder / f"{day}_740.sfl"
            write_sfl(path, columns | {"time": times, "file_id": [file_name(t) for t in times]})
            paths.append(path)
        return paths


HEADER = (
    "FILE\tFILE DURATION\tLAT\tLON\tCONDUCTIVITY\tSALINITY\tOCEAN TEMP\tCHL\tBULK RED\tSTREAM PRESSURE"
    "\tFILTER PRESSURE\tMACHINE TEMP\tXaccel\tYaccel\tZaccel\tLASER POWER\tEVENT RATE\tPOSITION\tVALVE\tPAR"
)


class TestInstrument(readers.ReaderTests):
    """The instrument's own files: CR LF before each line, so that the newest has none; GGA positions."""

    engine = "seaflow_sfl"
    lazy = False

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for day in range(3):
            start = _START + day * _DAY
            stamp = file_name(start).split("/")[1]
            path = folder / f"2014_{185 + day}" / f"{stamp}.sfl"
            path.parent.mkdir()
            lines = [HEADER]
            for i in range(12):
                name = file_name(start + i * np.timedelta64(180, "s")).split("/")[1]
                lines.append(
                    f"{name}\t180.06\t21{i:02d}.9043\t-1575{i % 10}.6526\t\t34.13\t21.08\t0.2\t42.98\t12.00\tNaN\t5.29"
                    f"\t0.00\t0.00\t0.00\t319.0\t{100 * i}.00\t\tE\t{2022.69 - i:.2f}"
                )
            path.write_bytes("\r\n".join(lines).encode())
            paths.append(path)
        return paths


class TestSds(readers.ReaderTests):
    """2009 to 2011: computerUTC instead of a date, numbered files, no duration."""

    engine = "seaflow_sfl"
    lazy = False

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for day in (313, 314, 315):
            lines = ["FILE\tcomputerUTC\tDMY\tHMS\tLAT\tLON\tSALINITY\tOCEAN.TEMP\tSTREAM.PRESSURE"]
            lines += [
                f"sds_2009_{day}_{i}\t2009{day}0{i:01d}0824\tx\ty\t-999999\t-999999\t30.1\t11.5\t12.01"
                for i in range(9)
            ]
            path = folder / f"{day}.sds"
            path.write_text("\n".join(lines) + "\n")
            paths.append(path)
        return paths
