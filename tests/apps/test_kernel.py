"""Kernels of JupyterLab: a page is heard on the main thread, and told nothing before it is drawn."""

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


def _value(client: Any, expression: str) -> Any:
    return eval(_asked(client, expression))  # what our own kernel wrote


def _until(kernel: Any, expression: str, told: str) -> None:
    until = time.monotonic() + 30
    while (seen := _asked(kernel, expression)) != told:
        assert time.monotonic() < until, seen
        time.sleep(0.1)


def test_what_a_page_says_is_heard_on_the_main_thread(kernel: Any) -> None:
    assert kernel.execute(CODE, reply=True, timeout=60)["content"]["status"] == "ok"
    said = {"comm_id": "a", "target_name": "page", "data": {}}
    subshell = _subshell(kernel)
    kernel.shell_channel.send(kernel.session.msg("comm_open", said))
    _until(kernel, "comm._comm is not None", "True")  # the other thread would not know it yet
    for n in range(20):
        message = kernel.session.msg("comm_msg", {"comm_id": "a", "data": {"n": n}})
        message["header"]["subshell_id"] = subshell if n % 2 else None
        kernel.shell_channel.send(message)
    until = time.monotonic() + 30
    while _asked(kernel, "len(heard)") != "20" and time.monotonic() < until:
        time.sleep(0.1)
    heard = _value(kernel, "heard")
    assert sorted(n for n, _ in heard) == list(range(20))
    assert {name for _, name in heard} == {"MainThread"}


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
    shown = _value(kernel, "shown")
    assert sorted(n for n, _ in shown) == list(range(-1, 20))
    assert {name for _, name in shown} == {"MainThread"}
    assert _asked(kernel, "at_once") == "1"


DRAWN = """
import panel as pn
pn.extension()
text = pn.widgets.TextInput(value="a")
bundle = text._repr_mimebundle_()
((server, client),) = text._comms.values()
sent = []
server.send = lambda data=None, metadata=None, buffers=[]: sent.append(data)
"""


def said(*events: dict[str, Any]) -> dict[str, Any]:
    """What a page says, as Panel sends it."""
    return {"header": {"msgid": "1", "msgtype": "PATCH-DOC"}, "metadata": {}, "content": {"events": list(events)}}


def test_a_page_is_told_nothing_before_it_is_drawn(kernel: Any) -> None:
    """It throws away what comes earlier, also the beginning of a message, and takes the rest of it for another."""
    told = kernel.execute(DRAWN, reply=True, timeout=120)["content"]
    assert told["status"] == "ok", told
    opened = {"comm_id": "a", "target_name": _value(kernel, "client.id"), "data": {}}
    kernel.shell_channel.send(kernel.session.msg("comm_open", opened))
    _until(kernel, "server._comm is not None", "True")
    hello = {"kind": "MessageSent", "msg_type": "hello", "msg_data": {}}
    for value in "bcd":
        kernel.shell_channel.send(kernel.session.msg("comm_msg", {"comm_id": "a", "data": said(hello)}))
        assert kernel.execute(f"text.value = {value!r}", reply=True, timeout=60)["content"]["status"] == "ok"
    assert _asked(kernel, "sent") == "[]"
    assert f"drawn:{_value(kernel, 'server.id')}" in _value(kernel, "bundle[0]['text/html']")
    drawn = {"comm_id": "b", "target_name": f"drawn:{_value(kernel, 'server.id')}", "data": {}}
    kernel.shell_channel.send(kernel.session.msg("comm_open", drawn))
    _until(kernel, "len(sent)", "9")  # a header, metadata, and what changed, three times
    assert [
        _asked(kernel, f"sent[{at}].count(chr(34) + {v!r} + chr(34))") for at, v in ((2, "b"), (5, "c"), (8, "d"))
    ] == ["1"] * 3
    assert kernel.execute("text.value = 'e'", reply=True, timeout=60)["content"]["status"] == "ok"
    _until(kernel, "len(sent)", "12")
