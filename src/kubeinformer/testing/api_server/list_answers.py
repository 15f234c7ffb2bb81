"""Answering a list: which version it shows, and which part of it."""

from __future__ import annotations

from kubeinformer.testing.api_server.continue_tokens import (
    NEWEST,
    ContinueToken,
    InvalidToken,
    decode_continue_token,
)
from kubeinformer.testing.api_server.list_options import ListOptions
from kubeinformer.testing.api_server.object_selection import ObjectSelection
from kubeinformer.testing.api_server.object_storage import Compacted, ObjectStorage
from kubeinformer.testing.api_server.refusals import (
    bad_request,
    expired_continue,
    expired_list,
    too_large_resource_version,
)
from kubeinformer.testing.api_server.representations import Representation
from kubeinformer.testing.api_server.served_resources import ServedResource


def answer_list(
    storage: ObjectStorage,
    served: ServedResource,
    selection: ObjectSelection,
    form: Representation,
    options: ListOptions,
) -> bytes:
    """Return the JSON of a list. Call with the server's lock held.

    The rules are those of the Kubernetes API concepts, "Semantics for get and list": an unset version is the present;
    `NotOlderThan`, and a version without a limit, is the present too; `Exact`, and a version with a limit, is that
    version; 0 is the present without a limit; a continue token goes on at the version of its first page.

    Raises:
        Refusal: 400, 410 or 504.
    """
    token = _token(options)
    version = _version(storage, options, token)
    try:
        snapshot = storage.snapshot(served, version)
    except Compacted as error:
        raise expired_continue(token.start) if token else expired_list() from error
    limit = 0 if options.resource_version == "0" else options.limit
    page = snapshot.page(selection.prefix, token.start if token else "", limit, selection)
    next_token = ContinueToken(version, page.next_start).encode() if page.next_start else ""
    remaining = page.remaining if next_token and not selection.by_selectors else None
    return form.listed(page.items, version, next_token, remaining)


def _token(options: ListOptions) -> ContinueToken | None:
    if not options.continue_token:
        return None
    try:
        token = decode_continue_token(options.continue_token)
    except InvalidToken as error:
        raise bad_request(f"invalid continue token: {error}") from error
    if options.resource_version not in {"", "0"}:
        raise bad_request("specifying resource version is not allowed when using continue")
    return token


def _version(storage: ObjectStorage, options: ListOptions, token: ContinueToken | None) -> int:
    if token is not None:
        return storage.version if token.version == NEWEST else token.version
    version = options.version
    if version > storage.version:
        raise too_large_resource_version(version, storage.version)
    exact = options.match == "Exact" or (not options.match and options.limit > 0)
    return version if version and exact else storage.version
