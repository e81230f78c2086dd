"""The laws of readers on files that are cut, growing, damaged, or not there."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from workbench.core.errors import ReaderError
from workbench.readers.reader import Reader
from workbench.testing.mutations import cuts, mutants
from workbench.testing.suite import ReaderSuite


class DamageTests(ReaderSuite):
    """Truncation, growth, broken siblings, damage: part of `workbench.testing.readers.ReaderTests`."""

    def test_truncation(self, files: list[Path], tmp_path: Path) -> None:
        """A prefix of an append-only file reads as a prefix of its rows; a cut container is a ReaderError."""
        reader, whole, raw = self.reader, self.open(files[0]).load(), files[0].read_bytes()
        assert reader.complete(files[0]) == len(raw)
        path = self.copy(files[0], tmp_path / "cut")
        for size in cuts(len(raw), self.tries):
            path.write_bytes(raw[:size])
            why = f"the first {size} of {len(raw)} bytes"
            kept = reader.complete(path)
            assert 0 <= kept <= size, why
            part = self._load(path)
            if isinstance(part, ReaderError):
                assert str(path) in str(part), why
                assert not reader.appends or kept == 0, f"{why}: {part}"
                continue
            assert reader.appends, f"{why}: half a container was read"
            self.prefix(part, whole, why)
            path.write_bytes(raw[:kept])
            again = self._load(path)
            why = f"complete() says {kept} of {size} bytes hold the same rows"
            assert not isinstance(again, ReaderError), f"{why}: {again}"
            self.same(again, part, why)

    def test_growth(self, files: list[Path], tmp_path: Path) -> None:
        """`rows_from` in any steps adds up to the whole file."""
        reader = self.reader
        if not reader.appends or type(reader).rows_from is Reader.rows_from:
            pytest.skip("files of this format do not grow by bytes, or are read again from their start")
        raw = files[0].read_bytes()
        whole = self.open(files[0]).load()
        path = self.copy(files[0], tmp_path / "growing")
        offset, parts = 0, []
        for size in [*cuts(len(raw), 12, seed=1), len(raw)]:
            path.write_bytes(raw[:size])
            if reader.complete(path) == 0:
                continue
            new, offset = reader.rows_from(path, offset, **self.taken(reader.rows_from))
            parts.append(new)
        for name in whole.variables:
            joined = np.concatenate([part[name].to_numpy() for part in parts if name in part])
            np.testing.assert_array_equal(joined, whole[name].to_numpy(), err_msg=str(name))

    def test_broken_sibling(self, files: list[Path]) -> None:
        """A broken file is refused alone by an error that names it, and listed among others, which stay whole."""
        others = self.open(files[:-1]).load()
        files[-1].write_bytes(self.broken(files[-1]))
        with pytest.raises(ReaderError) as caught:
            self.open(files[-1]).load()
        assert str(files[-1]) in str(caught.value)
        ds = self.open(files)
        self.same(ds, others)
        assert str(files[-1]) in ds.attrs["refused"]

    def test_misnamed(self, files: list[Path]) -> None:
        """A path that does not exist is a ReaderError; a misspelt option is a TypeError."""
        with pytest.raises(ReaderError, match="no such file"):
            self.open(files[0].with_name(f"no-{files[0].name}"))
        with pytest.raises(TypeError):
            self.open(files[0], strat="2020-01-01")

    def test_mutations(self, files: list[Path], tmp_path: Path) -> None:
        """Damaged files: a dataset or a ReaderError, in bounded time and memory; nothing else."""
        raw = files[0].read_bytes()
        path = self.copy(files[0], tmp_path / "damaged")
        tried = refused = 0
        most = 64 * len(raw) + self.slack
        tracemalloc.start()
        try:
            for what, damaged in mutants(raw, self.tries, seed=len(raw)):
                path.write_bytes(damaged)
                os.utime(path, ns=(tried, tried))  # a cache that goes by size and time must not help
                tracemalloc.reset_peak()
                begun = time.perf_counter()
                try:
                    refused += isinstance(self._load(path), ReaderError)
                except Exception as error:
                    raise AssertionError(f"{what}: {type(error).__name__}, not a ReaderError: {error}") from error
                assert time.perf_counter() - begun < 20, f"{what}: took too long"
                assert tracemalloc.get_traced_memory()[1] < most, f"{what}: took too much memory"
                tried += 1
        finally:
            tracemalloc.stop()
        print(f"{self.engine}: {tried} damaged files tried, {refused} refused")  # noqa: T201

    def _load(self, path: Path) -> xr.Dataset | ReaderError:
        try:
            return self.open(path).load()
        except ReaderError as error:
            return error
