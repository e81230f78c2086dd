"""A catalog opened: a mapping of Sources and what is declared about them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.catalog.declared import BoardItem, Kpi
from workbench.catalog.source import Source
from workbench.core import clock


@dataclass(frozen=True, eq=False, repr=False)
class Cruise(Mapping[str, Source]):
    """The Sources of one cruise by name, and its board and KPIs.

    Attributes
    ----------
    id, ship, title : str or None
    start, end : numpy.datetime64[ns] or None
        `end` is the first moment that no longer belongs to the cruise: a date alone means the end of that day.
    path : Path
        The catalog file.
    folder : Path
        The cruise folder, where the record and ``clock.json`` live. It need not exist yet.
    board : tuple of BoardItem
    kpis : mapping of str to Kpi
    """

    id: str
    ship: str | None
    title: str | None
    start: np.datetime64 | None
    end: np.datetime64 | None
    path: Path
    folder: Path
    board: tuple[BoardItem, ...]
    kpis: Mapping[str, Kpi]
    sources: Mapping[str, Source]

    def __getitem__(self, name: str) -> Source:
        return self.sources[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.sources)

    def __len__(self) -> int:
        return len(self.sources)

    def now(self) -> np.datetime64:
        """The time to count ages from: now, or the cruise's end when that is past."""
        return clock.as_of(self.end)

    @property
    def finished(self) -> bool:
        """True when the cruise's end is past."""
        return clock.finished(self.end)


def open_cruise(
    path: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None, record: str | os.PathLike[str] | None = None
) -> Cruise:  # fmt: skip
    """Open a catalog file. Runs no code from it; raises one CatalogError that lists every mistake."""
    import yaml

    path = Path(path).absolute()
    raw = yaml.safe_load(path.read_text().replace("{{ CATALOG_DIR }}", str(path.parent)))
    meta = raw.get("metadata", {})
    about = meta["cruise"]
    root = os.fspath(data) if data else os.environ.get("WORKBENCH_DATA", "$WORKBENCH_DATA")
    sources = {}
    for name, entry in raw["sources"].items():
        args = dict(entry["args"])
        if isinstance(args["url"], str):
            args["url"] = args["url"].replace("$WORKBENCH_DATA", root)
        sources[name] = Source(**args).named(name, entry.get("description", ""))
    folder = Path(record or os.environ.get("WORKBENCH_RECORD") or meta.get("record") or path.parent / f"{about['id']}.cruise")
    clock.follow(folder)
    from workbench.core.window import duration

    kpis = {
        n: Kpi(n, **{**k, "over": duration(k.get("over", "10min")), "expect": tuple(k["expect"]) if k.get("expect") else None})
        for n, k in meta.get("kpis", {}).items()
    }
    board = tuple(
        BoardItem(b.pop("view"), b.pop("source", None), {k: tuple(v) if isinstance(v, list) else v for k, v in b.items()})
        for b in meta.get("board", [])
    )
    return Cruise(
        about["id"], about.get("ship"), about.get("title"), clock.end_of(about.get("start") and str(about["start"])[:10] + "T00"),
        clock.end_of(about.get("end") and str(about["end"])), path, folder, board, kpis, sources,
    )  # fmt: skip
