"""From the journal to the record: every row once, whatever the pieces, kills and restarts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.core.window import Window
from workbench.live.journal import Entry, Journal, Position
from workbench.live.recorder import Recorder
from workbench.live.spool import LONGEST, Lines
from workbench.readers.nmea_log import NmeaLog
from workbench.record.record import Record

T0 = np.datetime64("2024-05-01T10:59:50", "ns")


def at(second: float) -> np.datetime64:
    return T0 + np.timedelta64(round(second * 1e9), "ns")


def sentence(body: str) -> bytes:
    total = 0
    for letter in body.encode():
        total ^= letter
    return f"${body}*{total:02X}\r\n".encode()


def fix(i: int) -> bytes:
    return sentence(
        f"GPGGA,{10 + i // 3600:02d}{i // 60 % 60:02d}{i % 60:02d}.00,21{i % 60:02d}.0000,N,15752.0000,W,1,08,0.9,12,M,0,M,,"
    )


@pytest.fixture
def place(tmp_path: Path):
    made = []

    def recorder(**given: object) -> Recorder:
        journal, record = Journal(tmp_path / "raw"), Record(tmp_path)
        made.extend([journal, record])
        return Recorder("ship", NmeaLog(), journal, record, tmp_path / "work", **{"stream": False, **given})

    yield recorder
    for each in made:
        each.close()


def rows(recorder: Recorder) -> xr.Dataset:
    return recorder.record.open("ship").load()


def test_each_message_is_a_row_with_the_time_of_receipt(place) -> None:
    recorder = place()
    for i in range(30):
        recorder.journal.append("ship", fix(i), "10.0.0.1:4001", at(i + 0.25))
    assert recorder.step() == 30
    assert recorder.step() == 0
    ds = rows(recorder)
    np.testing.assert_array_equal(ds["time"], [at(i + 0.25) for i in range(30)])
    assert ds["latitude"].values[5] == pytest.approx(21 + 5 / 60)
    assert recorder.record.variables("ship")["latitude"].unit == "degrees_north"


def test_a_folder_for_work_that_cannot_be_written_for_a_while_ends_nothing(place, tmp_path: Path) -> None:
    """No permission, or a disk that turned read-only: nothing was recorded afterwards, and no one said why."""
    recorder = place()
    for i in range(3):
        recorder.journal.append("ship", fix(i), "x", at(i))
    assert recorder.step() == 3
    shutil.rmtree(tmp_path / "work")
    (tmp_path / "work").touch()
    for i in range(3600, 3605):
        recorder.journal.append("ship", fix(i), "x", at(i))
    for _ in range(2):
        assert recorder.step() == 0
        assert recorder.kept.fault is not None and str(tmp_path / "work") in recorder.kept.fault
    (tmp_path / "work").unlink()
    assert recorder.step() == 5 and recorder.kept.fault is None
    assert rows(recorder).sizes["time"] == 8


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.integers(0, 4),
)
def test_any_pieces_any_restarts(tmp_path_factory, sizes: list[int], stops: list[bool], per_step: int) -> None:
    """A stream cut anywhere, recorded by processes that are killed anywhere, over the change of the hour."""
    folder = tmp_path_factory.mktemp("cruise")
    whole = b"".join(fix(i) for i in range(40))
    cuts = np.minimum(np.cumsum(sizes), len(whole))
    pieces = [whole[a:b] for a, b in zip([0, *cuts[:-1]], cuts, strict=True) if b > a]
    with Journal(folder / "raw") as journal:
        record, recorder = Record(folder), None
        for i, piece in enumerate(pieces):
            journal.append("ship", piece, "tcp", at(i))
            if recorder is None or stops[i % len(stops)]:
                recorder = Recorder("ship", NmeaLog(), journal, record, folder / f"work{i}", stream=True)
            if per_step == 0 or i % per_step == 0:
                recorder.step()
        recorder = Recorder("ship", NmeaLog(), journal, record, folder / "last", stream=True)
        recorder.step()
        seen = whole[: int(cuts[-1])].count(b"\n")
        if seen:
            ds = record.open("ship").load()
            assert ds.sizes["time"] == seen
            np.testing.assert_allclose(ds["latitude"], [21 + (i % 60) / 60 for i in range(seen)])
            again = ds.copy(deep=True)
            assert recorder.again() == seen
            assert recorder.again(Window(at(0), at(1000))) == seen
            xr.testing.assert_identical(record.open("ship").load().drop_attrs(), again.drop_attrs())
        record.close()


def test_recorded_is_what_reading_the_log_gives(place, tmp_path: Path) -> None:
    recorder = place()
    log = b""
    for i in range(50):
        recorder.journal.append("ship", fix(i), "x", at(i))
        log += np.datetime_as_string(at(i), unit="ns", timezone="UTC").encode() + b" " + fix(i).replace(b"\r", b"")
        if i % 7 == 0:
            recorder.step()
    recorder.step()
    (tmp_path / "a.log").write_bytes(log)
    wanted = NmeaLog().open_dataset(tmp_path / "a.log").load()
    found = rows(recorder)
    for name in ("time", "time_instrument", "latitude", "longitude"):
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def test_lines_that_are_none_are_counted_and_the_rest_goes_on(place) -> None:
    recorder = place()
    recorder.journal.append("ship", b"\xff\xfe\x00garbage", "x", at(0))
    recorder.journal.append("ship", b"A" * (LONGEST + 10) + b"\n" + fix(1), "x", at(1))
    recorder.journal.append("ship", fix(2), "x", at(2))
    assert recorder.step() == 2
    assert recorder.kept.long == 1
    assert recorder.kept.fault is None


def test_a_mistake_of_a_reader_costs_its_lines_and_not_the_cruise(place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user sees it counted (``unread``); the journal has the lines, for when the reader is mended."""
    recorder, real = place(), NmeaLog.rows_from

    def rows_from(self: NmeaLog, path: Path, begin: int, **options: object) -> object:
        if b"poison" in path.read_bytes()[begin:]:
            raise ValueError("nobody thought of this")
        return real(self, path, begin, **options)

    monkeypatch.setattr(NmeaLog, "rows_from", rows_from)
    for i, body in enumerate([fix(1), b"poison\r\n", fix(3)]):
        recorder.journal.append("ship", body, "x", at(i))
        recorder.step()
    assert (recorder.kept.rows, recorder.kept.refused, recorder.kept.fault) == (2, 1, None)
    monkeypatch.setattr(NmeaLog, "rows_from", real)
    assert recorder.again() == 2
    np.testing.assert_allclose(rows(recorder)["latitude"], [21 + 1 / 60, 21 + 3 / 60])


