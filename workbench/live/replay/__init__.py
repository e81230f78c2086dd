"""Any cruise again: its files and feeds, at their own pace or faster, through the same doors as on the ship.

    streams = of_cruise(open_cruise(path))             # or of_files(["raw/ship", "evt/", ...])
    sent = await replay(streams, ["ship=udp://127.0.0.1:55501", "seaflow=folder:/data/in"], warp=60)
`pieces` says what is sent when, `faults` spoils it on purpose, `targets` sends it, `run` keeps the time.
"""

from workbench.live.replay.faults import Faults
from workbench.live.replay.pieces import Piece, Stream
from workbench.live.replay.run import Sent, replay
from workbench.live.replay.streams import of_cruise, of_files

__all__ = ["Faults", "Piece", "Sent", "Stream", "of_cruise", "of_files", "replay"]
