"""Stretches of rows read from a source's files for one question, the newest few kept."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.core.window import Window

if TYPE_CHECKING:
    from workbench.catalog.source import Source

log = logging.getLogger(__name__)

Times = npt.NDArray[np.datetime64]
#: Times, and the asked-for variables as float64.
Reading = tuple[Times, dict[str, npt.NDArray[Any]]]
Key = tuple[tuple[str, ...], Window, object]

#: Readings kept, and read at the same time in the background.
KEPT, AT_ONCE = 24, 2


class Readings:
    """Reads rows of a source; at once, or in the background.

    Parameters
    ----------
    source : Source
    told : callable
        Called from a background thread when a reading has come.
    """

    def __init__(self, source: Source, told: Callable[[], object]) -> None:
        self._source, self._told = source, told
        self._kept: OrderedDict[Key, Reading | None] = OrderedDict()
        self._threads: dict[Key, Thread] = {}
        self._lock = Lock()

    def get(self, names: tuple[str, ...], window: Window, mark: object, *, wait: bool) -> Reading | None:
        """Rows of `window`.

        Parameters
        ----------
        names : tuple of str
        window : Window
        mark : object
            Another mark means other data.
        wait : bool
            True reads now; False gives None while they are being read (or when that failed).
        """
        key = names, window, mark
        with self._lock:
            if key in self._kept and (self._kept[key] is not None or not wait):
                self._kept.move_to_end(key)
                return self._kept[key]
            if not wait:
                if key not in self._threads and len(self._threads) < AT_ONCE:
                    self._threads[key] = Thread(
                        target=self._later, args=(key,), name=f"read:{self._source.name}", daemon=True
                    )
                    self._threads[key].start()
                return None
        return self._keep(key, self._read(names, window))

    def close(self, patience: float = 5.0) -> None:
        """Wait for what is being read in the background."""
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(patience)

    def _read(self, names: tuple[str, ...], window: Window) -> Reading:
        ds = self._source.open(window)
        time = ds["time"].to_numpy().astype("datetime64[ns]")
        have = ds[[name for name in names if name in ds.variables]].load()
        columns = {n: have[n].to_numpy().astype(float) if n in have else np.full(time.size, np.nan) for n in names}
        order = np.argsort(time, kind="stable")
        return time[order], {name: values[order] for name, values in columns.items()}

    def _keep(self, key: Key, reading: Reading | None) -> Reading | None:
        with self._lock:
            self._kept[key] = reading
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return reading

    def _later(self, key: Key) -> None:
        try:
            self._keep(key, self._read(*key[:2]))
        except Exception:  # poll tells people what is wrong with the source
            log.info("rows of %s in %s could not be read", self._source.name, key[1], exc_info=True)
            self._keep(key, None)
        finally:
            with self._lock:
                del self._threads[key]
            self._told()
