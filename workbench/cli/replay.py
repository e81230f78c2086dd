"""`workbench replay`: any cruise again, through the same doors as on the ship."""

from __future__ import annotations

import argparse
import sys

from workbench.cli.options import Command, number

_ENDLESS = float("inf")
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from workbench.live.replay import Sent, Stream


def _replay(args: argparse.Namespace) -> int:
    import asyncio

    from workbench.core.window import Window
    from workbench.live.replay import Faults, Sent, of_cruise, of_files, replay

    if len(args.what) == 1 and args.what[0].endswith((".yaml", ".yml")):
        from workbench.catalog.cruise import open_cruise

        cruise = open_cruise(args.what[0], data=args.data)
        streams, now = of_cruise(cruise), cruise.now()
    else:
        streams, now = of_files(args.what), None
    window = Window.parse(args.window, now=now)
    faults = Faults(args.gaps, args.split, args.reorder, args.duplicate, args.late, args.seed)
    sent = Sent()
    follow = _clock(args, streams, window)
    bar = _Bar(streams, window)
    try:
        asyncio.run(
            replay(
                streams, args.to, warp=args.warp, window=window, faults=faults, follow=follow, sent=sent, told=bar.told
            )
        )
    except KeyboardInterrupt:
        bar.close()
        print(f"stopped; sent {sent}", file=sys.stderr)
        return 130
    finally:
        bar.close()
    print(f"sent {sent}" if sent.pieces else "nothing was due in this window")
    return 0


def _clock(args: argparse.Namespace, streams: list[Stream], window: Any) -> Any:
    """The clock to follow: that of the cruise folder named by --clock, set going when it has none."""
    if not args.clock:
        return None
    from workbench.core.window import MIN
    from workbench.live.replay.run import begin

    known = [stream.span.start for stream in streams if stream.span is not None]
    start = window.start if window.start != MIN else min(known, default=None)
    if start is None:
        first = min((piece.time for stream in streams for piece in _first(stream)), default=None)
        if first is None:
            return None
        import numpy as np

        start = np.datetime64(first, "ns")
    return begin(args.clock, start, 1e6 if args.warp == _ENDLESS else args.warp)


def _first(stream: Stream) -> list[Any]:
    from itertools import islice

    from workbench.core.window import ALWAYS

    return list(islice(stream.pieces(ALWAYS), 1))


class _Bar:
    """Seconds of the cruise that were sent."""

    def __init__(self, streams: list[Stream], window: Any) -> None:
        from tqdm import tqdm

        spans = [stream.span & window for stream in streams if stream.span is not None]
        whole = (max(s.stop for s in spans) - min(s.start for s in spans)) if any(spans) else None
        total = round(whole.astype("timedelta64[s]").astype(int)) if whole is not None else None
        self.bar = tqdm(total=total, unit=" s", desc="replaying", leave=False, disable=None)

    def told(self, sent: Sent) -> None:
        """Move on."""
        gone = int((sent.time - sent.first).astype("timedelta64[s]").astype(int))
        if gone > self.bar.n:
            self.bar.update(gone - self.bar.n)

    def close(self) -> None:
        """Take it away."""
        self.bar.close()


def declare(command: Command) -> None:
    """Add these commands."""
    example = "workbench replay catalogs/nbp1406.yaml --warp 60 --to underway=udp://127.0.0.1:55501"
    replay = command("replay", "send a cruise again, at its own pace or faster", example, _replay)
    add = replay.add_argument
    add("what", metavar="CATALOG|FILES", nargs="+", help="a catalog, or files, folders and raw journals")
    add(
        "--to", metavar="[SOURCE=]URL", action="append", required=True,
        help="udp://HOST:PORT, tcp://HOST:PORT, tcp+listen://HOST:PORT, folder:DIR, mqtt://HOST/TOPIC or "
        "mqtts://USER@HOST/TOPIC?password_env=NAME&ca=FILE; repeatable",
    )  # fmt: skip
    add("--warp", type=number(float, 1e-3, _ENDLESS), default=1.0, help="cruise seconds a second, or inf (default 1)")
    add("--window", metavar="RANGE", default="all", help='only this part: FROM..TO, "last 2 days" (default all)')
    add("--clock", metavar="DIR", help="set the clock of this cruise folder, or follow it where it has one")
    add("--data", metavar="DIR", help="root of the data, $WORKBENCH_DATA in the catalog")
    share = number(float, 0, 1)
    for name, what in (
        ("gaps", "of the minutes, in which feeds are silent"), ("split", "of the lines, sent in two portions"),
        ("reorder", "of the lines, sent after the next one"), ("duplicate", "of the lines, sent twice"),
        ("late", "of the whole files, up to an hour late"),
    ):  # fmt: skip
        add(f"--{name}", metavar="SHARE", type=share, default=0.0, help=f"share {what} (0 to 1)")
    add("--seed", type=int, default=7, help="same seed, same faults (default 7)")
