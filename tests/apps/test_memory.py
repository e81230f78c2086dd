"""What was large goes back to the system when it is let go of."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

CODE = """
import ctypes
import numpy as np
from workbench.apps.memory import leave_out_what_stays, return_what_is_large
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c d alone f g h i j".split()]
told = return_what_is_large()
leave_out_what_stays()
ask = ctypes.CDLL(None).mallinfo2
ask.restype = Info
np.ones(2 << 20)  # 16 MB, let go of: untold, glibc takes smaller ones from its heap from now on
before = ask().alone
held = np.ones(1 << 17)
print(told, ask().alone - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc is asked")
def test_large_arrays_stand_alone() -> None:
    told, more = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout.split()
    assert told == "True"
    assert int(more) >= 1 << 20
