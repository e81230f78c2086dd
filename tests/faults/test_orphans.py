"""An engine killed while a product is made: the process that worked on it ends, too, and lets go of the folder.

What the user sees: populations go on after the restart. What is lost: nothing; what was half done is done again.
"""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

pytestmark = pytest.mark.fault

ENGINE = """
import time
from workbench.apps.online import Online
online = Online.__new__(Online)
online._pool = None
def main():
    work = online._process().submit(time.sleep, 600)
    while not work.running() or not online._pool._processes:
        time.sleep(0.05)
    online._pool.submit(time.sleep, 600)
    time.sleep(3)  # its initializer has run
    print(*online._pool._processes, flush=True)
    time.sleep(600)
if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_who_works_for_an_engine_ends_with_it(tmp_path, how: str) -> None:
    (tmp_path / "engine.py").write_text(ENGINE)
    engine = subprocess.Popen([sys.executable, str(tmp_path / "engine.py")], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    workers = [psutil.Process(int(pid)) for pid in engine.stdout.readline().split()]
    assert workers and all(each.is_running() for each in workers)
    getattr(engine, how)()
    engine.wait(60)
    _, alive = psutil.wait_procs(workers, timeout=60)
    for each in alive:
        each.kill()
    assert not alive, "it waits for work that nobody will give it"
    engine.stdout.close()
