"""An IPython extension for kernels of JupyterLab: where Bokeh's files are, and one thread for what a page says.

- Bokeh has no setting for where its scripts are. Its address is replaced by the server's (see apps/jupyter.py).
- JupyterLab lets a kernel answer its page on a thread of its own ("subshell"). Panel sends a picture as several
  messages; sent by two threads at once they come mixed, and the page stands still with an error. What a page says is
  therefore brought to the main thread, where everything else of a view happens.

Both are done when the module they concern is imported, if it ever is: kernels start no slower.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

#: The module that knows where Bokeh's scripts are, and the one that hears a notebook's page.
HOME, EAR = "bokeh.resources", "panel.io.notebook"


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython."""
    if address := os.environ.get("WORKBENCH_BOKEH_CDN"):
        once(HOME, lambda module: redirect(module, address))
    if kernel := getattr(shell, "kernel", None):
        once(EAR, lambda module: on_main_thread(module, kernel))


def once(name: str, call: Callable[[ModuleType], None]) -> None:
    """Call with the module `name`: now, or as soon as it is imported."""
    if name in sys.modules:
        call(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Once(name, call))


def redirect(module: ModuleType, address: str) -> None:
    """Let Bokeh's scripts come from `address`; a Bokeh that cannot be told puts them into the notebook instead."""
    if hasattr(module, "_cdn_base_url"):
        vars(module)["_cdn_base_url"] = lambda: address.rstrip("/")
    else:
        os.environ.setdefault("PANEL_INLINE", "true")


def on_main_thread(module: ModuleType, kernel: Any) -> None:
    """Let Panel hear what a page says on the main thread, in the order it was said, whatever thread it came on."""
    kind = getattr(module, "JupyterCommJSBinary", None)
    hear = getattr(kind, "_handle_msg", None)
    if kind is None or hear is None:
        return  # another Panel

    def heard(comm: Any, message: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            hear(comm, message)
        else:
            kernel.io_loop.add_callback(hear, comm, message)

    kind._handle_msg = heard


class _Once(MetaPathFinder):
    """Waits for a module to be imported."""

    def __init__(self, name: str, call: Callable[[ModuleType], None]) -> None:
        self._name, self._call = name, call

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The usual spec, with one thing more to do once the module stands."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute, loader = spec.loader.exec_module, spec.loader

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self._call(module)

            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
