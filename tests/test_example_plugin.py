"""A third party's package, installed as anybody would: its own tests pass, and it is short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_it_is_short(root: Path) -> None:
    code = (root / "extensions" / "example-plugin" / "example_plugin").glob("*.py")
    assert sum(len(path.read_text().splitlines()) for path in code) < 150


@pytest.mark.slow
def test_it_is_installed_and_its_own_tests_pass(root: Path, tmp_path: Path) -> None:
    plugin = root / "extensions" / "example-plugin"
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*install, "--target", target, plugin], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", plugin, plugin / "tests"]
    paths = os.pathsep.join([str(target), str(root)])
    done = subprocess.run(
        tests, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        'metadata: {cruise: {id: x}}\nsources: {a: {driver: workbench, args: {reader: anemometer, url: "{{ CATALOG_DIR }}"}}}\n'
    )
    check = [sys.executable, "-m", "workbench", "check", catalog]
    done = subprocess.run(check, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr
