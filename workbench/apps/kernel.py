"""An IPython extension for kernels of JupyterLab: where Bokeh's files are, and how a kernel and its page talk.

- Bokeh has no setting for where its scripts are. Its address is replaced by the server's (see apps/jupyter.py).
- JupyterLab lets a kernel answer its page on a thread of its own ("subshell"). Panel sends a picture as several
  messages; sent by two threads at once they come mixed, and the page stands still with an error. What a page says is
  therefore brought to the main thread, where everything else of a view happens.
- A page throws away what comes before it is drawn, also the beginning of a message whose end it then takes for a
  beginning; it understands nothing from there on. What changes until it is drawn waits for it.

All are done when the module they concern is imported, if it ever is: kernels start no slower.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from string import Template
from types import ModuleType
from typing import Any

#: The module that knows where Bokeh's scripts are, and the one that talks with a notebook's page.
HOME, EAR = "bokeh.resources", "panel.io.notebook"
#: Runs in a page: says that it is drawn, once Panel would no longer throw away what it is told.
SAYS = Template("""
<script type="application/javascript">
(function wait(left) {
  const here = window.PyViz || {}, page = "$page"
  if ((here.plot_index || {})[page] || (window.Bokeh && page in window.Bokeh.index)) {
    here.comm_manager?.get_client_comm(page, "$name")
  } else if (left > 0) {
    setTimeout(wait, 50, left - 1)
  }
})(400)
</script>""")
#: Seconds that one waits at most for a page to say that it is drawn.
PATIENCE = 20.0


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython."""
    if address := os.environ.get("WORKBENCH_BOKEH_CDN"):
        once(HOME, lambda module: redirect(module, address))
    if kernel := getattr(shell, "kernel", None):
        once(EAR, lambda module: on_main_thread(module, kernel))
        once(EAR, lambda module: when_drawn(module, kernel))


def once(name: str, call: Callable[[ModuleType], None]) -> None:
    """Call with the module `name`: now, or as soon as it is imported."""
    if name in sys.modules:
        call(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Once(name, call))


def redirect(module: ModuleType, address: str) -> None:
    """Let Bokeh's scripts come from `address`; a Bokeh that cannot be told puts them into the notebook instead."""
    if hasattr(module, "_cdn_base_url"):
        vars(module)["_cdn_base_url"] = lambda: address.rstrip("/")
    else:
        os.environ.setdefault("PANEL_INLINE", "true")


def on_main_thread(module: ModuleType, kernel: Any) -> None:
    """Let Panel hear what a page says on the main thread, whatever thread it came on."""
    kind = getattr(module, "JupyterCommJSBinary", None)
    hear = getattr(kind, "_handle_msg", None)
    if kind is None or hear is None:
        return  # another Panel

    def heard(comm: Any, message: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            hear(comm, message)
        else:
            kernel.io_loop.add_callback(hear, comm, message)

    kind._handle_msg = heard


def when_drawn(module: ModuleType, kernel: Any) -> None:
    """Let Panel tell a page nothing before it has said that it is drawn; then all that changed, in order."""
    render, push, diff = (getattr(module, name, None) for name in ("render_mimebundle", "push", "diff"))
    if render is None or push is None or diff is None:
        return  # another Panel
    waiting: dict[str, list[Any]] = {}

    def rendered(model: Any, doc: Any, comm: Any, *rest: Any, **options: Any) -> Any:
        data, meta = render(model, doc, comm, *rest, **options)
        if comm is None or "text/html" not in data:
            return data, meta
        name = f"drawn:{comm.id}"

        def drawn() -> None:
            kernel.comm_manager.targets.pop(name, None)
            for message in waiting.pop(comm.id, ()):
                push(doc, comm, msg=message)

        waiting[comm.id] = []
        kernel.comm_manager.register_target(name, lambda *_: kernel.io_loop.add_callback(drawn))
        kernel.io_loop.call_later(PATIENCE, drawn)
        script = SAYS.substitute(page=model.ref["id"], name=name)
        return {**data, "text/html": data["text/html"] + script}, meta

    def pushed(doc: Any, comm: Any, binary: bool = True, msg: Any = None) -> None:
        if comm.id not in waiting:
            push(doc, comm, binary, msg)
        elif (changed := msg or diff(doc, binary=binary)) is not None:
            waiting[comm.id].append(changed)

    vars(module).update(render_mimebundle=rendered, push=pushed)


class _Once(MetaPathFinder):
    """Waits for a module to be imported."""

    def __init__(self, name: str, call: Callable[[ModuleType], None]) -> None:
        self._name, self._call = name, call

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The usual spec, with one thing more to do once the module stands."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute, loader = spec.loader.exec_module, spec.loader

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self._call(module)

            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
