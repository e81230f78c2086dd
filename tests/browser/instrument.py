"""A real cruise with everything that the instrument's page draws: its own log and bead drift beside the files."""

from __future__ import annotations

from pathlib import Path

#: What stands in the log, in order. A stamp is the time of what follows it.
EVENTS = (
    *((f"2014-07-04T00-00-0{i}+0000", f"PMT{i}:{0.8 + i / 10:.2f}") for i in range(1, 9)),
    ("2014-07-04T00-00-09+0000", "trigger level:-2.10"),
    ("2014-07-04T00-20-00+0000", "write evt: 0"),
    ("2014-07-04T00-25-00+0000", "pump over 12.0 V"),
    ("2014-07-04T00-31-00+0000", "fluid leak or inlet valve is shut"),
    ("2014-07-04T00-40-00+0000", "syringe pump not communicating with labview"),
    ("2014-07-04T00-50-00+0000", "PMT2:1.30"),
    ("2014-07-04T01-10-00+0000", "write evt: 1"),
)
_SOURCES = """sources:
  log:
    driver: workbench
    description: What was switched and what failed.
    args: {reader: seaflow_log, url: "{{ CATALOG_DIR }}/SFlog.txt"}
  drift:
    driver: workbench
    description: Where the beads are.
    args: {product: bead_drift, inputs: {evt: seaflow, plan: plan}}
"""


def write(folder: Path, root: Path, *, pages: str = "") -> Path:
    """The catalog of the test cruise with a log and bead drift, in `folder`; `pages` is YAML for ``metadata``."""
    lines = [line for pair in EVENTS for line in pair]
    (folder / "SFlog.txt").write_text("\n".join([*lines, ""]))
    text = (root / "catalogs" / "testcruise.yaml").read_text().replace("sources:\n", _SOURCES, 1)
    path = folder / "cruise.yaml"
    path.write_text(text.replace("metadata:\n", f"metadata:\n{pages}", 1))
    return path
