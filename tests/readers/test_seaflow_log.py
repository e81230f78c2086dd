"""The instrument log: the laws of readers, every kind of event, and the real file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.readers.seaflow_log_text import EVENTS
from workbench.testing import readers


class TestLaws(readers.ReaderTests):
    """A line break ends each line."""

    engine = "seaflow_log"
    lazy = False

    def write(self, folder: Path) -> list[Path]:
        paths = []
        for day in (17, 18, 19):
            lines = []
            for i in range(12):
                stamp = f"2014-05-{day}T16-57-{10 + i}+00-00"
                lines += [stamp, f"PMT{i % 8 + 1}:0.{i:02d}"] + (["note:air in the pump"] if i % 3 else [])
            path = folder / f"SFlog_{day}.txt"
            path.write_bytes(("\n".join(lines) + "\n").encode())
            paths.append(path)
        return paths


class TestLawsOfTheInstrument(TestLaws):
    """The instrument writes CR LF before each line: its newest has none, and counts when it cannot go on."""

    def write(self, folder: Path) -> list[Path]:
        paths = super().write(folder)
        for path in paths:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"2014-05-30T00-00-00+0000\r\nwrite evt: 0")
        return paths


def read(path: Path, text: str, **options) -> xr.Dataset:
    path.write_text(text)
    return xr.open_dataset(path, engine="seaflow_log", **options)


def test_every_event_that_seaflog_defines(data, tmp_path):
    defined = json.loads((data / "seaflow" / "SFlog.event_definitions.json").read_text())["events"]
    assert {event["name"] for event in defined} | {"other"} == set(EVENTS)
    for event in defined:
        for example in (example for form in event["forms"] for example in form["examples"]):
            (tmp_path / "a.txt").unlink(missing_ok=True)
            ds = read(tmp_path / "a.txt", example["text"])
            wanted = example["parsed"]
            assert ds["event"].item() == wanted["name"] and ds["line"].item() == wanted["line_number"]
            assert ds["time"].item() == np.datetime64(wanted["time"][:19], "ns").astype(int)
            if event["type"] == "text" and wanted["name"] != "trigger_source":
                assert ds["message"].item() == wanted["value"] and np.isnan(ds["value"].item())
            else:
                assert ds["value"].item() == float(wanted["value"])


@pytest.mark.parametrize(
    ("stamp", "time"),
    [
        ("2014-05-17T16-57-54+0000", "2014-05-17T16:57:54"), ("2014-05-17T16-57-54+00-00", "2014-05-17T16:57:54"),
        ("2014-05-17T16:57:54+00:00", "2014-05-17T16:57:54"), ("2014-05-17T16-57-54-0700", "2014-05-17T23:57:54"),
        ("2014-05-17T16-57-54+05-30", "2014-05-17T11:27:54"),
    ],
)  # fmt: skip
def test_stamps_become_utc(tmp_path, stamp, time):
    assert read(tmp_path / "a.txt", f"{stamp}\nlaser: 1\n")["time"].item() == np.datetime64(time, "ns").astype(int)


def test_faults_say_when_they_happened(tmp_path):
    text = "2015-03-20T22-00-00+0000\nFault:\nFluid leak or inlet valve is shut, 21:08:00,20032015\nPump over 25 psi\n"
    ds = read(tmp_path / "a.txt", text)
    assert ds["event"].to_numpy().tolist() == ["other", "inlet_fault", "pump_fault"]
    np.testing.assert_array_equal(
        ds["time_instrument"], np.array(["NaT", "2015-03-20T21:08:00", "NaT"], "datetime64[ns]")
    )


def test_events_of_some_kinds_only(tmp_path):
    text = "2015-03-20T22-00-00+0000\nlaser: 1\nnote: hi\nPMT1:wide\n"
    ds = read(tmp_path / "a.txt", text, events=["note", "PMT1"])
    assert ds["event"].to_numpy().tolist() == ["note", "PMT1"] and ds["message"].to_numpy().tolist() == [
        "hi",
        "PMT1:wide",
    ]
    assert np.isnan(ds["value"]).all()
    with pytest.raises(ReaderError, match="Did you mean 'PMT1'"):
        read(tmp_path / "a.txt", text, events=["PTM1"])


def test_a_time_that_cannot_be_is_counted(tmp_path):
    ds = read(tmp_path / "a.txt", "2015-02-30T22-00-00+0000\nlaser: 1\n")
    assert np.isnat(ds["time"].to_numpy()).all()
    assert ds.attrs["bad"] == "time that cannot be: 1"


def test_the_real_log(data):
    ds = xr.open_dataset(data / "seaflow" / "SFlog.txt", engine="seaflow_log").load()
    raw = (data / "seaflow" / "SFlog.txt").read_bytes()
    lines = [line.strip() for line in raw.split(b"\n")]
    events = [line for line in lines if line and not line.startswith(b"2014-")]
    assert ds.sizes["time"] == len(events) == 1256 and ds.attrs["bad"] == ""
    assert ds["line"].to_numpy()[-1] == len(lines) == 2510  # the last one has no line break
    counts = dict(zip(*np.unique(ds["event"], return_counts=True), strict=True))
    assert counts["inlet_fault"] == 260 and counts["write_evt"] == 132 and counts["PMT1"] == 82
    assert counts["other"] == raw.count(b"\r\nFault:") == 52
    first = ds.isel(time=0)
    assert first["event"].item() == "vessel" and first["message"].item() == "Belefonte"
    assert not np.isnat(ds["time_instrument"].to_numpy()[ds["event"] == "inlet_fault"]).any()
