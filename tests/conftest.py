"""What every test may use.

* `data`: the root of the real data (``$WORKBENCH_DATA``, else ``../shared/data`` beside the clone).
* `simulated`: ``catalog.yaml`` of a small simulated cruise, made once.
* With ``CI=true`` a skipped real-data, browser, service, fault or notebook test is a failure: a check that
  cannot run must not look like one that passed.
* ``WORKBENCH_*`` variables of the person running the tests do not leak into them.
* Ctrl-C is heard by what a test starts, also where the tests themselves run in the background of a script.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("WORKBENCH_DATA") or ROOT.parent / "shared" / "data").absolute()
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
MUST_RUN = ("browser", "service", "fault", "notebook")

# A shell's ``&`` makes a process deaf to Ctrl-C, and all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("fast", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("fast"), max_examples=400)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if CI and report.skipped and not hasattr(report, "wasxfail") and _must_run(item):
        reason = call.excinfo.value if call.excinfo else "skipped"
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, which CI=true does not allow here: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if CI and report.skipped:  # a whole module: nobody can tell which kinds of tests it held
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skipped as a whole, which CI=true does not allow: {report.longrepr}"


def _must_run(item: pytest.Item) -> bool:
    marked = any(item.get_closest_marker(name) for name in MUST_RUN)
    return marked or "data" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def _bare_environment() -> None:
    for name in ("WORKBENCH_DATA", "WORKBENCH_RECORD", "WORKBENCH_CLOCK"):
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def data() -> Path:
    """Root of the real data: the folder that holds ``seaflow/`` and ``underway/``."""
    if not (DATA / "seaflow").is_dir():
        pytest.skip(f"no real data at {DATA}; set WORKBENCH_DATA to the folder that holds seaflow/ and underway/")
    return DATA


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of the clone."""
    return ROOT


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``catalog.yaml`` of a small simulated cruise (a quarter of a day, 2,000 particles a file). Do not change it."""
    from workbench.simulate.cruise import write

    return write(tmp_path_factory.mktemp("simulated"), days=0.25, particles=2000)


@pytest.fixture(autouse=True)
def _machine_clock() -> Iterator[None]:
    """Every test starts and ends on the machine's own clock."""
    from workbench.core import clock

    clock.use(None)
    yield
    clock.use(None)
