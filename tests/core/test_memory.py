"""What was large goes back to the system when it is let go of."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.core.memory import as_environment

CODE = """
import ctypes
import numpy as np
from workbench.core.memory import return_what_is_large
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c d alone f g h i j".split()]
told = return_what_is_large()
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


def test_arrow_keeps_no_pool() -> None:
    """Loaded afterwards, as the engine does; who named another pool gets it."""
    code = (
        "from workbench.core.memory import return_what_is_large; return_what_is_large(); import pyarrow; "
        "print(pyarrow.default_memory_pool().backend_name)"
    )
    for named, pool in (({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")):
        env = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"} | named
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
        assert done.stdout.strip() == pool


HOLES = """
from pathlib import Path
from workbench.core.memory import return_now_and_then, return_what_is_large
import time
return_what_is_large()
def used():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
before = used()
kept = [bytearray(3000) for _ in range(20_000)]  # 60 MB
held = kept[::50]
full = used()
del kept
return_now_and_then(0.05)
until = time.monotonic() + 60
while (after := used()) - before >= (full - before) / 4 and time.monotonic() < until:
    time.sleep(0.05)
print(before, full, after)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc is asked")
def test_holes_between_what_stays_go_back() -> None:
    """One in fifty stays: the pages of the others go back although the heap's end is held."""
    told = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True).stdout.split()
    before, full, after = map(int, told)
    assert full - before > 40_000
    assert after - before < (full - before) / 4


NAMES = """
import ctypes, sys
from workbench.core.memory import return_what_is_large, settle_names
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c d alone f g h i j".split()]
ask = ctypes.CDLL(None).mallinfo2
ask.restype = Info
return_what_is_large()
live = [sys.intern(f"live {i}") for i in range(60_000)]  # as many as with all libraries
if len(sys.argv) > 1:
    settle_names()
before = ask().alone
for i in range(300_000):
    sys.intern(f"passing {i}")
print(ask().alone - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc is asked")
def test_names_that_come_and_go_take_no_more_once_settled() -> None:
    """The other way round, they do: when that changes with Python, there is nothing to settle."""
    plain, settled = (
        int(subprocess.run([sys.executable, "-c", NAMES, *more], capture_output=True, text=True, check=True).stdout)
        for more in ([], ["settled"])
    )
    assert settled == 0
    if sys.version_info < (3, 12):
        assert plain > 1 << 20


ARRAYS = """
import ctypes, sys
import numpy as np
from workbench.core.memory import settle_arrays
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c d e f g used i j".split()]
ask = ctypes.CDLL(None).mallinfo2
ask.restype = Info
if len(sys.argv) > 1:
    settle_arrays()
before = ask().used
for size in range(1, 2000):
    held = [np.empty(size, np.uint8) for _ in range(20)]
    del held
print(ask().used - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc is asked")
def test_arrays_that_come_and_go_take_no_more_once_settled() -> None:
    """The other way round, they do: when that changes with numpy, there is nothing to settle."""
    plain, settled = (
        int(subprocess.run([sys.executable, "-c", ARRAYS, *more], capture_output=True, text=True, check=True,
                           env=os.environ | as_environment()).stdout)
        for more in ([], ["settled"])
    )  # fmt: skip
    assert settled < 50_000
    assert plain > 3 << 20


SMALL = """
from pathlib import Path
from workbench.core.memory import return_what_is_free
def used():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
before = used()
kept = [b"%300d" % i for i in range(150_000)]  # 50 MB
held = kept[::100]
full = used()
del kept
return_what_is_free()
print((used() - before) / (full - before))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc is asked")
def test_holes_between_small_objects_go_back() -> None:
    """One in a hundred stays. In Python's own arenas all of it does: when that changes, decision 18 can go."""
    plain, told = (
        float(subprocess.run([sys.executable, "-c", SMALL], capture_output=True, text=True, check=True, env=env).stdout)
        for env in ({**os.environ, "PYTHONMALLOC": "pymalloc"}, {**os.environ, **as_environment()})
    )
    assert told < 0.5
    assert plain > 0.7


AGAIN = """
import os, sys
from workbench.core.memory import begin_for_weeks
print(os.getpid(), os.environ.get("PYTHONMALLOC"), *sys.argv[1:], flush=True)
begin_for_weeks()
print("goes on")
"""


@pytest.mark.skipif("PYTHONMALLOC" not in as_environment(), reason="glibc is asked")
@pytest.mark.parametrize(("said", "times"), [({}, 2), ({"PYTHONMALLOC": "pymalloc"}, 1), ({"PYTHONDEVMODE": "1"}, 1)])
def test_what_runs_for_weeks_begins_once_more(said: dict[str, str], times: int) -> None:
    """The same process with the same words; whoever chose how memory is kept is listened to."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONMALLOC", "PYTHONDEVMODE")} | said
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, "two words", "c"], capture_output=True, text=True, check=True, env=env
    )
    *lines, last = done.stdout.splitlines()
    assert last == "goes on" and len(lines) == times
    assert len({line.split()[0] for line in lines}) == 1
    assert lines[-1].endswith(" two words c")
    assert lines[-1].split()[1] == said.get("PYTHONMALLOC", "malloc" if times == 2 else "None")


@pytest.mark.skipif("PYTHONMALLOC" not in as_environment(), reason="glibc is asked")
def test_commands_that_last_are_begun_so(tmp_path: Path) -> None:
    """And others are not: what is short is better off with Python's own arenas."""
    (tmp_path / "c.yaml").write_text("metadata: {cruise: {id: C}}\nsources: {}\n")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONMALLOC"}
    command = [sys.executable, "-m", "workbench", "engine", "c.yaml", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            until = time.monotonic() + 30
            while b"PYTHONMALLOC=malloc" not in Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0"):
                assert time.monotonic() < until and child.poll() is None
                time.sleep(0.02)
        finally:
            child.kill()
    code = "import sys; from workbench.cli import main; sys.argv[1:] = ['check', 'c.yaml']; main(); import os; print(os.environ.get('PYTHONMALLOC'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.stdout.splitlines()[-1] == "None", done
