"""A clean environment with the wheel in it, and a JupyterLab there, as a person would have after ``pip install``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from tests.browser.chromium import Tab
from tests.server import free_port

#: A cell that has run shows its number, one that runs a star.
_RAN = re.compile(r"\[\d+\]:?")
#: The notebook in front.
_SHOWN = ".jp-NotebookPanel:not(.lm-mod-hidden)"


def wheel(root: Path, folder: Path) -> Path:
    """Build the wheel of this clone, with what is installed here."""
    command = ["uv", "build", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable, "-o", folder]
    done = _run([Path(sys.executable).with_name("uv"), *command[1:], root])
    found = sorted(folder.glob("*.whl"))
    assert found, done
    return found[0]


def environment(folder: Path, built: Path) -> Path:
    """A new environment: links to the libraries installed here, and the wheel; its Python."""
    _run([sys.executable, "-m", "venv", "--without-pip", folder])
    python = folder / "bin" / "python"
    here, version = Path(sys.prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    inside = Path("lib") / version / "site-packages"
    for entry in (here / inside).iterdir():
        if "sciops_workbench" not in entry.name and entry.name not in ("__pycache__", "workbench"):
            (folder / inside / entry.name).symlink_to(entry)
    shutil.copytree(here / "etc" / "jupyter", folder / "etc" / "jupyter", ignore=lambda _, names: [
        name for name in names if "workbench" in name])  # fmt: skip
    (folder / "share").mkdir(exist_ok=True)
    (folder / "share" / "jupyter").symlink_to(here / "share" / "jupyter")
    uv = Path(sys.executable).with_name("uv")
    _run([uv, "pip", "install", "--offline", "--no-deps", "--no-cache", "--python", python, built])
    return python


def _run(command: list[str | Path]) -> str:
    done = subprocess.run([os.fspath(word) for word in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


class Lab:
    """JupyterLab as a subprocess, with no configuration; use it in a ``with`` statement.

    Parameters
    ----------
    python : Path
    folder : Path
        Its root.
    home : Path
        An empty home.
    base : str
        Base URL.
    env : dict, optional
    """

    token = "let-me-in"

    def __init__(
        self, python: Path, folder: Path, home: Path, base: str = "/", env: dict[str, str] | None = None
    ) -> None:
        port = free_port()
        self.address, self.log = f"http://127.0.0.1:{port}{base}", home / "lab.log"
        home.mkdir(parents=True, exist_ok=True)
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        command = [
            python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--port={port}",
            "--ServerApp.port_retries=0", f"--ServerApp.base_url={base}", f"--IdentityProvider.token={self.token}",
        ]  # fmt: skip
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [os.fspath(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True, env={**environment, "HOME": os.fspath(home), **(env or {})},
            )  # fmt: skip

    def __enter__(self) -> Lab:
        for _ in range(400):
            try:
                urllib.request.urlopen(f"{self.address}api", timeout=5).close()
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.log.read_text(errors="replace")
                time.sleep(0.2)
            else:
                return self
        raise AssertionError(self.log.read_text(errors="replace"))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self, path: str = "lab") -> str:
        """A page, with the token."""
        return f"{self.address}{path}?token={self.token}"


class Notebook:
    """An opened notebook, tall enough that no cell is out of sight (JupyterLab draws only those in sight).

    Parameters
    ----------
    tab : Tab
        At ``lab/tree/NAME.ipynb``.
    """

    def __init__(self, tab: Tab) -> None:
        self.tab, self.page = tab, tab.page
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
        self.page.wait_for_selector("text=| Idle", timeout=120_000)  # its kernel has started
        self.page.wait_for_timeout(1000)
        self.cells = self.page.locator(f"{_SHOWN} .jp-CodeCell").count()

    def run(self, timeout: float = 240) -> None:
        """Run all cells and wait until each has its number."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.page.locator(".jp-Dialog").count():  # which kernel? The one that is chosen there.
                self.page.locator(".jp-Dialog .jp-mod-accept").click()
            shown = [
                text.strip() for text in self.page.locator(f"{_SHOWN} .jp-CodeCell .jp-InputPrompt").all_text_contents()
            ]
            if self.errors():
                return
            if len(shown) >= self.cells and all(_RAN.fullmatch(text) for text in shown):
                self.page.wait_for_timeout(3000)  # what the last cells show is being drawn
                return
            self.page.wait_for_timeout(500)
        raise AssertionError(f"not all cells have run after {timeout:g} s: {shown}")

    def errors(self) -> list[str]:
        """Tracebacks shown."""
        shown = self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        return shown.all_text_contents()

    def save(self) -> None:
        """Save it."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_selector("text=Saving completed", timeout=60_000)
