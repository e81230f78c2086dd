"""A cruise of three kinds of sources, each growing: an EVT folder, an InfluxDB measurement, an HDF5 file (SWMR).

The EVT files, SFL rows, gates and sizes are real ones; position, temperature and salinity of each second are functions
of the time, so that a test knows every value.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.services.influx import Influxd
from workbench.core.clock import Clock

START = np.datetime64("2014-07-04T00:00:00", "ns")
FILES = ("2014-07-04T00-00-02+00-00", "2014-07-04T00-03-02+00-00.gz")

CATALOG = """\
metadata:
  cruise: {{id: three, title: Three kinds of sources}}
  board:
    - {{view: tiles}}
    - {{view: cruise_map, source: ctd, colour: met.sea_water_temperature}}
    - {{view: cytogram, source: seaflow, x: fsc_small, y: pe}}
    - {{view: series, variables: [met.sea_water_temperature, ctd.salinity, populations.abundance_prochloro]}}
    - {{view: files, source: seaflow}}
  kpis:
    temperature: {{source: met, variable: sea_water_temperature, reduce: last, over: 10min, expect: [10, 30]}}
    salinity: {{source: ctd, variable: salinity, reduce: last, over: 10min, expect: [30, 38]}}
    prochloro: {{source: populations, variable: abundance_prochloro, reduce: last, over: 10min, label: Prochlorococcus}}
sources:
  seaflow:
    driver: workbench
    description: Particles, one EVT file every three minutes.
    args: {{reader: seaflow_evt, url: "{{{{ CATALOG_DIR }}}}/evt", every: 3min}}
  sfl:
    driver: workbench
    description: One line for each EVT file.
    args: {{reader: seaflow_sfl, url: "{{{{ CATALOG_DIR }}}}/three_740.sfl", every: 3min}}
  plan:
    driver: workbench
    description: Filter parameters, gates and size table.
    args:
      reader: seaflow_plan
      url: {data}/testcruise/params/testcruise_full_plan.db
      size_table: {data}/calibrated-mie.de77773.2020-10-23.csv
      instrument: "740"
  populations:
    driver: workbench
    description: What the particles are.
    args: {{product: seaflow, inputs: {{evt: seaflow, sfl: sfl, plan: plan}}, every: 3min}}
  met:
    driver: workbench
    description: Positions and temperature, in InfluxDB.
    args:
      reader: influxdb
      url: {url}
      rename: {{lat: latitude, lon: longitude, sst: sea_water_temperature}}
      units: {{sst: degree_Celsius}}
      every: 1s
  ctd:
    driver: workbench
    description: Positions and salinity, in an HDF5 file that a logger has open.
    args:
      reader: hdf5
      url: "{{{{ CATALOG_DIR }}}}/ctd.h5"
      variables: {{latitude: lat, longitude: lon, salinity: salt}}
      every: 1s
"""

LOGGER = """
import sys, h5py
file = h5py.File(sys.argv[1], "w", libver="latest")
made = {name: file.create_dataset(name, (0,), "f8", maxshape=(None,), chunks=(64,)) for name in ("time", "lat", "lon", "salt")}
units = {"time": "seconds since 2014-07-04", "lat": "degrees_north", "lon": "degrees_east", "salt": "1"}
for name, unit in units.items():
    made[name].attrs["units"] = unit
file.swmr_mode = True
print("ready", flush=True)
for line in sys.stdin:
    for row in line.split(";"):
        values = [float(cell) for cell in row.split()]
        for name, value in [*zip(("lat", "lon", "salt"), values[1:]), ("time", values[0])]:
            made[name].resize((len(made[name]) + 1,))
            made[name][-1] = value
    for name in ("lat", "lon", "salt", "time"):
        made[name].flush()
    print("written", flush=True)
"""


def latitude(second: float) -> float:
    return 32.9973 + second * 3e-5


def longitude(second: float) -> float:
    return -117.9787 - second * 6e-5


def temperature(second: float) -> float:
    return round(21.0 + 2 * np.sin(second / 40), 4)


def salinity(second: float) -> float:
    return round(34.0 + second / 1000, 4)


class ThreeSources:
    """The cruise, its server and its logger; use it in a ``with`` statement.

    Parameters
    ----------
    folder : Path
        Where catalog, files, server and record are.
    data : Path
        The real data.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self._data = folder, data / "seaflow"
        self.catalog = folder / "catalog.yaml"
        self.influxd = Influxd(folder / "influxd")
        (folder / "evt" / "2014_185").mkdir(parents=True)
        self.wall = time.time()

    def __enter__(self) -> ThreeSources:
        self.influxd.start()
        self.influxd.create("cruise")
        self.catalog.write_text(CATALOG.format(data=self._data, url=self.influxd.url("cruise", "met")))
        self._logger = subprocess.Popen(
            [sys.executable, "-c", LOGGER, str(self.folder / "ctd.h5")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._said("ready")
        self.arrive(0)
        self.log(range(190))
        self.send(range(190))
        self.wall = time.time()
        Clock(START + np.timedelta64(191, "s"), 1.0, self.wall).save(self.folder / "three.cruise")
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.kill()
        self._logger.communicate()
        self.influxd.stop()

    def second(self) -> int:
        """Whole seconds since the cruise began, by its own clock."""
        return 191 + int(time.time() - self.wall)

    def arrive(self, i: int) -> None:
        """A real EVT file, copied in as rsync does, and its line of the SFL."""
        source = self._data / "testcruise" / "evt_v2" / "2014_185" / FILES[i]
        target = self.folder / "evt" / "2014_185" / FILES[i]
        shutil.copyfile(source, target.with_name(f".{FILES[i]}.part"))
        lines = (self._data / "testcruise" / "testcruise_740.sfl").read_text().splitlines(keepends=True)
        with (self.folder / "three_740.sfl").open("a") as sfl:
            sfl.write("".join(lines[: 2 if i == 0 else 0]) + (lines[i + 1] if i else ""))
        target.with_name(f".{FILES[i]}.part").rename(target)

    def send(self, seconds: Sequence[int]) -> None:
        """Points into the database."""
        at = int(START.astype(np.int64))
        self.influxd.write("cruise", [
            f"met,ship=x lat={latitude(s)},lon={longitude(s)},sst={temperature(s)} {at + s * 1_000_000_000}" for s in seconds
        ])  # fmt: skip

    def log(self, seconds: Sequence[int]) -> None:
        """Rows into the HDF5 file, which another process has open."""
        assert self._logger.stdin is not None
        rows = (f"{s} {latitude(s)} {longitude(s)} {salinity(s)}" for s in seconds)
        self._logger.stdin.write(";".join(rows) + "\n")
        self._logger.stdin.flush()
        self._said("written")

    def _said(self, word: str) -> None:
        assert self._logger.stdout is not None
        assert self._logger.stdout.readline().strip() == word
