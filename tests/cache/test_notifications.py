"""Notifications: values that `match` takes apart."""

from __future__ import annotations

import pytest
from tests.cache.store_builders import pod

from kubeinformer.cache.notifications import Added, Deleted, Notification, Updated

OLD, NEW = pod("a", "1"), pod("a", "2")


@pytest.mark.parametrize(
    ("notification", "expected"),
    [
        (Added(NEW), ("added", NEW, False)),
        (Added(NEW, initial=True), ("added", NEW, True)),
        (Updated(OLD, NEW), ("updated", OLD, NEW)),
        (Deleted(OLD), ("deleted", OLD)),
    ],
)
def test_can_be_matched_by_position(notification: Notification, expected: tuple[object, ...]) -> None:
    """As `events()` is read: `case Updated(old, new)`."""
    match notification:
        case Added(added, initial):
            taken: tuple[object, ...] = ("added", added, initial)
        case Updated(old, new):
            taken = ("updated", old, new)
        case Deleted(deleted):
            taken = ("deleted", deleted)
    assert taken == expected


def test_cannot_be_changed() -> None:
    """One value goes to every handler, so none may write to it."""
    with pytest.raises(AttributeError):
        Added(NEW).initial = True  # type: ignore[misc]  # what the test is about
