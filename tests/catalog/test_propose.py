"""`workbench init`: looks at a folder, proposes a catalog that passes its own check."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from workbench.catalog import survey
from workbench.catalog.check import problems, remarks
from workbench.catalog.cruise import open_cruise
from workbench.catalog.propose import propose, write
from workbench.cli import main
from workbench.core.errors import WorkbenchError
from workbench.readers.seaflow_evt import V2, write_evt
from workbench.readers.seaflow_files import file_name
from workbench.readers.seaflow_sfl import write_sfl

START = np.datetime64("2024-03-01T00:00:02")


def evt(folder, n=3, start=START):
    for i in range(n):
        write_evt(
            folder / file_name(start + np.timedelta64(180 * i, "s")),
            {name: np.full(5, 100 + i, np.uint16) for name in V2},
        )


def sfl(path, n=3):
    time = START + np.arange(n) * np.timedelta64(180, "s")
    write_sfl(
        path,
        {
            "file_id": [file_name(t) for t in time], "time": time, "latitude": np.linspace(20, 21, n),
            "longitude": np.linspace(-150, -151, n), "sea_water_temperature": np.full(n, 25.0), "stream_pressure": np.full(n, 12.0),
        },
    )  # fmt: skip


def gps(path, seconds=60, start=START, talker="GP"):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for i in range(seconds):
        t = start + np.timedelta64(i, "s")
        clock = str(t)[11:].replace(":", "")
        lines.append(f"{t}.100000Z ${talker}GGA,{clock}.00,2000.{i:04d},N,15000.{i:04d},W,1,09,0.9,10.0,M,,M,,\n")
        lines.append(f"{t}.200000Z ${talker}VTG,90.0,T,,M,10.0,N,,K,A\n")
    path.write_text("".join(lines))


def opened(path):
    """The cruise of a proposal that passes its check and leads to files."""
    assert problems(path) == []
    assert remarks(path) == []
    cruise = open_cruise(path)
    for source in cruise.values():
        assert max(source.open().sizes.values()) > 0, source
    return cruise


def test_a_seaflow_cruise(tmp_path):
    folder = tmp_path / "TN413"
    evt(folder / "datafiles" / "evt")
    sfl(folder / "TN413.sfl")
    gps(folder / "feeds" / "gps" / "gps-2024-03-01.log")
    cruise = opened(write(folder))
    assert cruise.id == "TN413"
    assert {name: source.reader for name, source in cruise.items()} == {
        "seaflow": "seaflow_evt", "sfl": "seaflow_sfl", "underway": "nmea_log",
    }  # fmt: skip
    assert cruise["seaflow"].every == np.timedelta64(180, "s")
    assert cruise["underway"].every == np.timedelta64(1, "s")
    assert cruise.start == np.datetime64("2024-03-01T00:00", "ns")
    assert cruise.end == np.datetime64("2024-03-01T00:02", "ns")
    assert [item.view for item in cruise.board] == [
        "tiles",
        "cruise_map",
        "cytogram",
        "cytogram",
        "series",
        "series",
        "files",
    ]
    assert cruise.board[1].source == "underway"
    assert cruise.board[1].options == {"colour": "sfl.sea_water_temperature"}
    assert cruise.kpis["stream_pressure"].expect == (11.5, 12.5)
    assert cruise.kpis["speed"].source == "underway"


def test_a_cruise_with_a_plan_has_populations(tmp_path):
    from workbench.simulate.cruise import write as simulate

    folder = tmp_path / "SIM25"
    simulate(folder, days=0.05, particles=300).unlink()
    cruise = opened(write(folder))
    assert len(cruise["underway"].files()) == 2, "a file an hour, named by the hour, is one feed"
    assert cruise.end < np.datetime64("2025-01-15"), "what the plan says of later times is no end"
    made = cruise["populations"].open()
    assert made["abundance"].notnull().any() and made["diameter"].notnull().any()
    assert "populations" in [item.view for item in cruise.board]
    assert "plan" not in [item.source for item in cruise.board if item.view == "series"]
    assert cruise.gates.instrument() == "740"


def test_many_folders_of_particles_leave_room_for_the_others(tmp_path):
    for i, name in enumerate("abcdefg"):
        evt(tmp_path / f"{name}_{i}" / name, n=2 + i, start=START + np.timedelta64(i, "D"))
    sfl(tmp_path / "TN413.sfl")
    views = [item.view for item in opened(write(tmp_path)).board]
    assert views.count("cytogram") <= 4 and "series" in views and views.count("files") == 1


def test_data_that_still_come_have_no_end(tmp_path):
    from workbench.core import clock

    clock.use(clock.Clock(START.astype("M8[ns]") + np.timedelta64(1, "h"), 0.0, 0.0))
    gps(tmp_path / "gps.log")
    assert "end:" not in propose(tmp_path)


def test_feeds_in_one_folder_are_told_apart_by_their_names(tmp_path):
    for day in ("2024-03-01", "2024-03-02"):
        gps(tmp_path / "raw" / f"X1_s330-{day}", start=np.datetime64(f"{day}T00:00:00"))
        gps(tmp_path / "raw" / f"X1_gp02-{day}", start=np.datetime64(f"{day}T00:00:00"), talker="IN")
    cruise = opened(write(tmp_path))
    assert sorted(source.url.removeprefix(f"{tmp_path}/") for source in cruise.values()) == [
        "raw/X1_gp02-*",
        "raw/X1_s330-*",
    ]
    assert sorted(cruise) == ["X1_gp02", "X1_s330"]
    assert [len(source.files()) for source in cruise.values()] == [2, 2]


def test_folders_of_days_belong_together(tmp_path):
    for day in ("2024-03-01", "2024-03-02"):
        gps(tmp_path / "nav" / day / "gps.log", start=np.datetime64(f"{day}T00:00:00"))
    cruise = opened(write(tmp_path))
    assert len(cruise) == 1
    assert len(cruise["underway"].files()) == 2


def test_a_messy_folder(tmp_path):
    folder = tmp_path / "1 messy – [x] {y} cruise"
    evt(folder / "a b" / "evt")
    evt(folder / "copy of a b" / "evt")
    gps(folder / "nav (new)" / "gps-2024-03-01.log")
    gps(folder / "{{ evil }}" / "gps.log")
    gps(folder / ".hidden" / "gps.log")
    gps(folder / "nav (new)" / "new\nline.log")
    (folder / "empty").mkdir()
    (folder / "install.log").write_text("Setting up x\n" * 50)
    (folder / "empty.sfl").touch()
    (folder / "broken.sfl").write_bytes(os.urandom(1000))
    (folder / "photo.jpg").write_bytes(os.urandom(1000))
    (folder / "report.tab").write_text("a\tb\n1\t2\n")
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.log").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.log")
    (folder / "evt2" / "2024_061").mkdir(parents=True)
    (folder / "evt2" / "2024_061" / "2024-03-01T01-00-02+00-00").write_bytes(b"half")
    path = write(folder)
    cruise = opened(path)
    assert cruise.id == "1_messy_x_y_cruise"
    assert sorted(source.reader for source in cruise.values()) == ["nmea_log", "seaflow_evt"]
    text = path.read_text()
    assert "install.log" in text
    assert "Left out, because a source below holds the same files: copy of a b/evt" in text


def test_nothing_recognised_says_what_was_looked_for(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(WorkbenchError) as caught:
        propose(tmp_path)
    said = str(caught.value)
    assert "none of 1 files, such as a.txt" in said
    assert all(name in said for name in ("seaflow_evt", "seaflow_sfl", "nmea_log", "tsdata", "*.sfl"))
    assert "[0-9]" not in said
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]
    with pytest.raises(WorkbenchError, match="no such folder"):
        propose(tmp_path / "nowhere")


def test_what_is_there_is_not_replaced_unless_forced(tmp_path, capsys):
    gps(tmp_path / "gps.log")
    (tmp_path / "catalog.yaml").write_text("mine")
    with pytest.raises(WorkbenchError, match="Give --force"):
        write(tmp_path)
    assert (tmp_path / "catalog.yaml").read_text() == "mine"
    assert main(["init", str(tmp_path)]) == 1
    assert main(["init", str(tmp_path), "--force"]) == 0
    assert main(["check", str(tmp_path / "catalog.yaml")]) == 0
    assert "no mistakes" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog.yaml", "gps.log"]


def test_the_search_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "MAX_FILES", 3)
    for i in range(10):
        gps(tmp_path / f"{i}.log", seconds=1)
    found = survey.survey(tmp_path)
    assert not found.whole
    assert "were looked at" in propose(tmp_path)


def test_the_same_folder_gives_the_same_text(tmp_path):
    evt(tmp_path / "evt")
    sfl(tmp_path / "x.sfl")
    assert propose(tmp_path) == propose(tmp_path)


@pytest.mark.parametrize(
    ("name", "word"),
    [("NBP1406_s330-2014-08-01", "NBP1406_s330"), ("2014-07-04T00-00-02+00-00.gz", ""), ("KM1906_740.sfl", "KM1906_740"),
     ("gps_20240301T120000Z.log", "gps"), ("gps-20240301.log", "gps"), ("met.tsdata", "met"), ("gps-2024-03-01T20", "gps"), ("gps-2024-03-01T20.log.gz", "gps"), ("2014_185.sfl", "")],
)  # fmt: skip
def test_what_a_name_says(name, word):
    assert survey.stem(name) == word


@pytest.mark.parametrize("where", ["seaflow/testcruise", "underway/NBP1406"])
def test_real_cruises(data, tmp_path, where):
    folder = tmp_path / where.rsplit("/", 1)[-1]
    shutil.copytree(data / where, folder)
    cruise = opened(write(folder))
    if where.startswith("seaflow"):
        assert {name: source.reader for name, source in cruise.items()} == {
            "seaflow": "seaflow_evt",
            "sfl": "seaflow_sfl",
            **dict.fromkeys(("opp_one_param", "opp_plan"), "seaflow_opp"),
            **dict.fromkeys(("vct_one_param", "vct_plan"), "seaflow_vct"),
            **dict.fromkeys(("filter_params_filter", "bare", "full_one_param", "full_plan"), "seaflow_plan"),
        }
        assert cruise["sfl"].url.endswith("testcruise_740.sfl")
        assert cruise["seaflow"].every == np.timedelta64(180, "s")
    else:
        assert list(cruise) == ["PCOD", "gp02", "gyr1", "s330", "seap"]
        assert cruise.board[1].options["colour"] == "s330.speed"
    assert cruise.finished
