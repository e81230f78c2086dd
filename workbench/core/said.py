"""What is said while a cruise lasts: the same once a minute, and never so that saying it ends what says it."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from typing import TextIO

#: Seconds in which the same words are not said again.
EVERY = 60.0
#: Different words that are remembered.
_MOST = 256


def say(text: str, file: TextIO | None = None) -> None:
    """Print a line at once. Where nobody reads it (a terminal that is gone), or it cannot be kept (a log on a disk that
    is full), it is lost, and nothing else.
    """
    with suppress(OSError, ValueError):
        print(text, file=file, flush=True)


class SaidOnce(logging.Filter):
    """What a log says again and again, a full disk each second say, is said once a minute, with how often it was meant.

    A filter of log records, for a handler; safe for threads.
    """

    def __init__(self, every: float = EVERY) -> None:
        super().__init__()
        self.every = every
        # By words and error: when it was said, and how often since.
        self._said: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """False for what was said less than `every` seconds ago."""
        now = time.monotonic()
        try:
            words = record.getMessage()
            what = words, repr(record.exc_info[1] if record.exc_info else None)
        except Exception:  # values that do not fit the words: the handler tells that by itself
            return True
        with self._lock:
            when, since = self._said.pop(what, (now - self.every, 0))
            again = now - when < self.every
            self._said[what] = (when, since + 1) if again else (now, 0)
            while len(self._said) > _MOST:
                self._said.popitem(last=False)
        if not again and since:
            record.msg, record.args = f"{words} (and {since} more times since it was last logged)", ()
        return not again
