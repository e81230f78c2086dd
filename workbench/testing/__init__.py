"""For those who write a reader, product or view: conformance suites to subclass, strategies, broken bytes."""

import pytest

pytest.register_assert_rewrite(
    f"{__name__}.readers",
    f"{__name__}.damage",
    f"{__name__}.suite",
    f"{__name__}.listeners",
    f"{__name__}.stores",
    f"{__name__}.products",
)
