"""The fast way to populations is the slow one, particle by particle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.codes import to_linear
from workbench.core.errors import ReaderError, WorkbenchError
from workbench.core.gates import Gate, Gating
from workbench.products.seaflow import cells
from workbench.products.seaflow import classify as classify_module
from workbench.products.seaflow.classify import classify
from workbench.products.seaflow.labelling import Labeller, count_runs
from workbench.readers.parameter_files import read_parameters
from workbench.readers.seaflow_evt import SeaflowEvt

CHANNELS = ("fsc_small", "pe", "chl_small")
BORDERS = (0, 1, 2, 127, 128, 129, 256, 257, 40000, 65408, 65409, 65534, 65535)
codes = st.one_of(st.sampled_from(BORDERS), st.integers(0, 65535))
#: Corners where particles lie (whole codes), close by, off the plane, and out of reach.
places = st.one_of(
    codes.map(lambda code: float(to_linear(np.uint16(code)))),
    st.floats(0.5, 5000),
    st.sampled_from([1.0, 0.0, -3.0, 1.0 + 1e-13, 10**3.5, 4096.0, 2048.0, 1e9, 1e99, 1e200, -1e308]),
)
corners = st.lists(st.tuples(places, places), min_size=3, max_size=9).map(tuple)
planes = st.sampled_from([(x, y) for x in CHANNELS for y in CHANNELS if x != y])
polygons = st.lists(st.tuples(planes, corners, st.integers(0, 9)), max_size=5)


def gating(drawn) -> Gating:
    gates = [
        Gate(f"p{i}", x, y, vertices if often else (), "manual" if often else "auto")
        for i, ((x, y), vertices, often) in enumerate(drawn)
    ]
    return Gating("drawn", tuple(gates))


def around(made: Gating, rows: int, seed: int) -> np.ndarray:
    """Codes (3, n) of everywhere, of borders, and of what lies within a code or two of corners and edges."""
    rng = np.random.default_rng(seed)
    anywhere = rng.integers(0, 65536, (3, rows))
    bordering = rng.choice(BORDERS, (3, rows))
    close = [anywhere, bordering, np.where(rng.random((3, rows)) < 0.5, anywhere, 0)]
    for gate in made.gates:
        if not gate.vertices:
            continue
        start, stop = gate.array, np.roll(gate.array, -1, axis=0)
        which, along = rng.integers(0, len(start), rows), rng.choice([0.0, 1.0, 0.5, *rng.random(5)], (rows, 1))
        with np.errstate(all="ignore"):
            on = np.log10(np.clip(start[which] * (1 - along) + stop[which] * along, 1, 1e5)) / 3.5 * 65536
        beside = rng.integers(0, 65536, (3, rows))
        for name, values in zip((gate.x, gate.y), np.nan_to_num(on).T, strict=True):
            beside[CHANNELS.index(name)] = np.clip(np.round(values) + rng.integers(-2, 3, rows), 0, 65535)
        close.append(beside)
    return np.concatenate(close, axis=1).astype(np.uint16)


@given(polygons, st.integers(0, 2**32))
def test_codes_get_the_label_of_the_polygons(drawn, seed):
    made = gating(drawn)
    labeller, columns = Labeller(made), around(made, 60, seed)
    wanted = classify({name: to_linear(columns[i]) for i, name in enumerate(CHANNELS)}, made)
    assert labeller(columns, CHANNELS).tolist() == wanted.tolist()


@given(polygons, st.integers(0, 2**32), st.sampled_from([np.float32, np.float64]))
def test_numbers_get_the_label_of_the_polygons(drawn, seed, kind):
    made = gating(drawn)
    columns = to_linear(around(made, 40, seed))
    rng = np.random.default_rng(seed)
    odd = rng.choice(
        [np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0, 4096.0, 1e-40, 1e30, 0.99, 0.99999999, 1.00000001], (3, 80)
    )
    with np.errstate(over="ignore"):
        corner = np.array([xy for gate in made.gates for xy in gate.vertices] or [(1.0, 1.0)])[:, [0, 1, 0]].T
        columns = np.concatenate([columns, odd, corner, corner[::-1]], axis=1).astype(kind)
    labeller = Labeller(made)
    wanted = classify({name: columns[i] for i, name in enumerate(CHANNELS)}, made)
    assert labeller(columns, CHANNELS).tolist() == wanted.tolist()


@given(corners, st.sampled_from([cells.grid_of_codes(), cells.grid_of_values()]), st.integers(0, 2**32))
def test_a_cell_that_is_sure_is_sure_everywhere(vertices, lines, seed):
    table = np.full((len(lines), cells.STRIDE), cells.NONE, np.uint8)
    array = np.array(vertices)
    cells.draw(array, 0, len(array), 1, lines, table, np.zeros_like(table))
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, len(lines) - 1, (2, 300))
    u, v = rng.choice([0.0, 1.0, 0.5, *rng.random(3)], (2, 300))
    for a, b, found in zip(
        lines[i] * (1 - u) + lines[i + 1] * u, lines[j] * (1 - v) + lines[j + 1] * v, table[i, j], strict=True
    ):
        assert found == 1 or cells.holds(a, b, array, 0, len(array)) == (found == 2)


@given(st.sampled_from(cells.grid_of_values().tolist()), st.floats(1e-12, 1e-6), st.floats(0, 3))
def test_numbers_beside_a_grid_line_are_in_its_cell(line, apart, along):
    """A polygon's edge may run closer to it than a float32 can tell."""
    edge = line * (1 - apart)
    made = Gating("a", (Gate("a", "fsc_small", "pe", ((edge, -9.0), (9e3, -9.0), (9e3, 9e3), (edge, 9e3))),))
    x = np.array([edge * (1 - apart * along), edge, edge * (1 + apart * along), line, np.nextafter(line, 0)])
    columns = np.array([x, np.full(5, 50.0)])
    wanted = classify({"fsc_small": x, "pe": columns[1]}, made)
    assert Labeller(made)(columns).tolist() == wanted.tolist()


