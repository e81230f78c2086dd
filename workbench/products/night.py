"""When it was night, from the light: for the bands behind a chart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Darker than this is night, umol photons m-2 s-1 (a full moon gives under 0.01, civil twilight some units).
DARK = 5.0
#: A darker or a lighter time shorter than this is a cloud, a shadow or a lamp, ns.
SHORT = 3_600_000_000_000
#: Longer without a value is neither.
GAP = 7_200_000_000_000


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
