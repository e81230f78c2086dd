"""SeaFlow OPP: optimally positioned particles, hourly Parquet files."""

from __future__ import annotations

from typing import ClassVar

from workbench.core.variables import VariableSpec
from workbench.readers import seaflow_particles as particles


class SeaflowOpp(particles.Particles):
    """SeaFlow OPP (optimally positioned particles): hourly Parquet files of R or Python.

    A dataset like that of ``seaflow_evt``: along ``particle`` the linear channels ``D1, D2, fsc_small, pe, chl_small``
    (float64, also where the file has float32) and the flags ``q2.5, q50, q97.5``; for each EVT file its ``time``
    (UTC), ``file_id``, ``filter_id`` and ``row_size`` (a CF contiguous ragged array). Opening reads footers and what says which file a
    row is of; of the rest only the columns that are asked for. Broken files are listed in attr ``refused``, columns
    that only some files have in ``left_out``.
    """

    description = "SeaFlow OPP: hourly particles in focus"
    provides: ClassVar[tuple[VariableSpec, ...]] = particles.OPP
    patterns: ClassVar[tuple[str, ...]] = ("*.opp.parquet",)
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("fsc_small",), ("q50", "q2.5", "q97.5"))
