"""What is kept of files: what was added comes out, and little memory is taken for it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.filters import QUANTILES
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.process import FileResult, too_many
from workbench.products.seaflow.summary import STATISTICS
from workbench.products.seaflow.worked import EACH, KEY, STEP, Worked, key_of

INDEX = {"beads": "lwr", "prochloro": "mid", "unknown": "mid"}


def result(seed: int) -> FileResult:
    """A file with some populations in some quantiles."""
    rng = np.random.default_rng(seed)
    keys = [(q, name) for q in QUANTILES for name in INDEX if rng.random() < 0.6]
    return FileResult(
        None, Flag.OK, events=int(rng.integers(1, 99)),
        summary={key: (int(rng.integers(1, 99)), rng.random(len(STATISTICS))) for key in keys},
    )  # fmt: skip


def keys_of(parts: list[object]) -> np.ndarray:
    return np.array([key_of(part) for part in parts], KEY)


@given(st.lists(st.integers(0, 50), max_size=30), st.data())
def test_what_was_added_comes_out_and_what_is_let_go_does_not(seeds, data):
    worked, seeds = Worked(INDEX), list(dict.fromkeys(seeds))
    for seed in seeds:
        worked.add(key_of(seed), result(seed))
    assert len(worked) == len(seeds)
    kept = data.draw(st.lists(st.sampled_from(seeds), unique=True)) if seeds else []
    before = worked.take(keys_of(kept))
    worked.forget_others(keys_of(kept))
    assert worked.known(keys_of(range(51))).tolist() == [seed in kept for seed in range(51)]
    for found in (before, worked.take(keys_of(kept))):
        for at, seed in enumerate(kept):
            wanted = result(seed)
            assert found["events"][0, at] == wanted.events
            for i, (name, index) in enumerate(INDEX.items()):
                for j, quantile in enumerate(QUANTILES):
                    n, numbers = wanted.summary.get((quantile, name), (0, np.full(len(STATISTICS), np.nan)))
                    diameter = numbers[STATISTICS.index(f"diam_{index}_med")]
                    carbon = numbers[STATISTICS.index(f"Qc_{index}_mean")]
                    np.testing.assert_array_equal([found[name][at, i, j] for name in EACH], [n, diameter, carbon])


@given(st.integers(1, 40), st.integers(0, 40))
def test_what_was_taken_stays_as_it_was_and_is_no_copy(first, more):
    worked = Worked(INDEX)
    for seed in range(first):
        worked.add(key_of(seed), result(seed))
    taken = worked.take(keys_of(range(first)))
    assert all(not values.flags.owndata and not values.flags.writeable for values in taken.values())
    before = {name: values.copy() for name, values in taken.items()}
    for seed in range(first, first + more):
        worked.add(key_of(seed), result(seed))
    worked.forget_others(keys_of(range(first // 2, first + more)))
    worked.add(key_of("x"), result(0))
    for name, values in taken.items():
        np.testing.assert_array_equal(values, before[name])


def test_a_flagged_file_counts_nothing_and_not_zero():
    worked = Worked(INDEX)
    worked.add(key_of("a"), too_many(12, 10))
    found = worked.take(keys_of(["a"]))
    assert (found["flag"][0], found["events"][0, 0]) == (Flag.TOO_MANY_EVENTS, 12)
    assert all(np.isnan(found[name]).all() for name in (*EACH, "opp", "ratio"))


def test_ten_thousand_files_take_few_megabytes_in_few_steps():
    worked, sizes, one = Worked(INDEX), set(), result(1)
    for at in range(10_000):
        worked.add(key_of(at), one)
        sizes.add(sum(values.nbytes for values in worked._columns.values()))
    assert len(sizes) == -(-10_000 // STEP)
    assert max(sizes) < 5_000_000


def test_keys_of_other_parts_are_others():
    assert len({key_of("a", 1), key_of("a", 2), key_of("a1", ""), key_of("a", "1"), key_of("a", None)}) == 5
