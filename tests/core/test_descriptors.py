"""As many open files as the system gives: a shell's 1024 are too few for hundreds of pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource
from workbench.core.descriptors import allow_many
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(allow_many(300), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
"""


@pytest.mark.parametrize(("soft", "hard", "then"), [(100, 1000, 300), (100, 200, 200), (500, 1000, 500)])
def test_as_many_as_are_given(soft: int, hard: int, then: int) -> None:
    code = CODE.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{then}", f"{hard}"]
