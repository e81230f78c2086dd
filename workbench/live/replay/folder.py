"""A folder that a replay fills, as a logger and rsync would."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import IO

from workbench.core.errors import WorkbenchError
from workbench.live.listeners.address import Address
from workbench.live.replay.pieces import Piece
from workbench.live.replay.target import Target


class Files(Target):
    """Files under their own names: logs grow line by line, whole files come as rsync brings them, hidden, then moved.

    Without ``SOURCE=`` each source has a folder of its own. What is there already is never touched.
    """

    whole = True

    def __init__(self, address: Address, source: str | None) -> None:
        super().__init__(address, source)
        if address.host or not address.path:
            raise WorkbenchError(f"{address.url}: which folder? Such as folder:/data/incoming")
        self.root = Path(address.path)
        self._open: dict[str, IO[bytes]] = {}
        self._begun: set[str] = set()
        self._under_way: Path | None = None

    async def send(self, piece: Piece) -> None:
        """Write a line, or bring a file."""
        path = self.root / piece.path if self.source else self.root / piece.source / piece.path
        if piece.file is not None:
            await asyncio.to_thread(self._bring, piece.file, path)
        else:
            self._write(path, piece.body)

    def _bring(self, file: Path, path: Path) -> None:
        self._refuse(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._under_way = path.with_name(f".{path.name}.replay")
        shutil.copyfile(file, self._under_way)
        os.replace(self._under_way, path)
        self._under_way = None

    def _write(self, path: Path, body: bytes) -> None:
        key = os.fspath(path)
        if key not in self._open:
            if key not in self._begun:
                self._refuse(path)
                self._begun.add(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            for left in list(self._open)[:-20]:
                self._open.pop(left).close()
            self._open[key] = path.open("ab", buffering=0)
        self._open[key].write(body)

    def _refuse(self, path: Path) -> None:
        if path.exists():
            raise WorkbenchError(f"{path}: is there already. Replay into an empty folder, or take it away first")

    async def close(self) -> None:
        """Close the files; half a file is taken away."""
        for file in self._open.values():
            file.close()
        under_way = self._under_way  # a copy that goes on may end meanwhile
        if under_way is not None:
            under_way.unlink(missing_ok=True)
