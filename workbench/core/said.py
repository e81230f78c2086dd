"""What a log says again and again, a full disk each second say, is said once a minute, with how often it was meant."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict

#: Seconds in which the same words are not said again.
EVERY = 60.0
#: Different words that are remembered.
_MOST = 256


class SaidOnce(logging.Filter):
    """A filter of log records, for a handler; safe for threads."""

    def __init__(self, every: float = EVERY) -> None:
        super().__init__()
        self.every = every
        self._said: OrderedDict[str, tuple[float, int]] = OrderedDict()  # words -> when, how often since
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """False for what was said less than `every` seconds ago."""
        words, now = record.getMessage(), time.monotonic()
        with self._lock:
            when, since = self._said.pop(words, (now - self.every, 0))
            again = now - when < self.every
            self._said[words] = (when, since + 1) if again else (now, 0)
            while len(self._said) > _MOST:
                self._said.popitem(last=False)
        if not again and since:
            record.msg, record.args = f"{words} (and {since} times since it was said)", ()
        return not again
