"""SeaFlow VCT: particles in focus with their population, diameter and carbon, hourly Parquet files."""

from __future__ import annotations

from typing import ClassVar

from workbench.core.variables import VariableSpec
from workbench.readers import seaflow_particles as particles


class SeaflowVct(particles.Particles):
    """SeaFlow VCT (particles with population, diameter and carbon): hourly Parquet files of R or Python.

    A dataset like that of ``seaflow_opp``, with for each quantile the population (``pop_q50``: text, "" where the
    particle is not in focus in that quantile), diameters (``diam_mid_q50``, um) and carbon (``Qc_mid_q50``, pg per
    cell), NaN where the particle is not in focus, and for each EVT file the ``gating_id``. Slim files (``pop``,
    ``diam``, ``Qc``) are read, too; their file ids are made from the time. Of what is not asked for nothing is read.
    """

    description = "SeaFlow VCT: hourly particles with populations"
    provides: ClassVar[tuple[VariableSpec, ...]] = particles.VCT
    patterns: ClassVar[tuple[str, ...]] = ("*.vct.parquet",)
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("fsc_small",), ("pop_q50", "pop_q2.5", "pop_q97.5", "pop"))
