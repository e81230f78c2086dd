"""Stream pressure to flow rate, and how much water a file has seen.

Source: popcycle 7 ``flowrate`` (one linear model of log10 flow against log10 pressure for all instruments, times the
instrument's detectable region ratios), figures of the published calibration, n = 36.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.core.errors import WorkbenchError, suggest

INTERCEPT, SLOPE = 0.7658262490091703, 0.5132084934092292
_N, _S2, _MEAN, _SXX = 36, 9.596382931150448e-05, 0.9224358592417796, 8.412205409095979
#: Student's t, 97.5 %, n - 2 degrees of freedom (written out: loading scipy.stats for it takes 0.5 s and 60 MB).
_T = 2.0322445093177186
#: Detectable region ratio of each instrument, one value a calibration.
DETECTABLE_REGION = {
    "740": (0.172604828, 0.174897628, 0.173886323),
    "751": (0.213757991, 0.211253622, 0.212438709),
    "989": (0.188807847, 0.18542873, 0.169009175, 0.177023751),
    "130": (0.187163059,),
}


def flow_rate(pressure: npt.ArrayLike, instrument: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Flow rate through the detectable region, and its standard deviation.

    Parameters
    ----------
    pressure : array_like of float (n,)
        Stream pressure in psi. 0, negative or NaN gives NaN.
    instrument : str
        Serial number: 740, 751, 989 or 130.

    Returns
    -------
    rate, sd : ndarray of float64 (n,)
        mL/min. ``rate = mean(ratio) * 10**(a + b log10 psi)``; ``sd = rate * sqrt((ln10 d)**2 + (sd(ratio) / mean(ratio))**2)``
        with d the half width of the 95 % prediction interval. NaN where one calibration tells no spread (130).

    Raises
    ------
    WorkbenchError
        For an instrument without calibration.
    """
    if instrument not in DETECTABLE_REGION:
        raise WorkbenchError(
            f"no flow calibration for instrument '{instrument}'. {suggest(instrument, DETECTABLE_REGION)}"
        )
    ratios = np.array(DETECTABLE_REGION[instrument])
    psi = np.asarray(pressure, dtype=np.float64)
    x = np.log10(np.where(psi > 0, psi, np.nan))
    rate = ratios.mean() * 10.0 ** (INTERCEPT + SLOPE * x)
    half = _T * np.sqrt(_S2 * (1 + 1 / _N + (x - _MEAN) ** 2 / _SXX))
    spread = ratios.std(ddof=1) / ratios.mean() if ratios.size > 1 else np.nan
    return rate, rate * np.sqrt((np.log(10.0) * half) ** 2 + spread**2)


def volume(pressure: npt.ArrayLike, duration: npt.ArrayLike, instrument: str) -> npt.NDArray[np.float64]:
    """Water through the detectable region, in uL: ``1000 * rate * duration / 60``; duration in s."""
    rate, _ = flow_rate(pressure, instrument)
    return np.asarray(1000.0 * rate * np.asarray(duration, dtype=np.float64) / 60.0)
