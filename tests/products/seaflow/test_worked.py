"""What is kept of files: what was added comes out, and little memory is taken for it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.filters import QUANTILES
from workbench.products.seaflow.limits import Flag
from workbench.products.seaflow.process import FileResult, too_many
from workbench.products.seaflow.summary import STATISTICS
from workbench.products.seaflow.worked import STEP, Worked, key_of

INDEX = {"beads": "lwr", "prochloro": "mid", "unknown": "mid"}


def result(seed: int) -> FileResult:
    """A file with some populations in some quantiles."""
    rng = np.random.default_rng(seed)
    keys = [(q, name) for q in QUANTILES for name in INDEX if rng.random() < 0.6]
    return FileResult(
        None, Flag.OK, events=int(rng.integers(1, 99)),
        summary={key: (int(rng.integers(1, 99)), rng.random(len(STATISTICS))) for key in keys},
    )  # fmt: skip


@given(st.lists(st.integers(0, 50), max_size=30), st.data())
def test_what_was_added_comes_out_and_what_is_let_go_does_not(seeds, data):
    worked = Worked(INDEX)
    for seed in seeds:
        worked.add(key_of(seed), result(seed))
    assert len(worked) == len(set(seeds))
    kept = data.draw(st.lists(st.sampled_from(sorted(set(seeds))), unique=True)) if seeds else []
    worked.forget_others([key_of(seed) for seed in kept])
    assert [key_of(seed) in worked for seed in range(51)] == [seed in kept for seed in range(51)]
    for seed, row in zip(kept, worked.take([key_of(seed) for seed in kept]), strict=True):
        wanted = result(seed)
        assert row["events"][0] == wanted.events
        for i, (name, index) in enumerate(INDEX.items()):
            for j, quantile in enumerate(QUANTILES):
                n, numbers = wanted.summary.get((quantile, name), (0, np.full(len(STATISTICS), np.nan)))
                diameter = numbers[STATISTICS.index(f"diam_{index}_med")]
                carbon = numbers[STATISTICS.index(f"Qc_{index}_mean")]
                np.testing.assert_array_equal(row["each"][i, j], [n, diameter, carbon])


def test_a_flagged_file_counts_nothing_and_not_zero():
    worked = Worked(INDEX)
    worked.add(key_of("a"), too_many(12, 10))
    (row,) = worked.take([key_of("a")])
    assert (row["flag"], row["events"][0]) == (Flag.TOO_MANY_EVENTS, 12)
    assert np.isnan(row["each"]).all()
    assert np.isnan(row["opp"]).all()


def test_ten_thousand_files_take_few_megabytes_in_few_steps():
    worked, sizes, one = Worked(INDEX), set(), result(1)
    for at in range(10_000):
        worked.add(key_of(at), one)
        sizes.add(worked._table.nbytes)
    assert len(sizes) == -(-10_000 // STEP)
    assert max(sizes) < 5_000_000


def test_keys_of_other_parts_are_others():
    assert len({key_of("a", 1), key_of("a", 2), key_of("a1", ""), key_of("a", "1"), key_of("a", None)}) == 5
