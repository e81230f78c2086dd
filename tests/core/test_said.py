"""A log that would say the same each second says it once a minute, and nothing else is left out."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core import said
from workbench.core.said import SaidOnce


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 50))))
def test_every_word_is_said_or_counted(words: list[tuple[str, float]]) -> None:
    """What is said, and how often it says that it was meant, adds up to what was meant, but for what waits still."""
    now, told = 1000.0, list[logging.LogRecord]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(said.time, "monotonic", lambda: now)
        once, last = SaidOnce(60), dict[str, float]()
        for word, later in words:
            now += later
            record = logging.LogRecord("n", logging.WARNING, "f", 1, "%s", (word,), None)
            if once.filter(record):
                told.append(record)
                assert now - last.get(word, -100.0) >= 60
                last[word] = now
            else:
                assert now - last[word] < 60
    for word in "abc":
        mine = [text for record in told if (text := record.getMessage()).startswith(word)]
        meant = len(mine) + sum(int(text.split("(and ")[1].split()[0]) for text in mine if "(and " in text)
        waits = once._said.get((word, "None"), (0.0, 0))[1]
        assert meant + waits == sum(other == word for other, _ in words)


def test_it_does_not_grow_for_ever() -> None:
    once = SaidOnce()
    for number in range(2000):
        assert once.filter(logging.LogRecord("n", logging.INFO, "f", 1, f"{number}", (), None))
    assert len(once._said) <= 256


def test_what_a_program_says_wrongly_is_told_by_the_handler_not_thrown_at_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(SaidOnce())
    log = logging.Logger("n")
    log.addHandler(handler)
    log.warning("%d files", "no")
    assert "'%d files'" in capsys.readouterr().err


def test_another_error_under_the_same_words_is_said() -> None:
    once = SaidOnce()
    found = []
    for error in (OSError("full"), OSError("full"), KeyError("time")):
        record = logging.LogRecord("n", logging.ERROR, "f", 1, "vct", (), (type(error), error, None))
        found.append(once.filter(record))
    assert found == [True, False, True]
