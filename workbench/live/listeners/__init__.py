"""Listeners: how bytes come in. Plug-ins of the group ``workbench.listeners``, named by the scheme of ``listen: URL``.

    listener = open_listener("ship", "udp://0.0.0.0:55501", journal)
    await listener.start()
    listener.counters.received, listener.counters.dropped, listener.counters.fault
    await listener.stop()

A listener hands `Receipt`s to a `Door` (the journal, or what the engine puts before it) and knows nothing of what they
mean. Nothing is acknowledged before the door has taken it. What could not be taken is held back and tried again where
the other end can wait (TCP, MQTT, folders, HTTP), and counted as dropped where it cannot (UDP).
"""

from workbench.live.listeners.address import Address, ListenerError
from workbench.live.listeners.listener import Counters, Listener, mistake, open_listener

__all__ = ["Address", "Counters", "Listener", "ListenerError", "mistake", "open_listener"]
