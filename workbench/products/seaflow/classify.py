"""OPP to populations: ordered polygon gates, decided on events.

Source: popcycle 7 ``classify.opp`` (manual gates; splancs ``inout`` with ``bound=TRUE``: a particle on an edge is
inside). Edges are straight in linear units; a self-crossing polygon is read by the even-odd rule.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from numba import njit

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.gates import Gate, Gating
from workbench.products.seaflow.cells import holds
from workbench.products.seaflow.labelling import Labeller

UNKNOWN = 0
#: Particles from which tables of cells pay.
MANY = 1 << 16


@njit(cache=True, nogil=True)
def _holds(x, y, corners, label, number):  # type: ignore[no-untyped-def]
    left, bottom = corners[:, 0].min(), corners[:, 1].min()
    right, top = corners[:, 0].max(), corners[:, 1].max()
    for i in range(x.size):
        a = x[i]
        b = y[i]
        if label[i] != 0 or not (left <= a <= right and bottom <= b <= top):
            continue
        if holds(a, b, corners, 0, corners.shape[0]):
            label[i] = number


def asked(gating: Gating | None) -> tuple[str, ...]:
    """The channels that the gates of a gating look at; of those that are not evaluated, none."""
    gates = () if gating is None else gating.gates
    return tuple(dict.fromkeys(name for gate in gates if gate.method == "manual" for name in (gate.x, gate.y)))


def inside(x: npt.ArrayLike, y: npt.ArrayLike, gate: Gate) -> npt.NDArray[np.bool_]:
    """Which points lie in `gate`, its edges and corners included.

    Parameters
    ----------
    x, y : array_like of float (n,)
        Linear values of the gate's two channels. NaN lies in no gate.
    gate : Gate
        A manual gate.
    """
    a = np.ascontiguousarray(x, dtype=np.float64)
    b = np.ascontiguousarray(y, dtype=np.float64)
    label = np.zeros(a.shape, np.int8)
    _holds(a, b, gate.array, label, 1)
    return label.astype(np.bool_)


def classify(
    channels: Mapping[str, npt.ArrayLike], gating: Gating, particles: int | None = None
) -> npt.NDArray[np.int8]:
    """Give each particle its population: the first gate, in order, that holds it.

    Parameters
    ----------
    channels : mapping of str to array_like of float (n,)
        Linear values by channel name.
    gating : Gating
        Gates that are not manual are passed over; see `Gating.not_evaluated`.
    particles : int, optional
        How many there are, where there may be no channel to tell.

    Returns
    -------
    ndarray of int8 (n,)
        0 is unknown, k is ``gating.populations[k - 1]``.

    Raises
    ------
    WorkbenchError
        When a gate asks for a channel that is not there.
    """
    arrays = {name: np.ascontiguousarray(values, dtype=np.float64) for name, values in channels.items()}
    size = len(next(iter(arrays.values()))) if arrays else particles or 0
    if size >= MANY:
        labeller = Labeller(gating)
        some = {name: arrays[name] for name in labeller.channels if name in arrays}
        if labeller.channels and len(some) == len(labeller.channels):
            return labeller(np.stack([*some.values()])).view(np.int8)
    label = np.zeros(size, np.int8)
    for number, gate in enumerate(gating.gates, start=1):
        if gate.method != "manual":
            continue
        for name in (gate.x, gate.y):
            if name not in arrays:
                raise WorkbenchError(f"gate '{gate.population}' asks for channel '{name}'. {suggest(name, arrays)}")
        _holds(arrays[gate.x], arrays[gate.y], gate.array, label, np.int8(number))
    return label


def by_quantile(mask: npt.NDArray[np.uint8], classes: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The population of each particle in each quantile, int8 (n, 3); -1 where the bit of `mask` says it is not OPP."""
    return np.asarray(_by_quantile(mask, classes))


@njit(cache=True, nogil=True)
def _by_quantile(mask, classes):  # type: ignore[no-untyped-def]
    out = np.empty((mask.size, 3), np.int8)
    for i in range(mask.size):
        for q in range(3):
            out[i, q] = classes[i] if mask[i] >> q & 1 else np.int8(-1)
    return out
