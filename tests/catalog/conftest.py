"""Small readers and products, for what a catalog does with any of them, and a place to write catalogs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.catalog import small
from workbench.core import plugins


@pytest.fixture(autouse=True)
def small_parts() -> Iterator[None]:
    """``small_lines`` (files that grow), ``small_boxes`` (whole files) and three products are registered like any."""
    added: dict[str, dict[str, object]] = {
        "xarray.backends": {"small_lines": small.Lines, "small_boxes": small.Boxes},
        "workbench.products": {"small_sum": small.total, "small_twice": small.twice, "small_slope": small.slope},
    }
    for group, parts in added.items():
        plugins._registered(group).update({name: small.Point(part) for name, part in parts.items()})  # type: ignore[misc]
    yield
    for group, parts in added.items():
        for name in parts:
            del plugins._registered(group)[name]


@pytest.fixture
def catalog(tmp_path: Path) -> Callable[[str], Path]:
    """Write a catalog and say where it is."""

    def write(text: str, name: str = "catalog.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
