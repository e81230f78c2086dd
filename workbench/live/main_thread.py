"""Where what came from another thread is shown: in a kernel of Jupyter, on its main thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any


def call_now(call: Callable[[], None]) -> None:
    """The schedule of tests and notebooks: at once; in a kernel on its main thread, between two cells.

    What a picture is sent as are several messages. Two threads that send at once would mix them.
    """
    kernel = _kernel()
    if kernel is None or threading.current_thread() is threading.main_thread():
        call()
    else:
        kernel.io_loop.add_callback(call)


def _kernel() -> Any:
    """The kernel that this process is, or None."""
    python: Any = sys.modules.get("IPython")
    shell = None if python is None else python.get_ipython()
    return getattr(shell, "kernel", None)
