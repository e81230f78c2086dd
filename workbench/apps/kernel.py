"""An IPython extension for kernels of JupyterLab: Bokeh's files come from the server (see apps/jupyter.py).

Bokeh has no setting for where its scripts are. Its address is replaced when Bokeh is imported, if it ever is: kernels
start no slower.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

#: The module that knows where Bokeh's scripts are.
HOME = "bokeh.resources"


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython."""
    address = os.environ.get("WORKBENCH_BOKEH_CDN")
    if not address:
        return
    if HOME in sys.modules:
        redirect(sys.modules[HOME], address)
    else:
        sys.meta_path.insert(0, _Once(address))


def redirect(module: ModuleType, address: str) -> None:
    """Let Bokeh's scripts come from `address`; a Bokeh that cannot be told puts them into the notebook instead."""
    if hasattr(module, "_cdn_base_url"):
        vars(module)["_cdn_base_url"] = lambda: address.rstrip("/")
    else:
        os.environ.setdefault("PANEL_INLINE", "true")


class _Once(MetaPathFinder):
    """Waits for `bokeh.resources` to be imported."""

    def __init__(self, address: str) -> None:
        self._address = address

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The usual spec, with one thing more to do once the module stands."""
        if fullname != HOME:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute, loader = spec.loader.exec_module, spec.loader

            def exec_module(module: ModuleType) -> None:
                execute(module)
                redirect(module, self._address)

            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
