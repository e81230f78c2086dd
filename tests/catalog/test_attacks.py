"""Opening a catalog runs no code, whatever it says. The same attacks do run under plain intake."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.catalog import attacks

NAMES = sorted(attacks.catalogs("x"))
GOOD = """\
metadata:
  cruise: {id: good, start: 2023-01-12, end: 2023-01-13}
  board: [{view: cruise_map, source: sfl, colour: sfl.salinity}, {view: cytogram, source: evt, x: pe, y: D1}]
  kpis: {p: {source: sfl, variable: stream_pressure, unit: kPa}}
sources:
  evt: {driver: workbench, args: {reader: seaflow_evt, url: "{{ CATALOG_DIR }}/evt"}}
  sfl: {driver: workbench, args: {reader: seaflow_sfl, url: "{{ CATALOG_DIR }}/x.sfl"}}
  nmea: {driver: workbench, args: {reader: nmea_log, url: "{{ CATALOG_DIR }}/*.log"}}
"""


class Evil:
    def __reduce__(self):
        return os.system, ("touch /nowhere",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("attacks")
    marker = folder / "marker"
    for name, text in attacks.catalogs(str(marker)).items():
        (folder / f"{name.replace('/', '-')}.yaml").write_text(text, encoding="utf-8")
    (folder / "evil.py").write_text(
        f"import pathlib; pathlib.Path({str(marker)!r}).touch()\ndef run(*a, **k): pass\nX = run\n"
    )
    (folder / "evil.pickle").write_bytes(pickle.dumps(Evil()))
    os.mkfifo(folder / "pipe")
    harmless = folder / "harmless"
    (harmless / "evt").mkdir(parents=True)
    (harmless / "evt" / "2014-07-04T00-00-02+00-00").write_bytes(b"\x0e\0\0\0\x01\0\0\0" + b"\0" * 14)
    (harmless / "x.sfl").write_text(
        "FILE\tDATE\tLAT\tLON\n2014-07-04T00-00-02+00-00\t2014-07-04T00:00:02+00:00\t1\t2\n"
    )
    (harmless / "a.log").write_text("2014-08-01T00:00:00.183000Z $HEHDT,218.53,T*12\n")
    (harmless / "good.yaml").write_text(GOOD)
    (harmless / "bad.yaml").write_text(GOOD.replace("seaflow_evt", "seaflow_etv").replace("kPa", "kg") + "x: 1\n")
    (harmless / "worse.yaml").write_text(GOOD.replace("/x.sfl", "/evt/2014-07-04T00-00-02+00-00"))
    return folder


@pytest.fixture(scope="module")
def results(folder) -> dict:
    done = subprocess.run(
        [sys.executable, attacks.__file__, str(folder)], capture_output=True, text=True, timeout=100, check=False, cwd=folder,
        stdin=subprocess.DEVNULL, env={key: value for key, value in os.environ.items() if not key.startswith("WORKBENCH")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(110)
@pytest.mark.parametrize("name", NAMES)
def test_an_attack_runs_nothing(results, folder, name):
    result = results[name.replace("/", "-")]
    assert result["seen"] == []
    assert not result["imported"]
    assert result["outcome"] == ("opened" if name in attacks.HARMLESS else "refused")
    assert not (folder / "marker").exists()


def test_the_watchman_is_awake(tmp_path):
    """The hook does see what the attacks would do."""
    deeds = ["__import__('os').system('true')", "__import__('subprocess').Popen(['true'])", "exec('1')", "open('x', 'w')",
             "__import__('socket').create_connection(('127.0.0.1', 9))", "__import__('os').mkdir('d')", "import_evil()"]  # fmt: skip
    (tmp_path / "evil.py").write_text("")
    code = f"""
import sys
sys.path[:0] = [{str(Path(attacks.__file__).parent)!r}, {str(tmp_path)!r}]
import attacks, contextlib, os, socket, subprocess
def import_evil():
    import evil
sys.addaudithook(attacks.watch)
for deed in {deeds!r}:
    made = compile(deed, "x", "eval" if not deed.startswith("exec(") else "exec")
    function = eval("lambda: (" + deed + ")")
    with attacks.watched(), contextlib.suppress(PermissionError):
        function()
    print(len(attacks.seen))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert [int(n) for n in done.stdout.split()] == list(range(1, len(deeds) + 1)), done.stderr


@pytest.mark.parametrize("name", ["cls", "plugins", "jinja"])
def test_plain_intake_runs_the_same_catalog(folder, tmp_path, name):
    """The attacks are real: why catalogs of strangers are opened with `open_cruise`."""
    marker = tmp_path / "marker"
    text = attacks.catalogs(str(marker))[name]
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "evil.py").write_text(f"import pathlib; pathlib.Path({str(marker)!r}).touch()")
    code = "import intake; cat = intake.open_catalog('a.yaml'); print(list(cat)); cat['a']"
    subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path, check=False, timeout=60)
    assert marker.exists()
