"""A report on paper: printed to PDF by Chromium, which reads the HTML file and nothing else."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import time
from pathlib import Path

from workbench.core.errors import WorkbenchError
from workbench.reports.chromium import Chromium, ChromiumError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
#: True once all pictures are drawn (report.js says so).
_DRAWN = "document.documentElement.dataset.ready === 'true'"


def browser() -> str | None:
    """A Chromium on this machine, or None."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def print_pdf(html: str | os.PathLike[str], pdf: str | os.PathLike[str], *, patience: float = 180.0) -> None:
    """Print a report, once all its pictures are drawn.

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
    with tempfile.TemporaryDirectory(prefix=".printing-", dir=target.parent, ignore_cleanup_errors=True) as folder:
        temp = Path(folder) / "report.pdf"
        try:
            with Chromium(program, Path(folder), patience) as chromium:
                temp.write_bytes(_printed(chromium, f"{Path(html).absolute().as_uri()}#paper"))
        except ChromiumError as error:
            raise WorkbenchError(
                f"{target}: {program} could not print ({error}). {os.fspath(html)} is written: open it in any browser and print it"
            ) from None
        os.replace(temp, target)


def _printed(chromium: Chromium, address: str) -> bytes:
    page = chromium.open(address)
    while not page.ask("Runtime.evaluate", expression=_DRAWN)["result"].get("value"):
        time.sleep(0.1)  # `ask` ends it when patience does
    pdf = base64.b64decode(page.ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
    if not pdf.startswith(b"%PDF"):
        raise ChromiumError("what it gave is no PDF")
    return pdf
