"""A real mosquitto in a temporary folder, with its own configuration: started, ended, killed, started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

from tests.server import free_port

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


class Broker:
    """Use it in ``with``. It listens on `port` of localhost and keeps what is queued in `folder`.

    Parameters
    ----------
    folder : Path
    user, password : str
        When given, nobody else may in.
    tls : bool
        With a certificate of a throwaway authority, whose own is ``folder/ca.crt``.
    """

    def __init__(self, folder: Path, *, user: str = "", password: str = "", tls: bool = False) -> None:
        if MOSQUITTO is None:
            pytest.skip("mosquitto is not installed: sudo apt-get install -y mosquitto")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        lines = [
            f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder}/",
            "autosave_interval 1", "max_queued_messages 0", f"log_dest file {folder}/log", "user root",
        ]  # fmt: skip
        if user:
            words = folder / "passwords"
            words.write_text(f"{user}:{password}\n")
            subprocess.run([str(Path(MOSQUITTO).parent.parent / "bin" / "mosquitto_passwd"), "-U", words], check=True)
            lines += ["allow_anonymous false", f"password_file {words}"]
        else:
            lines.append("allow_anonymous true")
        if tls:
            certify(folder)
            lines += [f"cafile {folder}/ca.crt", f"certfile {folder}/server.crt", f"keyfile {folder}/server.key"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert MOSQUITTO is not None
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", self.folder / "mosquitto.conf"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.01)
        raise AssertionError("mosquitto does not answer")

    def stop(self, *, kill: bool = False) -> None:
        """End it; with `kill` it may not even save what is queued."""
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(60)
            self.process = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


def certify(folder: Path) -> None:
    """Make an authority, and a server certificate for localhost that it signed."""

    def openssl(*args: object) -> None:
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=throwaway authority")
    openssl("req", *new[:3], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "server.crt",
    )  # fmt: skip