def test_most_cells_are_sure():
    """Else it is not fast."""
    box = Gating("box", (Gate("a", "fsc_small", "pe", ((1.0, 1.0), (100.0, 1.0), (100.0, 30.0), (1.0, 30.0))),))
    noise = np.zeros((2, 5000), np.uint16)
    noise[1] = np.arange(5000)
    labeller = Labeller(box)
    assert (labeller(noise) == 1).all()
    table = labeller._table("codes")[0]
    assert (table[: cells.CODED, : cells.CODED] == 1).mean() < 0.01
    assert (table[0, :38] != 1).all()  # noise on the axis, that is on the box's edge, needs no test


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_one_is_on_the_axis_and_a_little_less_is_not(kind):
    box = Gating("box", (Gate("a", "fsc_small", "pe", ((1.0, 1.0), (100.0, 1.0), (100.0, 30.0), (1.0, 30.0))),))
    x = np.array([0.5, 0.985, 1 - 2e-7, 1.0, 1 + 2e-7, 1.01, -1.0, 0.0, 4095.9, 4096.0, np.nan], kind)
    inside = [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    assert Labeller(box)(np.array([x, np.full(len(x), 2, kind)])).tolist() == inside
    assert Labeller(box)(np.array([np.full(len(x), 2, kind), x])).tolist() == inside


@given(st.lists(st.integers(0, 20), max_size=9), st.integers(0, 2**32))
def test_counts_of_runs_are_counts(sizes, seed):
    offsets = np.cumsum([0, *sizes])
    labels = np.random.default_rng(seed).integers(0, 7, offsets[-1]).astype(np.uint8)
    wanted = [np.bincount(part, minlength=7)[:5].tolist() for part in np.split(labels, offsets[1:-1])] if sizes else []
    assert count_runs(labels, offsets, 4).tolist() == wanted


@given(polygons, st.integers(0, 2**32))
def test_many_particles_are_classified_as_few_are(drawn, seed):
    made = gating(drawn)
    channels = dict(zip(CHANNELS, to_linear(around(made, 40, seed)), strict=True))
    few = classify(channels, made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classify_module, "MANY", 1)
        many = classify(channels, made)
    assert many.dtype == few.dtype and many.tolist() == few.tolist()


def test_what_it_cannot_take_is_told():
    labeller = Labeller(Gating("a", (Gate("a", "fsc_small", "pe", ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))),)))
    with pytest.raises(ValueError, match="rows of fsc_small, pe"):
        labeller(np.zeros((1, 3), np.uint16))
    with pytest.raises(TypeError, match="uint16 log codes or float"):
        labeller(np.zeros((2, 3), np.int64))
    many = tuple(Gate(f"p{i}", "fsc_small", "pe", ((1.0, 1.0), (9.0, 1.0), (9.0, 9.0))) for i in range(127))
    with pytest.raises(WorkbenchError, match="127 gates; 126 are the most"):
        Labeller(Gating("a", many))


@pytest.fixture(scope="module")
def gatings(data: Path):
    return read_parameters(data / "seaflow" / "testcruise" / "params" / "testcruise_full_plan.db").gatings.sets


@pytest.mark.parametrize("layout", ["evt_v1", "evt_v2"])
def test_real_events(data: Path, gatings, layout):
    """Every event of the test cruise, noise on the axes and saturated ones too, by every gating of it."""
    files = sorted(path for path in (data / "seaflow" / "testcruise" / layout).rglob("*T*") if path.suffix != ".sfl")
    assert len(files) > 8
    for path in files:
        try:
            codes = SeaflowEvt().columns(path, CHANNELS)
        except ReaderError:
            continue
        for made in gatings.values():
            labeller = Labeller(made)
            wanted = classify({name: to_linear(values) for name, values in codes.items()}, made)
            got = labeller(np.stack([codes[name] for name in labeller.channels]))
            assert np.array_equal(got, wanted), path
    assert gatings


@pytest.mark.parametrize("run", ["one_param", "plan"])
def test_real_particles_get_the_population_that_their_file_says(data: Path, gatings, run):
    found = 0
    for path in sorted((data / "seaflow" / "testcruise" / f"vct_{run}").glob("*.parquet")):
        rows = pd.read_parquet(path)
        for name, part in rows.groupby(rows["gating_id"].astype(str)):
            labeller = Labeller(gatings[name])
            names = np.array(["unknown", *gatings[name].populations])
            for q in ("q2.5", "q50", "q97.5"):
                some = part[part[q]]
                labels = labeller(np.stack([some[c].to_numpy() for c in labeller.channels]))
                np.testing.assert_array_equal(names[labels], some[f"pop_{q}"].astype(str))
                found += len(some)
    assert found > 500
