"""Many similar texts in little memory are a sequence like any other."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.texts import Texts

PIECES = st.lists(
    st.lists(st.text(st.characters(exclude_characters="\0"), max_size=6).map(lambda t: "/data/" + t), max_size=5)
)


@given(PIECES, st.randoms())
def test_texts_are_what_they_were_made_of(pieces: list[list[str]], random: Any) -> None:
    plain, texts = [], Texts()
    for piece in pieces:
        plain += piece
        texts = texts.with_texts(Texts(piece))
    assert list(texts) == [texts[i] for i in range(len(texts))] == plain
    assert texts == plain
    assert list(texts[1::2]) == plain[1::2]
    index = [random.randrange(len(plain)) for _ in plain]
    assert list(texts.take(np.array(index, int))) == [plain[i] for i in index]
    some = [*plain[::2], "elsewhere", "/data"]
    assert texts.among(some).tolist() == [text in some for text in plain]
    for text in [*some, "", *(text[:-1] for text in plain), *(f"{text}x" for text in plain)]:
        assert (text in texts) == (text in plain)
