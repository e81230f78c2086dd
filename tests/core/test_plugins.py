"""Parts found by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workbench.core import plugins
from workbench.core.errors import PluginError


def test_first_party_parts_come_through_the_same_door():
    assert {"seaflow_evt", "seaflow_sfl", "nmea_log", "tsdata"} <= set(plugins.names("xarray.backends"))
    assert {"cruise_map", "cytogram", "series", "tiles", "files"} <= set(plugins.names("workbench.views"))
    for group in plugins.GROUPS:
        assert list(plugins.names(group)) == sorted(plugins.names(group))


def test_a_part_is_found():
    from workbench.readers.seaflow_evt import SeaflowEvt

    assert plugins.find("xarray.backends", "seaflow_evt") is SeaflowEvt


@pytest.mark.parametrize(("group", "kind"), [("xarray.backends", "reader"), ("workbench.views", "view"),
                                             ("workbench.products", "product"), ("workbench.listeners", "listener")])  # fmt: skip
def test_a_misspelt_name_is_told_with_its_kind(group, kind):
    with pytest.raises(PluginError, match=f"no {kind} is called 'seaflow_etv'"):
        plugins.find(group, "seaflow_etv")


def test_the_nearest_name_is_told():
    with pytest.raises(PluginError, match="Did you mean 'seaflow_evt'"):
        plugins.find("xarray.backends", "seaflow_etv")


@pytest.mark.parametrize(
    "name", ["os.system", "workbench.readers.seaflow_evt:SeaflowEvt", "../evil", "", "subprocess:Popen"]
)
def test_a_path_is_no_name(name):
    with pytest.raises(PluginError):
        plugins.find("xarray.backends", name)


def test_naming_imports_nothing():
    code = "import sys; from workbench.core import plugins; plugins.names('workbench.views'); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
