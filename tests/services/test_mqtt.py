"""MQTT against a real mosquitto: the laws of listeners; nothing acknowledged is lost, whoever is killed or restarted."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import aiomqtt
import numpy as np
import pytest

from tests.services.broker import Broker
from workbench.core.errors import WorkbenchError
from workbench.core.window import Window
from workbench.live.journal import Journal
from workbench.live.listeners import Listener, open_listener
from workbench.live.replay import Piece, Stream, of_files, replay
from workbench.testing import listeners
from workbench.testing.listeners import Desk, until

pytestmark = pytest.mark.service


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as made:
        yield made


class TestMqtt(listeners.ListenerTests):
    url = "mqtt://127.0.0.1:{port}/ship/gps/#"

    @pytest.fixture(autouse=True)
    def _broker(self, broker: Broker) -> None:
        self.broker = broker
        self.url = type(self).url.format(port=broker.port)  # type: ignore[misc]

    async def ready(self, listener: Listener) -> None:
        """What is sent before it has subscribed the first time is for nobody."""
        await _subscribed(listener)

    async def send(self, listener: Listener, bodies: Sequence[bytes]) -> None:
        async with aiomqtt.Client("127.0.0.1", self.broker.port) as client:
            for body in bodies:
                await client.publish("ship/gps/1", body, qos=1)


async def _publish(broker: Broker, bodies: Sequence[bytes], qos: int = 1, **options: object) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port, **options) as client:  # type: ignore[arg-type]
        for body in bodies:
            await client.publish("ship/gps/1", body, qos=qos)


def _numbers(first: int, last: int) -> list[bytes]:
    return [b"%06d" % number for number in range(first, last)]


def _open(broker: Broker, desk: object, scheme: str = "mqtt", **options: object) -> Listener:
    return open_listener("ship", f"{scheme}://localhost:{broker.port}/ship/#", desk, **options)  # type: ignore[arg-type]


async def _subscribed(listener: Listener) -> None:
    await until(lambda: listener.counters.fault is None, 60)


def test_what_comes_while_nobody_listens_waits_at_the_broker(broker: Broker) -> None:
    async def run() -> None:
        desk = Desk()
        listener = _open(broker, desk)
        await listener.start()
        await _subscribed(listener)
        await listener.stop()
        await _publish(broker, _numbers(0, 50))
        await listener.start()
        await until(lambda: len(desk.taken) >= 50, 60)
        await listener.stop()
        assert desk.bodies == _numbers(0, 50), "in the order they were sent"
        assert {receipt.peer for receipt in desk.taken} == {"ship/gps/1"}

    asyncio.run(run())


def test_a_restarted_broker_is_found_again(broker: Broker) -> None:
    """The user sees that the connection was lost, and that it is there again; no message is lost."""

    async def run() -> None:
        desk = Desk()
        listener = _open(broker, desk)
        await listener.start()
        await _subscribed(listener)
        await _publish(broker, _numbers(0, 10))
        await until(lambda: len(desk.taken) == 10, 60)
        broker.stop()
        await until(lambda: listener.counters.fault is not None, 60)
        assert "connection" in str(listener.counters.fault) and listener.counters.reconnects == 1
        broker.start()
        await _publish(broker, _numbers(10, 20))
        await until(lambda: set(desk.bodies) == set(_numbers(0, 20)), 60)
        assert listener.counters.fault is None, "what the broker had not read our answer to stands there twice"
        await listener.stop()

    asyncio.run(run())


def test_a_broker_that_is_not_there_yet(tmp_path: Path) -> None:
    async def run() -> None:
        desk, broker = Desk(), Broker(tmp_path / "broker")
        listener = _open(broker, desk)
        await listener.start()
        await until(lambda: listener.counters.fault is not None, 60)
        with broker:
            await until(lambda: listener.counters.fault is None, 60)
            await _publish(broker, _numbers(0, 3))
            await until(lambda: desk.bodies == _numbers(0, 3), 60)
            await listener.stop()

    asyncio.run(run())


def test_not_acknowledged_before_it_is_kept(broker: Broker) -> None:
    """A listener that was stopped while the disk refused gets the same messages again."""

    async def run() -> None:
        full, desk = Desk(), Desk()
        full.shut = True
        listener = _open(broker, full)
        await listener.start()
        await _subscribed(listener)
        await _publish(broker, _numbers(0, 30))
        await until(lambda: full.tries > 0, 60)
        await listener.stop()
        listener = _open(broker, desk)
        await listener.start()
        await until(lambda: len(desk.taken) >= 30, 60)
        await listener.stop()
        assert set(desk.bodies) == set(_numbers(0, 30))

    asyncio.run(run())


def test_messages_nobody_waits_for_are_dropped_and_counted(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """QoS 0 while the disk refuses: memory is bounded, and the loss is counted."""

    async def run() -> None:
        monkeypatch.setattr("workbench.live.listeners.mqtt._WAITING", 100)
        desk = Desk()
        listener = _open(broker, desk, qos=0)
        await listener.start()
        await _subscribed(listener)
        desk.shut = True
        await _publish(broker, _numbers(0, 1000), qos=0)
        await until(lambda: listener.counters.dropped > 0, 60)
        desk.shut = False
        await until(lambda: listener.counters.dropped + len(desk.taken) == 1000, 60)
        assert desk.bodies == sorted(desk.bodies) and len(desk.taken) >= 100
        await listener.stop()

    asyncio.run(run())


@pytest.mark.parametrize("end", ["broker", "listener"])
def test_unacknowledged_messages_that_wait_are_kept_or_counted_when_it_ends(broker: Broker, end: str) -> None:
    """They came (QoS 0), the disk refuses, and then the broker ends, or we do: nobody sends them again."""

    async def run() -> None:
        desk = Desk()
        listener = _open(broker, desk)
        await listener.start()
        await _subscribed(listener)
        desk.shut = True
        await _publish(broker, _numbers(0, 100), qos=0)
        await until(lambda: desk.tries >= 1, 60)
        waiting = listener._waiting  # type: ignore[attr-defined]
        await until(lambda: waiting.qsize() + len(waiting.at_hand) == 100, 60)
        if end == "broker":
            broker.stop()
            await asyncio.sleep(0.5)
            desk.shut = False
            await until(lambda: len(desk.taken) >= 100, 60)
            assert desk.bodies == _numbers(0, 100)
            await listener.stop()
        else:
            await listener.stop()
            assert listener.counters.dropped == 100
        assert listener.counters.dropped + len(desk.taken) == 100

    asyncio.run(run())


@pytest.mark.parametrize("steps", range(6))
def test_a_message_that_comes_as_it_ends_is_kept_once(broker: Broker, steps: int) -> None:
    """Between the queue and the disk it passes through several hands; the end may come at any of them."""

    async def run() -> None:
        desk = Desk()
        listener = _open(broker, desk)
        await listener.start()
        await _subscribed(listener)
        message = aiomqtt.Message("ship/gps/1", b"last", 0, False, 0, None)
        listener._waiting.put_nowait(message)  # type: ignore[attr-defined]
        for _ in range(steps):
            await asyncio.sleep(0)
        await listener.stop()
        assert desk.bodies == [b"last"] and listener.counters.dropped == 0

    asyncio.run(run())


def test_another_topic_in_the_catalog_is_another_topic(broker: Broker) -> None:
    """The session stays, and with it, at the broker, what was subscribed to before."""

    async def run() -> None:
        for topic, wanted in (("gps", [b"gps"]), ("met/+", [b"met"]), ("#", [b"gps", b"met"])):
            desk = Desk()
            listener = open_listener("ship", f"mqtt://localhost:{broker.port}/ship/{topic}", desk)
            await listener.start()
            await _subscribed(listener)
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                await client.publish("ship/gps", b"gps", qos=1)
                await client.publish("ship/met/1", b"met", qos=1)
            await until(lambda desk=desk, wanted=wanted: len(desk.taken) >= len(wanted), 60)  # type: ignore[misc]
            await listener.stop()
            assert desk.bodies == wanted

    asyncio.run(run())


def test_a_message_that_is_too_long_is_refused_once(broker: Broker) -> None:
    async def run() -> None:
        desk = Desk()
        listener = _open(broker, desk, longest=1000)
        await listener.start()
        await _subscribed(listener)
        await _publish(broker, [b"x" * 1001, b"short"])
        await until(lambda: desk.bodies == [b"short"], 60)
        assert listener.counters.refused == 1
        await listener.stop()

    asyncio.run(run())


@pytest.mark.parametrize("secret", ["env", "file"])
def test_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    async def run() -> None:
        with Broker(tmp_path / "broker", user="ship", password="wind & waves") as broker:
            desk = Desk()
            listener = _open(broker, desk)
            await listener.start()
            await until(lambda: "authori" in (listener.counters.fault or ""), 60)
            await listener.stop()
            monkeypatch.setenv("SHIP_PASSWORD", "wind & waves")
            (tmp_path / "word").write_text("wind & waves\n")
            how = {"password_env": "SHIP_PASSWORD"} if secret == "env" else {"password_file": str(tmp_path / "word")}
            listener = _open(broker, desk, user="ship", **how)
            await listener.start()
            await until(lambda: listener.counters.fault is None, 60)
            await _publish(broker, _numbers(0, 3), username="ship", password="wind & waves")
            await until(lambda: desk.bodies == _numbers(0, 3), 60)
            await listener.stop()
            assert "wind" not in repr(vars(listener))

    asyncio.run(run())


def test_tls(tmp_path: Path) -> None:
    """With the authority that signed the broker's certificate it connects; without it does not."""

    async def run() -> None:
        with Broker(tmp_path / "broker", tls=True) as broker:
            desk, ca = Desk(), str(tmp_path / "broker" / "ca.crt")
            listener = _open(broker, desk, "mqtts")
            await listener.start()
            await until(lambda: "certificate" in (listener.counters.fault or ""), 60)
            await listener.stop()
            listener = _open(broker, desk, "mqtts", ca=ca)
            await listener.start()
            await _subscribed(listener)
            await _publish(broker, _numbers(0, 3), tls_params=aiomqtt.TLSParameters(ca_certs=ca))
            await until(lambda: desk.bodies == _numbers(0, 3), 60)
            await listener.stop()

    asyncio.run(run())


