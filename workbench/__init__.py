"""SciOps Workbench: one catalog for a cruise, drawn live, offline.

The public names load on first use (PEP 562), so that ``import workbench`` costs almost nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import alone would cost a third of what starting Python does

__version__ = "0.1.0"

_HOME = {
    "linear": "workbench.core.codes",
    "log_codes": "workbench.core.codes",
    "open_cruise": "workbench.catalog.cruise",
    "Cruise": "workbench.catalog.cruise",
    "Source": "workbench.catalog.source",
    "Window": "workbench.core.window",
    "Viewport": "workbench.core.viewport",
    "Snapshot": "workbench.core.snapshot",
    "WorkbenchError": "workbench.core.errors",
    "ReaderError": "workbench.core.errors",
    "CatalogError": "workbench.core.errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise as Cruise
    from workbench.catalog.cruise import open_cruise as open_cruise
    from workbench.catalog.source import Source as Source
    from workbench.core.codes import linear as linear
    from workbench.core.codes import log_codes as log_codes
    from workbench.core.errors import CatalogError as CatalogError
    from workbench.core.errors import ReaderError as ReaderError
    from workbench.core.errors import WorkbenchError as WorkbenchError
    from workbench.core.snapshot import Snapshot as Snapshot
    from workbench.core.viewport import Viewport as Viewport
    from workbench.core.window import Window as Window


def __getattr__(name: str) -> object:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}") from None
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
