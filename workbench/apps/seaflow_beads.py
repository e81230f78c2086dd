"""`workbench seaflow beads`: where the beads are, and the filter through them, proposed."""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.filters import FIELDS, QUANTILES, FilterParameters
from workbench.core.window import moment
from workbench.products.seaflow.beads import CHANNELS, MIN_FSC, MIN_PE, Beads, bright, find_beads
from workbench.products.seaflow.parameters import SLOPES, WIDTH
from workbench.readers import seaflow_files, seaflow_layout, seaflow_pieces
from workbench.readers.seaflow_evt import SeaflowEvt


@dataclass(frozen=True)
class Options:
    """How beads are looked for.

    Attributes
    ----------
    instrument : str
        Serial number: 740, 751, 989 or 130.
    files : int
        Files to look at, spread evenly.
    since : str or None
        Only files from then on.
    width, min_d1, min_d2, min_pe, min_fsc : float, log codes
        See `workbench.products.seaflow.beads.bright` and `workbench.products.seaflow.parameters.derive`.
    """

    instrument: str
    files: int = 20
    since: str | None = None
    width: float = WIDTH
    min_d1: float = 0.0
    min_d2: float = 0.0
    min_pe: float = MIN_PE
    min_fsc: float = MIN_FSC


def run(evt: Path, options: Options, *, out: Path | None = None, as_json: bool = False) -> int:
    """Look for beads in some files, print what was found and the filter it makes; 0 when beads were found.

    Parameters
    ----------
    evt : Path
        A folder of EVT files, or one file.
    options : Options
    out : Path, optional
        Gets the filter: ``.csv`` the reference CSV, ``.tsv`` a filter table. `workbench seaflow --params` reads both
        (a table under the name ``PREFIX.filter.tsv``, by its prefix).

    Raises
    ------
    WorkbenchError
        When there are no files, no beads, or the instrument is not known.
    """
    if options.instrument not in SLOPES:
        Beads(np.ones(3), np.ones(3), np.ones(3), 1.0, 0, 0.0).parameters(options.instrument)  # says which are known
    paths = _chosen(evt, options)
    each, refused = _bright_of(paths, options)
    beads = find_beads([events for _, events in each])
    parameters = beads.parameters(options.instrument, width=options.width, min_d1=options.min_d1, min_d2=options.min_d2)
    by_file = [(name, _alone(events)) for name, events in each]
    if out is not None:
        write(out, parameters)
    print(_json(beads, parameters, by_file, refused) if as_json else _say(beads, parameters, by_file, refused, out))
    return 0


def _chosen(evt: Path, options: Options) -> list[Path]:
    """Some files, spread evenly over those there are."""
    paths = SeaflowEvt().files(evt)
    if options.since is not None:
        start = moment(options.since)
        paths = [path for path in paths if (name := seaflow_files.parse(path)) and name.time64 >= start]
    if not paths:
        raise WorkbenchError(f"{evt}: no EVT files{' since ' + options.since if options.since else ''}")
    places = np.unique(np.linspace(0, len(paths) - 1, min(options.files, len(paths))).round().astype(int))
    return [paths[at] for at in places]


def _bright_of(
    paths: list[Path], options: Options
) -> tuple[list[tuple[str, npt.NDArray[np.float64]]], list[tuple[str, str]]]:
    from tqdm import tqdm

    found, refused = [], []
    for path in tqdm(paths, unit="file", disable=not sys.stderr.isatty()):
        name, place = (seaflow_files.parse(path) or seaflow_files.undated(os.fspath(path))).file_id, os.fspath(path)
        try:
            pieces = seaflow_pieces.pieces(place, seaflow_layout.probe(place), CHANNELS)
            parts = [bright(p, min_pe=options.min_pe, min_fsc=options.min_fsc, width=options.width) for p in pieces]
            found.append((name, np.concatenate(parts)))
        except ReaderError as error:
            refused.append((name, str(error).removeprefix(f"{place}: ")))
    return found, refused


def _alone(events: npt.NDArray[np.float64]) -> Beads | None:
    try:
        return find_beads(events)
    except WorkbenchError:
        return None


def write(path: Path, parameters: FilterParameters) -> None:
    """Write a filter: ``.csv`` as the reference CSV, else as a filter table (TSV); whole or not at all."""
    plain = path.suffix.lower() == ".csv"
    names = ["quantile", *FIELDS] if plain else ["id", "date", "quantile", *FIELDS]
    head: list[str] = [] if plain else [parameters.id, parameters.date]
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temp.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter="," if plain else "\t", lineterminator="\n")
            writer.writerow(names)
            for quantile, row in zip(QUANTILES, parameters.table, strict=True):
                writer.writerow([*head, *(f"{value:.12g}" for value in (quantile, *row))])
        os.replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def _json(
    beads: Beads, parameters: FilterParameters, each: list[tuple[str, Beads | None]], refused: list[tuple[str, str]]
) -> str:
    rows: list[dict[str, Any]] = [
        {"quantile": q, **dict(zip(FIELDS, row, strict=True))}
        for q, row in zip(QUANTILES, parameters.table, strict=True)
    ]
    files = [
        {"file": name, "beads": found.count if found else 0,
         **({"fsc_small": found.fsc[1], "D1": found.d1[1], "D2": found.d2[1]} if found else {})}
        for name, found in each
    ]  # fmt: skip
    said = {
        "id": parameters.id, "beads": beads.count, "pe": beads.pe, "contrast": beads.contrast, "filter": rows,
        "files": files, "refused": [{"file": name, "reason": why} for name, why in refused],
    }  # fmt: skip
    return json.dumps(said, indent=1)


def _say(
    beads: Beads, parameters: FilterParameters, each: list[tuple[str, Beads | None]], refused: list[tuple[str, str]],
    out: Path | None,
) -> str:  # fmt: skip
    lines = [
        f"{'file':<36}{'beads':>7}{'fsc_small':>11}{'D1':>9}{'D2':>9}",
        *(
            f"{name:<36}{found.count:>7}{found.fsc[1]:>11.0f}{found.d1[1]:>9.0f}{found.d2[1]:>9.0f}"
            if found
            else f"{name:<36}{'none found':>18}"
            for name, found in each
        ),
        *(f"{name}: refused: {why}" for name, why in refused),
        "",
        f"{beads.count} beads, pe {beads.pe:.0f}, {beads.contrast:.1f} times denser than what surrounds them",
        "",
        f"{'quantile':<18}" + "".join(f"{q:>12g}" for q in QUANTILES),
        *(f"{name:<18}" + "".join(f"{row[at]:>12g}" for row in parameters.table) for at, name in enumerate(FIELDS)),
        f"id {parameters.id}" + (f" -> {out}" if out else "; --out FILE.csv or PREFIX.filter.tsv keeps it"),
    ]
    return "\n".join(lines)
