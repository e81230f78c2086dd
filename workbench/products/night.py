"""When it was night, from the light or from the sun: for the bands behind a chart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Darker than this is night, umol photons m-2 s-1 (a full moon gives under 0.01, civil twilight some units).
DARK = 5.0
#: A darker or a lighter time shorter than this is a cloud, a shadow or a lamp, ns.
SHORT = 3_600_000_000_000
#: Longer without a value is neither.
GAP = 7_200_000_000_000
#: Where the middle of the sun stands at sunset, degrees: its half width, and refraction.
SUNSET = -0.833
_J2000 = np.datetime64("2000-01-01T12:00:00", "ns")


def nights(time: npt.NDArray[np.datetime64], par: npt.NDArray[np.floating]) -> npt.NDArray[np.datetime64]:
    """Beginnings and ends of the nights.

    Parameters
    ----------
    time : numpy.ndarray of datetime64, shape (n,)
        Ascending.
    par : numpy.ndarray of float, shape (n,), umol m-2 s-1
        Photosynthetically active radiation; NaN is left out.

    Returns
    -------
    numpy.ndarray of datetime64[ns], shape (m, 2)
        Where PAR is below `DARK`; times shorter than an hour count as what is around them, and where nothing was
        measured for two hours it is not said.
    """
    good = np.isfinite(par)
    at = time[good].astype("datetime64[ns]").astype(np.int64)
    if at.size < 2:
        return np.empty((0, 2), "M8[ns]")
    dark = np.asarray(par)[good] < DARK
    cuts = np.concatenate([[True], (dark[1:] != dark[:-1]) | (np.diff(at) > GAP)])
    starts = np.flatnonzero(cuts)
    ends = np.append(starts[1:], at.size) - 1
    spans: list[list[int]] = []
    for first, last, is_dark in zip(at[starts].tolist(), at[ends].tolist(), dark[starts].tolist(), strict=True):
        if is_dark and spans and first - spans[-1][1] < SHORT:
            spans[-1][1] = last
        elif is_dark:
            spans.append([first, last])
    long = [span for span in spans if span[1] - span[0] >= SHORT]
    return np.array(long, dtype=np.int64).reshape(-1, 2).view("M8[ns]")


def by_sun(
    time: npt.NDArray[np.datetime64], latitude: npt.NDArray[np.floating], longitude: npt.NDArray[np.floating]
) -> npt.NDArray[np.datetime64]:
    """Beginnings and ends of the nights where no light was measured: from sunset to sunrise at the ship.

    Parameters
    ----------
    time : numpy.ndarray of datetime64, shape (n,)
        Ascending, UTC; as dense as the bands are to be exact.
    latitude, longitude : numpy.ndarray of float, shape (n,), degrees
        NaN is left out.

    Returns
    -------
    numpy.ndarray of datetime64[ns], shape (m, 2)
        As from `nights`.
    """
    height = elevation(time, latitude, longitude)
    light = np.where(np.isfinite(height), np.where(height < SUNSET, 0.0, 2 * DARK), np.nan)
    return nights(time, light)


def elevation(
    time: npt.NDArray[np.datetime64], latitude: npt.NDArray[np.floating], longitude: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Height of the sun's middle above the horizon in degrees, to about 0.01 degrees, without refraction.

    Source: The Astronomical Almanac, low-precision formulas for the sun (1950 to 2050).
    """
    days = (np.asarray(time).astype("datetime64[ns]") - _J2000) / np.timedelta64(86_400_000_000_000, "ns")
    anomaly = np.radians(357.528 + 0.9856003 * days)
    along = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * days)
    right = np.arctan2(np.cos(tilt) * np.sin(along), np.cos(along))
    declination = np.arcsin(np.sin(tilt) * np.sin(along))
    sidereal = np.radians((18.697374558 + 24.06570982441908 * days) * 15.0 + np.asarray(longitude))
    north = np.radians(np.asarray(latitude, dtype=np.float64))
    sine = np.sin(north) * np.sin(declination) + np.cos(north) * np.cos(declination) * np.cos(sidereal - right)
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))))
