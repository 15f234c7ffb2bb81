"""Status objects of an API server, whole and broken."""

from __future__ import annotations

import json

import pytest

from kubeinformer.errors import Expired, StatusError, TooManyRequests
from kubeinformer.statuses import error_from_status


def test_everything_a_status_says_is_kept() -> None:
    """Code, reason, message, seconds to wait, causes, beside verb and resource of the request."""
    body = {
        "kind": "Status",
        "code": 429,
        "reason": "TooManyRequests",
        "message": "slow down",
        "details": {"retryAfterSeconds": 3, "causes": [{"reason": "A"}, {"reason": None}, {}]},
    }
    error = error_from_status(json.dumps(body).encode(), verb="list", resource="pods")
    assert type(error) is TooManyRequests
    assert (error.retry_after, error.causes) == (3.0, ("A",))
    assert str(error) == "list pods: 429 TooManyRequests: slow down"


@pytest.mark.parametrize("body", [b"{}", b'{"code":null,"reason":null,"message":null,"details":null}'])
def test_a_status_that_says_nothing_has_the_given_code(body: bytes) -> None:
    """Nulls and absent fields are the same."""
    error = error_from_status(body, verb="watch", resource="pods", code=503)
    assert (error.code, error.reason, error.message, error.retry_after) == (503, "", "", None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"code":"x"}', b"\xff", b"[" * 5000])
def test_what_is_no_status_is_an_error_all_the_same(body: bytes) -> None:
    """Never an exception of the decoder, and no word of the body."""
    error = error_from_status(body, verb="watch", resource="pods", code=500)
    assert type(error) is StatusError
    assert error.code == 500
    assert "html" not in str(error)


def test_gone_is_expired() -> None:
    """Case C10: both reasons mean "list again"."""
    assert type(error_from_status(b'{"code":410,"reason":"Gone"}', verb="watch", resource="pods")) is Expired