@pytest.mark.fault
def test_a_killed_broker_that_forgot_us(broker: Broker) -> None:
    """kill -9 of the broker, and all it had kept is gone: the listener subscribes anew by itself."""

    async def run() -> None:
        desk = Desk()
        listener = _open(broker, desk)
        await listener.start()
        await _subscribed(listener)
        broker.stop(kill=True)
        (broker.folder / "mosquitto.db").unlink(missing_ok=True)
        await until(lambda: listener.counters.fault is not None, 60)
        broker.start()
        await _subscribed(listener)
        await _publish(broker, _numbers(0, 10))
        await until(lambda: desk.bodies == _numbers(0, 10), 60)
        await listener.stop()

    asyncio.run(run())


def test_a_replay_over_mqtt(broker: Broker, tmp_path: Path) -> None:
    """Replay, broker, listener, journal: the same lines, each feed under its own topic."""
    start = np.datetime64("2023-01-12T03", "ns")
    for name in ("gps", "gyro"):
        lines = (f"{start + np.timedelta64(i, 's')}Z ${name.upper()},{i}\r\n" for i in range(50))
        (tmp_path / f"{name}.log").write_bytes("".join(lines).encode())
    streams = []
    for name in ("gps", "gyro"):
        (stream,) = of_files([tmp_path / f"{name}.log"])
        streams.append(dataclasses.replace(stream, name=name, pieces=_renamed(stream, name)))

    async def run() -> None:
        with Journal(tmp_path / "raw") as journal:
            listener = open_listener("all", f"mqtt://localhost:{broker.port}/ship/#", journal)
            await listener.start()
            await _subscribed(listener)
            await replay(streams, [f"mqtt://localhost:{broker.port}/ship"], warp=np.inf)
            await until(lambda: listener.counters.received == 100, 60)
            await listener.stop()
            for name in ("gps", "gyro"):
                found = [entry.body for entry in journal.read("all") if entry.peer == f"ship/{name}"]
                assert found == [f"${name.upper()},{i}\r\n".encode() for i in range(50)]

    asyncio.run(run())


