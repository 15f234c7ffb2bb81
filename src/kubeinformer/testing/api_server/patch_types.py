"""Which kinds of patches a resource takes, by the media type of the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeinformer.testing.api_server.object_documents import Document
from kubeinformer.testing.api_server.patches import PatchError, json_patch, merge_patch
from kubeinformer.testing.api_server.refusals import (
    bad_request,
    no_media_type,
    unprocessable_patch,
    unsupported_media_type,
)
from kubeinformer.testing.api_server.served_resources import ServedResource
from kubeinformer.testing.api_server.strategic_merge import strategic_merge

APPLY_PATCH = "application/apply-patch+yaml"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


def check_patch_type(served: ServedResource, content_type: str) -> None:
    """Raise a Refusal (415) unless a resource takes patches of this type."""
    if not content_type:
        raise no_media_type()
    known = (_JSON_PATCH, _MERGE_PATCH, *((_STRATEGIC_MERGE_PATCH,) if served.typed else ()), APPLY_PATCH)
    if content_type not in known:
        raise unsupported_media_type(known)


def patching(content_type: str, patch: Any) -> Callable[[Document], Any]:
    """Return what a patch, of a type that was checked, does to a document.

    Raises:
        Refusal: It is no patch of this type (400).
    """
    if content_type != _JSON_PATCH:
        if not isinstance(patch, dict):
            raise bad_request("invalid JSON patch")
        merge = merge_patch if content_type == _MERGE_PATCH else strategic_merge
        return lambda document: merge(document, patch)
    return lambda document: _json_patched(document, patch)


def _json_patched(document: Document, patch: Any) -> Any:
    try:
        return json_patch(document, patch)
    except PatchError as error:
        raise (bad_request(str(error)) if error.malformed else unprocessable_patch()) from error
