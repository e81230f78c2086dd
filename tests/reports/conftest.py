"""A simulated cruise long enough for everything to go wrong once, with few particles; and one where nothing does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from workbench.catalog.cruise import Cruise, open_cruise

DAYS = 1.8


@pytest.fixture(scope="session")
def faulty_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from workbench.simulate.cruise import write

    return write(tmp_path_factory.mktemp("faulty"), days=DAYS, particles=100)


@pytest.fixture(scope="session")
def faulty(faulty_path: Path) -> Cruise:
    return open_cruise(faulty_path)


@pytest.fixture(scope="session")
def calm_path(faulty_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two hours, which are without a fault, and without the feed whose clock is off."""
    folder = tmp_path_factory.mktemp("calm")
    text = yaml.safe_load(faulty_path.read_text())
    del text["sources"]["underway"], text["metadata"]["kpis"]["speed"]
    text["metadata"]["board"][1]["source"] = "sfl"
    text["metadata"]["cruise"]["id"] = "CALM"
    for part in faulty_path.parent.iterdir():
        if part.is_dir() and part.name not in ("evt", "sfl", "underway", "truth") and part.suffix != ".cruise":
            shutil.copytree(part, folder / part.name)
    (folder / "sfl").mkdir()
    lines = next((faulty_path.parent / "sfl").iterdir()).read_text().splitlines(keepends=True)
    (folder / "sfl" / "calm_740.sfl").write_text("".join(lines[:41]))
    for path in sorted((faulty_path.parent / "evt").rglob("*T*"))[:40]:
        target = folder / path.relative_to(faulty_path.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (folder / "catalog.yaml").write_text(yaml.safe_dump(text))
    return folder / "catalog.yaml"


@pytest.fixture(scope="session")
def calm(calm_path: Path) -> Cruise:
    return open_cruise(calm_path)
