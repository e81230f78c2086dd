"""`docs/write-a-reader.md`: its blocks are files, and their tests pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "write-a-reader.md").read_text()


def test_every_block_has_a_name_and_the_text_reader_is_short(page: str) -> None:
    files = dict(BLOCK.findall(page))
    assert len(files) == page.count("```python")
    body = files["current_meter.py"].split("class ")[1]
    assert len(body.splitlines()) <= 20


def test_every_suite_is_named(page: str, root: Path) -> None:
    from workbench import testing

    for module in ("readers", "stores", "products", "listeners"):
        text = (Path(testing.__file__).parent / f"{module}.py").read_text()
        suite = re.search(r"^class (\w+Tests)\b", text, re.MULTILINE)
        assert suite is not None and f"workbench.testing.{module}.{suite[1]}" in page


@pytest.mark.notebook
def test_the_blocks_pass_their_suites(page: str, root: Path, tmp_path: Path) -> None:
    for name, text in BLOCK.findall(page):
        (tmp_path / name).write_text(text)
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout[-4000:]
    said = re.search(r"(\d+) passed", done.stdout)
    assert said is not None and int(said[1]) >= 35, done.stdout[-500:]
