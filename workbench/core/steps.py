"""Something that a person changes step by step, each step undone and done again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")
#: Steps that can be undone.
DEPTH = 1000


class Steps(Generic[T]):
    """An immutable thing, and what it was before each step.

    Parameters
    ----------
    begin : T
        Where it begins; it is not changed.
    revision : int, optional
        What the editor had seen of the record then: handed on as ``base`` when it is saved, so that nobody's later entry
        is replaced unseen.
    start : numpy.datetime64, optional
        The time at which the editor looked.

    Attributes
    ----------
    saved : set of str
        Ids of the entries that were saved from it: its own, which it may replace.
    """

    def __init__(self, begin: T, *, revision: int | None = None, start: np.datetime64 | None = None) -> None:
        self.revision, self.start = revision, start
        self.saved: set[str] = set()
        self._begin = self._now = begin
        self._past: list[T] = []
        self._future: list[T] = []
        self._in_step = False

    @property
    def changed(self) -> bool:
        """True when it is not what it began with."""
        return self._now != self._begin

    @property
    def can_undo(self) -> bool:
        """True when there is a step to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """True when an undone step can be done again."""
        return bool(self._future)

    def undo(self) -> bool:
        """Take the last step back; False when there is none."""
        if not self._past:
            return False
        self._future.append(self._now)
        self._now = self._past.pop()
        return True

    def redo(self) -> bool:
        """Do the step again that was undone last; False when there is none."""
        if not self._future:
            return False
        self._past.append(self._now)
        self._now = self._future.pop()
        return True

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """Everything inside is undone as one step: a drag, say. When it raises, nothing of it stays."""
        if self._in_step:
            yield
            return
        before, past, future = self._now, list(self._past), list(self._future)
        self._in_step = True
        try:
            yield
        except BaseException:
            self._now, self._past, self._future = before, past, future
            raise
        finally:
            self._in_step = False
        if self._now != before:
            self._past, self._future = [*past, before][-DEPTH:], []

    def _step(self, after: T) -> None:
        """Be this from now on; no step when it is the same."""
        if after == self._now:
            return
        if not self._in_step:
            self._past = [*self._past, self._now][-DEPTH:]
            self._future = []
        self._now = after
