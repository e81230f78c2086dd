"""A process beside this one that answers lines of JSON with lines of JSON: peers, servers and browsers of a benchmark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Beside:
    """The other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, **said: Any) -> Any:
        """One question, one answer; what else it prints is passed over."""
        self.tell(**said)
        return self.answer()

    def tell(self, **said: Any) -> None:
        """A question whose answer is fetched later."""
        assert self.process.stdin is not None
        print(json.dumps(said), file=self.process.stdin, flush=True)

    def answer(self) -> Any:
        """The next answer."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)["answer"]
        raise RuntimeError(f"{self.process.args} has ended with {self.process.wait(10)}")


@contextmanager
def beside(command: Sequence[str | os.PathLike[str]]) -> Iterator[Beside]:
    """Run a command that calls `answer`; it ends with this block."""
    process = subprocess.Popen(
        [os.fspath(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield Beside(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def say(answer: Any) -> None:
    """An answer, from the other process."""
    print(json.dumps({"answer": answer}), flush=True)


def answer(reply: Callable[[dict[str, Any]], Any]) -> None:
    """Answer until nobody asks any more; for the other process."""
    for line in sys.stdin:
        say(reply(json.loads(line)))
