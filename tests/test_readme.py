"""README says what is true: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import cli

BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def _blocks(root: Path, language: str, name: str = "README.md") -> list[str]:
    text = (root / name).read_text()
    found = [(len(i), code) for i, kind, code in BLOCK.findall(text) if kind == language]
    return ["\n".join(line[indent:] for line in code.splitlines()) for indent, code in found]


def _make_targets(root: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", (root / "Makefile").read_text(), re.MULTILINE))


def test_the_first_screen(root: Path) -> None:
    """One sentence, one picture, two commands, four lines for a notebook."""
    text = (root / "README.md").read_text()
    first = text.split("## ")[0]
    assert len(first.splitlines()) < 25
    assert first.count("![") == 1
    (shell,), (python,) = ([b for b in _blocks(root, kind) if b.splitlines()[0] in first] for kind in ("sh", "python"))
    assert len(shell.splitlines()) == 2
    assert len(python.splitlines()) == 4


def test_links_lead_somewhere(root: Path) -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)]+)\)", (root / name).read_text()):
            assert "://" in target or (root / target).exists(), f"{name} links to {target}"


def test_the_picture_is_small(root: Path) -> None:
    assert (root / "docs" / "board.png").stat().st_size < 400_000


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_exist(root: Path, name: str) -> None:
    text = (root / name).read_text()
    lines = [line for block in _blocks(root, "sh", name) for line in block.splitlines()]
    lines += [line.strip() for line in text.splitlines() if line.startswith("    make ")]
    lines += re.findall(r"`(workbench [a-z]+ [^`]+|make [a-z-]+)`", text)
    assert lines
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[0] == "make":
            assert words[1].rstrip(";") in _make_targets(root), line
        else:
            assert words[0] == "workbench", line
            cli.parser().parse_args(words[1:])


@pytest.mark.notebook
def test_python_blocks_run_in_order(root: Path, tmp_path: Path) -> None:
    """As a reader would: one after the other, beside the demo's data."""
    from workbench.simulate.cruise import write

    write(tmp_path / "demo-data", days=0.25, particles=2000)
    code = "\n".join(_blocks(root, "python"))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.notebook
def test_the_four_lines_draw_in_a_notebook(root: Path, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    from workbench.simulate.cruise import write

    write(tmp_path / "demo-data", days=0.25, particles=2000)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_blocks(root, "python")[0])])
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for output in book.cells[0].outputs if output["output_type"] in ("display_data", "execute_result")]
    assert any("text/html" in output["data"] for output in shown)
    assert not [output for output in book.cells[0].outputs if output["output_type"] == "error"]
