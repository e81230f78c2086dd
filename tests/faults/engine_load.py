"""A real `workbench engine` under load, killed and started again: what an instrument, a poster and a broker say to it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType

import psutil

from tests.live.test_recorder import sentence
from tests.server import free_port

CATALOG = """\
metadata: {{cruise: {{id: K}}}}
sources:
  wire: {{driver: workbench, args: {{reader: nmea_log, listen: "tcp://127.0.0.1:{tcp}"}}}}
  post: {{driver: workbench, args: {{reader: nmea_log, listen: "http:"}}}}
  topic: {{driver: workbench, args: {{reader: nmea_log, listen: "mqtt://127.0.0.1:{mqtt}/ship/#?qos=1"}}}}
"""

#: A folder of EVT files, what they are worked on with, and the populations that come of them, beside a simulated cruise.
SEAFLOW = """\
  seaflow: {{driver: workbench, args: {{reader: seaflow_evt, listen: "folder:{{{{ CATALOG_DIR }}}}/evt"}}}}
  sfl: {{driver: workbench, args: {{reader: seaflow_sfl, url: {ship}/sfl}}}}
  plan: {{driver: workbench, args: {{reader: seaflow_plan, url: {ship}/plan, size_table: {ship}/plan/calibrated-mie.csv}}}}
  populations: {{driver: workbench, args: {{product: seaflow, inputs: {{evt: seaflow, sfl: sfl, plan: plan}}}}}}
"""


def arrive(path: Path, ship: Path, folder: Path) -> None:
    """An EVT file of the simulated ship comes into the watched folder, as rsync brings it."""
    target = folder / path.relative_to(ship / "evt")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, hidden := target.with_name(f".{target.name}.Xy12ab"))
    hidden.rename(target)


def worked(folder: Path) -> set[str]:
    """EVT files whose populations stand in ``particles/cruise.db``, by their names."""
    path = folder / "particles" / "cruise.db"
    if not path.exists():
        return set()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            return {str(name) for (name,) in connection.execute("select distinct file from vct")}
        except sqlite3.OperationalError:  # it is being made
            return set()


def line(i: int) -> bytes:
    """Line number `i` of a feed: its speed."""
    return sentence(f"GPVTG,054.7,T,,M,{i:d},N,010.2,K,A")


class Killable:
    """An engine in a process of its own.

    Parameters
    ----------
    catalog : Path
    log : Path
        Where it writes, all starts one after another.
    """

    def __init__(self, catalog: Path, log: Path, **env: str) -> None:
        self.catalog, self.log, self.port, self.env = catalog, log, free_port(), env
        self.process: psutil.Popen | None = None

    def start(self, *args: str, wait: float = 60) -> tuple[float, float]:
        """Start it; seconds of CPU and of wall until it takes what is posted."""
        begun = time.monotonic()
        with self.log.open("ab") as out:
            self.process = psutil.Popen(
                [sys.executable, "-m", "workbench", "engine", str(self.catalog), "--port", str(self.port), *args],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "PYTHONFAULTHANDLER": "1", **self.env},
            )  # fmt: skip
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text()
            if time.monotonic() - begun > wait:
                self.process.send_signal(signal.SIGABRT)  # it tells where it stands
                self.process.wait()
                raise AssertionError(f"no answer within {wait:g} s:\n{self.log.read_text()}")
            time.sleep(0.02)
        used = self.process.cpu_times()
        return used.user + used.system, time.monotonic() - begun

    def answers(self) -> bool:
        return self.status() is not None

    def status(self) -> dict | None:
        """What its API says; None when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/status", timeout=30) as answer:
                return json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Kill it when it still runs: for the end of a test that failed."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return int(self.process.wait(30))

    def post(self, name: str, body: bytes) -> bool:
        """True when it was acknowledged."""
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/feed/{name}", data=body)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False


class Load:
    """Three feeds that speak all the time, each line another number; `acknowledged` says which were.

    Of a stream nothing is ever acknowledged: the logger's lines are sent to whoever is connected.
    """

    def __init__(self, engine: Killable, tcp: socket.socket, mqtt: int) -> None:
        self.acknowledged: dict[str, list[int]] = {"post": [], "topic": [], "wire": []}
        self._over = threading.Event()
        self._engine, self._server, self._mqtt = engine, tcp, mqtt
        work: list[Callable[[], None]] = [self._post, self._publish, self._serve]
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        for each in self._threads:
            each.join(20)

    def _post(self) -> None:
        i = 0
        while not self._over.wait(0.01):
            i += 1
            if self._engine.post("post", line(i)):
                self.acknowledged["post"].append(i)

    def _publish(self) -> None:
        from paho.mqtt import client as paho

        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="ship")
        client.connect("127.0.0.1", self._mqtt)
        client.loop_start()
        i = 0
        while not self._over.wait(0.02):
            i += 1
            sent = client.publish("ship/gps", line(i), qos=1)
            sent.wait_for_publish(10)
            if sent.is_published():
                self.acknowledged["topic"].append(i)
        client.disconnect()
        client.loop_stop()

    def _serve(self) -> None:
        self._server.settimeout(0.1)
        i, guest = 0, None
        while not self._over.wait(0.01):
            try:
                guest = guest or self._server.accept()[0]
                i += 1
                guest.sendall(line(i))
            except TimeoutError:
                continue
            except OSError:
                guest = None
        if guest is not None:
            guest.close()
