"""Populations of a whole cruise: raw particles, SFL and plan to cells per microlitre."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.core.errors import WorkbenchError, suggest
from workbench.core.filters import QUANTILES
from workbench.core.gates import Gating
from workbench.core.parameters import Parameters
from workbench.core.plan_dataset import parameters_in, size_table_in
from workbench.core.sizes import INDICES, SizeTable
from workbench.core.variables import VARIABLES, VariableSpec
from workbench.products.contract import CRUISE, product
from workbench.products.seaflow.abundance import virtual_core
from workbench.products.seaflow.choosing import chosen_of, dated, short
from workbench.products.seaflow.limits import MAX_EVENTS, MAX_OPP, Flag
from workbench.products.seaflow.loading import check_particles, in_pieces, loaded
from workbench.products.seaflow.water import HANDED, in_water
from workbench.products.seaflow.worked import EACH, KEY, Worked, key_of

_TIME, _EACH = ("time",), ("time", "population", "quantile")
_BY_QUANTILE = ("time", "quantile")


def _spec(name: str, dims: tuple[str, ...], unit: str, label: str, dtype: str = "float64") -> VariableSpec:
    return VariableSpec(name, dims, dtype, unit, None, label)


PROVIDES = (
    VARIABLES["time"],
    VariableSpec("file_id", _TIME, "str", "", None, "file"),
    _spec("n_count", _EACH, "1", "particles of the population"),
    _spec("abundance", _EACH, "uL-1", "abundance"),
    _spec("abundance_se", _EACH, "uL-1", "standard error of the abundance"),
    _spec("diameter", _EACH, "um", "median diameter"),
    _spec("carbon_quota", _EACH, "pg", "mean carbon per cell"),
    _spec("biomass", _EACH, "ug L-1", "biomass (carbon)"),
    _spec("opp_count", _BY_QUANTILE, "1", "optimally positioned particles"),
    _spec("opp_evt_ratio", _BY_QUANTILE, "1", "OPP/EVT ratio"),
    _spec("background", _BY_QUANTILE, "percent", "OPP of no population"),
    _spec("all_count", _TIME, "1", "events"),
    _spec("evt_count", _TIME, "1", "events that are not noise"),
    _spec("noise_count", _TIME, "1", "noise events"),
    _spec("saturated_count", _TIME, "1", "saturated events"),
    _spec("file_flag", _TIME, "1", "why the file has no OPP", "int8"),
    _spec("excluded", _TIME, "1", "left out by a person", "int8"),
    _spec("flow_rate", _TIME, "mL min-1", "flow rate"),
    _spec("flow_rate_sd", _TIME, "mL min-1", "uncertainty of the flow rate"),
    _spec("volume", _TIME, "uL", "water through the detectable region"),
    _spec("virtual_core", ("quantile",), "1", "median OPP/EVT ratio of the cruise"),
    *(VariableSpec(name, _TIME, "float64", VARIABLES[name].unit, VARIABLES[name].standard_name, VARIABLES[name].long_name)
      for name in HANDED),
)  # fmt: skip
_FLAGS = {
    "flag_values": np.array([int(flag) for flag in Flag], np.int8),
    "flag_meanings": "ok empty_or_unreadable too_many_events too_many_opp quantile_without_opp",
}
_EXCLUDED = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "kept excluded"}


@dataclass(frozen=True, eq=False)
class _Files:
    """Files that are worked on, in order: names, times, rows of the SFL (-1 without), and what came out."""

    ids: npt.NDArray[np.str_]
    times: npt.NDArray[np.datetime64]
    rows: npt.NDArray[np.int64]
    numbers: Mapping[str, npt.NDArray[Any]]


@product(reach=CRUISE, provides=PROVIDES, chunked=False)
def seaflow(
    evt: xr.Dataset,
    plan: xr.Dataset,
    sfl: xr.Dataset | None = None,
    *,
    instrument: str | None = None,
    index: str | dict[str, str] = "mid",
    max_particles: int = MAX_EVENTS,
    max_opp: int = MAX_OPP,
    kept: MutableMapping[Any, Any] | None = None,
) -> xr.Dataset:
    """SeaFlow populations: filter, gate, size and count raw particles.

    Parameters
    ----------
    evt : xarray.Dataset
        Raw particles, as the reader ``seaflow_evt`` gives them; loaded some files at a time.
    plan : xarray.Dataset
        Parameters and size table, as the reader ``seaflow_plan`` gives them.
    sfl : xarray.Dataset, optional
        As the reader ``seaflow_sfl`` gives it: times, pressures and durations of the files. Without it times come from
        the names of the files, and abundance, biomass, flow and volume are left out.
    instrument : str, optional
        Serial number; by default the plan's.
    index : str or dict of str to str
        Refractive index of diameter and carbon: ``lwr`` (1.41), ``mid`` (1.38) or ``upr`` (1.35), for all populations
        or by population (those not named: ``mid``).
    max_particles, max_opp : int
        Files with more are flagged and left out.
    kept : dict, optional
        What was worked out of files before, for whoever makes a cruise again as it grows (see `workbench.products`).

    Returns
    -------
    xarray.Dataset
        Along ``time`` (files that have parameters, in order), ``population`` (those of all gatings, by name, then
        ``unknown``) and ``quantile`` (2.5, 50, 97.5): see `PROVIDES`. A file with flag 0 counts 0 particles of a
        population it does not have. What nobody asked for is NaN: all of a flagged file, populations that have no gate at
        that time or one that is not evaluated, and all but ``unknown`` where gates ask for a channel that is not there. ``abundance`` is by the virtual core (the
        median of the files so far: it restates earlier rows while a cruise goes on), of prochloro by the file's own
        ratio. A file that people excluded (``excluded`` 1) keeps its counts; its abundance and biomass are NaN, and the
        virtual core is made without it. Attrs ``left_out`` (lines ``file: reason``), ``not_evaluated`` (auto gates),
        ``notes`` and, where files are excluded, ``excluded`` (lines ``file: reason (who)``).

    Raises
    ------
    WorkbenchError
        When an input is another kind of dataset, or the instrument is not known.

    Sources: popcycle 7, seaflowpy 15.1.3; Ribalet et al. (2019), doi:10.1038/s41597-019-0292-2.
    """
    _check(evt, sfl)
    parameters, table = _decided(plan, kept)
    serial = instrument or parameters.instrument
    if sfl is not None and not serial and not parameters.filters.sets:
        raise WorkbenchError("there are no filter parameters in the plan yet")
    if sfl is not None and not serial:
        raise WorkbenchError("the plan does not say which instrument this is. Name it: instrument: '740'")
    populations = _populations(parameters)
    chosen = {name: _column(index, name) for name in populations}
    worked = None if kept is None else kept.get("worked")
    if worked is None or worked.index != chosen:
        worked = Worked(chosen)
    if kept is not None:
        kept["worked"] = worked
    files, left_out = _work(evt, sfl, parameters, table, max_particles, max_opp, worked)
    excluded = [each.file for each in parameters.excluded]
    ds = _counted(files, populations, np.isin(files.ids, excluded))
    if sfl is not None:
        ds = in_water(ds, files.rows, sfl, serial)
    ds.attrs = _said(parameters, serial, left_out, [
        *([] if sfl is not None else ["no SFL: times come from file names, abundance is left out"]),
        *_lacking(evt, parameters),
        *([] if table is not None else ["no size table: diameter, carbon quota and biomass are missing"]),
    ])  # fmt: skip
    return _described(ds)


def _check(evt: xr.Dataset, sfl: xr.Dataset | None) -> None:
    """Refuse other kinds of datasets: of some of them there would be numbers, and wrong ones."""
    from workbench.products.seaflow.process import CHANNELS

    check_particles(evt, ("file_id", *CHANNELS))
    if "q50" in evt:
        raise WorkbenchError("particles in focus (OPP or VCT) are not filtered again: 'evt' comes from seaflow_evt")
    if sfl is not None and not ("file_id" in sfl and sfl["file_id"].dims == _TIME):
        raise WorkbenchError("not an SFL: there is no variable 'file_id' along time. An SFL comes from seaflow_sfl")


def _decided(plan: xr.Dataset, kept: MutableMapping[Any, Any] | None) -> tuple[Parameters, SizeTable | None]:
    """What a plan says: of the same plan the same objects, by which what is worked out of a size table is known."""
    known = None if kept is None else kept.get("decided")
    if known is None or known[0] is not plan:
        known = plan, parameters_in(plan), size_table_in(plan)
    if kept is not None:
        kept["decided"] = known
    return known[1], known[2]


def _said(parameters: Parameters, instrument: str, left_out: list[tuple[str, str]], notes: list[str]) -> dict[str, str]:
    """The attributes of the whole: what was left out, by whom, and what could not be worked out."""
    auto = [f"{name}: {pop}" for name, gating in sorted(_gatings(parameters).items()) for pop in gating.not_evaluated]
    said = {
        "Conventions": "CF-1.11",
        "instrument": instrument,
        "left_out": "\n".join(f"{name}: {why}" for name, why in sorted(left_out)),
        "not_evaluated": "\n".join(auto),
        "notes": "\n".join(notes),
    }
    excluded = {each.file: each for each in parameters.excluded}
    if excluded:
        told = [f"{name}: {each.reason} ({each.who})" for name, each in sorted(excluded.items())]
        said["excluded"] = "\n".join(told)
    return said


def _gatings(parameters: Parameters) -> Mapping[str, Gating]:
    return parameters.gatings.sets if parameters.gatings else {}


def _populations(parameters: Parameters) -> tuple[str, ...]:
    gatings = _gatings(parameters).values()
    return (*sorted({name for gating in gatings for name in gating.populations} - {"unknown"}), "unknown")


def _others(parameters: Parameters) -> list[str]:
    """Channels that OPP does not carry and gates ask for."""
    from workbench.products.seaflow.process import others

    return sorted({name for gating in _gatings(parameters).values() for name in others(gating)})


def _lacking(evt: xr.Dataset, parameters: Parameters) -> list[str]:
    """Of each gating whose gates ask for channels that there are not."""
    from workbench.products.seaflow.process import lacking

    gatings = _gatings(parameters)
    said = {name: lacking(gating, map(str, evt.data_vars)) for name, gating in sorted(gatings.items())}
    return [f"{name}: {why}" for name, why in said.items() if why]


def _column(index: str | Mapping[str, str], population: str) -> str:
    name = index if isinstance(index, str) else index.get(population, "mid")
    if name not in INDICES:
        raise WorkbenchError(f"'{name}' is no refractive index. {suggest(name, INDICES)}")
    return name


def _work(
    evt: xr.Dataset, sfl: xr.Dataset | None, parameters: Parameters, table: SizeTable | None, max_events: int,
    max_opp: int, worked: Worked,
) -> tuple[_Files, list[tuple[str, str]]]:  # fmt: skip
    """Work on the files that have a time and parameters, and say why others do not."""
    from workbench.products.seaflow.process import process, too_many  # with numba: not to open a catalog

    ids = evt["file_id"].to_numpy().astype(np.str_, copy=False)
    rows, times = dated(ids, evt, sfl)
    chosen = chosen_of(ids, times, rows, sfl, parameters)
    sizes = evt["row_size"].to_numpy()
    more = [name for name in _others(parameters) if name in evt]
    told = [key_of(*map(_identity, (*each, table)), max_events, max_opp, *more) for each in chosen.parameters]
    each = zip(chosen.files, chosen.of, strict=True)
    keys = np.fromiter((key_of(str(ids[at]), int(sizes[at]), told[of]) for at, of in each), KEY, len(chosen.files))
    new = np.flatnonzero(~worked.known(keys))
    for file, (at, codes) in zip(new, loaded(evt, chosen.files[new].tolist(), max_events, more), strict=True):
        filter_, gating = chosen.parameters[chosen.of[file]]
        if codes is None:
            result = too_many(int(sizes[at]), max_events)
        else:
            result = process(in_pieces(codes), filter_, gating, table, max_events=max_events, max_opp=max_opp)
        asked = gating.evaluated if gating and not result.message else ()
        worked.add(keys[file], result, (*asked, "unknown"))
    worked.forget_others(keys)
    order = np.lexsort((short(ids)[chosen.files], times[chosen.files]))
    files: Any = chosen.files[order]
    if np.array_equal(files, np.arange(len(ids))):
        files = slice(None)  # no copies
    return _Files(ids[files], times[files], rows[files], worked.take(keys[order])), chosen.left_out


def _identity(part: Any) -> str:
    """A text that is equal only for equal parameters, gates or tables."""
    return blake2b(pickle.dumps(part), digest_size=12).hexdigest()


def _counted(files: _Files, populations: tuple[str, ...], excluded: npt.NDArray[np.bool_]) -> xr.Dataset:
    """What the files tell without the water: counts, sizes, flags."""
    numbers = files.numbers
    count, diameter, carbon, opp, ratio, flag = (numbers[name] for name in (*EACH, "opp", "ratio", "flag"))
    with np.errstate(invalid="ignore", divide="ignore"):
        background = 100 * count[:, -1] / np.nansum(count, axis=1)
    names = ("all_count", "evt_count", "noise_count", "saturated_count")
    variables: dict[str, Any] = {
        "file_id": ("time", files.ids),
        "n_count": (_EACH, count), "diameter": (_EACH, diameter), "carbon_quota": (_EACH, carbon),
        "opp_count": (_BY_QUANTILE, opp), "opp_evt_ratio": (_BY_QUANTILE, ratio), "background": (_BY_QUANTILE, background),
        **{name: ("time", numbers["events"][i]) for i, name in enumerate(names)},
        "file_flag": ("time", flag, _FLAGS),
        "excluded": ("time", excluded.astype(np.int8), _EXCLUDED),
        "virtual_core": ("quantile", virtual_core(np.nan_to_num(ratio[~excluded]))),
    }  # fmt: skip
    coords = {"time": files.times, "population": np.array(populations, dtype=np.str_), "quantile": list(QUANTILES)}
    return xr.Dataset(variables, coords)


def _described(ds: xr.Dataset) -> xr.Dataset:
    for spec in PROVIDES:
        if spec.name in ds.variables and spec.name != "time":
            ds[spec.name].attrs |= spec.attrs()
    return ds