def _log(folder: Path, lines: int) -> list[Stream]:
    start = np.datetime64("2023-01-12T03", "ns")
    text = "".join(f"{start + np.timedelta64(i, 's')}Z $GPS,{i}\r\n" for i in range(lines))
    (folder / "gps.log").write_text(text, newline="")
    return of_files([folder / "gps.log"])


def test_a_replay_to_a_broker_that_asks_who_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With TLS and a password, which stand in no URL; without them the reason is told."""
    monkeypatch.setenv("SHIP_PASSWORD", "wind & waves")
    streams = _log(tmp_path, 5)

    async def run() -> None:
        with Broker(tmp_path / "broker", user="ship", password="wind & waves", tls=True) as broker:
            desk, ca, place = Desk(), str(tmp_path / "broker" / "ca.crt"), f"localhost:{broker.port}/ship"
            listener = _open(broker, desk, "mqtts", ca=ca, user="ship", password_env="SHIP_PASSWORD")
            await listener.start()
            await _subscribed(listener)
            with pytest.raises(WorkbenchError, match="certificate"):
                await replay(streams, [f"mqtts://ship@{place}?password_env=SHIP_PASSWORD"], warp=np.inf)
            with pytest.raises(WorkbenchError, match="authori"):
                await replay(streams, [f"mqtts://ship@{place}?ca={ca}"], warp=np.inf)
            await replay(streams, [f"mqtts://ship@{place}?ca={ca}&password_env=SHIP_PASSWORD"], warp=np.inf)
            await until(lambda: desk.bodies == [b"$GPS,%d\r\n" % i for i in range(5)], 60)
            await listener.stop()

    asyncio.run(run())


def test_a_replay_waits_for_a_broker_that_is_restarted(broker: Broker, tmp_path: Path) -> None:
    streams = _log(tmp_path, 300)

    async def run() -> None:
        desk = Desk()
        listener = _open(broker, desk)
        await listener.start()
        await _subscribed(listener)
        under_way = asyncio.create_task(replay(streams, [f"mqtt://localhost:{broker.port}/ship"], warp=100))
        await until(lambda: len(desk.taken) > 20, 60)
        await asyncio.to_thread(broker.stop)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(broker.start)
        assert (await asyncio.wait_for(under_way, 60)).pieces == {"nmea_log": 300}
        await until(lambda: len(set(desk.bodies)) == 300, 60)
        await listener.stop()

    asyncio.run(run())


def _renamed(stream: Stream, name: str) -> Callable[[Window], Iterator[Piece]]:
    return lambda window: (dataclasses.replace(piece, source=name) for piece in stream.pieces(window))


_LISTENER = """
import asyncio, sys
from workbench.live.journal import Journal
from workbench.live.listeners import open_listener
async def main():
    with Journal(sys.argv[1], fsync=0) as journal:
        listener = open_listener("ship", sys.argv[2], journal)
        await listener.start()
        while listener.counters.fault is not None:
            await asyncio.sleep(0.05)
        print("subscribed", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.fault
@pytest.mark.parametrize("kills", [6])
def test_killed_under_load(broker: Broker, tmp_path: Path, kills: int) -> None:
    """kill -9 of the listener at chance moments: every message is in the journal at least once, in whole."""

    async def run(wait: Callable[[], float]) -> int:
        command = [sys.executable, "-c", _LISTENER, str(tmp_path / "raw"), f"mqtt://127.0.0.1:{broker.port}/ship/#"]
        sent, stop = 0, asyncio.Event()

        async def publish() -> None:
            nonlocal sent
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                while not stop.is_set():
                    await client.publish("ship/gps/1", b"%06d" % sent, qos=1)
                    sent += 1

        first = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert first.stdout is not None
        assert await asyncio.to_thread(first.stdout.readline) == b"subscribed\n"  # the session stands from now on
        publishing = asyncio.create_task(publish())
        process = first
        for _ in range(kills):
            await asyncio.sleep(wait())
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process = subprocess.Popen(command)
        await asyncio.sleep(1)
        stop.set()
        await publishing
        journal = Journal(tmp_path / "raw")
        await until(lambda: b"%06d" % (sent - 1) in {entry.body for entry in journal.read("ship")}, 60)
        process.kill()
        process.wait()
        return sent

    import random

    chance = random.Random(7)
    sent = asyncio.run(run(lambda: 2 + 2 * chance.random()))
    journal = Journal(tmp_path / "raw")
    bodies = [entry.body for entry in journal.read("ship")]
    assert set(bodies) == set(_numbers(0, sent)) and sent > 100
    assert journal.damage.bad == 0
    print(f"{sent} messages, {len(bodies) - sent} of them twice, {journal.damage.torn} torn ends, {kills} kills")
