"""JupyterLab without internet: a server extension, enabled by installing the package.

It serves the JavaScript and style sheets of Bokeh, Panel and Panel Material UI from the installed packages under
``<base>/workbench/cdn/`` and tells every Python kernel of its own environment so before it starts: by environment
variables for Panel, and by an IPython extension (apps/kernel.py) for Bokeh, which reads none. Notebooks then hold
short addresses on this server, neither megabytes of scripts nor the addresses of anybody outside.

What a user set (``PANEL_CDN_ROOT``, ``PANEL_INLINE``, ...) stands. ``WORKBENCH_JUPYTER=off`` leaves kernels alone.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.web import HTTPError, StaticFileHandler

from workbench.apps.launcher import ROOT

#: Where the files are served, below the server's base URL.
PLACE = "workbench/cdn"
#: IPython loads this in each kernel.
EXTENSION = "workbench.apps.kernel"
#: The variable that tells a kernel where Bokeh's files are.
BOKEH = "WORKBENCH_BOKEH_CDN"


@dataclass(frozen=True)
class Package:
    """Files of an installed package, as its own CDN would lay them out.

    Attributes
    ----------
    name : str
        Distribution on PyPI.
    module, folder : str
        Import name, and its folder of files.
    root : str
        Below `PLACE`; the version follows.
    variable : str
        The environment variable by which the package is told.
    """

    name: str
    module: str
    folder: str
    root: str
    variable: str

    @property
    def files(self) -> Path | None:
        """The folder, found without importing the package; None when it is not installed."""
        spec = find_spec(self.module)
        places = spec.submodule_search_locations if spec else None
        return Path(next(iter(places))) / self.folder if places else None

    @property
    def version(self) -> str:
        """Its installed version; empty when it is not installed."""
        try:
            return version(self.name).split("+")[0]
        except PackageNotFoundError:
            return ""


#: Their addresses are VARIABLE + version + path, but Bokeh's, which carry the version in the names of the files.
PACKAGES = (
    Package("panel", "panel", "dist", "panel/", "PANEL_CDN_ROOT"),
    Package("panel-material-ui", "panel_material_ui", "dist", "panel-material-ui/v", "PANEL_MATERIAL_UI_CDN_ROOT"),
    Package("bokeh", "bokeh", "server/static/js", "", BOKEH),
)


def _release(text: str) -> str:
    """``1.9.0`` of ``1.9.0rc1`` and of ``1.9.0-rc.1``: Python and JavaScript write candidates differently."""
    found = re.match(r"\d+(\.\d+)*", text)
    return found[0] if found else text


class Files(StaticFileHandler):
    """Files of an installed package; its version in the address is what lets browsers keep them."""

    def set_default_headers(self) -> None:
        """Public files: pages under another name of this server (localhost, 127.0.0.1) import them as modules, too."""
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("X-Content-Type-Options", "nosniff")

    def initialize(self, path: str, package: Package) -> None:  # type: ignore[override]
        """As of Tornado's, with whose files they are."""
        super().initialize(path)
        self.package = package

    def parse_url_path(self, url_path: str) -> str:
        """The file below the package's folder, when the version asked for is the one that is installed."""
        asked, _, path = url_path.partition("/")
        return self.file_of(asked, path.removeprefix("dist/") if self.package.name == "panel" else path)

    def file_of(self, asked: str, path: str) -> str:
        """HTTPError 404 when `asked` is another version."""
        have = self.package.version
        if _release(asked) != _release(have):
            raise HTTPError(404, reason=f"{self.package.name} {have} is installed here, not {asked[:40]}")
        return str(super().parse_url_path(path))

    def get_cache_time(self, path: str, modified: Any, mime_type: str) -> int:
        """A year: another version has another address."""
        return 365 * 86_400


class BokehFiles(Files):
    """``bokeh-widgets-3.9.2.min.js`` is ``bokeh-widgets.min.js`` of version 3.9.2."""

    def parse_url_path(self, url_path: str) -> str:
        """The file whose name carries the version."""
        found = re.fullmatch(r"(bokeh[a-z-]*)-(\d[^/]*?)(\.(?:esm\.)?(?:min\.)?js(?:\.map)?)", url_path)
        if found is None:
            raise HTTPError(404, reason="no such file of Bokeh")
        return self.file_of(found[2], found[1] + found[3])


