"""The water and the light along the way: warm pool, the front, upwelling at the equator, the gyre of Hawaii."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.simulate.chance import Floats, normal, wander

#: Where the warm, fresh pool meets the cold, salty upwelling (degrees north), and the half width of the step.
FRONT, FRONT_WIDTH = -5.2, 0.025


@dataclass(frozen=True)
class Water:
    """Float64 arrays (n,): temperature (degree_Celsius), salinity (1), and how much of each water there is (0 to 1)."""

    temperature: Floats
    salinity: Floats
    upwelling: Floats
    gyre: Floats


def water(seed: int, seconds: Floats, latitude: Floats, growth: Floats) -> Water:
    """The water at those times and latitudes; `growth` (0 to 1) warms the skin by day."""
    past = 0.5 + 0.5 * np.tanh((latitude - FRONT) / FRONT_WIDTH)
    gyre = 0.5 + 0.5 * np.tanh((latitude - 6.0) / 1.5)
    upwelling = past * (1 - gyre)
    temperature = 29.7 - 2.2 * upwelling - gyre * (0.8 + 0.17 * np.maximum(latitude - 9, 0))
    salinity = 34.32 + 0.95 * upwelling + gyre * (0.05 + 0.05 * np.maximum(latitude - 9, 0))
    temperature = temperature + 0.10 * wander(seed, "temperature", seconds, (5000, 13000, 40000, 110000))
    salinity = salinity + 0.035 * wander(seed, "salinity", seconds, (4100, 15000, 47000, 130000))
    return Water(temperature + 0.45 * growth, salinity, upwelling, gyre)


def sun(time: npt.NDArray[np.datetime64], latitude: Floats, longitude: Floats) -> Floats:
    """Sine of the sun's elevation.

    Source of the formula: J. W. Spencer 1971 (declination and equation of time as Fourier series of the day).
    """
    day = (time - time.astype("datetime64[Y]")) / np.timedelta64(86400, "s")
    angle = 2 * np.pi * np.asarray(day, dtype=np.float64) / 365.0
    c1, s1, c2, s2 = np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)
    declination = 0.006918 - 0.399912 * c1 + 0.070257 * s1 - 0.006758 * c2 + 0.000907 * s2
    minutes = 229.18 * (0.000075 + 0.001868 * c1 - 0.032077 * s1 - 0.014615 * c2 - 0.040849 * s2)
    hours = (day % 1.0) * 24 + longitude / 15 + minutes / 60
    hour_angle = np.radians(15 * (hours - 12))
    phi = np.radians(latitude)
    return np.asarray(np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle))


def growth(time: npt.NDArray[np.datetime64], latitude: Floats, longitude: Floats) -> Floats:
    """What the light of the last hours has done, 0 to 1: clear light, fading with 3 h. Follows PAR by two hours."""
    hours = np.arange(0.0, 12.5, 0.5)
    weights = np.exp(-hours / 3.0)
    total = np.zeros(latitude.shape)
    for hour, weight in zip(hours, weights, strict=True):
        total += weight * np.maximum(sun(time - np.timedelta64(int(hour * 3600), "s"), latitude, longitude), 0)
    return np.asarray(total / weights.sum())


def par(
    seed: int, index: npt.NDArray[np.int64], time: npt.NDArray[np.datetime64], seconds: Floats, latitude: Floats, longitude: Floats
) -> Floats:  # fmt: skip
    """Photosynthetic light on deck in umol m-2 s-1: sun, clouds passing, a sensor's noise at night."""
    height = np.maximum(sun(time, latitude, longitude), 0)
    cloud = wander(seed, "cloud", seconds, (900, 2300, 7000, 21000, 90000)) + 0.4 * normal(seed, "cloud", index)
    clear = 1 - 0.6 * np.clip((cloud - 0.4) / 1.6, 0, 1)
    return np.asarray(2350 * height**1.12 * clear + 0.02 + 0.006 * normal(seed, "dark", index))


def conductivity(salinity: Floats, temperature: Floats) -> Floats:
    """Conductivity in S/m at the surface, from practical salinity and temperature (degree_Celsius, ITS-90).

    Source of the formula: PSS-78 (UNESCO technical paper 44, 1983), solved for the ratio by Newton's steps; C(35, 15, 0)
    is 4.2914 S/m.
    """
    t = np.asarray(temperature) * 1.00024  # IPTS-68
    a = (0.0080, -0.1692, 25.3851, 14.0941, -7.0261, 2.7081)
    b = (0.0005, -0.0056, -0.0066, -0.0375, 0.0636, -0.0144)
    k = (t - 15) / (1 + 0.0162 * (t - 15))
    both = [x + k * y for x, y in zip(a, b, strict=True)]
    root = np.sqrt(np.asarray(salinity) / 35)
    for _ in range(6):
        value = sum(c * root**i for i, c in enumerate(both))
        slope = sum(i * c * root ** (i - 1) for i, c in enumerate(both) if i)
        root = root + (salinity - value) / slope
    rt = 0.6766097 + t * (2.00564e-2 + t * (1.104259e-4 + t * (-6.9698e-7 + t * 1.0031e-9)))
    return np.asarray(4.2914 * root**2 * rt)
