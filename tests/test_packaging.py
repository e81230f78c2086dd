"""What is installed is what is declared, and nothing in the repository belongs to one machine."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import workbench

#: Where conda-forge calls it differently.
CONDA_NAMES = {"cf_xarray": "cf-xarray", "python-isal": "isal", "netcdf4": "netCDF4"}

REGISTRY = re.compile(
    r"pypi\.(org|python)|pythonhosted\.org|registry\.npmjs|registry\.yarnpkg|conda\.anaconda\.org"
    r"|index-url[= ]+[\"']?(https?|file):|\bhttps?://\S+/simple/",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(root|home|Users|work|tmp)/[\w.]")


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, object]:
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def locked(root: Path) -> dict[str, list[Requirement]]:
    """Name -> its (one or more, by marker) pinned requirements."""
    out: dict[str, list[Requirement]] = {}
    for line in (root / "requirements.lock").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            out.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return out


def _tracked(root: Path) -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [root / name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("pattern", [REGISTRY, MACHINE_PATH], ids=["registry host", "machine path"])
def test_no_tracked_file_names_one_place(root: Path, pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()[:100]}"
        for path in _tracked(root)
        for number, line in enumerate(_text(path).splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "https://files.python" + "hosted.org/packages/x.whl",
        "--index-" + "url https://mirror.example.org/pypi",
        "https://mirror.example.org" + "/simple/",
        "--extra-index-" + "url=file:///wheels",
    ],
)
def test_a_registry_host_would_be_seen(line: str) -> None:
    assert REGISTRY.search(line)


@pytest.mark.parametrize("line", ["open('/" + "home/ann/x')", "cd /" + "work/main", "(/" + "root/.cache)"])
def test_a_machine_path_would_be_seen(line: str) -> None:
    assert MACHINE_PATH.search(line)


def test_the_lock_satisfies_pyproject(project: dict, locked: dict[str, list[Requirement]]) -> None:
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for requirement in map(Requirement, wanted):
        pins = locked.get(canonicalize_name(requirement.name))
        assert pins, f"{requirement.name} is not in requirements.lock; run: make lock"
        for pin in pins:
            version = next(iter(pin.specifier)).version
            assert requirement.specifier.contains(version), f"{requirement} against {pin}; run: make lock"


def test_every_pin_has_a_hash_and_no_address(root: Path, locked: dict[str, list[Requirement]]) -> None:
    text = (root / "requirements.lock").read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text)
    assert all("--hash=sha256:" in block for block in blocks if block.strip() and not block.startswith("#"))
    for pins in locked.values():
        assert all(len(pin.specifier) == 1 and str(pin.specifier).startswith("==") for pin in pins)


def test_environment_yml_is_pyproject(root: Path, project: dict) -> None:
    listed = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    conda = {Requirement(item) for item in listed if isinstance(item, str) and item != "pip"}
    seen = {canonicalize_name(CONDA_NAMES.get(r.name, r.name)): r.specifier for r in conda}
    assert seen.pop("python") == Requirement("python" + project["project"]["requires-python"]).specifier
    declared = map(Requirement, project["project"]["dependencies"])
    assert seen == {canonicalize_name(r.name): r.specifier for r in declared}
    assert {"pip": ["--editable ."]} in listed


#: Parts of a declared package that are imported by a name of their own.
COMES_WITH = {"IPython": "ipywidgets", "llvmlite": "numba", "pydantic_core": "pydantic"}


def test_everything_imported_is_declared(root: Path, project: dict) -> None:
    needed = {canonicalize_name(Requirement(text).name) for text in project["project"]["dependencies"]}
    for_testing = needed | {canonicalize_name(Requirement(text).name) for text in project["dependency-groups"]["dev"]}
    homes = packages_distributions()
    missing = {}
    for path in (root / "workbench").rglob("*.py"):
        declared = for_testing if "testing" in path.parts else needed
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"workbench"}:
                if not declared & {COMES_WITH.get(name), *map(canonicalize_name, homes.get(name, []))}:
                    missing[name] = str(path.relative_to(root))
    assert missing == {}


def test_no_extras(project: dict) -> None:
    """Board, InfluxDB, HDF5 and Jupyter come with the package."""
    assert "optional-dependencies" not in project["project"]


def test_one_version(root: Path, project: dict) -> None:
    version = project["project"]["version"]
    assert workbench.__version__ == version
    first = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first and Version(first[1]) == Version(version)


def test_every_entry_point_is_there(project: dict) -> None:
    points = [*project["project"]["scripts"].values()]
    for group in project["project"]["entry-points"].values():
        points += group.values()
    for point in points:
        module, _, name = point.partition(":")
        assert hasattr(importlib.import_module(module), name), point


def test_licence_and_notice(root: Path) -> None:
    assert (root / "LICENSE").read_text().startswith("MIT License")
    notice = (root / "NOTICE").read_text()
    assert "Natural Earth" in notice and "world-atlas 2.0.2" in notice
    assert (root / "workbench" / "raster" / "coastline.npz").stat().st_size < 700_000


@pytest.mark.slow
def test_the_wheel_holds_what_it_needs(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = {path.relative_to(root).as_posix() for path in _tracked(root)}
    package = {name for name in tracked if name.startswith("workbench/")}
    assert package <= names, f"not in the wheel: {sorted(package - names)}"
    pages = {f"workbench/apps/guide/{name}" for name in tracked if name.startswith("docs/")}
    assert pages <= names, f"not in the wheel: {sorted(pages - names)}"
    assert "workbench/py.typed" in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]
    assert any(name.endswith("licenses/NOTICE") for name in names)
