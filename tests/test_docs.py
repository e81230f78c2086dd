"""The documentation says what is true: its code runs, its commands exist, its catalogs have no mistakes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from workbench import cli

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
#: Pages with a test of their own: README (test_readme.py), and the one about readers.
ELSEWHERE = ("write-a-reader.md",)
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in ELSEWHERE)
KNOWN = {"sh", "python", "yaml", "text", "toml", "ini", "json"}
#: Blocks of sources are checked as the sources of this one.
AROUND = {"metadata": {"cruise": {"id": "X1"}}}
SECRETS = ("MQTT_PASSWORD",)


def _blocks(page: Path, kind: str | None = None) -> list[str]:
    found = [(len(i), k, code) for i, k, code in BLOCK.findall(page.read_text()) if kind in (None, k)]
    return ["\n".join(line[indent:] for line in code.splitlines()) for indent, _, code in found]


def _with(kind: str) -> list[Path]:
    return [page for page in PAGES if _blocks(page, kind)]


@pytest.fixture(scope="module")
def beside(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``demo-data`` in it, as a reader of the pages has it."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(simulated.parent, folder / "demo-data")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_block_is_of_a_kind_that_is_tested(page: Path) -> None:
    text = page.read_text()
    assert text.count("```") == 2 * len(_blocks(page)), "a block says its language"
    assert {kind for _, kind, _ in BLOCK.findall(text)} <= KNOWN


@pytest.mark.parametrize("page", _with("sh"), ids=lambda p: p.name)
def test_commands_parse(page: Path) -> None:
    lines = [line for block in _blocks(page, "sh") for line in block.splitlines()]
    lines += re.findall(r"`(workbench [a-z]+ [^`]+)`", page.read_text())
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[0] == "workbench":
            cli.parser().parse_args(words[1:])
        else:
            assert words[0] in ("make", "rsync", "sqlite3"), line
            assert words[0] != "make" or words[1] in targets, line


@pytest.mark.parametrize("page", _with("yaml"), ids=lambda p: p.name)
def test_catalogs_have_no_mistakes(page: Path, beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.catalog.check import problems

    for name in SECRETS:
        monkeypatch.setenv(name, "secret")
    for number, block in enumerate(_blocks(page, "yaml")):
        found = yaml.safe_load(block)
        path = beside / f"{page.stem}-{number}.yaml"
        path.write_text(block if "metadata" in found else yaml.safe_dump({**AROUND, "sources": found}, sort_keys=False))
        assert [str(problem) for problem in problems(path)] == []


@pytest.mark.notebook
@pytest.mark.parametrize("page", _with("python"), ids=lambda p: p.name)
def test_python_runs_in_order(page: Path, simulated: Path, tmp_path: Path) -> None:
    """As a reader would, beside the demo's data."""
    shutil.copytree(simulated.parent, tmp_path / "demo-data")
    code = "\n".join(_blocks(page, "python"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.notebook
@pytest.mark.parametrize(
    "page", [ROOT / "docs" / name for name in ("reports.md", "seaflow.md", "tutorial.md")], ids=lambda p: p.name
)
def test_short_commands_run(page: Path, simulated: Path, tmp_path: Path) -> None:
    """Those that end by themselves and want nothing but the demo's data (a PDF wants a browser)."""
    shutil.copytree(simulated.parent, tmp_path / "demo-data")
    ran = 0
    for line in (line for block in _blocks(page, "sh") for line in block.splitlines()):
        words = shlex.split(line, comments=True)
        if words[0] == "workbench" and words[1] in ("check", "export", "report", "seaflow") and "--pdf" not in words:
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", *words], cwd=tmp_path, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            ran += 1
    assert ran
