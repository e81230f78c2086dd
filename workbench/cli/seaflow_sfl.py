"""`workbench seaflow sfl`: check and repair the SFL of a cruise."""

from __future__ import annotations

import argparse
from collections import Counter

from workbench.cli.options import Parser, Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Verb(Protocol):
        """``verb(name, text, example, run)`` adds a verb beside ``workbench seaflow EVT_DIR`` and gives its parser."""

        def __call__(self, name: str, text: str, example: str, run: Run | None = None) -> Parser: ...


def declare(verb: Verb) -> None:
    """Add these verbs."""
    sfl = verb("sfl", "check and repair an SFL", "workbench seaflow sfl validate TN413_740.sfl")
    validate = sfl.verb(
        "validate", "say everything that is wrong with an SFL, and its cure", "workbench seaflow sfl validate TN413_740.sfl",
        _validate,
    )  # fmt: skip
    validate.add_argument("file", metavar="FILE", help="the SFL")
    validate.add_argument("--all", action="store_true", help="every finding, not only the first of its kind")
    validate.add_argument("--json", action="store_true", help="print the findings as JSON (all of them)")
    fix = sfl.verb(
        "fix",
        "write a repaired, curated SFL and say every change",
        "workbench seaflow sfl fix evt/ --out TN413_740.sfl",
        _fix,
    )
    fix.add_argument(
        "files", metavar="FILE", nargs="+", help="an SFL, or the day SFLs of the instrument, or their folder"
    )
    where = fix.add_mutually_exclusive_group()
    where.add_argument("--out", metavar="FILE", help="what to write (default: FILE with .fixed before its ending)")
    where.add_argument("--in-place", action="store_true", help="replace FILE itself")
    fix.add_argument("--evt", metavar="PATH", help="EVT folder or cruise.db: event rates are counted anew from it")
    fix.add_argument("--json", action="store_true", help="print the changes as JSON")
    manifest = sfl.verb(
        "manifest",
        "compare an SFL with the EVT files on disk",
        "workbench seaflow sfl manifest TN413_740.sfl evt/",
        _manifest,
    )
    manifest.add_argument("file", metavar="FILE", help="the SFL")
    manifest.add_argument("evt", metavar="EVT_DIR", help="folder of EVT files")
    manifest.add_argument("--json", action="store_true", help="print both lists as JSON")


def _validate(args: argparse.Namespace) -> int:
    from workbench.readers.seaflow_sfl_cells import read_cells
    from workbench.readers.seaflow_sfl_findings import validate

    findings = validate(read_cells([args.file]))
    errors = sum(finding.level == "error" for finding in findings)
    if args.json:
        rows = [{"file": args.file, **finding.as_dict()} for finding in findings]
        import json

        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        kinds = Counter((f.level, f.column, f.message) for f in findings)
        shown: set[Any] = set()
        for finding in findings:
            kind = (finding.level, finding.column, finding.message)
            if args.all or kind not in shown:
                more = f" (and {kinds[kind] - 1} more like it)" if kinds[kind] > 1 and not args.all else ""
                print(f"{finding}{more}")
            shown.add(kind)
        print(f"{args.file}: {_many(errors, 'error')}, {_many(len(findings) - errors, 'warning')}")
    return 1 if errors else 0


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _fix(args: argparse.Namespace) -> int:
    from pathlib import Path

    from workbench.core.errors import WorkbenchError
    from workbench.readers.seaflow_sfl_cells import find_sfl, read_cells, write_cells
    from workbench.readers.seaflow_sfl_counts import event_counts
    from workbench.readers.seaflow_sfl_findings import validate
    from workbench.readers.seaflow_sfl_repair import repair

    files = find_sfl(args.files)
    first = Path(files[0])
    if args.in_place and len(files) > 1:
        raise WorkbenchError(f"{len(files)} files become one: say which with --out, --in-place is for one file")
    if not args.out and not args.in_place and len(files) > 1:
        raise WorkbenchError(f"{len(files)} files become one: say which with --out FILE")
    out = first if args.in_place else Path(args.out or first.with_name(f"{first.stem}.fixed.sfl"))
    if not args.in_place and out.exists():
        again = any(out.samefile(path) for path in files)
        hint = "To replace it, say --in-place" if again else "Remove it, or name another with --out"
        raise WorkbenchError(f"{out}: exists already. {hint}.")
    counts = event_counts(args.evt) if args.evt else None
    fixed, changes = repair(read_cells(files), counts)
    write_cells(out, fixed)
    left = [finding for finding in validate(fixed) if finding.level == "error"]
    if args.json:
        rows = {"out": str(out), "changes": [c.as_dict() for c in changes], "left": [f.as_dict() for f in left]}
        import json

        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print("\n".join(map(str, changes)) or "nothing to change")
        print("\n".join(f"still wrong: {finding}" for finding in left) or f"{len(fixed.lines)} rows -> {out}")
    return 1 if left else 0


def _manifest(args: argparse.Namespace) -> int:
    from workbench.readers.seaflow_sfl_cells import read_cells
    from workbench.readers.seaflow_sfl_counts import manifest

    found = manifest(read_cells([args.file]), args.evt)
    if args.json:
        import json

        print(json.dumps(found, indent=1))
    else:
        for name in found["only_sfl"]:
            print(f"in the SFL, not on disk: {name}")
        for name in found["only_disk"]:
            print(f"on disk, not in the SFL: {name}")
        print(f"{len(found['both'])} on both sides, {len(found['only_sfl'])} only in the SFL, "
              f"{len(found['only_disk'])} only on disk")  # fmt: skip
    return 0
