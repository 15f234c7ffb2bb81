"""Acting as somebody else: the headers of Kubernetes' user impersonation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeinformer.client.config import Config

_NOT_IN_HEADER_NAMES = re.compile(rb"[^-0-9A-Za-z!#$&'*+.^_`|~]")


def impersonation_headers(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the headers; groups, and extra attributes with several values, repeat theirs."""
    if config.impersonate_user:
        yield "Impersonate-User", config.impersonate_user
    if config.impersonate_uid:
        yield "Impersonate-Uid", config.impersonate_uid
    for group in config.impersonate_groups:
        yield "Impersonate-Group", group
    for name, values in config.impersonate_extra.items():
        for value in values:
            yield f"Impersonate-Extra-{_escape(name)}", value


def _escape(name: str) -> str:
    """Percent-encode what no header name may hold, as client-go does and the server undoes."""
    return _NOT_IN_HEADER_NAMES.sub(lambda found: b"%%%02X" % found[0][0], name.encode()).decode()
