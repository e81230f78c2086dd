"""Messages of a broker: ``mqtt://host:1883/topic/#?qos=1``, ``mqtts://`` with TLS. A receipt each; the topic is the peer."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any, ClassVar

import aiomqtt

from workbench.live.listeners.address import Address, ListenerError, secret
from workbench.live.listeners.listener import Counters, Listener, Pause
from workbench.live.receipt import Door, NotKept

#: Messages without acknowledgement (QoS 0) that wait for the disk, at most; more are dropped and counted.
_WAITING = 20_000
#: Messages kept with one write.
_AT_ONCE = 500
_quiet = logging.getLogger(f"{__name__}.wire")
_quiet.setLevel(logging.CRITICAL)  # what it says is in the fault


class Mqtt(Listener):
    """Subscribes to a topic and stays subscribed.

    With ``qos=1`` a message is acknowledged after the door has taken it, and not before: what the broker was not told
    of comes again, also after a kill. The identity is the same each time and the session stays, so that the broker
    keeps what comes while nobody listens. A message may then stand twice in the journal, never not at all.

    Parameters
    ----------
    name, address, door
        See `Listener`; the topic is the path of the URL, a user may stand before the host.
    qos : int
        0 or 1. With 2 a message would be forgotten by the broker before it is on disk here.
    identity : str
        What the broker knows us by; one program at a time. By default made of this machine's name and the Source's.
    user, password_env, password_file : str
        Who we are; the password stands in an environment variable or in a file.
    ca : str
        For ``mqtts``: file with the certificates that are trusted; by default the machine's.
    keepalive : int
        Seconds of silence after which broker and listener ask whether the other is there.
    longest : int
        Bytes; longer messages are refused (and acknowledged, or they would come again for ever).
    """

    schemes: ClassVar[tuple[str, ...]] = ("mqtt", "mqtts")

    def __init__(
        self, name: str, address: Address, door: Door, *, qos: int = 1, identity: str = "", user: str = "",
        password_env: str = "", password_file: str = "", ca: str = "", keepalive: int = 30, longest: int = 16 << 20,
    ) -> None:  # fmt: skip
        super().__init__(name, address, door)
        if qos not in (0, 1):
            raise ListenerError(f"{address.url}: qos must be 0 or 1, not {qos}; with 1 nothing is lost")
        self.topic = address.path.removeprefix("/")
        if not self.topic or not address.host:
            raise ListenerError(f"{address.url}: which topic? Such as {address.scheme}://broker:1883/ship/gps/#")
        self.port = address.port or (8883 if address.scheme == "mqtts" else 1883)
        self.qos, self.keepalive, self.longest = qos, keepalive, longest
        self.identity = identity or f"workbench-{socket.gethostname()}-{name}"
        self.user = user or address.user
        self._password = (password_env, password_file)
        self._ca = ca
        self._waiting = _Waiting(self.counters)

    async def start(self) -> None:
        """Begin to connect. ListenerError when the password or the certificates are not there."""
        password, tls = secret(self.address, *self._password), trusting(self.address, self._ca)
        self.counters.fault = f"{self.address.url}: no connection yet"
        self.run(self._stay(password, tls))

    async def stop(self) -> None:
        """Leave; what waits still and would not come again is kept, or counted where it cannot be."""
        await super().stop()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        left = [each for each in self._waiting.done() if not each.qos and self._fits(each)]
        try:
            if left:
                self.take([self.receipt(_body(each), str(each.topic)) for each in left])
        except NotKept:
            self.counters.dropped += len(left)

    async def _stay(self, password: str | None, tls: ssl.SSLContext | None) -> None:
        """Connect and listen, again and again."""
        pause = Pause()
        while True:
            connected = False
            waiting = self._waiting = _Waiting(self.counters)
            client = aiomqtt.Client(
                self.address.host, self.port, username=self.user, password=password, identifier=self.identity,
                clean_session=False, keepalive=self.keepalive, tls_context=tls, logger=_quiet,
                queue_type=waiting.of,  # type: ignore[arg-type]
            )  # fmt: skip
            client._client.manual_ack_set(True)  # aiomqtt has no door of its own to this
            try:
                async with client:
                    await client.subscribe(self.topic, qos=self.qos)
                    connected, self.counters.fault = True, None
                    pause.over()
                    await self._listen(client, waiting)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                self.counters.fault = (
                    f"{self.address.url}: {'the connection was lost' if connected else 'no connection'} ({why})"
                )
            self.counters.reconnects += connected
            await pause.wait()

    async def _listen(self, client: aiomqtt.Client, waiting: _Waiting) -> None:
        """Keep what comes, then acknowledge it; everything that waits goes with one write."""
        async for _ in client.messages:
            while len(waiting.at_hand) < _AT_ONCE and not waiting.empty():
                waiting.get_nowait()
            fit = [each for each in waiting.at_hand if self._fits(each)]
            self.counters.refused += len(waiting.at_hand) - len(fit)
            if fit:
                await self.keep([self.receipt(_body(each), str(each.topic)) for each in fit])
            for each in waiting.done():
                if each.qos:
                    client._client.ack(each.mid, each.qos)

    def _fits(self, message: aiomqtt.Message) -> bool:
        """Not too long, and of the topic: a session that stays has what was subscribed to before the catalog changed, too."""
        return len(message.payload or b"") <= self.longest and message.topic.matches(self.topic)


def trusting(address: Address, ca: str) -> ssl.SSLContext | None:
    """What ``mqtts:`` trusts: the certificates in the file `ca`, or the machine's; None for ``mqtt:``.

    Raises
    ------
    ListenerError
        When they cannot be read.
    """
    if address.scheme != "mqtts":
        return None
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:  # SSLError is one
        raise ListenerError(f"{address.url}: the certificates in ca ({ca}) cannot be read: {error}") from None


class _Waiting(asyncio.Queue[aiomqtt.Message]):
    """Messages that wait for the disk. Those that would come again have room always: the broker sends few at a time.

    Who takes one off may be ended before it has it in its hands; so they stand in `at_hand` until they are `done`.
    """

    def __init__(self, counters: Counters) -> None:
        super().__init__()
        self.counters = counters
        self.at_hand: list[aiomqtt.Message] = []

    def _get(self) -> aiomqtt.Message:
        self.at_hand.append(super()._get())
        return self.at_hand[-1]

    def done(self) -> list[aiomqtt.Message]:
        """Those at hand, which are at hand no more."""
        done, self.at_hand = self.at_hand, []
        return done

    def of(self, maxsize: int) -> _Waiting:
        """This one, when aiomqtt makes its queue."""
        return self

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if item.qos == 0 and self.qsize() >= _WAITING:
            self.counters.dropped += 1
            return
        super().put_nowait(item)


def _body(message: Any) -> bytes:
    payload = message.payload
    return payload if isinstance(payload, bytes) else bytes(payload or b"")
