"""A test that cannot run says so; with CI=true that is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

def test_real_data(data): pass

@pytest.mark.browser
def test_browser(): pytest.skip("no Chromium")

@pytest.mark.service
@pytest.mark.skipif(True, reason="no server")
def test_service(): pass

@pytest.mark.fault
@pytest.mark.xfail(strict=True)
def test_expected_to_fail(): assert False

def test_any_other(): pytest.skip("not on this machine")
"""


CTRL_C = """
import subprocess, sys

def test_a_child_hears_it():
    code = "import signal; signal.raise_signal(signal.SIGINT)"
    child = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert child.stderr.strip().endswith("KeyboardInterrupt")
"""


def _run(root: Path, folder: Path, ci: str, suite: str = SUITE, shell: str = 'exec "$@"') -> str:
    (folder / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    (folder / "test_it.py").write_text(suite)
    options = ["-c", str(root / "pyproject.toml"), "-p", "no:cacheprovider", "-q", "-m", ""]
    environment = {**os.environ, "CI": ci, "WORKBENCH_DATA": str(folder / "nowhere")}
    command = ["sh", "-c", shell, "sh", sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), str(folder)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("ci", "counts"),
    [("", {"skipped": 4, "xfailed": 1}), ("true", {"failed": 1, "error": 2, "skipped": 1, "xfailed": 1})],
)
def test_a_skip_in_ci_is_a_failure(root: Path, tmp_path: Path, ci: str, counts: dict[str, int]) -> None:
    """Failed in the call is a failure, in the set-up (fixtures, skipif) an error; both end the run with status 1."""
    closing = _run(root, tmp_path, ci)
    for word, count in counts.items():
        assert f"{count} {word}" in closing, closing


@pytest.mark.parametrize("shell", ['exec "$@"', 'trap "" INT; exec "$@"'], ids=["foreground", "background"])
def test_what_tests_start_hears_ctrl_c(root: Path, tmp_path: Path, shell: str) -> None:
    """A script's shell makes what it starts with ``&`` deaf to Ctrl-C: a test that sends one would wait in vain."""
    assert "1 passed" in _run(root, tmp_path, "", CTRL_C, shell)
