"""Damaged files read in a process of its own, which may crash, hang or eat memory without harm to the tests.

libhdf5 is C that trusts bytes: no reader above it can promise that it never crashes. What we promise is that damage that
is noticed is a ReaderError; what is counted here is how often the library goes down before it notices.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Bytes of memory and seconds that reading one damaged file may take.
MEMORY, SECONDS = 3 << 30, 20


@dataclass
class Told:
    """What happened to the damaged files."""

    tried: int = 0
    read: int = 0
    refused: int = 0
    crashed: int = 0
    other: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (f"{self.tried} damaged files tried: {self.read} read, {self.refused} refused, "
                f"{self.crashed} took the library down, {len(self.other)} other errors")  # fmt: skip


def damaged_in_a_child(
    path: Path, options: dict[str, Any], *, tries: int, seed: int, inside: str = "", variants: Sequence[bytes] = ()
) -> Told:
    """Read `tries` damaged copies of a file, going on after each that kills the process."""
    told, at = Told(), 0
    tries = len(variants) or tries
    with tempfile.TemporaryDirectory() as folder:
        for i, raw in enumerate(variants):
            (Path(folder) / f"variant{i}").write_bytes(raw)
        while at < tries:
            job = {"path": str(path), "options": options, "tries": tries, "seed": seed, "begin": at, "inside": inside,
                   "folder": folder, "variants": len(variants)}  # fmt: skip
            root = Path(__file__).parents[2]
            run = subprocess.run([sys.executable, __file__, json.dumps(job)], capture_output=True, text=True, cwd=root,
                                 timeout=SECONDS * tries, env={**os.environ, "PYTHONPATH": str(root)})  # fmt: skip
            for line in run.stdout.splitlines():
                kind, _, what = line.partition(" ")
                at += 1
                told.tried += 1
                if kind == "other":
                    told.other.append(what)
                else:
                    setattr(told, kind, getattr(told, kind) + 1)
            if at < tries:
                if run.returncode >= 0 and "begin" in job and not run.stdout and "Traceback" in run.stderr:
                    raise AssertionError(run.stderr)
                at += 1
                told.tried += 1
                told.crashed += 1
    return told


def _main(job: dict[str, Any]) -> None:
    import shutil
    import signal

    import xarray as xr

    from workbench.core.errors import ReaderError
    from workbench.readers import hdf5
    from workbench.testing.mutations import mutants

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    source, folder = Path(job["path"]), Path(job["folder"])
    copy = folder / source.name
    if source.is_dir() and not copy.exists():
        shutil.copytree(source, copy)
    target = copy / job["inside"] if job["inside"] else copy
    raw = (source / job["inside"] if job["inside"] else source).read_bytes()
    if job["variants"]:
        made = [("variant", (folder / f"variant{i}").read_bytes()) for i in range(job["variants"])]
    else:
        made = list(mutants(raw, job["tries"], seed=job["seed"]))
    for what, damaged in made[job["begin"] :]:
        target.write_bytes(damaged)
        hdf5._memory.__init__()
        signal.alarm(SECONDS)  # a hang ends here, and counts as a crash
        try:
            xr.open_dataset(copy, engine="hdf5", **job["options"]).load()
            print("read", flush=True)
        except ReaderError:
            print("refused", flush=True)
        except Exception as error:
            print(f"other {what}: {type(error).__name__}: {error}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
