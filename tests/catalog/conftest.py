"""Two small readers, for what a catalog does with any reader, and a place to write catalogs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.catalog import small
from workbench.core import plugins


@pytest.fixture(autouse=True)
def small_readers() -> Iterator[None]:
    """``small_lines`` (files that grow) and ``small_boxes`` (whole files) are registered like any reader."""
    known = plugins._registered("xarray.backends")
    added = {"small_lines": small.Point(small.Lines), "small_boxes": small.Point(small.Boxes)}
    known.update(added)  # type: ignore[arg-type]
    yield
    for name in added:
        del known[name]


@pytest.fixture
def catalog(tmp_path: Path) -> Callable[[str], Path]:
    """Write a catalog and say where it is."""

    def write(text: str, name: str = "catalog.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
