"""A report on paper: printed to PDF by Chromium, which reads the HTML file and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from workbench.core.errors import WorkbenchError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars",
    "--force-device-scale-factor=2", "--window-size=1040,1400", "--virtual-time-budget=60000",
    "--run-all-compositor-stages-before-draw", "--blink-settings=preferredColorScheme=1",
)  # fmt: skip


def browser() -> str | None:
    """A Chromium on this machine, or None."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def print_pdf(html: str | os.PathLike[str], pdf: str | os.PathLike[str], *, patience: float = 180.0) -> None:
    """Print a report.

    Parameters
    ----------
    html, pdf : path-like
        The PDF takes its name once it is whole.
    patience : float
        Seconds.

    Raises
    ------
    WorkbenchError
        When there is no Chromium, or it does not print. The HTML file stays.
    """
    program = browser()
    if program is None:
        raise WorkbenchError(
            f"{os.fspath(pdf)}: no Chromium here to print with. {os.fspath(html)} is written: open it in any browser and print it, "
            "or install one (sudo apt-get install chromium)"
        )
    target = Path(pdf).absolute()
    with tempfile.TemporaryDirectory(prefix=".printing-", dir=target.parent) as folder:
        temp = Path(folder) / "report.pdf"
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [
            program,
            *_FLAGS,
            *sandbox,
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={temp}",
            f"{Path(html).absolute().as_uri()}#paper",
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=patience, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise WorkbenchError(
                f"{target}: {program} did not print within {patience:g} s. {os.fspath(html)} is written"
            ) from None
        if done.returncode or not temp.exists() or not temp.read_bytes().startswith(b"%PDF"):
            reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise WorkbenchError(f"{target}: {program} could not print ({reason}). {os.fspath(html)} is written")
        os.replace(temp, target)
