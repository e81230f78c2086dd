"""Damaged files read in a process of its own, where a crash, a hang or a flood of memory harms nobody.

A job is JSON: which readers' files, which inputs (`inputs`), from which one on. Each input's fate is one line on
standard output, so that whoever started the process knows which one ended it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Bytes of address space; seconds of CPU, and of the clock, that one input may take.
MEMORY, CPU, WALL = 4 << 30, 10, 120
ROOT = Path(__file__).parents[2]


@dataclass
class Told:
    """What happened to the inputs of one file.

    Attributes
    ----------
    tried, read, refused : int
    crashed : int
        Inputs that took the process down.
    wrong : list of str
        Anything that is not documented: other errors, hangs.
    grown : int
        MB that the process grew by while it read them, at its highest.
    """

    tried: int = 0
    read: int = 0
    refused: int = 0
    crashed: int = 0
    wrong: list[str] = field(default_factory=list)
    grown: int = 0

    def __str__(self) -> str:
        return (f"{self.tried} inputs tried, {self.read} read, {self.refused} refused, {self.crashed} crashed the "
                f"library, {len(self.wrong)} wrong, {self.grown} MB at most")  # fmt: skip


def inputs(raw: bytes, tries: int, seed: int, lies: list[str]) -> Iterator[tuple[str, bytes]]:
    """Every lie (a whole file, as hex or as ``@path``), then mutants of `raw`."""
    from workbench.testing.mutations import mutants

    for i, lie in enumerate(lies):
        yield f"lie {i}", Path(lie[1:]).read_bytes() if lie.startswith("@") else bytes.fromhex(lie)
    yield from mutants(raw, tries, seed=seed)


def read_in_a_child(
    engine: str, path: Path, *, tries: int, seed: int = 0, lies: list[bytes] | None = None, name: str = "",
    options: dict[str, Any] | None = None,
) -> Told:  # fmt: skip
    """Read damaged copies of the file at `path`, going on after each that ends the process.

    Parameters
    ----------
    engine : str
    path : Path
        A whole file.
    tries : int
        Mutants.
    seed : int
    lies : list of bytes, optional
        Whole files that say what is not so.
    name : str
        Name of the copies, where the reader goes by it; that of `path` unless told.
    options : dict, optional
        The reader's.
    """
    told = Told()
    total = tries + len(lies or ())
    with tempfile.TemporaryDirectory() as folder:
        kept = []
        for i, lie in enumerate(lies or ()):
            (Path(folder) / f"lie{i}").write_bytes(lie)
            kept.append(f"@{folder}/lie{i}")
        while told.tried < total:
            job = {"engine": engine, "path": str(path), "tries": tries, "seed": seed, "lies": kept, "begin": told.tried,
                   "folder": folder, "name": name or path.name, "options": options or {}}  # fmt: skip
            run = subprocess.run(
                [sys.executable, __file__, json.dumps(job)], capture_output=True, text=True, cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
            )  # fmt: skip
            _count(told, run)
    return told


def _count(told: Told, run: subprocess.CompletedProcess[str]) -> None:
    current = ""
    for line in run.stdout.splitlines():
        kind, _, what = line.partition(" ")
        if kind == "try":
            current = what
        elif kind == "grown":
            told.grown = max(told.grown, int(what))
        else:
            told.tried, current = told.tried + 1, ""
            if kind == "wrong":
                told.wrong.append(what)
            else:
                setattr(told, kind, getattr(told, kind) + 1)
    if run.returncode == 0:
        return
    if not current:
        raise AssertionError(run.stderr[-3000:])
    told.tried += 1
    if run.returncode in (-signal.SIGPROF, -signal.SIGALRM):
        told.wrong.append(f"{current}: hangs")
    elif run.returncode < 0:
        told.crashed += 1
    else:
        told.wrong.append(f"{current}: {run.stderr[-300:]}")


def _highest() -> int:
    """Most memory that this process has held since it began, kB (of `resource`, the parent's counts, too)."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0])


def _main(job: dict[str, Any]) -> None:
    import itertools
    import shutil
    import warnings

    import xarray as xr

    from workbench.core.errors import ReaderError

    warnings.simplefilter("ignore")
    source, folder = Path(job["path"]), Path(job["folder"]) / "read"
    folder.mkdir(exist_ok=True)
    target = folder / job["name"]
    shutil.copyfile(source, target)
    xr.open_dataset(target, engine=job["engine"], **job["options"]).load()  # imports; and it must read when whole
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
    before = _highest()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    made = inputs(source.read_bytes(), job["tries"], job["seed"], job["lies"])
    for i, (what, damaged) in enumerate(itertools.islice(made, job["begin"], None)):
        print(f"try {what}", flush=True)
        target.write_bytes(damaged)
        os.utime(target, ns=(i, i))  # a cache that goes by size and time must not help
        signal.setitimer(signal.ITIMER_PROF, CPU)
        signal.alarm(WALL)
        try:
            xr.open_dataset(target, engine=job["engine"], **job["options"]).load()
            said = "read"
        except ReaderError as error:
            said = "refused" if str(target) in str(error) else f"wrong {what}: does not name the file: {error}"
        except Exception as error:
            said = f"wrong {what}: {type(error).__name__}: {error}"
        print(said.replace("\n", " "), flush=True)
        print(f"grown {(_highest() - before) >> 10}", flush=True)


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