def handlers(base: str) -> list[tuple[str, type[Files], dict[str, Any]]]:
    """Routes of the packages that are installed.

    Parameters
    ----------
    base : str
        The server's base URL, with its last slash.
    """
    found: list[tuple[str, type[Files], dict[str, Any]]] = []
    for package in PACKAGES:
        folder = package.files
        if folder is None or not package.version:
            continue
        given = {"path": str(folder), "package": package}
        if package.variable == BOKEH:
            found.append((rf"{re.escape(base)}{PLACE}/bokeh/(?:release|dev)/([^/]+)", BokehFiles, given))
        else:
            found.append((rf"{re.escape(base)}{PLACE}/{re.escape(package.root)}([0-9][^/]*/.*)", Files, given))
    return found


def environment(address: str) -> dict[str, str]:
    """What a kernel must know before it imports anything.

    Parameters
    ----------
    address : str
        Of this server as the browser sees it, base URL included.
    """
    root = f"{address.rstrip('/')}/{PLACE}"
    return {package.variable: f"{root}/{package.root}".rstrip("/") + ("" if package.root.endswith("v") else "/")
            for package in PACKAGES if package.version}  # fmt: skip


def seen_as(request: Any, base: str, fallback: str) -> str:
    """The address of this server as the page that asks sees it, whatever proxies stand between.

    Parameters
    ----------
    request : tornado.httputil.HTTPServerRequest or None
        What started the kernel, when a page did.
    base : str
        The server's base URL.
    fallback : str
        The server's own idea of its address.
    """
    if request is None:
        return fallback
    headers = request.headers
    for name in ("Origin", "Referer"):
        parts = urlsplit(headers.get(name, ""))
        if parts.scheme in ("http", "https") and parts.netloc:
            return f"{parts.scheme}://{parts.netloc}{base}"
    protocol = headers.get("X-Forwarded-Proto", request.protocol).split(",")[0].strip()
    return f"{protocol}://{headers.get('X-Forwarded-Host', request.host).split(',')[0].strip()}{base}"


def is_ours(argv: Sequence[str]) -> bool:
    """Does this kernel run in the environment whose files are served? Others bring versions of their own."""
    if not argv or not any("ipykernel" in word for word in argv):
        return False
    program = argv[0]
    if os.path.basename(program) == program:  # "python": jupyter_client puts its own interpreter there
        return program.startswith("python")
    return os.path.dirname(os.path.abspath(program)) == os.path.dirname(os.path.abspath(sys.executable))


def _told(manager: Any, name: str | None, env: Mapping[str, str], address: str) -> dict[str, Any]:
    """Further arguments for the start of a kernel; none when it is not ours."""
    try:
        argv = manager.kernel_spec_manager.get_kernel_spec(name or manager.default_kernel_name).argv
    except Exception:  # a kernel that nobody knows; who starts it says so
        return {}
    if not is_ours(argv):
        return {}
    return {
        "env": {**environment(address), **env},
        "extra_arguments": [f"--InteractiveShellApp.extra_extensions={EXTENSION}"],
    }


def _tell_kernels(server: Any) -> None:
    """Every kernel that starts from now on is told where the files are."""
    from jupyter_server import CallContext

    manager, start = server.kernel_manager, server.kernel_manager.start_kernel

    async def start_kernel(*args: Any, **given: Any) -> Any:
        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        address = seen_as(getattr(handler, "request", None), server.base_url, server.connection_url.split("?")[0])
        told = _told(manager, given.get("kernel_name"), given.get("env") or os.environ, address)
        if told:
            given["env"] = told["env"]
            given["extra_arguments"] = [*given.get("extra_arguments", ()), *told["extra_arguments"]]
        return await start(*args, **given)

    manager.start_kernel = start_kernel


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "workbench.apps.jupyter"}]


def _link_jupyter_server_extension(server: Any) -> None:
    """JupyterLab asks nobody outside for news or for newer versions, unless somebody configured that it should."""
    for app in server.extension_manager.extension_apps.get("jupyterlab", ()):
        chosen = {**server.config.get("LabApp", {}), **app.config.get("LabApp", {})}
        if "news_url" not in chosen:
            app.news_url = None
        if "check_for_updates_class" not in chosen:
            app.check_for_updates_class = "jupyterlab.handlers.announcements.NeverCheckForUpdate"


def _load_jupyter_server_extension(server: Any) -> None:
    server.web_app.add_handlers(".*$", handlers(server.base_url))
    os.environ[ROOT] = server.root_dir
    if os.environ.get("WORKBENCH_JUPYTER", "").lower() not in ("off", "0", "false"):
        _tell_kernels(server)