def test_rows_of_a_journal_that_went_bad_since_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def recorder(journal: Journal, folder: Path) -> Recorder:
        return Recorder("ship", NmeaLog(), journal, Record(folder), tmp_path / "work", stream=False)

    with Journal(tmp_path / "raw", packed=False) as journal:
        for i in range(10):
            journal.append("ship", fix(i), "x", at(i / 10))
        for i in range(10, 12):
            journal.append("ship", fix(i), "x", at(3600 + i))
        assert recorder(journal, tmp_path).step() == 12
    first = min((tmp_path / "raw/ship").iterdir())
    whole = first.read_bytes()
    first.write_bytes(whole.replace(fix(4), fix(4)[:20] + b"?" + fix(4)[21:]))
    with Journal(tmp_path / "raw", packed=False) as journal:
        assert recorder(journal, tmp_path).again() == 2  # of the hour that is whole
        assert rows(recorder(journal, tmp_path)).sizes["time"] == 12
        assert "went bad; rows recorded from it stay" in caplog.text
        assert recorder(journal, tmp_path / "new").again() == 11  # where nothing was recorded, what can be read is


def test_whatever_goes_wrong_is_told_and_tried_again(place, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, real = place(), Record.append
    recorder.journal.append("ship", fix(1), "x", at(0))
    monkeypatch.setattr(Record, "append", lambda *_, **__: 1 / 0)
    assert recorder.step() == 0 and recorder.kept.fault == "ZeroDivisionError: division by zero"
    monkeypatch.setattr(Record, "append", real)
    assert recorder.step() == 1 and recorder.kept.fault is None


def entry(body: bytes, peer: str = "p") -> Entry:
    return Entry(body, peer, at(0), Position(1, 0), Position(1, 1))


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_lines_of_a_stream_do_not_depend_on_its_pieces(pieces: list[bytes]) -> None:
    lines = Lines(stream=True, stamped=False)
    found = b"".join(lines.of(entry(piece)) for piece in pieces)
    whole = b"".join(pieces).rpartition(b"\n")[0].replace(b"\r", b"").split(b"\n")
    assert found.split(b"\n")[:-1] == [line for line in whole if line]


def test_a_line_without_end_takes_no_memory() -> None:
    lines = Lines(stream=True, stamped=False)
    for _ in range(100):
        assert lines.of(entry(b"x" * LONGEST)) == b""
    assert sum(map(len, lines._begun.values())) <= LONGEST
    assert lines.of(entry(b"\ngood\n")) == b"good\n"
    assert lines.long == 1


def test_streams_of_several_peers_are_not_mixed() -> None:
    lines = Lines(stream=True, stamped=False)
    said = b"".join(
        lines.of(entry(body, peer)) for body, peer in ((b"a", "1"), (b"b", "2"), (b"c\n", "1"), (b"d\n", "2"))
    )
    assert said == b"ac\nbd\n"


def test_a_record_that_cannot_be_written_loses_nothing(place, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.core.errors import WorkbenchError

    recorder = place()
    recorder.journal.append("ship", fix(1), "x", at(1))
    append = recorder.record.append

    def full(*args: object, **given: object) -> int:
        raise WorkbenchError("no space left on device")

    monkeypatch.setattr(recorder.record, "append", full)
    assert recorder.step() == 0
    assert recorder.kept.fault == "no space left on device"
    monkeypatch.setattr(recorder.record, "append", append)
    assert recorder.step() == 1
    assert recorder.kept.fault is None


SFL = b"FILE\tDATE\tFILE DURATION\tLAT\tLON\tSTREAM PRESSURE\tEVENT RATE\n"


def test_a_message_that_comes_again_is_one_row_where_it_carries_its_time(tmp_path: Path) -> None:
    """MQTT may give a message again after a kill: twice in the journal, once in the record."""
    from workbench.readers.seaflow_sfl import SeaflowSfl

    def line(i: int) -> bytes:
        stamp = f"2014-07-04T00:{3 * i:02d}:02"
        return f"2014_185/{stamp.replace(':', '-')}+00-00\t{stamp}+00:00\t180\t1\t2\t12\t{i}\n".encode()

    with Journal(tmp_path / "raw") as journal:
        record = Record(tmp_path)
        for turn, said in enumerate([[0, 1], [1, 2], [0, 2, 3]]):
            recorder = Recorder("sfl", SeaflowSfl(), journal, record, tmp_path / f"work{turn}", stream=False)
            if turn == 0:
                journal.append("sfl", SFL, "t", at(0))
            for i in said:
                journal.append("sfl", line(i), "t", at(1 + turn))
            recorder.step()
        np.testing.assert_array_equal(record.open("sfl")["event_rate"], [0, 1, 2, 3])
        assert sum(1 for _ in journal.read("sfl")) == 8
        record.close()


def test_what_waits_is_read_in_parts_of_bounded_size(place, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the entries are (a post may have megabytes), a look takes little memory and says that there is more."""
    monkeypatch.setattr("workbench.live.recorder.LARGE", 1000)
    recorder, sizes = place(stream=True), []
    read = recorder.reader.rows_from
    monkeypatch.setattr(
        recorder.reader, "rows_from", lambda path, at: sizes.append(path.stat().st_size - at) or read(path, at)
    )
    for i in range(50):
        recorder.journal.append("ship", fix(2 * i) + fix(2 * i + 1), "10.0.0.1:4001", at(i))
    kept, looks = 0, 0
    while kept < 100:
        kept += recorder.step()
        looks += 1
        assert recorder.behind is (kept < 100)
    assert recorder.step() == 0 and not recorder.behind
    assert looks > 5 and max(sizes) <= 2000  # with the time of receipt in front
    np.testing.assert_allclose(rows(recorder)["latitude"].values, [21 + i % 60 / 60 for i in range(100)])
