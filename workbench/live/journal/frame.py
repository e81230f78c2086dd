"""How an entry stands in a segment: one line of ASCII about it, the bytes as they came, a newline.

    #: 2023-01-12T03:04:05.123456789Z 68 5f0c91d2 10.0.0.5:4001
    $GPGGA,030405.00,2118.8913,N,15752.3341,W,1,08,0.9,12.3,M,0.0,M,,*4C

The line holds receipt time, length of the bytes, CRC-32 of the three other words and the bytes, and the peer. Length
and sum say whether an entry is whole; looking for the next line that fits gets past bytes that went bad.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote
from zlib import crc32

import numpy as np

#: No entry is longer. A length beyond it is damage.
LONGEST = 1 << 26
#: No header is longer.
HEADER = 400
_MARK = b"#: "
_LINE = re.compile(rb"#: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z (\d{1,9}) ([0-9a-f]{8}) ([!-~]{1,300})\n")
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Frame:
    """An entry found in bytes: its parts, and where the next one begins."""

    time: int
    peer: str
    body: bytes
    end: int


def encode(body: bytes, peer: str, time: int) -> bytes:
    """An entry as it stands on disk; `time` in ns since 1970."""
    second, rest = divmod(time, _SECOND)
    said, who = _stamp(second) % rest, _written(peer)
    check = crc32(body, crc32(b"%s %d %s" % (said, len(body), who)))
    return b"#: %s %d %08x %s\n%s\n" % (said, len(body), check, who, body)


def decode(data: bytes, at: int) -> Frame | bool:
    """The entry that begins at `at`; True when it may be whole once more bytes are there, False when it is none."""
    line = _LINE.match(data, at)
    if line is None:
        begun = data[at : at + HEADER]
        return len(begun) < HEADER and b"\n" not in begun and (begun.startswith(_MARK) or _MARK.startswith(begun))
    said, rest, length, check, who = line.groups()
    begin, size = line.end(), int(length)
    if size > LONGEST:
        return False
    end = begin + size + 1
    if end > len(data):
        return True
    body = data[begin : end - 1]
    known = crc32(body, crc32(b"%s.%sZ %s %s" % (said, rest, length, who)))
    second = _second(said)
    if data[end - 1] != 10 or known != int(check, 16) or second is None:
        return False
    return Frame(second * _SECOND + int(rest), _read(who), body, end)


def next_mark(data: bytes, at: int) -> int:
    """Where the next bytes that could begin an entry are, from `at` on; -1 when there are none."""
    return data.find(_MARK, at)


@lru_cache(8)
def _stamp(second: int) -> bytes:
    return str(np.datetime64(second, "s")).encode() + b".%09dZ"


@lru_cache(8)
def _second(said: bytes) -> int | None:
    try:
        return int(np.datetime64(said.decode(), "s").astype(np.int64))
    except ValueError:
        return None


@lru_cache(256)
def _written(peer: str) -> bytes:
    """A peer in printable ASCII without spaces, at most 300 letters."""
    return quote(peer or "-", safe=":/@[]!$&'()*+,;=?#~|")[:300].encode()


@lru_cache(256)
def _read(who: bytes) -> str:
    return unquote(who.decode()) if who != b"-" else ""
