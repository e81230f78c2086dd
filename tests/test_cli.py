"""The command line: help with an example everywhere; a failure is one clear line and a status, never a traceback."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench import __version__, cli

COMMANDS = (
    "demo",
    "simulate",
    "board",
    "check",
    "init",
    "engine",
    "up",
    "status",
    "journal",
    "seaflow",
    "gates",
    "index",
    "export",
    "replay",
    "report",
    "influx",
    "hdf5",
    "docs",
)


@pytest.fixture(autouse=True)
def _unchanged_process() -> Iterator[None]:
    before, environment = signal.getsignal(signal.SIGTERM), dict(os.environ)
    yield
    signal.signal(signal.SIGTERM, before)
    os.environ.clear()
    os.environ.update(environment)


def _run(*args: str) -> int:
    try:
        return cli.main(args)
    except SystemExit as stop:
        return int(stop.code or 0)


def test_the_commands_are_these() -> None:
    actions = [a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction)]
    assert tuple(actions[0].choices) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_that_parses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(command, "--help") == 0
    text = capsys.readouterr().out
    example = next(line for line in text.splitlines() if line.startswith("example: "))
    words = example.removeprefix("example: workbench ").split()
    assert words[0] == command
    cli.parser().parse_args(words)


def test_an_outline_says_what_the_whole_says() -> None:
    assert cli.parser(outline=True).format_help() == cli.parser().format_help()


def test_no_command_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 2
    said = capsys.readouterr().out
    assert "usage: workbench" in said and "None" not in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--version") == 0
    assert capsys.readouterr().out == f"workbench {__version__}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["bord"], "did you mean 'board'?"),
        (
            ["status", "x.yaml", "--recrod", "y"],
            "workbench status: error: --recrod is not known here; did you mean '--record'?",
        ),
        (["demo", "--prot=1"], "workbench demo: error: --prot=1 is not known here; did you mean '--port'?"),
        (["gates"], "say which: list, show"),
        (["gates", "lits"], "did you mean 'list'?"),
        (["gates", "list", "x.yaml", "--jsn"], "workbench gates list: error: --jsn"),
        (["board"], "CATALOG"),
        (["simulate", "x", "--days", "soon"], "'soon' is not a number"),
        (["simulate", "x", "--days", "0"], "0 is outside 0.01 to 120"),
        (["demo", "--port", "70000"], "70000 is outside 0 to 65535"),
        (["demo", "--warp", "-1"], "-1 is outside"),
        (["board", "x.yaml", "--colour"], "--colour"),
    ],
)
def test_misuse_is_told_in_the_last_line(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*args) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("workbench") and "error:" in last and said in last


@pytest.fixture
def occupied() -> Iterator[str]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def _fails(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*args) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert said in lines[0]


def test_a_missing_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _fails(["board", str(tmp_path / "no.yaml")], "no.yaml", capsys)


def test_check_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("check", str(tmp_path / "no.yaml")) == 1
    assert "no.yaml" in capsys.readouterr().err


def test_check_prints_every_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "metadata: {cruise: {id: X1}}\nsources:\n  a: {driver: workbench, args: {reader: seaflow_evtt, url: x}}\n"
        "  b: {driver: workbench, args: {reader: tsdata, ulr: x}}\n"
    )
    assert _run("check", str(path)) == 1
    err = capsys.readouterr().err
    assert "did you mean 'seaflow_evt'" in err
    assert "ulr" in err and "wrong.yaml:4" in err


def test_init_of_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _fails(["init", str(tmp_path / "nowhere")], "nowhere", capsys)


def test_init_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    _fails(["init", str(tmp_path / "file")], "is a file", capsys)


def test_init_keeps_what_is_there(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = simulated.read_bytes()
    _fails(["init", str(simulated.parent)], "--force", capsys)
    assert simulated.read_bytes() == before


def test_simulate_onto_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    _fails(["simulate", str(tmp_path / "file"), "--days", "0.01"], "file", capsys)
    assert (tmp_path / "file").read_text() == "mine"


def test_check_of_the_simulated_cruise(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("check", str(simulated)) == 0
    assert "no mistakes" in capsys.readouterr().out


@pytest.mark.slow
def test_board_on_a_taken_port(simulated: Path, occupied: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "board", str(simulated), "--port", occupied],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert occupied in done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_no_traceback_from_the_real_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("workbench")), "board", str(tmp_path / "no.yaml")],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
