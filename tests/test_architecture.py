"""The house keeps its shape: layers, names, sizes, documentation; and each rule is seen to fail when broken."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench

HEAVY = ("numpy", "pandas", "xarray", "numba", "dask", "panel", "bokeh", "holoviews", "intake", "pydantic")
PICTURE_ROOMS = {"views", "reports", "apps", "cli", "testing"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "handler", "handlers"}


def _modules(root: Path) -> Iterator[Path]:
    return (path for path in sorted((root / "workbench").rglob("*.py")) if "__pycache__" not in path.parts)


def _contracts(root: Path) -> dict[str, dict[str, object]]:
    config = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {contract["name"]: contract for contract in config["contracts"]}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    return subprocess.run(
        [*command, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def house(root: Path, tmp_path: Path) -> Path:
    """A copy of the package that a test may break."""
    shutil.copytree(root / "workbench", tmp_path / "workbench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_layers_hold(root: Path) -> None:
    done = _lint(root)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "rule"),
    [
        ("core/window.py", "import workbench.readers.reader", "From a file to pixels, one way"),
        ("readers/reader.py", "import workbench.catalog.source", "From a file to pixels, one way"),
        ("readers/reader.py", "import workbench.raster.count", "From a file to pixels, one way"),
        ("live/feed.py", "import workbench.views.cytogram", "From a file to pixels, one way"),
        ("catalog/source.py", "import workbench", "Nobody inside uses the front door"),
        ("live/feed.py", "import intake", "Only catalog knows intake"),
        ("live/feed.py", "import datashader", "Only raster knows datashader"),
        ("live/feed.py", "import panel", "Panel, HoloViews and Bokeh only where pictures are made"),
        ("raster/count.py", "import bokeh.plotting", "Panel, HoloViews and Bokeh only where pictures are made"),
        ("catalog/source.py", "import holoviews", "Panel, HoloViews and Bokeh only where pictures are made"),
    ],
)
def test_each_rule_is_seen_to_fail(house: Path, module: str, line: str, rule: str) -> None:
    with (house / "workbench" / module).open("a") as out:
        out.write(f"\n{line}\n")
    done = _lint(house)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{rule} BROKEN" in done.stdout


def test_a_new_room_must_be_given_its_place(house: Path) -> None:
    (house / "workbench" / "cellar").mkdir()
    (house / "workbench" / "cellar" / "__init__.py").write_text("")
    assert "cellar" in _lint(house).stdout


def test_no_room_is_forgotten(root: Path) -> None:
    rooms = {path.name for path in (root / "workbench").iterdir() if path.is_dir() and path.name != "__pycache__"}
    contracts = _contracts(root)
    no_pictures = contracts["Panel, HoloViews and Bokeh only where pictures are made"]["source_modules"]
    no_datashader = contracts["Only raster knows datashader"]["source_modules"]
    assert rooms - PICTURE_ROOMS == {name.split(".")[1] for name in no_pictures if name.count(".") == 1}
    assert rooms - {"raster"} == {name.split(".")[1] for name in no_datashader}


def test_every_folder_is_a_package(root: Path) -> None:
    """The linter does not see a folder without ``__init__.py``."""
    missing = {path.parent for path in _modules(root) if not (path.parent / "__init__.py").exists()}
    assert not missing


def test_the_command_line_starts_light() -> None:
    code = (
        "import sys, io, contextlib\n"
        "from workbench.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    try: main(['--help'])\n"
        "    except SystemExit: pass\n"
        "assert 'usage: workbench' in out.getvalue()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_front_door_is_light() -> None:
    code = f"import sys, workbench; dir(workbench); print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [name for name in workbench.__all__ if not name.startswith("__")])
def test_every_public_name_is_documented(name: str) -> None:
    thing = getattr(workbench, name)
    text = inspect.getdoc(thing) or ""
    assert text, f"workbench.{name} has no docstring"
    assert text.splitlines()[0].endswith((".", "?")), f"workbench.{name}: the first line is a sentence"
    if inspect.isfunction(thing):
        assert "Parameters\n---" in text and "Returns\n---" in text, f"workbench.{name}: numpydoc sections"
    elif inspect.isclass(thing) and not issubclass(thing, Exception):
        assert re.search(r"(Parameters|Attributes|Examples)\n---", text), f"workbench.{name}: numpydoc sections"


def test_every_name_in_all_is_there() -> None:
    for name, home in workbench._HOME.items():
        assert hasattr(importlib.import_module(home), name)


def test_every_module_says_what_it_is(root: Path) -> None:
    silent = [
        path for path in _modules(root) if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def test_modules_stay_small(root: Path) -> None:
    sizes = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in _modules(root)}
    assert {name: lines for name, lines in sizes.items() if lines > 400} == {}


def test_functions_stay_small(root: Path) -> None:
    """Statements, not docstrings: 60 lines is far too many; aim for 40."""
    long = {}
    for path in _modules(root):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - body[0].lineno + 1 if body and node.end_lineno else 0
                if lines > 60:
                    long[f"{path.relative_to(root)}:{node.name}"] = lines
    assert long == {}


def test_names_say_something(root: Path) -> None:
    assert [path for path in _modules(root) if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_notebooks_are_kept_without_outputs(root: Path) -> None:
    for path in sorted((root / "notebooks").rglob("*.ipynb")) if (root / "notebooks").exists() else []:
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs"), f"{path.name} carries outputs"
            assert cell.get("execution_count") is None, f"{path.name} carries execution counts"


def test_time_comes_from_one_place(root: Path) -> None:
    """Only core/clock asks the machine what time it is (``monotonic`` and ``perf_counter`` measure, and are fine)."""
    allowed = {
        "workbench/core/clock.py",
        "workbench/apps/demo.py",  # sets the clock going
        "workbench/apps/status.py",  # compares with the engine's own machine time, and imports next to nothing
        "workbench/catalog/tree.py",  # compares with the times of files, which the machine's own clock wrote
    }
    asks = re.compile(
        r"\btime\.time(_ns)?\(|datetime\.(now|utcnow|today)\(|datetime64\(['\"](now|today)|Timestamp\.(now|utcnow)\("
    )
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in _modules(root)
        if path.relative_to(root).as_posix() not in allowed
        for line in path.read_text().splitlines()
        if asks.search(line)
    ]
    assert found == []
