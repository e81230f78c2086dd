"""What a file says about itself, so that it can be found and understood without us (ACDD-1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.catalog.extent import Extent
from workbench.core import clock

if TYPE_CHECKING:
    from workbench.catalog.cruise import Cruise

CONVENTIONS = "CF-1.11, ACDD-1.3"
VOCABULARY = "CF Standard Name Table v93"


@dataclass(frozen=True)
class Told:
    """What is known about a dataset beside its rows.

    Attributes
    ----------
    source : str
        Name of the Source.
    attributes : mapping
        Global attributes.
    platform : str
        The cruise's id.
    """

    source: str
    attributes: Mapping[str, Any]
    platform: str


def tell(cruise: Cruise, source: str, ds: xr.Dataset, extent: Extent, given: Mapping[str, str]) -> Told:
    """The global attributes of an exported source: the dataset's own, what ACDD asks for and we know, what was given.

    Whoever made the data is not in the catalog; `given` says it.
    """
    now = f"{np.datetime_as_string(clock.now(), unit='s')}Z"
    about = cruise[source]
    names = [str(name) for name, array in ds.variables.items() if not str(name).endswith("_qc") and array.dims]
    keywords = [ds[name].attrs.get("long_name", name) for name in names]
    tool = f"SciOps Workbench {version('sciops-workbench')}"
    told: dict[str, Any] = {
        **ds.attrs,
        "Conventions": CONVENTIONS,
        "title": f"{cruise.title or cruise.id}: {source}",
        "summary": _summary(cruise, source, about.description),
        "keywords": ", ".join(dict.fromkeys(str(word) for word in keywords)),
        "keywords_vocabulary": "none",
        "id": f"{cruise.id}.{source}",
        "naming_authority": "workbench",
        "source": f"{source} of cruise {cruise.id}",
        "history": f"{now} exported by {tool} ({about.reader or about.about})",
        "date_created": now,
        "project": cruise.id,
        "standard_name_vocabulary": VOCABULARY,
        "processing_level": "as recorded; units converted, quality flags added, no row removed",
        "cdm_data_type": "Trajectory" if extent.placed and "particle" not in ds.dims else "Other",
        **({"platform": cruise.ship} if cruise.ship else {}),
        **extent.coverage(),
        **extent.place(),
        **given,
    }
    return Told(source, told, cruise.id)


def _summary(cruise: Cruise, source: str, description: str) -> str:
    ship = f" aboard {cruise.ship}" if cruise.ship else ""
    return f"{description or source} Source {source} of cruise {cruise.id}{ship}.".strip()
