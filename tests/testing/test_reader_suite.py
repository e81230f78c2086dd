"""The conformance suite accepts a small honest reader, and each law catches a reader that breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.core.variables import VARIABLES
from workbench.readers import lines, paths
from workbench.readers.reader import Reader, window_of
from workbench.testing.damage import DamageTests
from workbench.testing.mutations import cuts, mutants
from workbench.testing.readers import ReaderTests

T0 = np.datetime64("2024-01-01", "ns")


class Honest(Reader):
    """Lines of ``seconds since 2024 <space> pressure``, after a header line."""

    provides = (VARIABLES["time"], VARIABLES["stream_pressure"])
    patterns = ("*.psi",)
    appends = True

    def open_dataset(self, filename_or_obj, *, drop_variables=None, start=None, stop=None):
        found = paths.find(filename_or_obj, paths.matcher(self.patterns))
        parts, refused = [], []
        for path in found.paths:
            try:
                parts.append(self.rows(path))
            except ReaderError as error:
                if found.alone:
                    raise
                refused.append(str(error))
        parts.sort(key=lambda part: part[0][0] if len(part[0]) else T0)
        time = np.concatenate([np.empty(0, "datetime64[ns]"), *(part[0] for part in parts)])
        values = np.concatenate([np.empty(0), *(part[1] for part in parts)])
        inside = window_of(start, stop).contains(time)
        ds = xr.Dataset(
            {"stream_pressure": ("time", values[inside], VARIABLES["stream_pressure"].attrs())},
            {"time": time[inside]},
            {"refused": "\n".join(refused)},
        )
        return ds.drop_vars(drop_variables or [])

    def rows(self, path):
        raw = Path(path).read_bytes()[: lines.whole(path)].decode("latin-1").split("\n")
        if raw[0] != "psi":
            raise ReaderError(path, "no header", offset=0, expected="psi", found=raw[0][:20])
        pairs = []
        for line in raw[1:]:
            try:
                second, value = line.split(" ")
                pairs.append((T0 + np.timedelta64(int(second), "s"), float(value)))
            except (ValueError, OverflowError):
                continue
        return np.array([p[0] for p in pairs], "datetime64[ns]"), np.array([p[1] for p in pairs], float)

    def complete(self, path):
        try:
            self.rows(path)
        except ReaderError:
            return 0
        return lines.whole(path)

    def span(self, path):
        time = self.rows(path)[0]
        return time.min(), time.max()


class Suite(ReaderTests):
    engine = Honest
    lazy = False
    tries = 40

    def write(self, folder):
        out = []
        for day in range(3):
            rows = "".join(f"{86400 * day + 60 * i} {12 + i / 8:.3f}\n" for i in range(30))
            path = folder / f"{day}.psi"
            path.write_text("psi\n" + rows)
            out.append(path)
        return out


class TestHonest(Suite):
    pass


class Hasty(Honest):
    """Takes the last line before its line break has come."""

    def rows(self, path):
        raw = Path(path).read_bytes().decode("latin-1").split("\n")
        if raw[0] != "psi":
            raise ReaderError(path, "no header")
        pairs = [line.split(" ") for line in raw[1:] if line.count(" ") == 1 and line.split(" ")[1] not in ("", "1")]
        return T0 + np.array([int(a) for a, _ in pairs], "timedelta64[s]"), np.array([float(b) for _, b in pairs])


class Inclusive(Honest):
    """Takes the row at `stop` too."""

    def open_dataset(self, filename_or_obj, *, drop_variables=None, start=None, stop=None):
        stop = None if stop is None else stop + np.timedelta64(1, "ns")
        return super().open_dataset(filename_or_obj, drop_variables=drop_variables, start=start, stop=stop)


class Careless(Honest):
    """Lets other errors out."""

    def rows(self, path):
        raw = Path(path).read_bytes()[: lines.whole(path)].decode("ascii")
        if not raw.startswith("psi\n"):
            raise ReaderError(path, "no header")
        pairs = [line.split(" ") for line in raw.split("\n")[1:-1]]
        return T0 + np.array([int(a) for a, _ in pairs], "timedelta64[s]"), np.array([float(b) for _, b in pairs])


class Greedy(Honest):
    """Believes a number of rows."""

    def rows(self, path):
        if Path(path).read_bytes().count(b"\xff") > 3:
            np.empty(60_000_000, np.uint8)[:] = 0
        return super().rows(path)


class Unitless(Honest):
    """Gives no unit."""

    def open_dataset(self, filename_or_obj, *, drop_variables=None, start=None, stop=None):
        ds = super().open_dataset(filename_or_obj, drop_variables=drop_variables, start=start, stop=stop)
        return ds.assign(stream_pressure=ds["stream_pressure"].astype("float32")) if "stream_pressure" in ds else ds


class Permissive(Honest):
    """Takes any option."""

    def open_dataset(self, filename_or_obj, *, drop_variables=None, start=None, stop=None, **kwargs):
        return super().open_dataset(filename_or_obj, drop_variables=drop_variables, start=start, stop=stop)


class Silent(Honest):
    """Hides the broken file."""

    def open_dataset(self, filename_or_obj, *, drop_variables=None, start=None, stop=None):
        ds = super().open_dataset(filename_or_obj, drop_variables=drop_variables, start=start, stop=stop)
        return ds.assign_attrs(refused="")


@pytest.mark.parametrize(
    ("reader", "law"),
    [
        (Hasty, "test_truncation"),
        (Inclusive, "test_window"),
        (Careless, "test_mutations"),
        (Greedy, "test_mutations"),
        (Unitless, "test_spec"),
        (Permissive, "test_misnamed"),
        (Permissive, "test_registered_and_described"),
        (Silent, "test_broken_sibling"),
        (Honest, "test_lazy"),
    ],
)
def test_each_law_catches(reader: type[Reader], law: str, tmp_path: Path) -> None:
    class Broken(Suite):
        engine = reader
        lazy = True
        head = 100

    suite, folder = Broken(), tmp_path / "files"
    folder.mkdir()
    given = {"files": suite.write(folder), "folder": folder, "tmp_path": tmp_path}
    method = getattr(suite, law)
    names = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        method(**{name: given[name] for name in names})


def test_damage_is_the_same_every_time() -> None:
    raw = os.urandom(500)
    assert list(mutants(raw, 50, seed=3)) == list(mutants(raw, 50, seed=3))
    assert len({damaged for _, damaged in mutants(raw, 50, seed=3)}) > 45
    assert [len(list(mutants(short, 20))) for short in (b"", b"x")] == [20, 20]
    assert all(0 <= cut < 500 for cut in cuts(500, 60))
    assert len(cuts(500, 60)) <= 60
    assert cuts(0, 10) == [0]


def test_every_law_says_what_it_holds() -> None:
    laws = [getattr(ReaderTests, name) for name in dir(ReaderTests) if name.startswith("test_")]
    assert len(laws) >= 14
    assert all(law.__doc__ for law in laws)
    assert issubclass(ReaderTests, DamageTests)


def test_the_suite_is_found_by_pytest(tmp_path: Path) -> None:
    """What the module's docstring tells others to write is collected and run."""
    (tmp_path / "test_mine.py").write_text(
        "from workbench.testing import readers\n"
        "from workbench.readers.seaflow_sfl import write_sfl\n"
        "class TestMine(readers.ReaderTests):\n"
        "    engine, lazy = 'seaflow_sfl', False\n"
        "    def write(self, folder):\n"
        "        for day in '123':\n"
        "            write_sfl(folder / f'{day}.sfl', {'time': [f'2024-01-0{day}'], 'file_id': [day], 'par': [1.0]})\n"
        "        return [folder / f'{day}.sfl' for day in '123']\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "spec or window", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
