"""``ds.cruise``: the pictures of the workbench, drawn from any dataset.

    cruise["underway"].open("last 2 days").cruise.map("speed")
    cruise["seaflow"].open("last 6h").cruise.cytogram("fsc_small", "pe")
    cruise["sfl"].open().cruise.series("salinity", "par")

What comes back are ordinary HoloViews elements: overlay them (``*``), lay them out (``+``), put them beside what hvplot
makes, or render them with matplotlib. Views are found by name when they are asked for (entry points
``workbench.views``, those of other packages too: ``ds.cruise.draw("their_view")``); until then nothing is imported.
"""

from __future__ import annotations

from typing import Any

import xarray as xr

from workbench.core import plugins
from workbench.core.errors import WorkbenchError

__all__ = ["CruiseAccessor"]


@xr.register_dataset_accessor("cruise")  # type: ignore[no-untyped-call]
class CruiseAccessor:
    """The pictures of a dataset.

    Parameters
    ----------
    ds : xarray.Dataset
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds

    def map(self, colour: str | None = None, **options: Any) -> Any:
        """The track of the ship on its coast.

        Parameters
        ----------
        colour : str, optional
            The variable that colours it.
        **options
            ``points``: how many positions are drawn at most (4000).

        Returns
        -------
        holoviews.Overlay
            Continuous longitude and latitude in degrees.

        Raises
        ------
        WorkbenchError
            When there are no positions; it says where they are.
        """
        return self.draw("cruise_map", colour=colour, **options)

    def cytogram(self, x: str = "fsc_small", y: str = "pe", **options: Any) -> Any:
        """How many particles lie at each pair of values: every particle is counted.

        Parameters
        ----------
        x, y : str
            Channels.
        **options
            ``cells``: cells along each axis (512).

        Returns
        -------
        holoviews.Image
            Log codes on the axes where the channels are log codes, labelled by their linear values.

        Raises
        ------
        WorkbenchError
            When there are no particles or no such channel; the nearest name is told.
        """
        return self.draw("cytogram", x=x, y=y, **options)

    def series(self, *variables: str, **options: Any) -> Any:
        """Variables against time, one panel each.

        Parameters
        ----------
        *variables : str
            The first four that are numbers, unless told.
        **options
            ``points``: how many are drawn of each at most (4000).

        Returns
        -------
        holoviews.Layout
        """
        return self.draw("series", variables=variables, **options)

    def draw(self, view: str, **options: Any) -> Any:
        """The picture of any view that is installed.

        Parameters
        ----------
        view : str
            Its name, as in a catalog's board.
        **options
            Its own.

        Raises
        ------
        PluginError
            When nobody registered that name.
        WorkbenchError
            When the view shows whole cruises only.
        """
        found: Any = plugins.find("workbench.views", view)
        explore = getattr(found, "explore", None)
        if explore is None:
            raise WorkbenchError(
                f"the view '{view}' does not draw datasets, only cruises: {getattr(found, '__name__', view)}(cruise)"
            )
        return explore(self._ds, **options)

    def __repr__(self) -> str:
        return "pictures of this dataset: .map(colour), .cytogram(x, y), .series(...), .draw(view, ...)"
