"""Comparing resourceVersions, where they can be compared.

Since KEP-5504 a resourceVersion that is a decimal number without leading zeros may be compared with another one
of the same resource. Everything else is opaque: it is passed through in order of arrival and never compared.
"""

from __future__ import annotations


def is_comparable(version: str) -> bool:
    """Return whether `version` is a decimal number of any size, without a leading zero."""
    return version.isdecimal() and version.isascii() and version[0] != "0"


def is_older(version: str, than: str) -> bool:
    """Return whether `version` is known to come before `than`; False where they cannot be compared."""
    if not (is_comparable(version) and is_comparable(than)):
        return False
    return (len(version), version) < (len(than), than)


def later(current: str, arrived: str) -> str:
    """Return where a stream stands after `arrived`: it never falls back, and moves on where nothing compares."""
    return current if not arrived or is_older(arrived, current) else arrived
