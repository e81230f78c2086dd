"""Addresses to listen at: what is understood, and what is said about the rest."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.live.listeners import Address, ListenerError, mistake, open_listener
from workbench.live.listeners.mqtt import Mqtt
from workbench.live.listeners.udp import Udp
from workbench.testing.listeners import Desk


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("udp://0.0.0.0:55501", ("udp", "0.0.0.0", 55501, "", {})),
        ("udp://[::1]:5?buffer=1000", ("udp", "::1", 5, "", {"buffer": "1000"})),
        ("tcp+listen://0.0.0.0:4001", ("tcp+listen", "0.0.0.0", 4001, "", {})),
        ("mqtt://host:1883/topic/#?qos=1", ("mqtt", "host", 1883, "/topic/#", {"qos": "1"})),
        ("mqtt://host/+/gps/#", ("mqtt", "host", None, "/+/gps/#", {})),
        ("mqtts://host/a/+/b?ca=/x/ca.crt&qos=0", ("mqtts", "host", None, "/a/+/b", {"ca": "/x/ca.crt", "qos": "0"})),
        ("folder:/data/in", ("folder", "", None, "/data/in", {})),
        ("folder:///data/in?pattern=*.evt&poll=5", ("folder", "", None, "/data/in", {"pattern": "*.evt", "poll": "5"})),
        ("http:", ("http", "", None, "", {})),
    ],
)
def test_taken_apart(url: str, parts: tuple[Any, ...]) -> None:
    got = Address.parse(url)
    assert (got.scheme, got.host, got.port, got.path, dict(got.options)) == parts
    assert mistake(url) is None


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("udpp://0.0.0.0:1", {}, "Did you mean 'udp'"),
        ("tcp+listn://0.0.0.0:1", {}, "Did you mean 'tcp+listen'"),
        ("/data/in", {}, "does not say how"),
        ("", {}, "does not say how"),
        ("udp://0.0.0.0", {}, "which port"),
        ("udp://0.0.0.0:ship", {}, "not an address"),
        ("udp://0.0.0.0:99999", {}, "not an address"),
        ("udp://0.0.0.0:1?bufer=1", {}, "Did you mean 'buffer'"),
        ("udp://0.0.0.0:1?buffer=big", {}, "a whole number, not 'big'"),
        ("udp://0.0.0.0:1?buffer", {}, "?name=value"),
        ("udp://0.0.0.0:1?buffer=1", {"buffer": 2}, "and beside it"),
        ("mqtt://host:1883", {}, "which topic"),
        ("mqtt://host/a?qos=2", {}, "0 or 1"),
        ("mqtt://me:secret@host/a", {}, "password_env"),
        ("folder:data", {}, "which folder"),
        ("folder://host/data", {}, "which folder"),
        ("folder:/data", {"reader": "seaflow_evtt"}, "seaflow_evt"),
        ("folder:/data?poll=often", {}, "a number"),
    ],
)
def test_mistakes_are_told(url: str, options: dict[str, Any], said: str) -> None:
    found = mistake(url, **options)
    assert found is not None and said in found
    assert "secret" not in found


def test_kinds_of_values() -> None:
    udp = open_listener("ship", "udp://0.0.0.0:1?buffer=1000", Desk())
    assert isinstance(udp, Udp) and udp.buffer == 1000
    mqtt = open_listener("ship", "mqtt://me@host/a?keepalive=5", Desk(), qos=0)
    assert isinstance(mqtt, Mqtt) and (mqtt.user, mqtt.keepalive, mqtt.qos) == ("me", 5, 0)
    assert mqtt.identity.startswith("workbench-") and mqtt.identity.endswith("-ship")


async def _start(url: str, **options: Any) -> None:
    listener = open_listener("ship", url, Desk(), **options)
    try:
        await listener.start()
    finally:
        await listener.stop()


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("udp://203.0.113.7:5000", {}, "no address of this machine"),
        ("tcp+listen://203.0.113.7:5000", {}, "no address of this machine"),
        ("mqtt://127.0.0.1:9/a", {"password_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
        ("mqtt://127.0.0.1:9/a", {"password_file": "/no/such/file"}, "cannot be read"),
        ("mqtts://127.0.0.1:9/a", {"ca": "/no/such/ca"}, "cannot be read"),
    ],
)
def test_what_cannot_be_started_says_why(url: str, options: dict[str, Any], said: str) -> None:
    import asyncio

    with pytest.raises(ListenerError, match=said):
        asyncio.run(_start(url, **options))
