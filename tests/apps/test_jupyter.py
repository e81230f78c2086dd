"""The Jupyter server extension: whose files are served where, and what which kernel is told."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from tornado.httputil import HTTPHeaders

from workbench.apps import jupyter, kernel

BASE = "/user/ana/"


@pytest.fixture(scope="module")
def address() -> Any:
    """A server with our routes, in a thread."""
    import asyncio
    import threading

    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application

    (socket,) = bind_sockets(0, "127.0.0.1")
    started, loops = threading.Event(), []

    async def main() -> None:
        server = HTTPServer(Application(jupyter.handlers(BASE)))
        server.add_sockets([socket])
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        started.set()
        await stop.wait()
        server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert started.wait(60)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}{BASE}"
    loop, stop = loops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)


def get(url: str) -> tuple[int, bytes, Any]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except HTTPError as error:
        return error.code, b"", error.headers


def test_what_the_libraries_ask_for_is_there(address: str) -> None:
    """Asked in a process of its own: these libraries read the variables when they are imported."""
    told = jupyter.environment(address)
    script = (
        "import os, sys, bokeh.resources as r\n"
        "from workbench.apps import kernel\n"
        "kernel.redirect(r, os.environ['WORKBENCH_BOKEH_CDN'])\n"
        "import panel.io.resources as p, panel_material_ui\n"
        "m = sys.modules['panel_material_ui.base']\n"
        "print(*r.CDN.js_files, p.CDN_DIST + 'panel.min.js', p.CDN_DIST + 'css/loading.css', m.CDN_DIST)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": "/usr/bin", **told}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    urls = [url for url in done.stdout.split() if url.startswith("http")]
    assert len(urls) > 5
    for url in urls:
        assert url.startswith(address), url
        status, body, headers = get(url)
        assert status == 200 and len(body) > 100, url
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "max-age=31536000" in headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["panel/0.0.1/dist/panel.min.js", "bokeh/release/bokeh-0.1.0.min.js", "bokeh/release/passwd",
             "panel/%s/dist/../../config.py", "panel/%s/dist/%%2e%%2e/config.py", "panel-material-ui/v%s/none.js"],
)  # fmt: skip
def test_nothing_else_is(address: str, path: str) -> None:
    versions = {package.name: package.version for package in jupyter.PACKAGES}
    name = "panel-material-ui" if path.startswith("panel-material") else "panel"
    full = path % versions[name] if "%s" in path else path
    assert get(f"{address}{jupyter.PLACE}/{full}")[0] in (403, 404)


def asked(**headers: str) -> Any:
    names = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
    return SimpleNamespace(headers=names, protocol="http", host=headers["Host"])


@pytest.mark.parametrize(
    ("request_", "address"),
    [
        (asked(Host="ship:8888"), "http://ship:8888/user/ana/"),
        (asked(Host="10.0.0.1:8000", Origin="https://hub.ship.example"), "https://hub.ship.example/user/ana/"),
        (asked(Host="h:1", Referer="https://hub:444/user/ana/lab?x"), "https://hub:444/user/ana/"),
        (asked(Host="h:1", Origin="null"), "http://h:1/user/ana/"),
        (asked(Host="h:1", X_Forwarded_Proto="https", X_Forwarded_Host="hub.example"), "https://hub.example/user/ana/"),
        (None, "http://fallback/"),
    ],
)
def test_the_address_is_that_of_the_page(request_: Any, address: str) -> None:
    assert jupyter.seen_as(request_, BASE, "http://fallback/") == address


@pytest.mark.parametrize(
    ("argv", "ours"),
    [
        (["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], True),
        ([sys.executable, "-m", "ipykernel_launcher"], True),
        (["/opt/other/bin/python", "-m", "ipykernel_launcher"], False),
        (["R", "--slave", "-e", "IRkernel::main()"], False),
        ([], False),
    ],
)
def test_only_kernels_of_this_environment_are_told(argv: list[str], ours: bool) -> None:
    assert jupyter.is_ours(argv) is ours


def test_what_a_user_set_stands() -> None:
    class Spec:
        argv = ("python", "-m", "ipykernel_launcher")

    class Manager:
        default_kernel_name = "python3"

        class kernel_spec_manager:
            @staticmethod
            def get_kernel_spec(name: str) -> Any:
                return Spec

    told = jupyter._told(Manager, None, {"PANEL_CDN_ROOT": "mine"}, "http://h:1/")
    assert told["env"]["PANEL_CDN_ROOT"] == "mine"
    assert urlsplit(told["env"]["PANEL_MATERIAL_UI_CDN_ROOT"]).path == "/workbench/cdn/panel-material-ui/v"
    assert told["extra_arguments"] == [f"--InteractiveShellApp.extra_extensions={jupyter.EXTENSION}"]


def test_a_bokeh_that_cannot_be_told_is_put_into_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PANEL_INLINE", raising=False)
    kernel.redirect(ModuleType("bokeh.resources"), "http://h/")
    import os

    assert os.environ["PANEL_INLINE"] == "true"
    monkeypatch.delenv("PANEL_INLINE")


def test_kernels_start_no_slower() -> None:
    script = (
        "import os, sys; os.environ['WORKBENCH_BOKEH_CDN'] = 'http://h/cdn/'\n"
        "from workbench.apps import kernel; kernel.load_ipython_extension(None)\n"
        "assert not {'bokeh', 'panel', 'numpy'} & set(sys.modules)\n"
        "import bokeh.resources\n"
        "assert bokeh.resources.CDN.js_files[0].startswith('http://h/cdn/bokeh/release/bokeh-')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_server_starts_no_slower() -> None:
    script = "import sys, workbench.apps.jupyter; assert not {'bokeh', 'panel', 'numpy', 'xarray'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
