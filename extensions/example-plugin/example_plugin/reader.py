"""`reader: anemometer`: lines of ``2024-03-01T00:00:00Z 7.5 210`` (UTC, m/s, degrees)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from workbench.core.variables import VARIABLES, VariableSpec
from workbench.readers.text import TextReader

SPEED = VariableSpec("wind_speed", (), "float64", "m s-1", "wind_speed", "wind speed", (0, 100))
FROM = VariableSpec("wind_direction", (), "float64", "degree", "wind_from_direction", "wind direction", (0, 360))


class Anemometer(TextReader):
    """Logged wind: time, speed and direction, one line each."""

    description = "Anemometer log"
    provides = (VARIABLES["time"], SPEED, FROM)
    patterns = ("*.wind",)

    def parse(self, head: list[str], rows: list[str]) -> xr.Dataset:
        """Three words a line."""
        cells = [line.split() for line in rows]
        if any(len(line) != 3 for line in cells):
            raise ValueError("a line has not three words")
        time = np.array([word.removesuffix("Z") for word, _, _ in cells], dtype="datetime64[ns]")
        speed, direction = (np.array([float(line[i]) for line in cells]) for i in (1, 2))
        return xr.Dataset(
            {"wind_speed": ("time", speed, SPEED.attrs()), "wind_direction": ("time", direction, FROM.attrs())},
            {"time": time},
        )
