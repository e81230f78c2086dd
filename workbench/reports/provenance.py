"""Where everything in a report comes from: versions, sources with their parameters, checksums."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.reports.content import Content
from workbench.views import say

PACKAGES = ("sciops-workbench", "numpy", "xarray", "pandas", "bokeh", "panel", "datashader", "intake")
#: Bytes of a source up to which the content itself is summed; of more, names, sizes and times are.
CONTENT = 64 << 20


@dataclass(frozen=True)
class Origin:
    """One source of a report.

    Attributes
    ----------
    name, description : str
    rows : int
        Rows or particles used.
    span : Window or None
    arguments : mapping
        As they stand in the catalog.
    files, size : int
        Files of the window and their bytes.
    checksum : str
        sha256, empty where there are no files.
    of : str
        What was summed.
    """

    name: str
    description: str
    rows: int
    span: Window | None
    arguments: dict[str, Any] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    checksum: str = ""
    of: str = ""


def versions() -> dict[str, str]:
    """What made the report."""
    found = {"Python": platform.python_version(), "system": platform.system()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def origins(
    content: Content, progress: Callable[[str, int, int], object] = lambda what, done, total: None
) -> list[Origin]:
    """Every source of the cruise."""
    found = []
    for i, (name, source) in enumerate(content.cruise.items()):
        progress("summing up files", i, len(content.cruise))
        rows, span = _rows(content, name)
        try:
            paths = source.files(content.window)
            files, size, checksum, of = summed(paths)
        except (WorkbenchError, OSError, AttributeError, NotImplementedError):
            files, size, checksum, of = 0, 0, "", "no files"
        described = source.describe()
        found.append(Origin(name, source.description, rows, span, dict(described["args"]), files, size, checksum, of))
    return found


def summed(paths: list[Path]) -> tuple[int, int, str, str]:
    """How many files, bytes, their sha256, and what it was made of."""
    stats = []
    for path in sorted(paths):
        with suppress(FileNotFoundError, NotADirectoryError):
            stats.append((path, path.stat()))
    size = sum(stat.st_size for _, stat in stats)
    if not stats:
        return 0, 0, "", "no files"
    state = sha256()
    if size <= CONTENT:
        files = size = 0  # of what is summed: files grow and go meanwhile
        for path, _ in stats:
            with suppress(FileNotFoundError):
                content = path.read_bytes()
                files, size = files + 1, size + len(content)
                state.update(content)
        return files, size, state.hexdigest(), "content, in the order of names"
    for path, stat in stats:
        state.update(f"{path.name}\t{stat.st_size}\t{stat.st_mtime_ns}\n".encode())
    return len(stats), size, state.hexdigest(), "names, sizes and times of the files"


def catalog_sum(content: Content) -> str:
    """sha256 of the catalog file."""
    return sha256(content.cruise.path.read_bytes()).hexdigest()


def _rows(content: Content, name: str) -> tuple[int, Window | None]:
    from workbench.reports.finding import window_of

    if name in content.mosaics:
        table = content.mosaics[name].table
        return int(table.sizes.sum()), window_of(table.times.view("M8[ns]")) if len(table) else None
    ds = content.rows.get(name, content.populations.get(name))
    if ds is None or not ds.sizes.get("time"):
        return 0, None
    return ds.sizes["time"], window_of(ds["time"].values)


def size_text(size: int) -> str:
    """Bytes as people write them."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{say.number(size / limit, 3)} {unit}"
    return f"{size} B"
