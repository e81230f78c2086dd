"""A network with nobody on it: a namespace with loopback only, and a second machine where one is wanted."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


class CannotCut(Exception):
    """Why this machine cannot give a process a network of its own."""


def _call(name: str, *args: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args):
        raise CannotCut(f"{name}: {os.strerror(ctypes.get_errno())}; run the browser tests as root on Linux")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        name = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(probe, _SIOCGIFFLAGS, name))[1]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


@contextmanager
def cut_off() -> Iterator[None]:
    """This thread, and every process and thread it starts, sees loopback only until the end.

    Raises
    ------
    CannotCut
        Where the kernel does not allow it (not root, not Linux).
    """
    try:
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    except OSError as error:
        raise CannotCut(f"no network namespaces here ({error})") from error
    try:
        _call("unshare", _CLONE_NEWNET)
        try:
            _loopback_up()
            yield
        finally:
            _call("setns", before, _CLONE_NEWNET)
    finally:
        os.close(before)


class Machine:
    """A second machine on the same cable; `address` is how it reaches this one."""

    here, there = "10.77.0.1", "10.77.0.2"

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def address(self) -> str:
        return self.here

    def run(self, command: Sequence[str | os.PathLike[str]], timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run `command` over there; its output as text."""
        inside = ["nsenter", "--target", str(self._pid), "--net", "--", *map(os.fspath, command)]
        return subprocess.run(inside, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


@contextmanager
def second_machine() -> Iterator[Machine]:
    """A veth pair from here to another, equally cut off, namespace (needs iproute2)."""
    if not shutil.which("ip") or not shutil.which("nsenter"):
        raise CannotCut("no `ip` or `nsenter` command; apt-get install iproute2 util-linux")
    far = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
    try:
        machine = Machine(far.pid)
        _wait_for_namespace(far.pid)
        _ip("link add wb-here type veth peer name wb-there")
        _ip(f"link set wb-there netns {far.pid}")
        _ip(f"addr add {Machine.here}/24 dev wb-here")
        _ip("link set wb-here up")
        for line in (f"addr add {Machine.there}/24 dev wb-there", "link set wb-there up", "link set lo up"):
            machine.run(["ip", *line.split()]).check_returncode()
        yield machine
    finally:
        subprocess.run(["ip", "link", "del", "wb-here"], capture_output=True)
        far.kill()
        far.wait()


def _wait_for_namespace(pid: int) -> None:
    mine = os.readlink("/proc/self/ns/net"), os.readlink("/proc/thread-self/ns/net")
    for _ in range(1500):
        if os.readlink(f"/proc/{pid}/ns/net") not in mine:
            return
        subprocess.run(["sleep", "0.02"])
    raise CannotCut("the second namespace did not come up")


def _ip(line: str) -> None:
    done = subprocess.run(["ip", *line.split()], capture_output=True, text=True)
    if done.returncode:
        raise CannotCut(f"ip {line}: {done.stderr.strip()}")
