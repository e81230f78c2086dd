"""Particles counted by the gates of a draft: how many of each population, and the pictures that follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from workbench.live.blocks import Block, Stopped
from workbench.live.draft import Draft, Plane
from workbench.live.labels import NOBODY
from workbench.products.seaflow.labelling import Labeller, count_runs
from workbench.raster.count import count_by, count_codes

#: Particles drawn at once, and labelled at once: about a millisecond each, then somebody may say stop.
STEP, LABELLED = 3 << 19, 1 << 18

Counts = npt.NDArray[np.uint32]


class Census:
    """Counts of one thread; those of several are `add`ed.

    Parameters
    ----------
    draft : Draft
    labeller : Labeller
        Of its gating, with unknown last.

    Attributes
    ----------
    counts : numpy.ndarray of int64, shape (populations,)
        In the order of `Draft.populations`.
    pictures : dict of Plane to numpy.ndarray of uint32
        By population in the same order.
    """

    def __init__(self, draft: Draft, labeller: Labeller) -> None:
        self._draft, self._labeller = draft, labeller
        most = labeller.most
        self.counts = np.zeros(most + 1, np.int64)
        self.pictures: dict[Plane, Counts] = {}
        for plane in draft.planes:
            shape = (plane.viewport.height, plane.viewport.width)
            self.pictures[plane] = np.zeros((most + 1, *shape) if plane.by else shape, np.uint32)
        self._wanted = {plane: _wanted(draft, plane) for plane in draft.planes if plane.only}

    def take(
        self, block: Block, first: int, stop: int, unwanted: Callable[[], bool], draw: bool = True
    ) -> npt.NDArray[np.int64]:
        """Count the files `first` to `stop` of a block; each one's counts (files, populations).

        Raises
        ------
        Stopped
            When `unwanted` says so: what was counted until then is in no order.
        """
        offsets = block.offsets[first : stop + 1]
        out = np.zeros((stop - first, len(self.counts)), np.int64)
        for start in range(int(offsets[0]), int(offsets[-1]), STEP):
            end = min(start + STEP, int(offsets[-1]))
            labels = self._labels(block, start, end, unwanted)
            out += count_runs(labels, np.clip(offsets - start, 0, end - start), self._labeller.most)
            for plane in self.pictures if draw else ():
                if unwanted():
                    raise Stopped
                self._draw(plane, block, slice(start, end), labels)
        self.counts += out.sum(axis=0)
        return out

    def _labels(self, block: Block, start: int, end: int, unwanted: Callable[[], bool]) -> npt.NDArray[np.uint8]:
        labels = np.empty(end - start, np.uint8)
        for first in range(start, end, LABELLED):
            if unwanted():
                raise Stopped
            stop = min(first + LABELLED, end)
            self._labeller(block.values[:, first:stop], block.channels, labels[first - start : stop - start])
        return labels

    def add(self, other: Census) -> None:
        """Take over what another has counted."""
        self.counts += other.counts
        for plane, counts in other.pictures.items():
            self.pictures[plane] += counts

    def _draw(self, plane: Plane, block: Block, rows: slice, labels: npt.NDArray[np.uint8]) -> None:
        x, y, out = block.row(plane.x)[rows], block.row(plane.y)[rows], self.pictures[plane]
        bad = [block.bad[name][rows] for name in (plane.x, plane.y) if name in block.bad]
        if plane.only:
            labels = self._wanted[plane][labels]
        if bad:
            labels = np.where(np.logical_or.reduce(bad), np.uint8(NOBODY), labels)
        if plane.by:
            count_by(x, y, labels, plane.viewport, len(out), out)
        elif plane.only or bad:
            some = (labels == NOBODY).astype(np.uint8)
            count_by(x, y, some, plane.viewport, 1, out[np.newaxis])
        else:
            count_codes(x, y, plane.viewport, out)


def _wanted(draft: Draft, plane: Plane) -> npt.NDArray[np.uint8]:
    """Label -> label, or NOBODY where the plane does not show it."""
    table = np.full(256, NOBODY, np.uint8)
    for name in plane.only:
        label = draft.populations.index(name)
        table[label] = label
    return table
