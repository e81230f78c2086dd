"""A header that was said once holds for every segment, whatever the pieces, hours, restarts, and headers said again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.core.variables import VARIABLES
from workbench.live.journal import Journal
from workbench.live.recorder import Recorder
from workbench.readers.reader import Reader
from workbench.readers.seaflow_sfl import SeaflowSfl
from workbench.readers.text import TextReader
from workbench.readers.tsdata import Tsdata
from workbench.record.cursors import Cursors
from workbench.record.record import Record

T0 = np.datetime64("2024-05-01T10:00:00", "ns")
ROWS = 30

TSDATA = b"ship\nTN413\nUnderway\nNA\tNA\tNA\tNA\ntime\tfloat\tfloat\ttext\nNA\tdegC\tV\tNA\ntime\ttemp\tvolt\tnote\n"
WIDER = b"ship\nTN413\nUnderway\nNA\tNA\tNA\ntime\tfloat\tinteger\nNA\tdegC\tNA\ntime\ttemp\tcount\n"
SFL = b"FILE\tDATE\tFILE DURATION\tLAT\tLON\tSTREAM PRESSURE\tEVENT RATE\n"


class Plain(TextReader):
    """Which lines are its header cannot be told from them."""

    head = 2
    patterns = ("*.plain",)
    provides = (VARIABLES["time"],)

    def parse(self, head: list[str], rows: list[str]) -> xr.Dataset:
        cells = [row.split(",") for row in rows]
        names = head[1].split(",")
        data = {name: ("time", [float(cell[i]) for cell in cells]) for i, name in enumerate(names) if i}
        return xr.Dataset(data, {"time": [np.datetime64(cell[0], "ns") for cell in cells]})


def stamp(i: int) -> str:
    return str((T0 + np.timedelta64(i, "s")).astype("datetime64[s]"))


def row(reader: type[Reader], i: int) -> bytes:
    if reader is Tsdata:
        return f"{stamp(i)}Z\t{10 + i / 10}\t{i}\tn{i}\n".encode()
    if reader is Plain:
        return f"{stamp(i)},{i},{i / 2}\n".encode()
    name = stamp(3 * i)
    return f"2024_122/{name.replace(':', '-')}+00-00\t{name}+00:00\t180\t1\t2\t12\t{i}\n".encode()


HEADS = {Tsdata: TSDATA, SeaflowSfl: SFL, Plain: b"made by us\ntime,a,b\n"}


def compared(found: xr.Dataset, wanted: xr.Dataset) -> None:
    assert set(found.variables) == set(wanted.variables)
    for name in wanted.variables:
        np.testing.assert_array_equal(found[name].values, wanted[name].values, err_msg=str(name))
        assert found[name].attrs.get("units") == wanted[name].attrs.get("units")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    reader=st.sampled_from([Tsdata, SeaflowSfl, Plain]),
    stream=st.booleans(),
    sizes=st.lists(st.integers(40, 300), min_size=1, max_size=15),
    hours=st.lists(st.sampled_from([0, 0, 1, 30]), min_size=1, max_size=10),
    apart=st.integers(0, 11),
    restarts=st.lists(st.booleans(), min_size=1, max_size=7),
    steps=st.integers(1, 4),
    said_again=st.sets(st.integers(0, ROWS - 1), max_size=3),
    forgotten=st.booleans(),
)  # fmt: skip
@example(Tsdata, False, [40], [1], 1, [True], 1, set(), False)  # the header itself goes over an hour
@example(Tsdata, False, [40], [1], 5, [False], 1, set(), True)
def test_rows_over_the_hours_are_those_of_one_file(
    tmp_path_factory: pytest.TempPathFactory, reader: type[Reader], stream: bool, sizes: list[int], hours: list[int],
    apart: int, restarts: list[bool], steps: int, said_again: set[int], forgotten: bool,
) -> None:  # fmt: skip
    folder, head = tmp_path_factory.mktemp("cruise"), HEADS[reader]
    lines = [*head.splitlines(True)]
    for i in range(ROWS):
        lines += [*(head.splitlines(True) if i in said_again else []), row(reader, i)]
    pieces, k = lines, 0
    if stream:
        whole, pieces = b"".join(lines), []
        while whole:
            size, k = sizes[k % len(sizes)], k + 1
            pieces, whole = [*pieces, whole[:size]], whole[size:]
    (folder / "one").write_bytes(head + b"".join(row(reader, i) for i in range(ROWS)))
    wanted = reader().open_dataset(folder / "one").load()
    with Journal(folder / "raw", packed=False) as journal:
        record, at, recorder = Record(folder), T0, None
        for n, piece in enumerate(pieces):
            gap = hours[n % len(hours)] * 3600 if n % 12 == apart else 0  # no header takes more than two hours
            at = at + np.timedelta64(gap + 1, "s")
            journal.append("ship", piece, "p", at)
            if recorder is None or restarts[n % len(restarts)]:
                recorder = Recorder("ship", reader(), journal, record, folder / f"w{n}", stream=stream)
            if n % steps == 0:
                recorder.step()
        last = Recorder("ship", reader(), journal, record, folder / "last", stream=stream)
        last.step()
        assert last.kept.fault is None
        compared(record.open("ship").load(), wanted)
        if forgotten:
            Cursors(folder).set("head ship", None)  # as if it had never been kept
        again = Recorder("ship", reader(), journal, record, folder / "again", stream=stream)
        assert again.again() == ROWS
        compared(record.open("ship").load(), wanted)
        record.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("hour", [0, 3600])
def test_another_header_begins_other_columns(tmp_path: Path, stream: bool, hour: int) -> None:
    """In the middle of an hour or of a message, or at its end: rows before have the old columns, rows after the new."""
    later = b"".join(f"{stamp(i)}Z\t{10 + i / 10}\t{i}\n".encode() for i in range(10, 20))
    with Journal(tmp_path / "raw", packed=False) as journal:
        record = Record(tmp_path)
        said = [TSDATA + b"".join(row(Tsdata, i) for i in range(10)), WIDER + later]
        pieces = [b"".join(said)] if not hour else said
        for i, piece in enumerate(pieces):
            journal.append("ship", piece, "p", T0 + np.timedelta64(i * hour, "s"))
        recorder = Recorder("ship", Tsdata(), journal, record, tmp_path / "work", stream=stream)
        assert recorder.step() == 20
        ds: Any = record.open("ship").load()
        np.testing.assert_allclose(ds["sea_water_temperature"], 10 + np.arange(20) / 10)
        np.testing.assert_array_equal(ds["volt"], [*range(10), *[np.nan] * 10])
        np.testing.assert_array_equal(ds["count"], [*[np.nan] * 10, *range(10, 20)])
        assert recorder.again() == 20
        record.close()


def test_without_a_header_nothing_is_guessed(tmp_path: Path) -> None:
    """Rows that came before the sender said what they are stay in the journal, and are told."""
    with Journal(tmp_path / "raw") as journal:
        record = Record(tmp_path)
        recorder = Recorder("ship", Tsdata(), journal, record, tmp_path / "work", stream=False)
        for i in range(3):
            journal.append("ship", row(Tsdata, i), "p", T0)
        assert recorder.step() == 0 and recorder.kept.refused > 0 and recorder.kept.fault is None
        for line in TSDATA.splitlines(True):
            journal.append("ship", line, "p", T0)
        journal.append("ship", row(Tsdata, 3), "p", T0)
        assert recorder.step() == 1
        record.close()
