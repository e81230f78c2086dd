"""The law of changes for sources that are no files of lines: HDF5 that grows by rows, the record, InfluxDB.

Followed through a catalog, in any steps, by processes that know nothing but the cursor: what was given adds up to
`open()`, whatever was appended, rewritten, cut, replaced or came late in between.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.services.influx import Influxd
from workbench.catalog.cruise import open_cruise
from workbench.catalog.source import Source
from workbench.core.window import Window
from workbench.record.record import Record

T0 = np.datetime64("2024-05-01T00:00:00", "ns")
SECOND = np.timedelta64(1, "s")
names = st.sampled_from(["a", "deep/b"])
counts = st.integers(1, 4)
Row = tuple[str, int, float]


def rows(ds: xr.Dataset) -> Counter[Row]:
    """The rows of a dataset as comparable values: time, who wrote it, number."""
    if not ds.sizes.get("time"):
        return Counter()
    return Counter(
        (str(t), int(w), float(n))
        for t, w, n in zip(ds["time"].values, ds["who"].values, ds["number"].values, strict=True)
    )


class Followed(RuleBasedStateMachine):
    """Someone writes while someone else follows; a subclass says what is written."""

    ARGS: ClassVar[str]

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.cursor: Any = None
        self.seen: Counter[Row] = Counter()
        self.second = self.number = 0
        self.prepare()
        catalog = "metadata: {cruise: {id: L}}\nsources:\n  followed: {driver: workbench, args: {ARGS}}\n"
        (self.folder / "c.yaml").write_text(catalog.replace("{ARGS}", f"{{{self.args()}}}"))
        self.another_process()

    def prepare(self) -> None:
        """What there is before anybody looks."""

    def args(self) -> str:
        return self.ARGS

    def values(self, count: int) -> tuple[list[int], list[int]]:
        """Seconds that go on, and numbers that were never written before."""
        self.second += count
        self.number += count
        return [*range(self.second - count, self.second)], [*range(self.number - count, self.number)]

    @rule()
    def another_process(self) -> None:
        """The cursor is all that is needed to go on."""
        self.source: Source = open_cruise(self.folder / "c.yaml")["followed"]

    @rule()
    def look(self) -> None:
        for _ in range(100):
            cursor = json.loads(json.dumps(self.cursor))
            before = json.dumps(cursor)
            ds, self.cursor = self.source.changed(cursor)
            assert json.dumps(cursor) == before, "the cursor that was given is left as it was"
            self.taken(ds)
            if not ds.attrs.get("more"):
                return
        raise AssertionError("it never has given everything")

    @rule()
    def look_often(self) -> None:
        """What happens between two looks is what matters."""
        self.look()

    def taken(self, ds: xr.Dataset) -> None:
        """Of a store: what was given no longer counts, and the caller begins again."""
        if ds.attrs.get("replaces"):
            self.seen, self.cursor = Counter(), None
            ds, self.cursor = self.source.changed(None)
        self.seen += rows(ds)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        self.look()
        assert +self.seen == rows(self.source.open())
        ds, _ = self.source.changed(json.loads(json.dumps(self.cursor)))
        assert not rows(ds) and not ds.attrs.get("replaces")
        shutil.rmtree(self.folder)


class Hdf5Rows(Followed):
    """Files that a logger has closed, opens again and makes longer."""

    ARGS = 'reader: hdf5, url: "{{ CATALOG_DIR }}/in"'

    def prepare(self) -> None:
        (self.folder / "in").mkdir()
        self.files: dict[str, int] = {}
        self.tick = 0

    def path(self, name: str) -> Path:
        path = self.folder / "in" / f"{name}.h5"
        path.parent.mkdir(exist_ok=True)
        return path

    def who(self, name: str) -> int:
        """A number that says from which file a row is, as it stands now."""
        return self.files.setdefault(name, len(self.files))

    def touch(self, path: Path) -> None:
        """Time stamps as far apart as those of people."""
        self.tick += 1
        os.utime(path, ns=(10**18 + self.tick * 10**9,) * 2)

    def write(self, path: Path, who: int, seconds: list[int], numbers: list[int]) -> None:
        with h5py.File(path, "a", libver="latest") as file:
            made = {"time": seconds, "who": [who] * len(seconds), "number": numbers}
            for name, values in made.items():
                if name not in file:
                    file.create_dataset(name, (0,), "f8", maxshape=(None,), chunks=(4,), fillvalue=np.nan)
                file[name].resize((len(file[name]) + len(values),))
                file[name][len(file[name]) - len(values) :] = values
            file["time"].attrs["units"] = "seconds since 2024-05-01"
        self.touch(path)

    def taken(self, ds: xr.Dataset) -> None:
        for path in ds.attrs["replaces"].splitlines():
            who = self.files[os.path.relpath(path, self.folder / "in").removesuffix(".h5")]
            self.seen = Counter({row: n for row, n in self.seen.items() if row[1] != who})
        self.seen += rows(ds)

    @rule(name=names, count=counts)
    def append(self, name: str, count: int) -> None:
        self.write(self.path(name), self.who(name), *self.values(count))

    @rule(name=names, count=counts)
    def rewrite(self, name: str, count: int) -> None:
        """The same name and the same place, other rows."""
        path = self.path(name)
        with h5py.File(path, "w", libver="latest"):
            pass
        self.write(path, self.who(name), *self.values(count))

    @rule(name=names, count=counts, late=st.booleans())
    def replace(self, name: str, count: int, late: bool) -> None:
        """Another file moved over it, as rsync does; perhaps of times long gone."""
        path, (seconds, numbers) = self.path(name), self.values(count)
        temp = path.with_suffix(".part")
        temp.unlink(missing_ok=True)
        self.write(temp, self.who(name), [s - 10_000 * late for s in seconds], numbers)
        temp.replace(path)

    @rule(name=names, left=st.integers(1, 3))
    def truncate(self, name: str, left: int) -> None:
        """Somebody takes the last rows out."""
        path = self.path(name)
        if path.exists():
            with h5py.File(path, "a", libver="latest") as file:
                for each in ("time", "who", "number"):
                    file[each].resize((min(left, len(file[each])),))
            self.touch(path)

    @rule(name=names)
    def edit(self, name: str) -> None:
        """The last row is corrected."""
        path = self.path(name)
        if path.exists():
            with h5py.File(path, "a", libver="latest") as file:
                self.number += 1
                file["number"][len(file["number"]) - 1] = self.number
            self.touch(path)

    @rule(name=names)
    def touched(self, name: str) -> None:
        if self.path(name).exists():
            self.touch(self.path(name))


class RecordRows(Followed):
    """Tables of the record: rows in order and late, spans put in the place of others, days rolled."""

    ARGS = 'reader: record, url: "{{ CATALOG_DIR }}/L.cruise", table: t'

    def prepare(self) -> None:
        self.record = Record(self.folder / "L.cruise")
        self.append(1)

    def block(self, seconds: list[int], numbers: list[int]) -> xr.Dataset:
        time = T0 + np.array(seconds, dtype=np.int64) * 3600 * SECOND
        data = {"who": ("time", np.zeros(len(seconds))), "number": ("time", np.array(numbers, float))}
        return xr.Dataset(data, {"time": time})

    @rule(count=counts)
    def append(self, count: int) -> None:
        self.record.append("t", self.block(*self.values(count)))

    @rule(count=counts, back=st.integers(1, 60))
    def late(self, count: int, back: int) -> None:
        seconds, numbers = self.values(count)
        self.record.append("t", self.block([s - back for s in seconds], numbers))

    @rule(count=st.integers(0, 2), back=st.integers(1, 40))
    def replace(self, count: int, back: int) -> None:
        first = max(self.second - back, 0)
        window = Window(T0 + first * 3600 * SECOND, T0 + (first + 3) * 3600 * SECOND)
        _, numbers = self.values(count)
        self.record.replace("t", window, self.block([first + i for i in range(count)], numbers))

    @rule(back=st.integers(0, 80))
    def roll(self, back: int) -> None:
        self.record.roll(before=T0 + (self.second - back) * 3600 * SECOND)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "record"):
            self.record.close()


class InfluxRows(Followed):
    """Points of a real server, none older than what is compared one by one."""

    server: ClassVar[Influxd]
    count: ClassVar[int] = 0

    def prepare(self) -> None:
        InfluxRows.count += 1
        self.measurement = f"m{self.count}"
        self.there: list[int] = []
        self.put(*self.values(1))

    def args(self) -> str:
        return f"reader: influxdb, url: {self.server.url('law', self.measurement)}"

    def put(self, seconds: list[int], numbers: list[int]) -> None:
        at = int(T0.astype(np.int64))
        lines = [f"{self.measurement} who=0,number={n} {at + s * 10**9}" for s, n in zip(seconds, numbers, strict=True)]
        self.server.write("law", lines)
        self.there += [s for s in seconds if s not in self.there]

    @rule(count=counts)
    def append(self, count: int) -> None:
        self.put(*self.values(count))

    @rule(count=counts, back=st.integers(1, 30))
    def late_or_again(self, count: int, back: int) -> None:
        """Points between those that are there, or in their place."""
        seconds, numbers = self.values(count)
        self.put([s - back for s in seconds], numbers)

    @rule(which=st.integers(0, 100))
    def delete(self, which: int) -> None:
        if len(self.there) > 1:
            second = self.there.pop(which % len(self.there))
            at = int(T0.astype(np.int64)) + second * 10**9
            self.server.query(f'DELETE FROM "{self.measurement}" WHERE time = {at}', "law")


FEW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
TestHdf5Rows = Hdf5Rows.TestCase
TestRecordRows = RecordRows.TestCase
TestHdf5Rows.settings = settings(max_examples=20, stateful_step_count=25, **FEW)  # type: ignore[arg-type]
TestRecordRows.settings = settings(max_examples=20, stateful_step_count=25, **FEW)  # type: ignore[arg-type]


@pytest.mark.service
@pytest.mark.timeout(400)
def test_influxdb(tmp_path: Path) -> None:
    with Influxd(tmp_path / "influxd") as server:
        server.create("law")
        InfluxRows.server = server
        machine = InfluxRows.TestCase
        machine.settings = settings(max_examples=20, stateful_step_count=25, **FEW)  # type: ignore[arg-type]
        machine("runTest").runTest()
