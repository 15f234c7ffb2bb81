"""Comparing resourceVersions where KEP-5504 allows it, and passing everything else through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeinformer.resource_versions import is_comparable, is_older, later

NUMBERS = st.integers(1, 10**40).map(str)
VERSIONS = st.one_of(NUMBERS, st.text("0123456789ab-", max_size=5))


@pytest.mark.parametrize("version", ["1", "18014398509481985", "9" * 60])
def test_decimal_numbers_of_any_size_compare(version: str) -> None:
    """KEP-5504."""
    assert is_comparable(version)


@pytest.mark.parametrize("version", ["", "0", "01", "a1b2", "1.5", "-1", "+1", " 1", "²", "\u0661", "1\n"])
def test_everything_else_is_opaque(version: str) -> None:
    """Case C14: not a decimal number without leading zeros, so never compared."""
    assert not is_comparable(version)
    assert not is_older(version, "5")
    assert not is_older("5", version)


@given(st.integers(1, 10**40), st.integers(1, 10**40))
def test_numbers_compare_as_numbers(first: int, second: int) -> None:
    """Also beyond 64 bits."""
    assert is_older(str(first), str(second)) == (first < second)


@given(VERSIONS, VERSIONS)
def test_a_stream_never_falls_back(current: str, arrived: str) -> None:
    """Invariant 316: the later of two, and what arrives where they do not compare; nothing for nothing."""
    reached = later(current, arrived)
    assert reached in (current, arrived)
    assert not is_older(reached, current)
    assert reached == (current if not arrived or is_older(arrived, current) else arrived)
