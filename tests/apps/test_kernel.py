"""Kernels of JupyterLab: what a page says is heard on the main thread, whatever thread of the kernel it came on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

CODE = """
import threading
from panel.io.notebook import JupyterCommJSBinary
heard = []
comm = JupyterCommJSBinary(id="page", on_msg=lambda said: heard.append((said["n"], threading.current_thread().name)))
"""


@pytest.fixture
def kernel() -> Iterator[Any]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(extra_arguments=["--ext", "workbench.apps.kernel"])
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def _subshell(client: Any) -> str:
    client.control_channel.send(client.session.msg("create_subshell_request"))
    return str(client.control_channel.get_msg(timeout=30)["content"]["subshell_id"])


def _asked(client: Any, expression: str) -> str:
    told = client.execute("pass", user_expressions={"it": expression}, reply=True, timeout=60)
    return str(told["content"]["user_expressions"]["it"]["data"]["text/plain"])


def test_what_a_page_says_is_heard_on_the_main_thread(kernel: Any) -> None:
    assert kernel.execute(CODE, reply=True, timeout=60)["content"]["status"] == "ok"
    said = {"comm_id": "a", "target_name": "page", "data": {}}
    subshell = _subshell(kernel)
    kernel.shell_channel.send(kernel.session.msg("comm_open", said))
    for n in range(20):
        message = kernel.session.msg("comm_msg", {"comm_id": "a", "data": {"n": n}})
        message["header"]["subshell_id"] = subshell if n % 2 else None
        kernel.shell_channel.send(message)
    until = time.monotonic() + 30
    while _asked(kernel, "len(heard)") != "20" and time.monotonic() < until:
        time.sleep(0.1)
    heard = eval(_asked(kernel, "heard"))  # what our own kernel wrote
    assert sorted(n for n, _ in heard) == list(range(20))
    assert {name for _, name in heard} == {"MainThread"}
    assert [n for n, _ in heard if n % 2] == list(range(1, 20, 2)), "in the order it was said"


SHOWN = """
import threading
from workbench.live.main_thread import call_now
shown = []
def worker(n):
    call_now(lambda: shown.append((n, threading.current_thread().name)))
call_now(lambda: shown.append((-1, threading.current_thread().name)))
at_once = len(shown)
threads = [threading.Thread(target=worker, args=(n,)) for n in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_what_comes_from_other_threads_is_shown_on_the_main_thread(kernel: Any) -> None:
    assert kernel.execute(SHOWN, reply=True, timeout=60)["content"]["status"] == "ok"
    until = time.monotonic() + 30
    while _asked(kernel, "len(shown)") != "21" and time.monotonic() < until:
        time.sleep(0.1)
    shown = eval(_asked(kernel, "shown"))  # what our own kernel wrote
    assert sorted(n for n, _ in shown) == list(range(-1, 20))
    assert {name for _, name in shown} == {"MainThread"}
    assert _asked(kernel, "at_once") == "1"
