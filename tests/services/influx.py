"""A real InfluxDB 1 for tests: its own configuration in a temporary folder, a free port, started, stopped, started again.

with Influxd(tmp_path) as server:                 # or auth=True, with a shared secret for JWT
    server.create("cruise")
    server.write("cruise", ["met,ship=x par=1.5 1700000000000000000"])
    server.url("cruise", "met")                   # influxdb://127.0.0.1:PORT/cruise/met
    server.stop(); server.start()                 # same port, same data
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, urlencode

import pytest

from tests.server import free_port

SECRET = "a secret that the server and the test share"
_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
logging-enabled = false
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = {auth}
shared-secret = "{secret}"
log-enabled = false
[continuous_queries]
enabled = false
[subscriber]
enabled = false
[logging]
level = "error"
"""


class Influxd:
    """`influxd` as a subprocess; use it in a ``with`` statement.

    Parameters
    ----------
    folder : Path
        Where its configuration and its data are.
    auth : bool
        True: nobody may do anything without a name and a password; ``admin``/``admin`` is made.
    """

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        if shutil.which("influxd") is None:
            pytest.skip("no influxd here: apt-get install influxdb")
        self.folder, self.auth = folder, auth
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "influxdb.conf"
        self._config.write_text(
            _CONFIG.format(
                folder=folder, port=self.port, rpc=free_port(), auth="true" if auth else "false", secret=SECRET
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Influxd:
        self.start()
        if self.auth:
            self.query("CREATE USER admin WITH PASSWORD 'admin' WITH ALL PRIVILEGES", login=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self, wait: float = 30) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["influxd", "-config", str(self._config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            try:
                self._ask("GET", "/ping")
                return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        self.stop()
        raise AssertionError(f"influxd does not answer:\n{(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """End it; its data stay."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(60)
        self._process = None

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
        self._process = None

    def cpu(self) -> float:
        """Seconds of CPU that it has used since it was started."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def url(self, database: str, measurement: str) -> str:
        return f"influxdb://127.0.0.1:{self.port}/{quote(database, safe='')}/{quote(measurement, safe='')}"

    def create(self, database: str) -> None:
        self.query(f'CREATE DATABASE "{database}"')

    def write(self, database: str, lines: Iterable[str], *, batch: int = 20_000) -> None:
        """Points, as line protocol with times in nanoseconds."""
        held: list[str] = []
        for line in lines:
            held.append(line)
            if len(held) == batch:
                self._write(database, held)
                held = []
        if held:
            self._write(database, held)

    def _write(self, database: str, lines: list[str]) -> None:
        status, said = self._ask("POST", f"/write?{urlencode({'db': database})}", "\n".join(lines).encode())
        assert status == 204, said

    def query(self, query: str, database: str = "", *, login: bool = True) -> list[dict]:
        """The results of a query, as JSON; a refusal is an AssertionError."""
        params = {"q": query, "db": database, "epoch": "ns"}
        status, said = self._ask("POST", f"/query?{urlencode(params)}", b"", login=login)
        results = json.loads(said).get("results", [{"error": said}])
        assert status == 200 and not any("error" in result for result in results), said
        return results

    def _ask(self, method: str, target: str, body: bytes | None = None, *, login: bool = True) -> tuple[int, str]:
        headers: Mapping[str, str] = {"Authorization": "Basic YWRtaW46YWRtaW4="} if self.auth and login else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
